"""Recording the attendance of sessions: by hand, face by face, and taking back what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, by_hand, entry_not_found, now
from gallery.attendance.corrections import learn
from gallery.attendance.session_evidence import judged_faces, place_of, shown_elsewhere
from gallery.attendance.session_roll import RollLine, roll_of
from gallery.documents.attendance import Attendance, AttendanceStatus, EntryFilter, EntryKey, StoredAttendance
from gallery.documents.attendance_rules import ATTENDED, UNSETTLED
from gallery.documents.class_sessions import ClassSession, SessionPhoto, StoredSession
from gallery.documents.request_keys import NO_CLAIM, Claim
from gallery.documents.session_rules import (
    check_open,
    check_times,
    session_exists,
    session_not_found,
    standing,
)
from gallery.documents.student_rules import student_not_found
from gallery.documents.values import Student
from presente.errors import NotFound

_PAGE = 1000
"""Students that are read from the store at once."""


@dataclass(frozen=True, slots=True)
class FaceStatement:
    """What a person says of a face of a session's photo.

    Attributes:
        photo: number of the photo.
        face: number of the face in it, counted from 1.
        matricula: the student whom it shows; None for none of those whom it was taken for.
        status: what is recorded of that student.
        note: the person's remark.
    """

    photo: int
    face: int
    matricula: str | None
    status: AttendanceStatus
    note: str = ""


class SessionLog:
    """The sessions of a gallery and what is recorded in them. Safe to use from several threads and processes.

    Attributes:
        attendance_log: writes the entries.
    """

    def __init__(self, attendance_log: AttendanceLog) -> None:
        self.attendance_log = attendance_log
        self.gallery = attendance_log.gallery
        self.store = self.gallery.store

    # -- sessions ---------------------------------------------------------------------------------------------------

    def begin(self, session: ClassSession) -> StoredSession:
        """Make a session; the same one again for the same request.

        Raises:
            InvalidInput: ``invalid_times``.
            Conflict: ``session_exists``.
            Forbidden: ``class_not_yours``.
        """
        check_times(session.starts, session.ends)
        stored, added = self.store.sessions.add(session)
        if not added and not (session.request and stored.session.request == session.request):
            raise session_exists(stored)
        return stored

    def session(self, number: int) -> StoredSession:
        """The session with an id.

        Raises:
            NotFound: ``session_not_found``.
        """
        stored = self.store.sessions.session(number)
        if stored is None:
            raise session_not_found(number)
        return stored

    def open_session(self, number: int) -> StoredSession:
        """The session with an id, in which something is to be recorded.

        Raises:
            NotFound: ``session_not_found``.
            Conflict: ``session_closed``.
        """
        return check_open(self.store.sessions.session(number), number)

    def change(self, number: int, changes: Mapping[str, Any]) -> StoredSession:
        """Set some attributes of a session. Closing it erases its photos. Entries stay as they are.

        Raises:
            NotFound: ``session_not_found``.
            InvalidInput: ``invalid_times``.
            Conflict: ``session_exists``.
        """
        wanted = replace(self.session(number).session, **changes)
        check_times(wanted.starts, wanted.ends)
        stored = self.store.sessions.change(number, changes)
        if stored is None:
            raise session_not_found(number)
        return stored

    def roll(self, stored: StoredSession) -> tuple[RollLine, ...]:
        """The roll of a session, in order of matricula."""
        entries = self._entries(stored.id)
        members: list[tuple[int, Student]] = []
        after = ""
        while page := self.store.students(clase=stored.session.clase, after=after, limit=_PAGE):
            members += [(each.id, each.student) for each in page]
            after = page[-1].student.matricula
        there = {subject for subject, _ in members}
        guests = {each.entry.subject for each in entries if each.entry.subject is not None} - there
        return roll_of(members, self.store.subjects(sorted(guests)), entries)

    def _entries(self, number: int, subject: int | None = None) -> list[StoredAttendance]:
        return self.store.attendance.entries(EntryFilter(session=number, subject=subject))

    # -- by hand ----------------------------------------------------------------------------------------------------

    def record_by_hand(
        self, number: int, matricula: str, status: AttendanceStatus, note: str, claim: Claim = NO_CLAIM
    ) -> None:
        """Record what a person says of a student.

        Raises:
            NotFound: ``session_not_found``, ``student_not_found``.
            Conflict: ``session_closed``.
        """
        key = self._key(self.open_session(number), self.gallery.student(matricula).id)
        if key not in self.attendance_log.write({key: by_hand(key, status, note, claim)}, claim):
            raise student_not_found(matricula)

    def settle_face(self, number: int, statement: FaceStatement, claim: Claim = NO_CLAIM) -> None:
        """Record whom a face shows. Entries that this face made of other students are withdrawn, and faces like it are
        told apart from them from then on (:mod:`gallery.told_apart`).

        Raises:
            NotFound: ``session_not_found``, ``photo_not_found``, ``face_not_found``, ``student_not_found``.
            Conflict: ``session_closed``.
        """
        stored = self.open_session(number)
        photo = self.photo(number, statement.photo)
        entries = self._entries(number)
        place = (statement.photo, statement.face)
        if statement.face > len(photo.faces) and place not in {place_of(each) for each in entries}:
            raise NotFound(
                "face_not_found",
                f"Photo {statement.photo} of session {number} has no face {statement.face}.",
                "Faces are counted from 1, in the order of the reply to the photo.",
            )
        drafts: dict[EntryKey, EntryDraft] = {}
        kept: dict[EntryKey, EntryDraft] = {}
        if statement.matricula is not None:
            subject = self.gallery.student(statement.matricula).id
            self.store.session_photos.concern(number, statement.photo, subject)
            key = self._key(stored, subject)
            drafts[key] = by_hand(key, statement.status, statement.note, claim, *place)
        for held in self._standing_of_each(entries):
            key, last = held[-1].entry.entry_key, held[-1]
            by_face = next((each for each in reversed(held) if place_of(each) == place and _is_there(each)), None)
            if by_face is None or key in drafts or (last.entry.source == "hand" and place_of(last) != place):
                continue
            drafts[key] = by_hand(key, "withdrawn", statement.note, claim, *place)
            if elsewhere := shown_elsewhere(held, by_face):
                kept[key] = _saying_again(elsewhere.entry, claim)
        self.attendance_log.write(drafts, claim)
        self.attendance_log.write(kept, replace(claim, key=claim.key and f"{claim.key} shown elsewhere"))
        self._learn(number, place, claim)

    def _learn(self, number: int, place: tuple[int, int], claim: Claim) -> None:
        """Keep or take back what statements about a face teach."""
        if not claim.done:
            faces = [each for each in judged_faces(self._entries(number)) if place_of(each.made) == place]
            learn(self.gallery, [(each.made, each.is_other) for each in faces], now())

    def came_late(self, number: int, photo: int, face: int) -> bool | None:
        """Whether the students whom a face may show are late if it shows them; None when none waits because of it."""
        entries = [each.entry for each in self._entries(number) if place_of(each) == (photo, face)]
        unsettled = [entry.late for entry in entries if entry.status in UNSETTLED]
        return any(unsettled) if unsettled else None

    def photo(self, number: int, photo: int) -> SessionPhoto:
        """A photo of a session.

        Raises:
            NotFound: ``photo_not_found``.
        """
        found = next((each for each in self.store.session_photos.photos(number) if each.number == photo), None)
        if found is None:
            raise session_photo_not_found(number, photo)
        return found

    @staticmethod
    def _key(stored: StoredSession, subject: int) -> EntryKey:
        return EntryKey(subject, stored.session.clase, stored.session.fecha, stored.id)

    @staticmethod
    def _standing_of_each(entries: Sequence[StoredAttendance]) -> list[list[StoredAttendance]]:
        """What stands of each student, the last of which holds; students of whom nothing is said any more are left
        out."""
        said: dict[int, list[StoredAttendance]] = {}
        for stored in entries:
            if stored.entry.subject is not None:
                said.setdefault(stored.entry.subject, []).append(stored)
        return [held for each in said.values() if (held := standing(each))]

    # -- taking back ------------------------------------------------------------------------------------------------

    def undo_photo(self, number: int, photo: int, claim: Claim = NO_CLAIM) -> None:
        """Take back what a photo recorded, and erase its copy. What was said before holds again; what a person said
        stays.

        Raises:
            NotFound: ``session_not_found``, ``photo_not_found``.
            Conflict: ``session_closed``.
        """
        self.open_session(number)
        self.photo(number, photo)
        if not claim.done:
            self.store.session_photos.erase(number, photo)
        made = [
            stored
            for stored in self._entries(number)
            if stored.entry.photo_number == photo and stored.entry.source == "photo" and stored.entry.undoes is None
        ]
        for stored in reversed(made):
            self._take_back(stored, claim)

    def undo_entry(self, number: int, entry: int, claim: Claim = NO_CLAIM) -> None:
        """Take back a statement; of a face that a person settled, with it what that withdrew from other students, and
        what it taught.

        Raises:
            NotFound: ``session_not_found``, ``entry_not_found``.
            Conflict: ``session_closed``.
        """
        self.open_session(number)
        entries = self._entries(number)
        target = next((each for each in entries if each.id == entry and each.entry.subject is not None), None)
        if target is None or target.entry.undoes is not None:
            raise entry_not_found(entry)
        self._take_back(target, claim)
        if target.entry.source == "hand" and target.entry.photo_number:
            for each in (each for held in self._standing_of_each(entries) for each in held):
                said = each.entry
                if said.status == "withdrawn" and said.source == "hand" and place_of(each) == place_of(target):
                    self._take_back(each, claim)
            self._learn(number, place_of(target), claim)

    def _take_back(self, stored: StoredAttendance, claim: Claim) -> None:
        """Add an entry that takes another back, unless that was done."""
        subject = stored.entry.subject
        if subject is None or claim.done:
            return
        while True:
            entries = self._entries(stored.entry.session, subject)
            held = standing(entries)
            if stored.id not in {each.id for each in held}:
                return
            left = [each for each in held if each.id != stored.id]
            made = _repeating(left[-1].entry if left else None, stored, len(entries), claim)
            if not self.store.attendance.add_entries([made]) or not self.store.subjects([subject]):
                return


def _repeating(before: Attendance | None, undone: StoredAttendance, revision: int, claim: Claim) -> Attendance:
    """The entry that takes one back, and says what holds without it."""
    said = before or Attendance(
        undone.entry.subject,
        undone.entry.clase,
        undone.entry.fecha,
        0,
        "withdrawn",
        "hand",
        "",
        session=undone.entry.session,
    )
    return replace(said, revision=revision, at=now(), request=claim.key, undoes=undone.id)


def _saying_again(entry: Attendance, claim: Claim) -> EntryDraft:
    """A draft that says once more what a photo said, after a statement about another photo."""

    def draft(current: Attendance | None, revision: int) -> Attendance | None:
        if current is None or current.status != "withdrawn":
            return None
        return replace(entry, revision=revision, at=now(), request=claim.key)

    return draft


def _is_there(stored: StoredAttendance) -> bool:
    """Whether an entry says that a student is there, or may be."""
    return stored.entry.status in ATTENDED | UNSETTLED


def session_photo_not_found(number: int, photo: int) -> NotFound:
    """The error of naming a photo that a session does not have, or no longer keeps."""
    return NotFound(
        "photo_not_found",
        f"Session {number} has no photo {photo}, or does not keep it any more.",
        "Photos are kept while the session is open: list them with GET /v1/sessions/ID/photos.",
    )
