"""Statistics of classes and students: what the store counts, put together. A teacher gets the own classes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from gallery.attendance.class_statistics import (
    AttendanceSums,
    ClassSummary,
    MeetingLine,
    Ranked,
    WeekLine,
    meeting_lines,
    own_sums,
    ranked,
    summary_of,
    week_lines,
)
from gallery.documents.attendance import AttendanceStatus
from gallery.documents.class_sessions import SessionFilter, SessionPosition
from gallery.documents.protocol import DocumentStore
from gallery.documents.statistics import Meeting, StatisticsFilter, StatisticsStore, StudentCounts
from gallery.documents.values import StoredStudent, Student
from gallery.gallery import Gallery
from server.operations.known_classes import check_class
from server.requests.statistics import CLASSES_PER_PAGE

FEWEST_TO_COMPARE = 5
"""Students of a class from which on a student is shown how the class does: with fewer it would tell of another one."""
_SESSIONS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ClassesPage:
    """Summaries of classes in order of name, and the class after which the next page begins; None after the last."""

    classes: tuple[ClassSummary, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ClassWeeks:
    """A class week by week: how many students are in it now, and the weeks in which it met."""

    clase: str
    students: int
    weeks: tuple[WeekLine, ...]


@dataclass(frozen=True, slots=True)
class ClassStatistics:
    """A class over a time: its summary, its meetings, and its students by rank.

    ``students`` are those of the summary, by subject id; ``starts`` is when each session starts, by its id.
    """

    summary: ClassSummary
    meetings: tuple[MeetingLine, ...]
    ranking: tuple[Ranked, ...]
    students: Mapping[int, Student]
    starts: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class OwnMeeting:
    """A meeting as one student had it: the status that holds (None: nothing is said), how often the student took part,
    and the attendance of the class, None where it may not be shown."""

    meeting: Meeting
    status: AttendanceStatus | None
    participations: int
    of_class: AttendanceSums | None


@dataclass(frozen=True, slots=True)
class OwnClass:
    """One student in one class.

    Attributes:
        clase: the class.
        member: whether the student is in it now.
        attendance: the student's own sums.
        participations: how often the student took part.
        summary: the class; None where it may not be shown.
        rank: the student's rank by participations; None for someone who is not in the class, or where it is not shown.
        meetings: in order of date and session.
        starts: when each session starts, by its id.
    """

    clase: str
    member: bool
    attendance: AttendanceSums
    participations: int
    summary: ClassSummary | None
    rank: int | None
    meetings: tuple[OwnMeeting, ...]
    starts: Mapping[int, str]


def classes_page(gallery: Gallery, which: StatisticsFilter, after: str, limit: int) -> ClassesPage:
    """A page of the classes that the caller may see."""
    store = gallery.store
    numbers = store.statistics.meeting_numbers(which)
    page, following = _names(gallery, numbers, after, limit)
    members = store.statistics.members(page)
    counted: dict[str, list[StudentCounts]] = {}
    for row in store.statistics.of_students(replace(which, clases=frozenset(page))):
        counted.setdefault(row.clase, []).append(row)
    return ClassesPage(
        tuple(
            summary_of(clase, numbers.get(clase, 0), members.get(clase, ()), counted.get(clase, ())) for clase in page
        ),
        following,
    )


def every_class(gallery: Gallery, which: StatisticsFilter) -> Iterator[ClassSummary]:
    """All classes that the caller may see, in order of name, some at a time."""
    after: str | None = ""
    while after is not None:
        page = classes_page(gallery, which, after, CLASSES_PER_PAGE)
        yield from page.classes
        after = page.next


def weeks_page(
    gallery: Gallery, which: StatisticsFilter, after: str, limit: int
) -> tuple[list[ClassWeeks], str | None]:
    """A page of the classes that the caller may see, week by week, and the class after which the next page begins."""
    store = gallery.store.statistics
    page, following = _names(gallery, store.meeting_numbers(which), after, limit)
    members = store.members(page)
    return [_weeks(store, clase, members.get(clase, frozenset()), which) for clase in page], following


def every_week(gallery: Gallery, which: StatisticsFilter) -> Iterator[ClassWeeks]:
    """All classes that the caller may see, week by week, some at a time."""
    after: str | None = ""
    while after is not None:
        page, after = weeks_page(gallery, which, after, CLASSES_PER_PAGE)
        yield from page


def _weeks(store: StatisticsStore, clase: str, members: frozenset[int], which: StatisticsFilter) -> ClassWeeks:
    lines = _meetings(store, clase, members, which)
    return ClassWeeks(clase, len(members), tuple(week_lines(lines, len(members))))


def _names(gallery: Gallery, met: Collection[str], after: str, limit: int) -> tuple[list[str], str | None]:
    """Classes that the caller may see, in order of name, and the one after which the next page begins.

    ``met``: the classes of which meetings are recorded; they may have no student any more.
    """
    known = {*gallery.store.classes.sizes(), *met, *(gallery.scope.classes or ())}
    names = sorted(clase for clase in known if clase > after)
    page = names[:limit]
    return page, page[-1] if len(names) > limit else None


def class_statistics(gallery: Gallery, clase: str, which: StatisticsFilter) -> ClassStatistics:
    """One class.

    Raises:
        Forbidden: ``class_not_yours``.
        NotFound: ``class_not_found``.
    """
    gallery.scope.check_class(clase)
    check_class(gallery, clase)
    summary, meetings = _class(gallery.store, clase, which)
    students = gallery.store.subjects([line.subject for line in summary.lines])
    names = {subject: student.matricula for subject, student in students.items()}
    starts = _starts(gallery.store, clase, [line.meeting for line in meetings])
    return ClassStatistics(summary, meetings, tuple(ranked(summary.lines, names)), students, starts)


def student_statistics(
    gallery: Gallery, matricula: str, which: StatisticsFilter
) -> tuple[StoredStudent, tuple[OwnClass, ...]]:
    """One student, in each class that the student is in or of which something is recorded, as far as the caller may see
    it. A student who asks may see the own record, and of a class nothing that tells of another student.

    Raises:
        NotFound: ``student_not_found``.
    """
    stored = gallery.student(matricula)
    asks_for_own = bool(gallery.scope.matricula)
    store = gallery.whole.store if asks_for_own else gallery.store
    statuses = store.statistics.of_student(stored.id, which)
    took_part = store.statistics.participations_by_day(which, {stored.id})
    names = {*stored.student.clases, *(meeting.clase for meeting in statuses), *(clase for clase, _ in took_part)}
    return stored, tuple(
        _own_class(store, stored, clase, which, (statuses, took_part), FEWEST_TO_COMPARE if asks_for_own else 0)
        for clase in sorted(names)
        if asks_for_own or gallery.scope.holds(clase)
    )


def _own_class(
    store: DocumentStore,
    stored: StoredStudent,
    clase: str,
    which: StatisticsFilter,
    own: tuple[Mapping[Meeting, AttendanceStatus], Mapping[tuple[str, str], int]],
    fewest: int,
) -> OwnClass:
    statuses, took_part = own
    summary, lines = _class(store, clase, which)
    member = clase in stored.student.clases
    shown = len(summary.lines) >= fewest
    rank = next((each.rank for each in ranked(summary.lines, {}) if each.line.subject == stored.id), None)
    left = {day: number for (of, day), number in took_part.items() if of == clase}
    total = sum(left.values())
    meetings = tuple(
        OwnMeeting(
            line.meeting,
            statuses.get(line.meeting),
            left.pop(line.meeting.fecha, 0),
            line.attendance if shown else None,
        )
        for line in lines
    )
    return OwnClass(
        clase,
        member,
        own_sums([each.status for each in meetings], member),
        total,
        summary if shown else None,
        rank if shown else None,
        meetings,
        _starts(store, clase, [line.meeting for line in lines]),
    )


def _class(store: DocumentStore, clase: str, which: StatisticsFilter) -> tuple[ClassSummary, tuple[MeetingLine, ...]]:
    """The summary of a class and its meetings."""
    statistics, which = store.statistics, replace(which, clases=frozenset({clase}))
    members = statistics.members([clase]).get(clase, frozenset())
    lines = _meetings(statistics, clase, members, which)
    summary = summary_of(clase, len(lines), members, statistics.of_students(which))
    return summary, tuple(lines)


def _meetings(
    store: StatisticsStore, clase: str, members: frozenset[int], which: StatisticsFilter
) -> list[MeetingLine]:
    """The meetings of a class, of the students who are in it."""
    which = replace(which, clases=frozenset({clase}))
    return meeting_lines(store.meetings(which, members), len(members), store.participations_by_day(which, members))


def _starts(store: DocumentStore, clase: str, meetings: Collection[Meeting]) -> dict[int, str]:
    """When each session of some meetings of a class starts, by its id."""
    days = sorted(meeting.fecha for meeting in meetings if meeting.session)
    found: dict[int, str] = {}
    if not days:
        return found
    which, after = SessionFilter(clase, days[0], days[-1]), None
    while page := store.sessions.sessions_after(which, after, _SESSIONS_AT_ONCE):
        found |= {stored.id: stored.session.starts for stored in page}
        after = SessionPosition(page[-1].session.fecha, page[-1].session.starts, page[-1].id)
    return found
