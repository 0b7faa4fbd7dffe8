"""The roles of those who ask: keys and accounts have one each."""

from __future__ import annotations

from enum import StrEnum


class AccessRole(StrEnum):
    """Who asks. What each may do: :data:`server.access.permissions.GRANTED`.

    Attributes:
        NONE: a caller without a key and without a session.
        VIEWER: reads students, attendance, participations and status of all classes.
        STUDENT: reads one student's record and attendance: the own.
        TEACHER: sees, records and corrects some classes: the own.
        ATTENDANCE: a machine that does what a teacher does, of all classes.
        ADMIN: everything.
    """

    NONE = "none"
    VIEWER = "viewer"
    STUDENT = "student"
    TEACHER = "teacher"
    ATTENDANCE = "attendance"
    ADMIN = "admin"
