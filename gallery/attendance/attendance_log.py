"""Recording attendance and participation. An entry never changes: a correction adds another one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from gallery.attendance.corrections import learn, may_be_picture
from gallery.documents.attendance import (
    Attendance,
    AttendanceStatus,
    EntryFilter,
    EntryKey,
    Participation,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.attendance_rules import ATTENDED, UNSETTLED, latest
from gallery.documents.request_keys import NO_CLAIM, Claim, key_reused
from gallery.documents.session_rules import check_open
from gallery.documents.student_rules import student_not_found
from gallery.gallery import Gallery
from presente.errors import NotFound

EntryDraft = Callable[[Attendance | None, int], Attendance | None]
"""Given the entry that holds and the next revision, the entry to add; None when there is nothing to add."""


class AttendanceLog:
    """The attendance and participation of a gallery's students. Safe to use from several threads and processes.

    Attributes:
        gallery: the gallery.
        store: where its entries are stored.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.store = gallery.store.attendance

    def record_by_hand(
        self, matricula: str, clase: str, fecha: str, status: AttendanceStatus, note: str, claim: Claim = NO_CLAIM
    ) -> StoredAttendance:
        """Record that, by a person's word, a student was in class or was not; the entry that holds afterwards.

        Raises:
            NotFound: ``student_not_found``.
        """
        key = EntryKey(self.gallery.student(matricula).id, clase, fecha)
        written = self.write({key: by_hand(key, status, note, claim)}, claim)
        if key not in written:
            raise student_not_found(matricula)
        return written[key][0]

    def entry(self, number: int) -> StoredAttendance:
        """The entry with an id.

        Raises:
            NotFound: ``entry_not_found``, also when the student was erased.
        """
        stored = self.store.entry(number)
        if stored is None or stored.entry.subject is None:
            raise entry_not_found(number)
        return stored

    def resolve(
        self, number: int, status: AttendanceStatus, note: str, claim: Claim = NO_CLAIM
    ) -> list[StoredAttendance]:
        """Correct an entry: a person confirms or rejects it. The entries that hold afterwards, that student's first.

        When one of the students whom an ambiguous face may show is confirmed, the others whose entries still wait are
        rejected: the face was not theirs. In a session they are ``withdrawn``: a later photo may still show them. Faces
        like it are told apart from those whose it was not (:mod:`gallery.told_apart`). A student who is confirmed, and
        whose face came late, is late.

        Raises:
            NotFound: as :meth:`entry`.
            Conflict: ``session_closed``.
        """
        stored = self.entry(number)
        if stored.entry.session:
            check_open(self.gallery.store.sessions.session(stored.entry.session), stored.entry.session)
        key = stored.entry.entry_key
        came_late = stored.entry.status in UNSETTLED and stored.entry.late
        status = "late" if status == "present" and came_late else status
        drafts: dict[EntryKey, EntryDraft] = {key: by_hand(key, status, note, claim)}
        refuted: AttendanceStatus = "withdrawn" if stored.entry.session else "rejected"
        judged = [(stored, status == "rejected" and not may_be_picture(stored.entry))]
        if stored.entry.face_group and status in ATTENDED:
            for other in self.store.entries(EntryFilter(face_group=stored.entry.face_group)):
                other_key = other.entry.entry_key
                if other.entry.subject is not None and other_key != key and self._waits(other, claim):
                    drafts[other_key] = by_hand(other_key, refuted, note, claim)
                    judged.append((other, not may_be_picture(other.entry)))
        written = self.write(drafts, claim)
        if key not in written:
            raise entry_not_found(number)
        if not claim.done:
            learn(self.gallery, judged, now())
        return [written[each][0] for each in drafts if each in written]

    def _waits(self, stored: StoredAttendance, claim: Claim) -> bool:
        """Whether an entry still waits for a decision, or waited until an earlier attempt of this request."""
        subject, clase, fecha, session = stored.entry.entry_key
        entries = self.store.entries(EntryFilter(clase, fecha, fecha, subject=subject, session=session))
        return [current.id for current in latest(entries)] == [stored.id] or _has_entry_of(claim, entries)

    def write(
        self, drafts: Mapping[EntryKey, EntryDraft], claim: Claim = NO_CLAIM
    ) -> dict[EntryKey, tuple[StoredAttendance, bool]]:
        """Add the entry that each draft makes from the one that holds, and repeat it where another writer was faster.

        Nothing is added for a request that was carried out, nor where an earlier attempt of it added its entry.

        Returns:
            the entry that holds then, and whether this call added it. Students who are gone, and students without any
            entry, are left out.
        """
        added: set[EntryKey] = set()
        waiting = {} if claim.done else dict(drafts)
        while True:
            stored = self._entries(drafts)
            made = {
                key: draft(*_current(stored.get(key, [])))
                for key, draft in waiting.items()
                if not _has_entry_of(claim, stored.get(key, ()))
            }
            entries = [entry for entry in made.values() if entry is not None]
            if not entries:
                break
            refused = {entry.entry_key for entry in self.store.add_entries(entries)}
            added |= {entry.entry_key for entry in entries} - refused
            existing = self.gallery.store.subjects([key.subject or 0 for key in refused])
            waiting = {key: draft for key, draft in waiting.items() if key in refused and key.subject in existing}
        return {
            key: (latest(entries)[0], key in added)
            for key, entries in stored.items()
            if key in drafts and key.subject is not None
        }

    def _entries(self, drafts: Mapping[EntryKey, EntryDraft]) -> dict[EntryKey, list[StoredAttendance]]:
        """All entries of the sessions, or of the classes and dates, of some drafts."""
        found: dict[EntryKey, list[StoredAttendance]] = {}
        for _, clase, fecha, session in {key._replace(subject=None) for key in drafts}:
            for stored in self.store.entries(EntryFilter(clase, fecha, fecha, session=session)):
                found.setdefault(stored.entry.entry_key, []).append(stored)
        return found

    # -- participation ----------------------------------------------------------------------------------------------

    def record_participation(
        self, matricula: str, clase: str, fecha: str, kind: str, note: str, claim: Claim = NO_CLAIM
    ) -> StoredParticipation:
        """Record a participation, once per key of a request, even after the days for which keys are kept.

        Raises:
            NotFound: ``student_not_found``.
            Conflict: ``idempotency_key_reused``.
        """
        subject = self.gallery.student(matricula).id
        made = Participation(subject, clase, fecha, kind, note, now(), claim.key or uuid.uuid4().hex)
        stored = self.store.add_participation(made)
        if replace(stored.entry, at="") != replace(made, at=""):
            raise key_reused(claim.key)
        return stored

    def withdraw(self, number: int, note: str) -> StoredParticipation:
        """Record that a participation does not count; the entry that states it.

        Raises:
            NotFound: ``entry_not_found``.
        """
        stored = self.store.participation(number)
        if stored is None or stored.entry.subject is None or stored.entry.withdraws is not None:
            raise entry_not_found(number)
        withdrawal = replace(stored.entry, note=note, at=now(), request=f"withdraws {number}", withdraws=number)
        return self.store.add_participation(withdrawal)


