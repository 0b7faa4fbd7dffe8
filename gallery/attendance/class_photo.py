"""From a class photo to attendance: every face is at most one person, every person at most one face."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gallery.attendance.assignment import FaceAssignment, assign
from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, now
from gallery.decision import Candidate, decide, once_each
from gallery.documents.attendance import (
    Attendance,
    AttendanceStatus,
    EntryFilter,
    EntryKey,
    SeenFace,
    StoredAttendance,
)
from gallery.documents.attendance_rules import ATTENDED, latest
from gallery.documents.request_keys import NO_CLAIM, Claim
from gallery.documents.scope import Scope
from gallery.documents.values import Student
from gallery.subject_search import MAX_K
from presente.errors import NotFound, shown

_NEAREST_ANYWHERE = 5
"""How many people of the whole gallery are considered for each face, beside the roster."""

FaceStatus = Literal["present", "ambiguous", "off_roster", "duplicate", "unknown"]


@dataclass(frozen=True, slots=True)
class ClassPhotoFace:
    """A face of a class photo: its template (float32 (d,), length 1) and its box in pixels."""

    vector: NDArray[np.float32]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ClassPhoto:
    """What attendance is recorded from.

    Attributes:
        clase: the class.
        fecha: the date, ISO.
        photo: SHA-256 of the photo.
        threshold: the score from which a face may be a person.
        claim: the claim of the request.
        session: id of the session; 0 for attendance by class and date alone.
        number: number of the photo within the session; 0 without one.
        late: whether a student who is seen for the first time is late.
    """

    clase: str
    fecha: str
    photo: str
    threshold: float
    claim: Claim = NO_CLAIM
    session: int = 0
    number: int = 0
    late: bool = False

    def key_of(self, subject: int) -> EntryKey:
        """What an entry of this photo about a student is about."""
        return EntryKey(subject, self.clase, self.fecha, self.session)


@dataclass(frozen=True, slots=True)
class FaceAttendance:
    """The result for one face.

    Attributes:
        status: ``present``; ``ambiguous`` (a person decides); ``off_roster`` (a student of another class);
            ``duplicate`` (a second face of one person); ``unknown``. Only the first two are recorded.
        candidates: whom the face resembles, best first: those above the threshold, or else the best one below it.
        entries: the entries that hold for the candidates who are on the roster, whatever made them.
        recorded: whether this request added the first of these entries.
        unnamed: whether the best candidate was left out because the caller may not see that student.
    """

    status: FaceStatus
    candidates: tuple[Candidate, ...]
    entries: tuple[StoredAttendance, ...] = ()
    recorded: bool = False
    unnamed: bool = False

    @property
    def student(self) -> Student | None:
        """Who it is; None unless that is clear, and the caller may know it."""
        known = self.status in ("present", "off_roster") and not self.unnamed
        return self.candidates[0].student if known else None

    def within(self, scope: Scope) -> FaceAttendance:
        """The result for a caller who sees a part of the school: what it is stays, who it is only of that part."""
        seen = tuple(candidate for candidate in self.candidates if scope.sees(candidate.student))
        return replace(
            self,
            candidates=tuple(replace(candidate, rank=rank) for rank, candidate in enumerate(seen, start=1)),
            unnamed=self.candidates[:1] != seen[:1],
        )


def record_class_photo(
    attendance_log: AttendanceLog, faces: Sequence[ClassPhotoFace], class_photo: ClassPhoto
) -> list[FaceAttendance]:
    """Record who of a class is in a photo; one result per face, in the order of the faces.

    Nothing is recorded twice, and nothing that contradicts a person's statement. The results name people of the whole
    school, whatever part of it the gallery shows: :meth:`FaceAttendance.within`.

    Raises:
        Forbidden: ``class_not_yours``.
        NotFound: ``class_not_found`` when no student is in the class.
    """
    gallery = attendance_log.gallery
    gallery.index.catch_up()
    roster = {int(subject) for subject in gallery.roster(clase=class_photo.clase, kind="student")}
    if not roster:
        raise NotFound("class_not_found", f"No student is in class {shown(class_photo.clase)}.", "Check clase.")
    results = _identify_faces(attendance_log, faces, class_photo, roster)
    drafts: dict[EntryKey, EntryDraft] = {}
    statuses: tuple[AttendanceStatus, ...] = ("present", "ambiguous")
    for status in statuses:  # a student who is clear on one face does not wait for another face
        for number, (face, result) in enumerate(zip(faces, results, strict=True), start=1):
            group = uuid.uuid4().hex if status == "ambiguous" else ""
            said: AttendanceStatus = "late" if status == "present" and class_photo.late else status
            for candidate in result.candidates if result.status == status else ():
                if candidate.subject in roster:
                    key = class_photo.key_of(candidate.subject)
                    made = _by_photo(attendance_log, candidate, (number, face), class_photo, said, group)
                    drafts.setdefault(key, made)
    if class_photo.session:
        clear = [
            (face.vector, result.candidates[0].subject)
            for face, result in zip(faces, results, strict=True)
            if result.status == "present"
        ]
        drafts = settled_by_better_faces(attendance_log, clear, class_photo) | drafts
    written = attendance_log.write(drafts, class_photo.claim)
    return [_with_entries(result, class_photo, written) for result in results]


def _identify_faces(
    attendance_log: AttendanceLog, faces: Sequence[ClassPhotoFace], class_photo: ClassPhoto, roster: set[int]
) -> list[FaceAttendance]:
    """Who each face is, before anything is written."""
    gallery = attendance_log.gallery
    probes = np.array([face.vector for face in faces], dtype=np.float32).reshape(-1, gallery.dim)
    in_class = gallery.search(probes, min(len(roster), MAX_K), class_photo.clase)
    anywhere = gallery.whole.search(probes, _NEAREST_ANYWHERE)  # a student of another class is none of this one
    near = [{candidate.subject: candidate for candidate in (*b, *a)} for a, b in zip(in_class, anywhere, strict=True)]
    people = sorted({subject for row in near for subject in row})
    scores = np.full((len(faces), len(people)), -np.inf)
    for number, row in enumerate(near):
        for column, subject in enumerate(people):
            if subject in row:
                scores[number, column] = row[subject].score
    assignments = _assignments(near, scores, people, class_photo.threshold, gallery.settings.margin)
    return [
        _face_attendance(assignment, [row[people[column]] for column in _columns(assignment, line)], roster)
        for assignment, row, line in zip(assignments, near, scores, strict=True)
    ]


def _assignments(
    near: Sequence[Mapping[int, Candidate]],
    scores: NDArray[np.float64],
    people: Sequence[int],
    threshold: float,
    margin: float,
) -> list[FaceAssignment]:
    """The assignment of each face. Second pictures of a person are set apart before the others are assigned.

    They are those that an identification of the photo calls ``duplicate``; its columns are the person, then the other
    people whose scores reach the threshold.
    """
    ranked = [sorted(row.values(), key=lambda candidate: -candidate.score) for row in near]
    decisions = once_each([decide(candidates, threshold, margin) for candidates in ranked])
    second = [face for face, decision in enumerate(decisions) if decision.verdict == "duplicate"]
    first = scores.copy()
    first[second] = -np.inf
    assignments = assign(first, threshold, margin)
    for face in second:
        above = [candidate.subject for candidate in ranked[face] if candidate.score >= threshold]
        assignments[face] = FaceAssignment("duplicate", tuple(people.index(subject) for subject in above))
    return assignments


def _columns(assignment: FaceAssignment, scores: NDArray[np.float64]) -> Sequence[int]:
    """The columns of an assignment; of an unassigned face, that of the best score."""
    nearest = [int(scores.argmax())] if np.isfinite(scores).any() else []
    return assignment.columns or nearest


def _face_attendance(assignment: FaceAssignment, near: Sequence[Candidate], roster: set[int]) -> FaceAttendance:
    candidates = tuple(replace(candidate, rank=rank) for rank, candidate in enumerate(near, start=1))
    on_roster = any(candidate.subject in roster for candidate in candidates)
    if assignment.outcome == "assigned":
        return FaceAttendance("present" if on_roster else "off_roster", candidates)
    if assignment.outcome == "ambiguous":
        return FaceAttendance("ambiguous" if on_roster else "off_roster", candidates)
    return FaceAttendance("duplicate" if assignment.outcome == "duplicate" else "unknown", candidates)


def _by_photo(
    attendance_log: AttendanceLog,
    candidate: Candidate,
    numbered: tuple[int, ClassPhotoFace],
    class_photo: ClassPhoto,
    status: AttendanceStatus,
    group: str,
) -> EntryDraft:
    """A draft of what a face, counted from 1, shows; nothing is added to a person's statement, and nothing twice."""
    gallery = attendance_log.gallery
    number, face = numbered

    def draft(current: Attendance | None, revision: int) -> Attendance | None:
        if current is not None and stands_against(current, status):
            return None
        template = gallery.nearest_template(face.vector, candidate.subject)
        if template is None:  # erased a moment ago
            return None
        seen = SeenFace(
            vector=face.vector,
            pack=gallery.pack,
            box=face.box,
            score=candidate.score,
            threshold=class_photo.threshold,
            template=template,
            generation=gallery.index.generation,
            photo=class_photo.photo,
        )
        return Attendance(
            candidate.subject,
            class_photo.clase,
            class_photo.fecha,
            revision,
            status,
            "photo",
            now(),
            "",
            class_photo.claim.key,
            group,
            seen,
            session=class_photo.session,
            photo_number=class_photo.number,
            face_number=number if class_photo.session else 0,
        )

    return draft


