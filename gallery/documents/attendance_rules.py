"""Which attendance entries hold, which participations count, and what both add up to. Pure: no store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from gallery.documents.attendance import AttendanceStatus, EntryKey, StoredAttendance, StoredParticipation, Tally
from presente.errors import InvalidInput, shown

_STATUS_RANK: dict[AttendanceStatus, int] = {
    "withdrawn": 0,
    "rejected": 1,
    "ambiguous": 2,
    "waiting": 3,
    "excused": 4,
    "late": 5,
    "present": 6,
}

ATTENDED: frozenset[AttendanceStatus] = frozenset({"present", "late"})
"""What an entry says of a student who was there."""

UNSETTLED: frozenset[AttendanceStatus] = frozenset({"waiting", "ambiguous"})
"""What an entry says of which a person decides whether the student was there: it counts neither as present nor as
absent."""


def latest(entries: Iterable[StoredAttendance]) -> list[StoredAttendance]:
    """The entry that holds for each key: the one with the greatest revision.

    Entries of erased students cannot be told apart, so all of them are returned.
    """
    holding: dict[object, StoredAttendance] = {}
    for stored in entries:
        key = stored.entry.entry_key if stored.entry.subject is not None else stored.id
        if key not in holding or stored.entry.revision >= holding[key].entry.revision:
            holding[key] = stored
    return list(holding.values())


def merged_revisions(kept: Iterable[StoredAttendance], others: Iterable[StoredAttendance]) -> list[tuple[int, int]]:
    """The id and the new revision of each entry of a student who is merged into another one.

    Every entry stays, and one holds for each class and date, and for each session. ``present`` under either name wins,
    then ``late``, ``excused``, ``waiting`` and ``ambiguous``, which a person settles; between equals the entry of the
    student who stays wins. So the others' entries of a class and date come after the kept student's, or before them.
    """
    own: dict[EntryKey, list[StoredAttendance]] = {}
    coming: dict[EntryKey, list[StoredAttendance]] = {}
    for by_date, entries in ((own, kept), (coming, others)):
        for stored in entries:
            by_date.setdefault(stored.entry.entry_key._replace(subject=None), []).append(stored)
    revisions: list[tuple[int, int]] = []
    for when, entries in coming.items():
        entries.sort(key=lambda stored: stored.entry.revision)
        taken = sorted(stored.entry.revision for stored in own.get(when, ())) or [-1]
        first = taken[-1] + 1
        if when in own and _STATUS_RANK[_current_status(entries)] <= _STATUS_RANK[_current_status(own[when])]:
            first = taken[0] - len(entries)
        revisions += [(stored.id, first + offset) for offset, stored in enumerate(entries)]
    return revisions


def _current_status(entries: Iterable[StoredAttendance]) -> AttendanceStatus:
    """The status that holds among one student's entries of one class and date."""
    return latest(entries)[0].entry.status


def counted_participations(entries: Iterable[StoredParticipation]) -> list[StoredParticipation]:
    """The participations that count: those that no other entry withdraws."""
    kept = list(entries)
    withdrawn = {stored.entry.withdraws for stored in kept}
    return [stored for stored in kept if stored.entry.withdraws is None and stored.id not in withdrawn]


def tally(attendance: Iterable[StoredAttendance], participations: Iterable[StoredParticipation]) -> Tally:
    """The counts of one student. A session counts once, and so does a class on a date of which no session counts."""
    attended = [stored.entry.entry_key for stored in latest(attendance) if stored.entry.status in ATTENDED]
    in_sessions = {(key.clase, key.fecha) for key in attended if key.session}
    counted = [key.clase for key in attended if key.session or (key.clase, key.fecha) not in in_sessions]
    por_clase = tuple(sorted(Counter(counted).items()))
    return Tally(len(counted), len(counted_participations(participations)), por_clase)


def check_date(text: str, name: str = "fecha") -> str:
    """Check that a text is an ISO date; the date.

    Raises:
        InvalidInput: ``invalid_fecha``.
    """
    try:
        if len(text) != 10:
            raise ValueError("it is not ten characters long")
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise InvalidInput("invalid_fecha", f"{name} is {shown(text)}.", "It must be a date like 2026-11-21.") from exc
