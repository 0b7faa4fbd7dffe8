"""Register: the books of attendance and participation as people write in them. Entries are only ever added."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from gallery.documents.attendance import (
    NO_CLAIM,
    Attendance,
    AttendanceStatus,
    Claim,
    EntryFilter,
    Participation,
    StoredAttendance,
    StoredParticipation,
    key_reused,
    latest,
)
from gallery.documents.values import student_not_found
from gallery.gallery import Gallery
from presente.errors import NotFound

EntryKey = tuple[int | None, str, str]
"""Student, class and date."""

EntryDraft = Callable[[Attendance | None, int], Attendance | None]
"""From the entry that holds and the next turn to the entry to add; None when there is nothing to add."""


class AttendanceLog:
    """The attendance and participation of a gallery's students. Safe to use from several threads and processes."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.records = gallery.store.records

    def record_by_hand(
        self, matricula: str, clase: str, fecha: str, status: AttendanceStatus, note: str, claim: Claim = NO_CLAIM
    ) -> StoredAttendance:
        """A person says that a student was in class, or was not; the entry that holds afterwards.

        Raises:
            NotFound: ``student_not_found``.
        """
        about = (self.gallery.student(matricula).id, clase, fecha)
        written = self.write({about: _by_hand(about, status, note, claim)}, claim)
        if about not in written:
            raise student_not_found(matricula)
        return written[about][0]

    def entry(self, number: int) -> StoredAttendance:
        """An entry that is somebody's.

        Raises:
            NotFound: ``entry_not_found``, also when the student was erased.
        """
        stored = self.records.attendance_entry(number)
        if stored is None or stored.entry.subject is None:
            raise entry_not_found(number)
        return stored

    def resolve(
        self, number: int, status: AttendanceStatus, note: str, claim: Claim = NO_CLAIM
    ) -> list[StoredAttendance]:
        """A person confirms or rejects an entry; the entries that hold afterwards, that student's first.

        When one of those whom an ambiguous face may be is confirmed, the others who still wait are rejected: the
        face was not theirs.

        Raises:
            NotFound: as :meth:`entry`.
        """
        stored = self.entry(number)
        about = stored.entry.about
        drafts = {about: _by_hand(about, status, note, claim)}
        if stored.entry.face_group and status == "present":
            for other in self.records.attendance(EntryFilter(face_group=stored.entry.face_group)):
                if other.entry.subject is not None and other.entry.about != about and self._concerned(other, claim):
                    drafts[other.entry.about] = _by_hand(other.entry.about, "rejected", note, claim)
        written = self.write(drafts, claim)
        if about not in written:
            raise entry_not_found(number)
        return [written[each][0] for each in drafts if each in written]

    def _concerned(self, stored: StoredAttendance, claim: Claim) -> bool:
        """Whether an entry still waits, or waited until this request settled it."""
        subject, clase, fecha = stored.entry.about
        entries = self.records.attendance(EntryFilter(clase=clase, desde=fecha, hasta=fecha, subject=subject))
        return [held.id for held in latest(entries)] == [stored.id] or _spoke(claim, entries)

    def write(
        self, drafts: Mapping[EntryKey, EntryDraft], claim: Claim = NO_CLAIM
    ) -> dict[EntryKey, tuple[StoredAttendance, bool]]:
        """Add what each draft makes of the entry that holds, again for those where somebody else was quicker.

        Nothing is added for a request that was carried out, nor where an earlier attempt of it has added its entry.

        Returns:
            the entry that holds then, and whether this call added it; nobody who is gone, and nobody of whom nothing
            is on record.
        """
        added: set[EntryKey] = set()
        waiting = {} if claim.done else dict(drafts)
        while True:
            held = self._entries(drafts)
            made = {
                about: make(*_newest(held.get(about, [])))
                for about, make in waiting.items()
                if not _spoke(claim, held.get(about, ()))
            }
            entries = [entry for entry in made.values() if entry is not None]
            if not entries:
                break
            late = {entry.about for entry in self.records.add_attendance(entries)}
            added |= {entry.about for entry in entries} - late
            there = self.gallery.store.subjects([about[0] or 0 for about in late])
            waiting = {about: make for about, make in waiting.items() if about in late and about[0] in there}
        return {
            about: (latest(theirs)[0], about in added)
            for about, theirs in held.items()
            if about in drafts and about[0] is not None
        }

    def _entries(self, drafts: Mapping[EntryKey, EntryDraft]) -> dict[EntryKey, list[StoredAttendance]]:
        found: dict[EntryKey, list[StoredAttendance]] = {}
        for clase, fecha in {(clase, fecha) for _, clase, fecha in drafts}:
            for stored in self.records.attendance(EntryFilter(clase=clase, desde=fecha, hasta=fecha)):
                found.setdefault(stored.entry.about, []).append(stored)
        return found

    # -- participation ----------------------------------------------------------------------------------------------

    def took_part(
        self, matricula: str, clase: str, fecha: str, kind: str, note: str, claim: Claim = NO_CLAIM
    ) -> StoredParticipation:
        """Record a participation, once per key of a request, also past the time for which keys are kept.

        Raises:
            NotFound: ``student_not_found``.
            Conflict: ``idempotency_key_reused``.
        """
        subject = self.gallery.student(matricula).id
        made = Participation(subject, clase, fecha, kind, note, now(), claim.key or uuid.uuid4().hex)
        stored = self.records.add_participation(made)
        if replace(stored.entry, at="") != replace(made, at=""):
            raise key_reused(claim.key)
        return stored

    def withdraw(self, number: int, note: str) -> StoredParticipation:
        """A person says that a participation does not count; the entry that says so.

        Raises:
            NotFound: ``entry_not_found``.
        """
        stored = self.records.participation_entry(number)
        if stored is None or stored.entry.subject is None or stored.entry.withdraws is not None:
            raise entry_not_found(number)
        taken_back = replace(stored.entry, note=note, at=now(), request=f"withdraws {number}", withdraws=number)
        return self.records.add_participation(taken_back)


def _by_hand(about: EntryKey, status: AttendanceStatus, note: str, claim: Claim) -> EntryDraft:
    def make(held: Attendance | None, turn: int) -> Attendance | None:
        if held is not None and (held.status, held.source, held.note) == (status, "hand", note):
            return None
        return Attendance(*about, turn, status, "hand", now(), note, claim.key)

    return make


def _spoke(claim: Claim, entries: Iterable[StoredAttendance]) -> bool:
    """Whether a request added one of these entries, in an earlier attempt; not one that had the key before it."""
    return bool(claim.key) and any(
        stored.entry.request == claim.key and stored.entry.at >= claim.oldest_kept for stored in entries
    )


def _newest(entries: list[StoredAttendance]) -> tuple[Attendance | None, int]:
    """The entry that holds among those of one student, class and date, and the next turn."""
    return (latest(entries)[0].entry if entries else None), len(entries)


def now() -> str:
    """This moment, UTC, ISO, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def entry_not_found(number: int) -> NotFound:
    """The error of naming an entry that is not there, or that is nobody's any more."""
    return NotFound("entry_not_found", f"There is no entry {number}.", "Take its id from the list.")
