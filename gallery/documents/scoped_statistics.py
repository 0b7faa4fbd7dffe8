"""Statistics as a caller sees them who may see only a part of the school."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gallery.documents.attendance import AttendanceStatus
from gallery.documents.scope import Scope
from gallery.documents.statistics import Meeting, StatisticsFilter, StatisticsStore, StatusCounts, StudentCounts


class ScopedStatistics:
    """A :class:`gallery.documents.statistics.StatisticsStore` of the classes of a scope. One student has no class here:
    whoever shows a student how the class does has to ask for that."""

    def __init__(self, statistics: StatisticsStore, scope: Scope) -> None:
        self._statistics = statistics
        self._classes = frozenset() if scope.matricula else scope.classes

    def meeting_numbers(self, which: StatisticsFilter) -> dict[str, int]:
        """How many meetings each class of the scope has had."""
        return self._statistics.meeting_numbers(self._narrowed(which))

    def meetings(self, which: StatisticsFilter, students: Collection[int]) -> dict[Meeting, StatusCounts]:
        """The meetings of the scope's classes."""
        return self._statistics.meetings(self._narrowed(which), students)

    def of_students(self, which: StatisticsFilter) -> list[StudentCounts]:
        """What holds of each student in each class of the scope."""
        return self._statistics.of_students(self._narrowed(which))

    def of_student(self, subject: int, which: StatisticsFilter) -> dict[Meeting, AttendanceStatus]:
        """The status that holds of one student in meetings of the scope's classes."""
        return self._statistics.of_student(subject, self._narrowed(which))

    def participations_by_day(self, which: StatisticsFilter, students: Collection[int]) -> dict[tuple[str, str], int]:
        """How often these students took part, by class of the scope and date."""
        return self._statistics.participations_by_day(self._narrowed(which), students)

    def members(self, clases: Collection[str]) -> dict[str, frozenset[int]]:
        """Who is in each of these classes, if they are the scope's."""
        return self._statistics.members(self._visible(frozenset(clases)) or frozenset())

    def _narrowed(self, which: StatisticsFilter) -> StatisticsFilter:
        return replace(which, clases=self._visible(which.clases))

    def _visible(self, clases: frozenset[str] | None) -> frozenset[str] | None:
        if self._classes is None:
            return clases
        return self._classes if clases is None else clases & self._classes
