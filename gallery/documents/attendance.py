"""What a store keeps of attendance and participation: entries that are only ever added, and the protocol for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from presente.errors import Conflict, InvalidInput, shown

AttendanceStatus = Literal["present", "ambiguous", "rejected"]
"""``ambiguous``: one of several students whom a face may be; a person decides. ``rejected``: a person said no."""

EntrySource = Literal["photo", "hand", "takeover"]
"""Who says so: a photo, a person, or the system whose database was taken over."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """The face behind an entry, kept so that the decision can be explained later.

    Attributes:
        vector: its template, float32 (d,), length 1.
        pack: tag of the model pack that made it.
        box: x1, y1, x2, y2 in pixels of the upright photo.
        score: cosine with the nearest template of the student.
        threshold: what the score was held against.
        template: id of that nearest template.
        generation: the published index generation of that moment.
        photo: SHA-256 of the photo.
    """

    vector: NDArray[np.float32]
    pack: str
    box: tuple[float, float, float, float]
    score: float
    threshold: float
    template: int
    generation: int
    photo: str


@dataclass(frozen=True, slots=True)
class Attendance:
    """What was said about one student, one class and one date. Never changed: whoever corrects adds an entry.

    Attributes:
        subject: the student; None once the student was erased.
        clase: the class.
        fecha: the date, ISO.
        turn: how many entries the three had before. Two that are written at once want the same turn: one gets it.
            Below zero when it came with a student who was merged into this one.
        status: what is said.
        source: who says so.
        at: when, UTC, ISO.
        note: a person's remark.
        request: the Idempotency-Key of the request that made it, or empty.
        face_group: the same random word on the entries of one ambiguous face, else empty.
        face: what a photo showed; None for entries made by hand, and after the erasure of whomever it may show.
    """

    subject: int | None
    clase: str
    fecha: str
    turn: int
    status: AttendanceStatus
    source: EntrySource
    at: str
    note: str = ""
    request: str = ""
    face_group: str = ""
    face: SeenFace | None = None

    @property
    def about(self) -> tuple[int | None, str, str]:
        """Student, class and date."""
        return self.subject, self.clase, self.fecha


@dataclass(frozen=True, slots=True)
class StoredAttendance:
    """An entry and its id, which grows with time."""

    id: int
    entry: Attendance


@dataclass(frozen=True, slots=True)
class Participation:
    """One participation in class, or, with ``withdraws``, the statement that an earlier one does not count.

    Attributes:
        request: unique; the Idempotency-Key, or a random word.
        withdraws: id of the participation that is taken back.
    """

    subject: int | None
    clase: str
    fecha: str
    kind: str
    note: str
    at: str
    request: str
    withdraws: int | None = None


@dataclass(frozen=True, slots=True)
class StoredParticipation:
    """A participation and its id."""

    id: int
    entry: Participation


KEPT_DAYS = 30
"""How long a request's key is kept."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That a key belongs to a request, so that the request is carried out once.

    Attributes:
        key: the Idempotency-Key; empty when the request has none.
        digest: SHA-256 of what was asked.
        at: when it was first asked, UTC, ISO, to the second.
        done: whether it was carried out: then nothing is written again.
        first: whether no earlier attempt of the request is known.
    """

    key: str
    digest: str
    at: str
    done: bool = False
    first: bool = True

    @property
    def moment(self) -> datetime:
        """When it was first asked."""
        return datetime.fromisoformat(self.at)

    @property
    def oldest_kept(self) -> str:
        """Claims from before this moment (as ``at`` is written) are kept no longer."""
        return (self.moment - timedelta(days=KEPT_DAYS)).isoformat(timespec="seconds")


NO_CLAIM = Claim("", "", "")
"""Of what is recorded without a key."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries: every condition that is not None; dates are inclusive."""

    clase: str | None = None
    desde: str | None = None
    hasta: str | None = None
    subject: int | None = None
    request: str | None = None
    face_group: str | None = None


@dataclass(frozen=True, slots=True)
class ListPosition:
    """Where an entry stands in the attendance list, which is in this order; ``matricula`` is empty once the student was
    erased. A page begins after a place."""

    fecha: str
    clase: str
    matricula: str
    id: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What lists are sorted by."""
        return self.fecha, self.clase, self.matricula, self.id


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a student was there and took part, by the entries."""

    asistencias: int = 0
    participaciones: int = 0


