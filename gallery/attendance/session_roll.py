"""The roll of a session: what holds for each student of the class. Pure: no store, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from gallery.documents.attendance import AttendanceStatus, StoredAttendance
from gallery.documents.session_rules import standing
from gallery.documents.values import Student

RollStatus = Literal["present", "late", "excused", "waiting", "absent"]
"""``waiting``: a face may be the student, and a person decides. ``absent``: nothing says that the student came."""

STATUS_OF_ENTRY: Mapping[AttendanceStatus, RollStatus] = {
    "present": "present",
    "late": "late",
    "excused": "excused",
    "waiting": "waiting",
    "ambiguous": "waiting",
    "rejected": "absent",
    "withdrawn": "absent",
}


@dataclass(frozen=True, slots=True)
class RollLine:
    """What holds for one student.

    Attributes:
        subject: the student's subject id.
        student: the student.
        status: what holds.
        stored: the statement by which it holds; None when nothing was said.
    """

    subject: int
    student: Student
    status: RollStatus
    stored: StoredAttendance | None


def roll_of(
    members: Sequence[tuple[int, Student]], guests: Mapping[int, Student], entries: Iterable[StoredAttendance]
) -> tuple[RollLine, ...]:
    """One line per student, in order of matricula.

    Args:
        members: subject ids and students of the class.
        guests: students who have entries and are not, or no longer, in the class, by subject id.
        entries: every entry of the session. Those of erased students make no line.
    """
    said: dict[int, list[StoredAttendance]] = {}
    for stored in entries:
        if stored.entry.subject is not None:
            said.setdefault(stored.entry.subject, []).append(stored)
    students = dict(members) | {subject: student for subject, student in guests.items() if subject in said}
    lines = (_line(subject, student, said.get(subject, ())) for subject, student in students.items())
    return tuple(sorted(lines, key=lambda line: line.student.matricula))


def _line(subject: int, student: Student, entries: Iterable[StoredAttendance]) -> RollLine:
    held = standing(entries)
    last = held[-1] if held else None
    return RollLine(subject, student, STATUS_OF_ENTRY[last.entry.status] if last else "absent", last)


def roll_counts(lines: Iterable[RollLine]) -> dict[RollStatus, int]:
    """How many lines have each status, those without any included."""
    statuses = [line.status for line in lines]
    return {status: statuses.count(status) for status in get_args(RollStatus)}


def changed_lines(before: Iterable[RollLine], after: Iterable[RollLine]) -> tuple[RollLine, ...]:
    """The lines whose status or statement is another one than before. A second photo of a student changes nothing."""
    stood = {line.subject: line for line in before}
    return tuple(line for line in after if _differs(stood.get(line.subject), line))


def _differs(before: RollLine | None, after: RollLine) -> bool:
    if before is None or before.status != after.status:
        return True
    one, other = before.stored, after.stored
    if one is None or other is None:
        return one is not other
    return one.id != other.id and not one.entry.source == other.entry.source == "photo"
