"""Classes that a caller sees: how large they are, when they meet, and how often they have met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gallery.documents.class_sessions import SessionCounts, TimetableEntry
from gallery.documents.scope import class_not_yours
from gallery.documents.session_rules import check_times
from presente.errors import InvalidInput
from server.requests.cursors import name_place
from server.requests.sessions import ClassListParameters, MeetingJson
from server.service import Service

_NONE = SessionCounts()


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """A class: how many students it has, its sessions so far, and its timetable."""

    clase: str
    students: int
    counts: SessionCounts
    timetable: tuple[TimetableEntry, ...]


def classes_page(service: Service, parameters: ClassListParameters) -> list[ClassSummary]:
    """A page of classes in order of name, and one more if there is a next page.

    Raises:
        InvalidInput: ``invalid_cursor``.
    """
    after = name_place(parameters)
    return [each for each in _summaries(service, None) if each.clase > after][: parameters.limit + 1]


def _summaries(service: Service, clases: Sequence[str] | None) -> list[ClassSummary]:
    store = service.gallery.store
    sizes, timetables = store.classes.sizes(clases), store.classes.timetables(clases)
    counts = store.sessions.counts(clases)
    named = sorted({*sizes, *timetables, *counts, *(clases or ()), *(service.gallery.scope.classes or ())})
    return [
        ClassSummary(clase, sizes.get(clase, 0), counts.get(clase, _NONE), timetables.get(clase, ())) for clase in named
    ]


def put_timetable(service: Service, clase: str, meetings: Sequence[MeetingJson]) -> ClassSummary:
    """Replace the timetable of a class.

    Raises:
        Forbidden: ``class_not_yours``.
        InvalidInput: ``invalid_times``.
    """
    if not service.gallery.scope.holds(clase):
        raise class_not_yours(clase)
    entries = [TimetableEntry(each.weekday, each.starts, each.ends, each.late_after) for each in meetings]
    for entry in entries:
        check_times(entry.starts, entry.ends)
    if len({(entry.weekday, entry.starts) for entry in entries}) < len(entries):
        raise InvalidInput("invalid_times", "Two meetings start at the same time.", "Leave one of them out.")
    service.gallery.store.classes.put_timetable(clase, entries)
    return next(each for each in _summaries(service, [clase]) if each.clase == clase)
