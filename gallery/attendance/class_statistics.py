"""What attendance and participation add up to: rates, spread over students, ranks. Pure: no store, no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from itertools import groupby

import numpy as np

from gallery.documents.attendance import AttendanceStatus
from gallery.documents.statistics import COUNT_OF, Meeting, StatusCounts, StudentCounts

_NEIGHBOURS = 2
_WHISKER = 1.5
"""Interquartile ranges beyond the quartiles up to which a value is no outlier (Tukey 1977)."""


@dataclass(frozen=True, slots=True)
class AttendanceSums:
    """How often students were there, over meetings at which they were expected."""

    present: int = 0
    late: int = 0
    excused: int = 0
    absent: int = 0
    waiting: int = 0

    @property
    def attended(self) -> int:
        """How often they were there, in time or late."""
        return self.present + self.late

    @property
    def rate(self) -> float | None:
        """The share of meetings attended, present or late, of those attended and missed. Excused and undecided ones
        are left out; None when nothing is left."""
        counted = self.attended + self.absent
        return self.attended / counted if counted else None


def sums(recorded: StatusCounts, expected: int) -> AttendanceSums:
    """What holds of ``expected`` times that a student was to come: those of which nothing is said were missed."""
    said = recorded.present + recorded.late + recorded.excused + recorded.waiting
    return AttendanceSums(
        recorded.present, recorded.late, recorded.excused, max(expected - said, recorded.rejected), recorded.waiting
    )


def sum_of(several: Collection[AttendanceSums]) -> AttendanceSums:
    """All of them together."""
    return AttendanceSums(*(sum(getattr(each, of.name) for each in several) for of in fields(AttendanceSums)))


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number differs between students: what a box plot shows.

    Attributes:
        count: how many students have a value.
        mean: of the values.
        low: the smallest value that is no outlier, where the lower whisker ends.
        q1, median, q3: quartiles, interpolated linearly.
        high: the greatest value that is no outlier.
        outliers: values beyond the whiskers, ascending.
    """

    count: int
    mean: float
    low: float
    q1: float
    median: float
    q3: float
    high: float
    outliers: tuple[float, ...]


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of the values that are not None; None when there is none."""
    known = np.array(sorted(value for value in values if value is not None), dtype=np.float64)
    if not len(known):
        return None
    q1, median, q3 = (float(each) for each in np.quantile(known, (0.25, 0.5, 0.75)))
    reach = _WHISKER * (q3 - q1)
    inside = known[(known >= q1 - reach) & (known <= q3 + reach)]
    outside = known[(known < q1 - reach) | (known > q3 + reach)]
    low, high = float(inside[0]), float(inside[-1])
    return Spread(len(known), float(known.mean()), low, q1, median, q3, high, tuple(map(float, outside)))


@dataclass(frozen=True, slots=True)
class StudentLine:
    """What holds of one student of a class."""

    subject: int
    attendance: AttendanceSums
    participations: int


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """A class over a time: of the students who are in it now.

    Attributes:
        clase: the class.
        meetings: how often it met.
        lines: one per student, in order of subject id.
    """

    clase: str
    meetings: int
    lines: tuple[StudentLine, ...]

    @property
    def attendance(self) -> AttendanceSums:
        """The sums over all students."""
        return sum_of([line.attendance for line in self.lines])

    @property
    def participations(self) -> int:
        """How often students took part."""
        return sum(line.participations for line in self.lines)

    @property
    def participation_rate(self) -> float | None:
        """Participations per student and meeting; None without students or meetings."""
        times = self.meetings * len(self.lines)
        return self.participations / times if times else None

    @property
    def attendance_spread(self) -> Spread | None:
        """How the students' attendance rates differ."""
        return spread(line.attendance.rate for line in self.lines)

    @property
    def participation_spread(self) -> Spread | None:
        """How the students' participations per meeting differ."""
        return spread(line.participations / self.meetings for line in self.lines) if self.meetings else None