def stands_against(current: Attendance, status: AttendanceStatus) -> bool:
    """Whether the entry that holds is not to be replaced by what a photo shows."""
    if current.status == "withdrawn":
        return False
    return current.source == "hand" or current.status in ATTENDED or current.status == status


def settled_by_better_faces(
    attendance_log: AttendanceLog, clear: Sequence[tuple[NDArray[np.float32], int]], class_photo: ClassPhoto
) -> dict[EntryKey, EntryDraft]:
    """Drafts that end the waiting of students whom an ambiguous face of an earlier photo does not show after all.

    Such a face could be one of several students. When one of them is clear in this photo, and the earlier face is more
    like this face (by the margin) than like another of them, then it was not the other.

    Args:
        attendance_log: the log.
        clear: template and subject id of each face of this photo that is clear.
        class_photo: the photo.
    """
    entries = attendance_log.store.entries(EntryFilter(session=class_photo.session)) if clear else []
    together: dict[str, set[int | None]] = {}
    for stored in entries:
        if stored.entry.face_group:
            together.setdefault(stored.entry.face_group, set()).add(stored.entry.subject)
    drafts: dict[EntryKey, EntryDraft] = {}
    for stored in latest(entries):
        waiting, seen = stored.entry, stored.entry.face
        if waiting.status != "ambiguous" or seen is None or waiting.photo_number == class_photo.number:
            continue
        needed = max(seen.score + attendance_log.gallery.settings.margin, class_photo.threshold)
        for vector, subject in clear:
            others = together[waiting.face_group] - {waiting.subject}
            if subject in others and float(vector @ seen.vector) >= needed:
                drafts[waiting.entry_key] = _no_longer_waiting(waiting.face_group, class_photo)
    return drafts


def _no_longer_waiting(group: str, class_photo: ClassPhoto) -> EntryDraft:
    def draft(current: Attendance | None, revision: int) -> Attendance | None:
        if current is None or current.status != "ambiguous" or current.face_group != group:
            return None
        claim = class_photo.claim
        return Attendance(
            current.subject,
            current.clase,
            current.fecha,
            revision,
            "withdrawn",
            "photo",
            now(),
            request=claim.key,
            session=class_photo.session,
            photo_number=class_photo.number,
        )

    return draft


def _with_entries(
    result: FaceAttendance, class_photo: ClassPhoto, written: dict[EntryKey, tuple[StoredAttendance, bool]]
) -> FaceAttendance:
    if result.status not in ("present", "ambiguous"):
        return result
    keys = [class_photo.key_of(candidate.subject) for candidate in result.candidates]
    current = [written[key] for key in keys if key in written]
    request = class_photo.claim.key
    recorded = any(added or (request and stored.entry.request == request) for stored, added in current)
    return replace(result, entries=tuple(stored for stored, _ in current), recorded=bool(recorded))
