"""From a class photo to attendance: every face is at most one person, every person at most one face."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gallery.attendance.assignment import FaceAssignment, assign
from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, now
from gallery.attendance.face_attendance import RECORDED, ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.attendance.session_evidence import (
    refuted_pictures,
    seen_in,
    settled_by_better_faces,
    without_refuted_pictures,
)
from gallery.decision import Candidate, decide, once_each
from gallery.documents.attendance import (
    Attendance,
    AttendanceStatus,
    EntryFilter,
    EntryKey,
    SeenFace,
    StoredAttendance,
    WaitReason,
)
from gallery.documents.attendance_rules import ATTENDED, UNSETTLED
from gallery.subject_search import MAX_K
from presente.errors import NotFound, shown

_NEAREST_ANYWHERE = 5
"""How many people of the whole gallery are considered for each face, beside the roster."""


def record_class_photo(
    attendance_log: AttendanceLog, faces: Sequence[ClassPhotoFace], class_photo: ClassPhoto
) -> list[FaceAttendance]:
    """Record who of a class is in a photo; one result per face, in the order of the faces.

    Nothing is recorded twice of one photo, and nothing that contradicts a person's statement. The results name people
    of the whole school, whatever part of it the gallery shows: :meth:`FaceAttendance.within`.

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
    before = attendance_log.store.entries(EntryFilter(session=class_photo.session)) if class_photo.session else []
    noted = seen_in(before, class_photo.number) if class_photo.evidence else None
    pictures = refuted_pictures(before, gallery.pack)
    results = [without_refuted_pictures(result, face, pictures) for face, result in zip(faces, results, strict=True)]
    drafts: dict[EntryKey, EntryDraft] = {}
    statuses: tuple[AttendanceStatus, ...] = ("present", "waiting", "ambiguous")
    for status in statuses:  # a student who is clear on one face does not wait for another face
        for number, (face, result) in enumerate(zip(faces, results, strict=True), start=1):
            group = uuid.uuid4().hex if status == "ambiguous" else ""
            is_late = class_photo.late or face.late
            said = _Said("late" if status == "present" and is_late else status, result.reason, is_late)
            for candidate in result.candidates if result.status == status else ():
                if candidate.subject in roster:
                    key = class_photo.key_of(candidate.subject)
                    again = noted is not None and status == "present" and candidate.subject not in noted
                    made = _by_photo(attendance_log, candidate, (number, face), class_photo, said, group, again)
                    drafts.setdefault(key, made)
    if class_photo.session:
        clear = [
            (face.vector, result.candidates[0].subject)
            for face, result in zip(faces, results, strict=True)
            if result.status == "present"
        ]
        drafts = settled_by_better_faces(attendance_log, before, clear, class_photo) | drafts
    written = attendance_log.write(drafts, class_photo.claim)
    return [_with_entries(result, class_photo, written) for result in results]


def _identify_faces(
    attendance_log: AttendanceLog, faces: Sequence[ClassPhotoFace], class_photo: ClassPhoto, roster: set[int]
) -> list[FaceAttendance]:
    """Who each face is, before anything is written."""
    gallery = attendance_log.gallery
    probes = np.array([face.vector for face in faces], dtype=np.float32).reshape(-1, gallery.dim)
    threshold = class_photo.threshold
    in_class = gallery.nearest(probes, min(len(roster), MAX_K), class_photo.clase, threshold=threshold)
    # A student of another class is none of this one.
    anywhere = gallery.whole.nearest(probes, _NEAREST_ANYWHERE, threshold=threshold)
    near = [
        {candidate.subject: candidate for candidate in (*there.candidates, *here.candidates)}
        for here, there in zip(in_class, anywhere, strict=True)
    ]
    apart = [bool(here.told_apart | there.told_apart) for here, there in zip(in_class, anywhere, strict=True)]
    people = sorted({subject for row in near for subject in row})
    scores = np.full((len(faces), len(people)), -np.inf)
    for number, row in enumerate(near):
        for column, subject in enumerate(people):
            if subject in row:
                scores[number, column] = row[subject].score
    reasons = [class_photo.wait_reason(face) for face in faces]
    waits = [bool(reason) for reason in reasons]
    assignments = _live_first(near, scores, people, waits, class_photo.threshold, gallery.settings.margin)
    made = [
        _face_attendance(assignment, [row[people[column]] for column in _columns(assignment, line)], roster, reason)
        for assignment, row, line, reason in zip(assignments, near, scores, reasons, strict=True)
    ]
    return [replace(each, told_apart=left_out) for each, left_out in zip(made, apart, strict=True)]