def summary_of(clase: str, meetings: int, members: Collection[int], counted: Iterable[StudentCounts]) -> ClassSummary:
    """The summary of a class.

    Args:
        clase: the class.
        meetings: how often it met.
        members: subject ids of the students who are in it. They are expected at every meeting.
        counted: what is recorded; that of other classes and other students is passed over.
    """
    recorded = {each.subject: each for each in counted if each.clase == clase}
    nothing = StudentCounts(clase, 0)
    lines = []
    for subject in sorted(members):
        each = recorded.get(subject, nothing)
        lines.append(StudentLine(subject, sums(each.attendance, meetings), each.participations))
    return ClassSummary(clase, meetings, tuple(lines))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A student's place by participations in a class.

    Attributes:
        line: what holds of the student.
        rank: 1 for the one who took part most often. Students who did equally often share a rank, and the ranks that
            they take up are not given again: 1, 2, 2, 4.
        before, after: subject ids of the two students in front, and of the two behind, nearest first.
    """

    line: StudentLine
    rank: int
    before: tuple[int, ...]
    after: tuple[int, ...]


def ranked(lines: Iterable[StudentLine], names: Mapping[int, str]) -> list[Ranked]:
    """Students by participations, the most first.

    Among those who took part equally often the better attendance rate goes first, then the name by which they are
    ordered. That decides who is whose neighbour; it changes no rank.

    Args:
        lines: what holds of each student.
        names: what orders students, by subject id, such as the matricula.
    """
    ordered = sorted(
        lines, key=lambda line: (-line.participations, -(line.attendance.rate or 0.0), names.get(line.subject, ""))
    )
    found, rank = [], 0
    for place, line in enumerate(ordered):
        if not place or line.participations != ordered[place - 1].participations:
            rank = place + 1
        before = [each.subject for each in reversed(ordered[max(0, place - _NEIGHBOURS) : place])]
        after = [each.subject for each in ordered[place + 1 : place + 1 + _NEIGHBOURS]]
        found.append(Ranked(line, rank, tuple(before), tuple(after)))
    return found


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """A meeting of a class: what holds of the students who are in it now, and how often they took part.

    Participations are of a date. Where a class met twice on a date, they count at the first meeting.
    """

    meeting: Meeting
    attendance: AttendanceSums
    participations: int


def meeting_lines(
    meetings: Mapping[Meeting, StatusCounts], students: int, participations: Mapping[tuple[str, str], int]
) -> list[MeetingLine]:
    """Meetings of a class in order of date and session, of so many ``students``.

    ``participations``: by class and date. Those of a date without a meeting are in no line.
    """
    left = dict(participations)
    return [
        MeetingLine(meeting, sums(meetings[meeting], students), left.pop((meeting.clase, meeting.fecha), 0))
        for meeting in sorted(meetings)
    ]


@dataclass(frozen=True, slots=True)
class WeekLine:
    """The meetings of a class in one week, in sum.

    Attributes:
        monday: the date with which the week begins.
        meetings: how often the class met.
        attendance: of the students who are in the class now.
        participations: how often they took part at these meetings.
        participation_rate: participations per student and meeting; None without students.
    """

    monday: str
    meetings: int
    attendance: AttendanceSums
    participations: int
    participation_rate: float | None


def week_lines(lines: Sequence[MeetingLine], students: int) -> list[WeekLine]:
    """Meetings of a class by week, in order; weeks in which it did not meet are left out.

    ``lines``: in order of date, of a class of so many ``students``.
    """
    found = []
    for monday, of_week in groupby(lines, key=lambda line: _monday(line.meeting.fecha)):
        met = list(of_week)
        took_part, times = sum(line.participations for line in met), students * len(met)
        attendance = sum_of([line.attendance for line in met])
        found.append(WeekLine(monday, len(met), attendance, took_part, took_part / times if times else None))
    return found


def _monday(fecha: str) -> str:
    day = date.fromisoformat(fecha)
    return (day - timedelta(days=day.weekday())).isoformat()


def own_sums(statuses: Sequence[AttendanceStatus | None], member: bool) -> AttendanceSums:
    """What holds of one student, by the status at each meeting of a class; None where nothing is said.

    A ``member`` was expected at each. Someone who is not, or no longer, in the class was not.
    """
    said = [COUNT_OF[status] for status in statuses if status is not None and status in COUNT_OF]
    recorded = StatusCounts(**{name: said.count(name) for name in COUNT_OF.values()})
    return sums(recorded, len(statuses) if member else 0)