def by_hand(
    key: EntryKey, status: AttendanceStatus, note: str, claim: Claim, photo_number: int = 0, face_number: int = 0
) -> EntryDraft:
    """A draft of a person's statement; nothing is added when the same statement holds already.

    Args:
        key, status, note: what is said.
        claim: the claim of the request.
        photo_number, face_number: the face of a session's photo that the person spoke about.
    """

    def draft(current: Attendance | None, revision: int) -> Attendance | None:
        entry = Attendance(
            key.subject,
            key.clase,
            key.fecha,
            revision,
            status,
            "hand",
            now(),
            note,
            claim.key,
            session=key.session,
            photo_number=photo_number,
            face_number=face_number,
        )
        said = ("status", "source", "note", "photo_number", "face_number")
        if current is not None and all(getattr(current, name) == getattr(entry, name) for name in said):
            return None
        return entry

    return draft


def _has_entry_of(claim: Claim, entries: Iterable[StoredAttendance]) -> bool:
    """Whether an earlier attempt of a request added one of these entries. An older request with the same key does not
    count."""
    return bool(claim.key) and any(
        stored.entry.request == claim.key and stored.entry.at >= claim.oldest_kept for stored in entries
    )


def _current(entries: list[StoredAttendance]) -> tuple[Attendance | None, int]:
    """The entry that holds among those of one key, and the next revision."""
    return (latest(entries)[0].entry if entries else None), len(entries)


def now() -> str:
    """This moment, UTC, ISO, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def entry_not_found(number: int) -> NotFound:
    """The error of naming an entry that does not exist, or whose student was erased."""
    return NotFound("entry_not_found", f"There is no entry {number}.", "Take its id from the list.")
