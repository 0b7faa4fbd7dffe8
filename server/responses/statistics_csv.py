"""Statistics as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gallery.attendance.class_statistics import AttendanceSums, ClassSummary, MeetingLine, Ranked, Spread
from gallery.documents.values import StoredStudent
from server.operations.statistics import ClassStatistics, ClassWeeks, OwnClass, OwnMeeting
from server.responses.csv_files import Cell, csv_table
from server.responses.statistics import meeting_json, own_meeting_json

_SUMS = ("present", "late", "excused", "absent", "waiting", "attendance_rate")
_SPREAD = ("low", "q1", "median", "q3", "high")
_CLASSES = (
    "clase",
    "students",
    "meetings",
    *_SUMS,
    "participations",
    "participations_per_meeting",
    *(f"attendance_{name}" for name in _SPREAD),
    *(f"participation_{name}" for name in _SPREAD),
)
_PLACE = ("clase", "fecha", "starts", "session")
_STUDENTS = ("clase", "rank", "matricula", "nombre_del_alumno", "attended", *_SUMS, "participations")
_WEEKS = ("clase", "monday", "meetings", *_SUMS, "participations", "participations_per_meeting")
_MEETINGS = (*_PLACE, *_SUMS, "participations")
_OWN = ("matricula", "nombre_del_alumno", *_PLACE, "status", "participations", "class_rate")


def _sums(of: AttendanceSums) -> list[Cell]:
    return [of.present, of.late, of.excused, of.absent, of.waiting, of.rate]


def _spread(of: Spread | None) -> list[Cell]:
    return [None] * len(_SPREAD) if of is None else [getattr(of, name) for name in _SPREAD]


def classes_csv(classes: Iterable[ClassSummary]) -> Iterator[str]:
    """A line per class."""
    return csv_table(_CLASSES, map(_class, classes))


def _class(of: ClassSummary) -> list[Cell]:
    in_sum: list[Cell] = [
        of.clase,
        len(of.lines),
        of.meetings,
        *_sums(of.attendance),
        of.participations,
        of.participation_rate,
    ]
    return [*in_sum, *_spread(of.attendance_spread), *_spread(of.participation_spread)]


def weeks_csv(classes: Iterable[ClassWeeks]) -> Iterator[str]:
    """A line per class and week in which it met."""
    return csv_table(_WEEKS, (row for of in classes for row in _weeks(of)))


def _weeks(of: ClassWeeks) -> Iterator[list[Cell]]:
    for each in of.weeks:
        sums = _sums(each.attendance)
        yield [of.clase, each.monday, each.meetings, *sums, each.participations, each.participation_rate]


def class_csv(found: ClassStatistics, table: str) -> Iterator[str]:
    """A line per student in order of rank, or per meeting."""
    if table == "meetings":
        return csv_table(_MEETINGS, (_meeting(line, found) for line in found.meetings))
    known = (each for each in found.ranking if each.line.subject in found.students)
    return csv_table(_STUDENTS, (_student(each, found) for each in known))


def _meeting(line: MeetingLine, found: ClassStatistics) -> list[Cell]:
    shown = meeting_json(line, found)
    place: list[Cell] = [found.summary.clase, shown.fecha, shown.starts, shown.session]
    return [*place, *_sums(line.attendance), line.participations]


def _student(each: Ranked, found: ClassStatistics) -> list[Cell]:
    student, attendance = found.students[each.line.subject], each.line.attendance
    who: list[Cell] = [found.summary.clase, each.rank, student.matricula, student.nombre_del_alumno]
    return [*who, attendance.attended, *_sums(attendance), each.line.participations]


def student_csv(stored: StoredStudent, classes: Iterable[OwnClass]) -> Iterator[str]:
    """A line per meeting of each class."""
    return csv_table(_OWN, (_own(stored, each, of) for of in classes for each in of.meetings))


def _own(stored: StoredStudent, each: OwnMeeting, of: OwnClass) -> list[Cell]:
    who, shown = stored.student, own_meeting_json(each, of)
    place: list[Cell] = [who.matricula, who.nombre_del_alumno, of.clase, shown.fecha, shown.starts, shown.session]
    return [*place, shown.status, shown.participations, shown.class_rate]