def _live_first(
    near: Sequence[Mapping[int, Candidate]],
    scores: NDArray[np.float64],
    people: Sequence[int],
    waits: Sequence[bool],
    threshold: float,
    margin: float,
) -> list[FaceAssignment]:
    """The assignment of each face. One that waits takes no person from a face that does not: a picture that is held up
    beside the student is a second picture of the student."""
    live = [row for row, waits_here in enumerate(waits) if not waits_here]
    assigned = _assignments([near[row] for row in live], scores[live], people, threshold, margin)
    found = dict(zip(live, assigned, strict=True))
    taken = sorted({column for each in assigned if each.outcome == "assigned" for column in each.columns})
    others = []
    for row in (row for row, waits_here in enumerate(waits) if waits_here):
        nearest = int(scores[row].argmax()) if taken else -1
        if nearest in taken and scores[row, nearest] >= threshold:
            found[row] = FaceAssignment("duplicate", (nearest,))
        else:
            others.append(row)
    left = scores[others]
    left[:, taken] = -np.inf
    found |= zip(others, _assignments([near[row] for row in others], left, people, threshold, margin), strict=True)
    return [found[row] for row in range(len(near))]


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


def _face_attendance(
    assignment: FaceAssignment, near: Sequence[Candidate], roster: set[int], reason: WaitReason
) -> FaceAttendance:
    candidates = tuple(replace(candidate, rank=rank) for rank, candidate in enumerate(near, start=1))
    on_roster = any(candidate.subject in roster for candidate in candidates)
    if assignment.outcome == "assigned" and on_roster and reason:
        return FaceAttendance("waiting", candidates, reason=reason)
    if assignment.outcome == "assigned":
        return FaceAttendance("present" if on_roster else "off_roster", candidates)
    if assignment.outcome == "ambiguous":
        return FaceAttendance("ambiguous" if on_roster else "off_roster", candidates)
    return FaceAttendance("duplicate" if assignment.outcome == "duplicate" else "unknown", candidates)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a face says of a student: the status, why it waits, and whether it came late."""

    status: AttendanceStatus
    reason: WaitReason
    late: bool


def _by_photo(
    attendance_log: AttendanceLog,
    candidate: Candidate,
    numbered: tuple[int, ClassPhotoFace],
    class_photo: ClassPhoto,
    says: _Said,
    group: str,
    again: bool,
) -> EntryDraft:
    """A draft of what a face, counted from 1, shows; nothing is added to a person's statement.

    ``again``: it is also noted of a student whom another photo has shown, with the status that this student has.
    """
    gallery = attendance_log.gallery
    number, face = numbered

    def draft(current: Attendance | None, revision: int) -> Attendance | None:
        said = says.status
        if current is not None and stands_against(current, said, says.reason):
            if not again or current.source == "hand":
                return None
            said = current.status
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
            liveness=face.liveness,
        )
        return Attendance(
            candidate.subject,
            class_photo.clase,
            class_photo.fecha,
            revision,
            said,
            "photo",
            now(),
            "",
            class_photo.claim.key,
            group,
            seen,
            session=class_photo.session,
            photo_number=class_photo.number,
            face_number=number if class_photo.session else 0,
            reason=says.reason if said == "waiting" else "",
            late=says.late and said in UNSETTLED,
        )

    return draft


def stands_against(current: Attendance, status: AttendanceStatus, reason: WaitReason = "") -> bool:
    """Whether the entry that holds is not to be replaced by what a photo shows.

    A student who waits does so until a face is taken for a live person's: a face that may be someone else's changes
    nothing, and one that could not be judged gives way to a picture that is held up, so that a person learns of it.
    """
    if current.status == "withdrawn":
        return False
    if current.status == "waiting" and status in UNSETTLED:
        return not (status == "waiting" and reason == "not_live" and current.reason != reason)
    return current.source == "hand" or current.status in ATTENDED or current.status == status


def _with_entries(
    result: FaceAttendance, class_photo: ClassPhoto, written: dict[EntryKey, tuple[StoredAttendance, bool]]
) -> FaceAttendance:
    if result.status not in RECORDED:
        return result
    keys = [class_photo.key_of(candidate.subject) for candidate in result.candidates]
    current = [written[key] for key in keys if key in written]
    request = class_photo.claim.key
    recorded = any(added or (request and stored.entry.request == request) for stored, added in current)
    return replace(result, entries=tuple(stored for stored, _ in current), recorded=bool(recorded))
