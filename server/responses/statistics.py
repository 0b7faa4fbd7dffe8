"""Replies about statistics."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from gallery.attendance.class_statistics import AttendanceSums, ClassSummary, MeetingLine, Ranked, Spread, WeekLine
from gallery.attendance.session_roll import STATUS_OF_ENTRY
from gallery.documents.statistics import StatisticsFilter
from gallery.documents.values import StoredStudent, Student
from presente.face_json import JsonObject
from server.operations.statistics import ClassesPage, ClassStatistics, ClassWeeks, OwnClass, OwnMeeting
from server.requests.cursors import cursor_of
from server.requests.statistics import ClassesStatisticsParameters, WeeksStatisticsParameters
from server.responses.attendance import Date

Rate = Annotated[
    float | None,
    Meta(description="Present and late, of present, late and absent; excused is left out. Null when nothing counts."),
]
PerMeeting = Annotated[float | None, Meta(description="Participations per student and meeting; null without any.")]
SessionOf = Annotated[int | None, Meta(description="Id of the session; null for a class and date without one.")]
Starts = Annotated[str | None, Meta(description="HH:MM at the school; null without a session.")]
Rank = Annotated[int, Meta(description="By participations; students who did equally often share a rank: 1, 2, 2, 4.")]
Bound = Annotated[str | None, Meta(description="As asked for; null for no bound.")]


class AttendanceSumsJson(JsonObject, frozen=True, kw_only=True):
    """How often students were there, over the meetings at which they were expected."""

    present: int
    late: int
    excused: int
    absent: int
    waiting: Annotated[int, Meta(description="A face may be the student's, and a person decides. Not in the rate.")]
    rate: Rate


class SpreadJson(JsonObject, frozen=True, kw_only=True):
    """How a number differs between the students: a box plot's quartiles and whiskers."""

    students: Annotated[int, Meta(description="How many have a value.")]
    mean: float
    low: Annotated[float, Meta(description="The smallest value within 1.5 interquartile ranges of the box.")]
    q1: float
    median: float
    q3: float
    high: Annotated[float, Meta(description="The greatest value within 1.5 interquartile ranges of the box.")]
    outliers: list[float]


class ClassSummaryJson(JsonObject, frozen=True, kw_only=True):
    """A class, over the students who are in it now."""

    clase: str
    students: int
    meetings: int
    attendance: AttendanceSumsJson
    participations: int
    participations_per_meeting: PerMeeting
    attendance_spread: Annotated[SpreadJson | None, Meta(description="Of the students' rates.")]
    participation_spread: Annotated[SpreadJson | None, Meta(description="Of the students' participations per meeting.")]