class AttendanceStore(Protocol):
    """A store's books. Erasing a student, which the document store does, leaves entries without student, face and note.

    Students carry the counts as ``asistencias`` and ``participaciones``; every method that adds keeps them in step.
    """

    def add_attendance(self, entries: Sequence[Attendance]) -> list[Attendance]:
        """Add entries. Those whose turn was taken, or whose student is gone, are returned and not stored."""

    def attendance(self, which: EntryFilter) -> list[StoredAttendance]:
        """Entries in the order in which they were added."""

    def attendance_after(
        self, which: EntryFilter, after: ListPosition | None, limit: int, history: bool = False
    ) -> list[tuple[ListPosition, StoredAttendance]]:
        """A page of the attendance list: at most ``limit`` entries after a place. Of each student, class and date the
        entry that holds, as :func:`latest` has it, or with ``history`` all."""

    def count_present(self, which: EntryFilter, history: bool = False) -> int:
        """How many entries of the whole list say ``present``."""

    def attendance_entry(self, number: int) -> StoredAttendance | None: ...

    def add_participation(self, entry: Participation) -> StoredParticipation:
        """Add an entry, or give the one that has the same ``request``.

        Raises ``NotFound`` (``student_not_found``) when the student is gone."""

    def participations(self, which: EntryFilter) -> list[StoredParticipation]:
        """Entries in the order in which they were added."""

    def participations_after(
        self, which: EntryFilter, after: int, limit: int, history: bool = False
    ) -> list[StoredParticipation]:
        """At most ``limit`` entries with a greater id than ``after``, in order of id: those that count, as
        :func:`standing` has it, or with ``history`` all."""

    def count_participations(self, which: EntryFilter, history: bool = False) -> int:
        """How many entries the whole list has."""

    def participation_entry(self, number: int) -> StoredParticipation | None: ...

    def claim(self, claim: Claim, about: Collection[int]) -> Claim:
        """Keep a claim unless its key is kept; the one that is kept then. Drops those that are too old.

        ``about`` are subject ids: erasing one of them erases the claim.
        Raises ``NotFound`` (``student_not_found``) when one of them is gone; nothing is kept then."""

    def finish(self, key: str, about: Collection[int]) -> None:
        """Mark a request as carried out, also about these subjects; drop it when one of them is gone, and do nothing
        when it is gone itself."""

    def release(self, key: str) -> None:
        """Drop a claim whose request was not carried out."""

    def miscounted(self) -> list[str]:
        """Matriculas of students whose counts are not what the entries say."""

    def recount(self) -> None:
        """Make every student's counts what the entries say."""


def latest(entries: Iterable[StoredAttendance]) -> list[StoredAttendance]:
    """The entry that holds for each student, class and date; an erased student's entries each stand alone."""
    held: dict[object, StoredAttendance] = {}
    for stored in entries:
        key = stored.entry.about if stored.entry.subject is not None else stored.id
        if key not in held or stored.entry.turn >= held[key].entry.turn:
            held[key] = stored
    return list(held.values())


def key_reused(key: str) -> Conflict:
    """The error of sending another request with a key that was used."""
    return Conflict(
        "idempotency_key_reused",
        f"The Idempotency-Key {shown(key)} belongs to another request.",
        "Send the same request with it, or another key.",
    )


_WEIGHT: dict[AttendanceStatus, int] = {"rejected": 0, "ambiguous": 1, "present": 2}


def merged_turns(kept: Iterable[StoredAttendance], others: Iterable[StoredAttendance]) -> list[tuple[int, int]]:
    """Where one student's entries go in the book of another who turned out to be the same: id and new turn of each.

    Every entry stays, and one holds: whoever was present under either name was there, whatever was said of the other
    name; somebody who may have been waits for a person; else what was said of the one who stays. So the others' entries
    come after those of the same class and date, or before them.
    """
    own: dict[tuple[str, str], list[StoredAttendance]] = {}
    coming: dict[tuple[str, str], list[StoredAttendance]] = {}
    for book, entries in ((own, kept), (coming, others)):
        for stored in entries:
            book.setdefault((stored.entry.clase, stored.entry.fecha), []).append(stored)
    turns: list[tuple[int, int]] = []
    for when, entries in coming.items():
        entries.sort(key=lambda stored: stored.entry.turn)
        taken = sorted(stored.entry.turn for stored in own.get(when, ())) or [-1]
        first = taken[-1] + 1
        if when in own and _WEIGHT[_held(entries)] <= _WEIGHT[_held(own[when])]:
            first = taken[0] - len(entries)
        turns += [(stored.id, first + place) for place, stored in enumerate(entries)]
    return turns


def _held(entries: Iterable[StoredAttendance]) -> AttendanceStatus:
    """What holds among one student's entries of a class and date."""
    return latest(entries)[0].entry.status


def standing(entries: Iterable[StoredParticipation]) -> list[StoredParticipation]:
    """The participations that count: those that no other entry takes back."""
    kept = list(entries)
    withdrawn = {stored.entry.withdraws for stored in kept}
    return [stored for stored in kept if stored.entry.withdraws is None and stored.id not in withdrawn]


def tally(attendance: Iterable[StoredAttendance], participations: Iterable[StoredParticipation]) -> Tally:
    """One student's counts: a class and date counts once."""
    present = [stored for stored in latest(attendance) if stored.entry.status == "present"]
    return Tally(len(present), len(standing(participations)))


def check_date(text: str, name: str = "fecha") -> str:
    """An ISO date.

    Raises:
        InvalidInput: ``invalid_fecha``.
    """
    try:
        if len(text) != 10:
            raise ValueError("it is not ten characters long")
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise InvalidInput("invalid_fecha", f"{name} is {shown(text)}.", "It must be a date like 2026-11-21.") from exc
