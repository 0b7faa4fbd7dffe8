"""The attendance list: entries, and of a class on a date also the students who were not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from gallery.documents.attendance import AttendanceStatus, EntryFilter, ListPosition, StoredAttendance
from gallery.documents.values import Student
from server.operations.known_classes import check_class
from server.service import Service

_LINES_AT_ONCE = 1000
"""Lines of a list that is read whole that are read together."""

_LAST_ENTRY = 2**63 - 1
"""A number behind every entry's."""

_PlacedLines = list[tuple[ListPosition, "AttendanceLine"]]


@dataclass(frozen=True, slots=True)
class AttendanceLine:
    """A line of the attendance list: the student and the entry. There is no entry for a student who was not seen, and
    no student for an entry whose student was erased."""

    student: Student | None
    stored: StoredAttendance | None
    clase: str
    fecha: str

    @property
    def status(self) -> AttendanceStatus | Literal["absent"]:
        """The entry's, or ``absent``."""
        return self.stored.entry.status if self.stored else "absent"


@dataclass(frozen=True, slots=True)
class AttendancePage:
    """Lines of the attendance list, how many of the whole list say ``present`` or ``late``, and where the next page
    begins; None after the last."""

    lines: tuple[AttendanceLine, ...]
    present: int
    next: ListPosition | None


def attendance_page(
    service: Service, which: EntryFilter, history: bool, after: ListPosition | None, limit: int
) -> AttendancePage:
    """A page of what holds for each student and session, or class and date, or with ``history`` of every entry.

    Of one class on one date, the students of the class who were not seen are listed too.

    Raises:
        NotFound: ``class_not_found``.
    """
    lines, following = _lines(service, which, history, after, limit)
    if not lines and after is None:
        check_class(service.gallery, which.clase)
    return AttendancePage(lines, service.attendance_log.store.count_present(which, history), following)


def attendance_lines(service: Service, which: EntryFilter, history: bool) -> Iterator[AttendanceLine]:
    """The whole list, some lines at a time.

    Raises:
        NotFound: ``class_not_found``.
    """
    lines, following = _lines(service, which, history, None, _LINES_AT_ONCE)
    if not lines:
        check_class(service.gallery, which.clase)
    yield from lines
    while following is not None:
        lines, following = _lines(service, which, history, following, _LINES_AT_ONCE)
        yield from lines


def _lines(
    service: Service, which: EntryFilter, history: bool, after: ListPosition | None, limit: int
) -> tuple[tuple[AttendanceLine, ...], ListPosition | None]:
    """At most ``limit`` lines after a place, and the place of the last if there are more."""
    store = service.gallery.store
    entries = store.attendance.entries_after(which, after, limit + 1, history)
    students = store.subjects([stored.entry.subject for _, stored in entries if stored.entry.subject])
    lines: _PlacedLines = [
        (place, AttendanceLine(students.get(stored.entry.subject or 0), stored, place.clase, place.fecha))
        for place, stored in entries
    ]
    if which.clase and which.desde and which.desde == which.hasta and which.subject is None and not history:
        members = store.students(clase=which.clase, after=after.matricula if after else "", limit=limit + 1)
        seen = {stored.entry.subject for _, stored in entries}
        lines += [
            (
                ListPosition(which.desde, which.clase, member.student.matricula, 0, 0),
                AttendanceLine(member.student, None, which.clase, which.desde),
            )
            for member in members
            if member.id not in seen
        ]
        # Where one of the two was cut off, nothing is known of the students who come later.
        ends = [entries[-1][0].matricula] if len(entries) > limit else []
        ends += [members[-1].student.matricula] if len(members) > limit else []
        lines = [(place, line) for place, line in lines if not ends or place.matricula <= min(ends)]
    lines.sort(key=lambda placed: placed[0].sort_key)
    following = _after_all_of(lines[limit - 1][0], history) if len(lines) > limit else None
    return tuple(line for _, line in lines[:limit]), following


def _after_all_of(place: ListPosition, history: bool) -> ListPosition:
    """Where the page after a line begins: without the history a student has one line per session, or class and date,
    which is not listed again when its entry is replaced before the next page is asked for."""
    return place if history or not place.matricula else replace(place, id=_LAST_ENTRY)