class ClassesStatisticsReply(JsonObject, frozen=True, kw_only=True):
    """A page of classes, in order of name."""

    desde: Bound
    hasta: Bound
    classes: list[ClassSummaryJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


class WeekJson(JsonObject, frozen=True, kw_only=True):
    """The meetings of a class in one week, in sum."""

    monday: Annotated[str, Meta(description="The date with which the week begins.")]
    meetings: int
    attendance: AttendanceSumsJson
    participations: Annotated[int, Meta(description="At these meetings.")]
    participations_per_meeting: PerMeeting


class ClassWeeksJson(JsonObject, frozen=True, kw_only=True):
    """A class week by week; weeks in which it did not meet are left out."""

    clase: str
    students: int
    weeks: list[WeekJson]


class WeeksStatisticsReply(JsonObject, frozen=True, kw_only=True):
    """A page of classes, in order of name."""

    desde: Bound
    hasta: Bound
    classes: list[ClassWeeksJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


class MeetingStatisticsJson(JsonObject, frozen=True, kw_only=True):
    """A meeting of a class."""

    fecha: Date
    session: SessionOf
    starts: Starts
    attendance: AttendanceSumsJson
    participations: int


class NeighbourJson(JsonObject, frozen=True, kw_only=True):
    """A student who is beside another one in the ranking."""

    matricula: str
    nombre_del_alumno: str
    rank: Rank
    participations: int


class StudentRankJson(JsonObject, frozen=True, kw_only=True):
    """A student of a class, and who is next in the ranking."""

    matricula: str
    nombre_del_alumno: str
    attended: Annotated[int, Meta(description="Present or late.")]
    attendance: AttendanceSumsJson
    participations: int
    rank: Rank
    before: Annotated[list[NeighbourJson], Meta(max_length=2, description="The two in front, the nearest first.")]
    after: Annotated[list[NeighbourJson], Meta(max_length=2, description="The two behind, the nearest first.")]


class ClassStatisticsReply(JsonObject, frozen=True, kw_only=True):
    """A class: in sum, over time, and by student in order of rank."""

    desde: Bound
    hasta: Bound
    summary: ClassSummaryJson
    meetings: list[MeetingStatisticsJson]
    students: list[StudentRankJson]


class OwnMeetingJson(JsonObject, frozen=True, kw_only=True):
    """A meeting, as one student had it."""

    fecha: Date
    session: SessionOf
    starts: Starts
    status: Annotated[
        Literal["present", "late", "excused", "waiting", "absent"] | None,
        Meta(description="Null for a meeting of a class that the student was not in."),
    ]
    participations: int
    class_rate: Annotated[float | None, Meta(description="Of the class at this meeting.")]


class OwnClassJson(JsonObject, frozen=True, kw_only=True):
    """A student in one class. What tells of the class is null for a student who asks, in a class of fewer than five."""

    clase: str
    member: Annotated[bool, Meta(description="Whether the student is in it now.")]
    attended: Annotated[int, Meta(description="Present or late.")]
    attendance: AttendanceSumsJson
    participations: int
    rank: Annotated[int | None, Meta(description="By participations, among the students who are in the class now.")]
    students: Annotated[int | None, Meta(description="How many are in the class now.")]
    class_rate: Annotated[float | None, Meta(description="Attendance rate of the class.")]
    class_participations: Annotated[float | None, Meta(description="Participations per student of the class.")]
    meetings: list[OwnMeetingJson]


class StudentStatisticsReply(JsonObject, frozen=True, kw_only=True):
    """A student, by class and meeting, beside the class."""

    desde: Bound
    hasta: Bound
    matricula: str
    nombre_del_alumno: str
    classes: list[OwnClassJson]


def sums_json(of: AttendanceSums) -> AttendanceSumsJson:
    """How often students were there."""
    return AttendanceSumsJson(
        present=of.present, late=of.late, excused=of.excused, absent=of.absent, waiting=of.waiting, rate=of.rate
    )


def _spread_json(of: Spread | None) -> SpreadJson | None:
    if of is None:
        return None
    return SpreadJson(
        students=of.count,
        mean=of.mean,
        low=of.low,
        q1=of.q1,
        median=of.median,
        q3=of.q3,
        high=of.high,
        outliers=list(of.outliers),
    )


def class_summary_json(of: ClassSummary) -> ClassSummaryJson:
    """A class in sum."""
    return ClassSummaryJson(
        clase=of.clase,
        students=len(of.lines),
        meetings=of.meetings,
        attendance=sums_json(of.attendance),
        participations=of.participations,
        participations_per_meeting=of.participation_rate,
        attendance_spread=_spread_json(of.attendance_spread),
        participation_spread=_spread_json(of.participation_spread),
    )


def classes_statistics_reply(
    page: ClassesPage, which: StatisticsFilter, parameters: ClassesStatisticsParameters
) -> ClassesStatisticsReply:
    """A page of classes."""
    return ClassesStatisticsReply(
        desde=which.desde,
        hasta=which.hasta,
        classes=[class_summary_json(each) for each in page.classes],
        next_cursor=None if page.next is None else cursor_of(parameters, page.next),
    )


def weeks_statistics_reply(
    page: list[ClassWeeks], following: str | None, which: StatisticsFilter, parameters: WeeksStatisticsParameters
) -> WeeksStatisticsReply:
    """A page of classes, week by week."""
    return WeeksStatisticsReply(
        desde=which.desde,
        hasta=which.hasta,
        classes=[
            ClassWeeksJson(clase=of.clase, students=of.students, weeks=[_week(each) for each in of.weeks])
            for of in page
        ],
        next_cursor=None if following is None else cursor_of(parameters, following),
    )


def _week(each: WeekLine) -> WeekJson:
    return WeekJson(
        monday=each.monday,
        meetings=each.meetings,
        attendance=sums_json(each.attendance),
        participations=each.participations,
        participations_per_meeting=each.participation_rate,
    )


def class_statistics_reply(found: ClassStatistics, which: StatisticsFilter) -> ClassStatisticsReply:
    """A class."""
    by_subject = {each.line.subject: each for each in found.ranking}
    return ClassStatisticsReply(
        desde=which.desde,
        hasta=which.hasta,
        summary=class_summary_json(found.summary),
        meetings=[meeting_json(line, found) for line in found.meetings],
        students=[_student(each, by_subject, found) for each in found.ranking if each.line.subject in found.students],
    )


def meeting_json(line: MeetingLine, found: ClassStatistics) -> MeetingStatisticsJson:
    """A meeting of a class."""
    return MeetingStatisticsJson(
        fecha=line.meeting.fecha,
        session=line.meeting.session or None,
        starts=found.starts.get(line.meeting.session),
        attendance=sums_json(line.attendance),
        participations=line.participations,
    )


def _student(each: Ranked, by_subject: dict[int, Ranked], found: ClassStatistics) -> StudentRankJson:
    student = found.students[each.line.subject]

    def beside(subjects: tuple[int, ...]) -> list[NeighbourJson]:
        return [_neighbour(by_subject[other], found.students[other]) for other in subjects if other in found.students]

    return StudentRankJson(
        matricula=student.matricula,
        nombre_del_alumno=student.nombre_del_alumno,
        attended=each.line.attendance.attended,
        attendance=sums_json(each.line.attendance),
        participations=each.line.participations,
        rank=each.rank,
        before=beside(each.before),
        after=beside(each.after),
    )


def _neighbour(each: Ranked, student: Student) -> NeighbourJson:
    return NeighbourJson(
        matricula=student.matricula,
        nombre_del_alumno=student.nombre_del_alumno,
        rank=each.rank,
        participations=each.line.participations,
    )


def student_statistics_reply(
    stored: StoredStudent, classes: tuple[OwnClass, ...], which: StatisticsFilter
) -> StudentStatisticsReply:
    """A student, by class."""
    return StudentStatisticsReply(
        desde=which.desde,
        hasta=which.hasta,
        matricula=stored.student.matricula,
        nombre_del_alumno=stored.student.nombre_del_alumno,
        classes=[_own_class(each) for each in classes],
    )


def _own_class(of: OwnClass) -> OwnClassJson:
    summary = of.summary
    students = len(summary.lines) if summary else 0
    return OwnClassJson(
        clase=of.clase,
        member=of.member,
        attended=of.attendance.attended,
        attendance=sums_json(of.attendance),
        participations=of.participations,
        rank=of.rank,
        students=students if summary else None,
        class_rate=summary.attendance.rate if summary else None,
        class_participations=summary.participations / students if summary and students else None,
        meetings=[own_meeting_json(each, of) for each in of.meetings],
    )


def own_meeting_json(each: OwnMeeting, of: OwnClass) -> OwnMeetingJson:
    """A meeting as a student had it."""
    said = None if each.status in (None, "withdrawn") else STATUS_OF_ENTRY[each.status]
    return OwnMeetingJson(
        fecha=each.meeting.fecha,
        session=each.meeting.session or None,
        starts=of.starts.get(each.meeting.session),
        status=said or ("absent" if of.member else None),
        participations=each.participations,
        class_rate=each.of_class.rate if each.of_class else None,
    )
