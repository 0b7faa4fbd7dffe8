"""The protocols of class sessions, their photos, and classes, which every document store satisfies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from gallery.documents.class_sessions import (
    ClassSession,
    PhotoNumber,
    SessionCounts,
    SessionFilter,
    SessionPhoto,
    SessionPosition,
    StoredSession,
    TimetableEntry,
)


class SessionStore(Protocol):
    """The sessions of a store. Their attendance entries are in the :class:`~gallery.documents.protocol.AttendanceStore`
    and name the session."""

    def add(self, session: ClassSession) -> tuple[StoredSession, bool]:
        """Add a session, and say that it was added; or return the one with the same class, date and start."""

    def session(self, number: int) -> StoredSession | None:
        """The session with an id; None when there is none."""

    def change(self, number: int, changes: Mapping[str, Any]) -> StoredSession | None:
        """Set some attributes of a session; the session then, None when there is none.

        A session that is closed keeps no photo (:meth:`SessionPhotoStore.drop`).
        Raises ``Conflict`` (``session_exists``) when another session has the class, date and start."""

    def sessions_after(self, which: SessionFilter, after: SessionPosition | None, limit: int) -> list[StoredSession]:
        """At most ``limit`` sessions after a position, the latest first."""

    def counts(self, clases: Collection[str] | None = None) -> dict[str, SessionCounts]:
        """How many sessions each class has had, without those that had none; of some classes, or of all."""


class SessionPhotoStore(Protocol):
    """The photos that were sent to sessions.

    A copy and its faces are kept while the session is open. They go when a student is erased or merged into another
    whom they are about; the photo's number stays.
    """

    def number(self, session: int, sha256: str, at: str) -> PhotoNumber | None:
        """The number of a photo within a session, the next one if it is new; None when the session is not open."""

    def keep(self, photo: SessionPhoto, content: bytes, about: Collection[int]) -> bool:
        """Keep a copy of a photo that has a number, with its faces; ``about`` are the subject ids of all people whom it
        may show.

        False, and nothing is kept, when the session is not open or one of these people is gone."""

    def concern(self, session: int, number: int, subject: int) -> None:
        """Note that a photo shows a further student. The copy goes when the student is gone."""

    def photos(self, session: int) -> list[SessionPhoto]:
        """The photos of a session in order of number."""

    def content(self, session: int, number: int) -> bytes | None:
        """The reduced copy of a photo, a JPEG; None when none is kept."""

    def kept_of(self, subject: int) -> int:
        """How many copies are kept of photos that may show a student: they would go with the student."""

    def erase(self, session: int, number: int) -> None:
        """Erase the copy and the faces of one photo; its number stays."""

    def drop(self, session: int | None = None, before: str | None = None) -> int:
        """Erase the copies and faces of a session's photos, or of all that were sent before a moment; how many."""


class ClassStore(Protocol):
    """What is known of classes: how many students each has, and when it meets."""

    def sizes(self, clases: Collection[str] | None = None) -> dict[str, int]:
        """How many students each class has, without those that have none; of some classes, or of all."""

    def timetables(self, clases: Collection[str] | None = None) -> dict[str, tuple[TimetableEntry, ...]]:
        """The timetables, by class, without those that are empty; of some classes, or of all."""

    def put_timetable(self, clase: str, entries: Sequence[TimetableEntry]) -> None:
        """Replace the timetable of a class."""
