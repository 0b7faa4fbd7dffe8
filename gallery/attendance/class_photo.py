"""A class photo becomes attendance: every face one person at most, every person one face at most."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gallery.attendance.assignment import FaceAssignment, assign
from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, EntryKey, now
from gallery.decision import Candidate
from gallery.documents.attendance import NO_CLAIM, Attendance, Claim, SeenFace, StoredAttendance
from gallery.documents.values import Student
from gallery.gallery import MAX_K
from presente.errors import NotFound, shown

_NEAREST_ANYWHERE = 5
"""People of the whole gallery who are considered for each face, beside the roster."""

FaceStatus = Literal["present", "ambiguous", "off_roster", "duplicate", "unknown"]


@dataclass(frozen=True, slots=True)
class ClassPhotoFace:
    """A face of a class photo: its template (float32 (d,), length 1) and its box in pixels."""

    vector: NDArray[np.float32]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ClassPhoto:
    """What attendance is taken of: a class, a date, and the photo (SHA-256); and the claim of the request."""

    clase: str
    fecha: str
    photo: str
    threshold: float
    claim: Claim = NO_CLAIM


@dataclass(frozen=True, slots=True)
class FaceAttendance:
    """What was made of one face.

    Attributes:
        status: ``present``, ``ambiguous`` (a person decides), ``off_roster`` (somebody of another class),
            ``duplicate`` (a second face of somebody), ``unknown``. Only the first two are ever recorded.
        candidates: whom the face resembles, best first: those above the threshold, or the best of all below it.
        entries: what holds for those of them who are on the roster, whoever said so.
        recorded: whether this request added the first of these entries.
    """

    status: FaceStatus
    candidates: tuple[Candidate, ...]
    entries: tuple[StoredAttendance, ...] = ()
    recorded: bool = False

    @property
    def student(self) -> Student | None:
        """Who it is; None unless that is clear."""
        return self.candidates[0].student if self.status in ("present", "off_roster") else None


def record_class_photo(
    register: AttendanceLog, faces: Sequence[ClassPhotoFace], lesson: ClassPhoto
) -> list[FaceAttendance]:
    """Record who of a class is in a photo; one result a face, in their order.

    Nothing is recorded twice, and nothing against what a person has said.

    Raises:
        NotFound: ``class_not_found`` when nobody is in the class.
    """
    gallery = register.gallery
    gallery.index.catch_up()
    roster = {int(subject) for subject in gallery.roster(clase=lesson.clase, kind="student")}
    if not roster:
        raise NotFound("class_not_found", f"Nobody is in class {shown(lesson.clase)}.", "Check clase.")
    found = _sightings(register, faces, lesson, roster)
    drafts: dict[EntryKey, EntryDraft] = {}
    for certain in ("present", "ambiguous"):  # who is clear on one face does not wait for another
        for face, sighted in zip(faces, found, strict=True):
            group = uuid.uuid4().hex if certain == "ambiguous" else ""
            for candidate in sighted.candidates if sighted.status == certain else ():
                if candidate.subject in roster:
                    about = (candidate.subject, lesson.clase, lesson.fecha)
                    drafts.setdefault(about, _by_photo(register, candidate, face, lesson, certain, group))
    written = register.write(drafts, lesson.claim)
    return [_with_entries(sighted, lesson, written) for sighted in found]


def _sightings(
    register: AttendanceLog, faces: Sequence[ClassPhotoFace], lesson: ClassPhoto, roster: set[int]
) -> list[FaceAttendance]:
    """Who each face is, before anything is written."""
    gallery = register.gallery
    probes = np.array([face.vector for face in faces], dtype=np.float32).reshape(-1, gallery.dim)
    own = gallery.search(probes, min(len(roster), MAX_K), lesson.clase)
    anywhere = gallery.search(probes, _NEAREST_ANYWHERE)
    near = [{candidate.subject: candidate for candidate in (*b, *a)} for a, b in zip(own, anywhere, strict=True)]
    people = sorted({subject for row in near for subject in row})
    scores = np.full((len(faces), len(people)), -np.inf)
    for number, row in enumerate(near):
        for column, subject in enumerate(people):
            if subject in row:
                scores[number, column] = row[subject].score
    outcomes = assign(scores, lesson.threshold, gallery.settings.margin)
    return [
        _sighted(outcome, [row[people[column]] for column in _columns(outcome, line)], roster)
        for outcome, row, line in zip(outcomes, near, scores, strict=True)
    ]


def _columns(outcome: FaceAssignment, scores: NDArray[np.float64]) -> Sequence[int]:
    """The columns of an outcome; of nobody, the best there is."""
    nearest = [int(scores.argmax())] if np.isfinite(scores).any() else []
    return outcome.columns or nearest


def _sighted(outcome: FaceAssignment, near: Sequence[Candidate], roster: set[int]) -> FaceAttendance:
    candidates = tuple(replace(candidate, rank=rank) for rank, candidate in enumerate(near, start=1))
    on_roster = any(candidate.subject in roster for candidate in candidates)
    if outcome.outcome == "assigned":
        return FaceAttendance("present" if on_roster else "off_roster", candidates)
    if outcome.outcome == "ambiguous":
        return FaceAttendance("ambiguous" if on_roster else "off_roster", candidates)
    return FaceAttendance("duplicate" if outcome.outcome == "duplicate" else "unknown", candidates)


def _by_photo(
    register: AttendanceLog,
    candidate: Candidate,
    face: ClassPhotoFace,
    lesson: ClassPhoto,
    status: Literal["present", "ambiguous"],
    group: str,
) -> EntryDraft:
    """What a face adds to what holds: nothing to what a person has said, nothing twice."""
    gallery = register.gallery

    def make(held: Attendance | None, turn: int) -> Attendance | None:
        if held is not None and (held.source == "hand" or held.status in ("present", status)):
            return None
        template = gallery.nearest_template(face.vector, candidate.subject)
        if template is None:  # erased a moment ago
            return None
        seen = SeenFace(
            vector=face.vector,
            pack=gallery.pack,
            box=face.box,
            score=candidate.score,
            threshold=lesson.threshold,
            template=template,
            generation=gallery.index.generation,
            photo=lesson.photo,
        )
        about = (candidate.subject, lesson.clase, lesson.fecha)
        return Attendance(*about, turn, status, "photo", now(), "", lesson.claim.key, group, seen)

    return make


def _with_entries(
    sighted: FaceAttendance, lesson: ClassPhoto, written: dict[EntryKey, tuple[StoredAttendance, bool]]
) -> FaceAttendance:
    if sighted.status not in ("present", "ambiguous"):
        return sighted
    abouts = [(candidate.subject, lesson.clase, lesson.fecha) for candidate in sighted.candidates]
    holding = [written[about] for about in abouts if about in written]
    recorded = any(added or (lesson.claim.key and held.entry.request == lesson.claim.key) for held, added in holding)
    return replace(sighted, entries=tuple(held for held, _ in holding), recorded=bool(recorded))
