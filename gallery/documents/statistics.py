"""The values of statistics, and the protocol of the store that counts them: numbers of entries, and no entry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

from gallery.documents.attendance import AttendanceStatus


class Meeting(NamedTuple):
    """A meeting of a class. ``session`` is the id of its session; 0 for a class and date without one."""

    clase: str
    fecha: str
    session: int


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """How many entries that hold say what.

    ``waiting``: a face may be the student, and a person decides. ``rejected``: a person said that the student was not
    there. Students of whom nothing is said are in none of these.
    """

    present: int = 0
    late: int = 0
    excused: int = 0
    waiting: int = 0
    rejected: int = 0

    def __add__(self, other: StatusCounts) -> StatusCounts:
        """The sum of two counts."""
        return StatusCounts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


COUNT_OF: Mapping[AttendanceStatus, str] = {
    "present": "present",
    "late": "late",
    "excused": "excused",
    "waiting": "waiting",
    "ambiguous": "waiting",
    "rejected": "rejected",
}
"""Where in :class:`StatusCounts` each status is counted. ``withdrawn`` says nothing, and is counted nowhere."""

COUNTED_AS: Mapping[str, tuple[AttendanceStatus, ...]] = {
    each.name: tuple(status for status, name in COUNT_OF.items() if name == each.name) for each in fields(StatusCounts)
}
"""Which statuses each count is of, in the order of :class:`StatusCounts`."""


@dataclass(frozen=True, slots=True)
class StudentCounts:
    """What was recorded of one student in one class: by status, and how often the student took part."""

    clase: str
    subject: int
    attendance: StatusCounts = StatusCounts()
    participations: int = 0


@dataclass(frozen=True, slots=True)
class StatisticsFilter:
    """What is counted: classes (None for all of them) and dates, inclusive; None for no bound."""

    clases: frozenset[str] | None = None
    desde: str | None = None
    hasta: str | None = None


class StatisticsStore(Protocol):
    """What a store counts of attendance and participation. The store adds up; what it returns grows with students and
    meetings, not with entries.

    **A meeting** of a class is a session, or a class and date without one, of which something is recorded and not
    withdrawn. Where a class has a session on a date, what is recorded of the date alone counts nowhere. Of each student
    and meeting the entry counts that holds. Erased students are in no count; their meetings remain.
    """

    def meeting_numbers(self, which: StatisticsFilter) -> dict[str, int]:
        """How many meetings each class has had, without those that had none."""

    def meetings(self, which: StatisticsFilter, students: Collection[int]) -> dict[Meeting, StatusCounts]:
        """The meetings in order of class, date and session, with what holds of these students, by subject id."""

    def of_students(self, which: StatisticsFilter) -> list[StudentCounts]:
        """What holds of each student in each class, in order of class and subject id."""

    def of_student(self, subject: int, which: StatisticsFilter) -> dict[Meeting, AttendanceStatus]:
        """The status that holds of one student by class, date and session, also where the date alone does not count."""

    def participations_by_day(self, which: StatisticsFilter, students: Collection[int]) -> dict[tuple[str, str], int]:
        """How often these students took part, by class and date."""

    def members(self, clases: Collection[str]) -> dict[str, frozenset[int]]:
        """Who is in each of these classes now, by subject id, without classes that are empty."""
