"""What earlier photos and statements of a session mean for the faces of another photo of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, now
from gallery.attendance.face_attendance import RECORDED, ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.decision import Candidate
from gallery.documents.attendance import Attendance, EntryKey, StoredAttendance
from gallery.documents.attendance_rules import ATTENDED, latest
from gallery.documents.session_rules import standing

_SAY_NO_NAME = frozenset({"withdrawn", "rejected"})
"""What a person says of a face that is not the student's."""


@dataclass(frozen=True, slots=True)
class RefutedFace:
    """A face of which a person said that it is not the student's.

    Attributes:
        vector: its template, float32 (d,).
        pictured: whether it may be a picture of the student, as no person named somebody else for it. Then the
            student's own face is as much like it.
    """

    vector: NDArray[np.float32]
    pictured: bool


def refuted_faces(entries: Sequence[StoredAttendance], pack: str) -> dict[int, list[RefutedFace]]:
    """By subject id, the faces of a session that waited, and of which a person said that they are not that student.

    Faces that did not wait became negative examples (:mod:`gallery.attendance.corrections`). Templates of another pack
    than ``pack`` cannot be compared, and are left out."""
    of_each = _by_subject(entries)
    held = {subject: standing(about) for subject, about in of_each.items()}
    by_hand = [each for stand in held.values() for each in stand if each.entry.source == "hand"]
    named = {place_of(each) for each in by_hand if each.entry.status not in _SAY_NO_NAME}
    refuted: dict[int, list[RefutedFace]] = {}
    for subject, about in of_each.items():
        places = _ruled_out(held[subject])
        if found := [
            RefutedFace(face.vector, place_of(each) not in named)
            for each in about
            if place_of(each) in places
            and each.entry.status == "waiting"
            and (face := each.entry.face) is not None
            and face.pack == pack
        ]:
            refuted[subject] = found
    return refuted


def judged_faces(
    entries: Sequence[StoredAttendance], place: tuple[int, int]
) -> Iterator[tuple[StoredAttendance, bool]]:
    """The entries that a face of a session's photo made, one per student whom it was taken for, and whether a person
    said that the face is not that student, which was not taken back.

    Args:
        entries: all of the session.
        place: the photo and the face.
    """
    for about in _by_subject(entries).values():
        made = next((each for each in about if place_of(each) == place and each.entry.face is not None), None)
        if made is not None:
            yield made, place in _ruled_out(standing(about))


def _by_subject(entries: Sequence[StoredAttendance]) -> dict[int, list[StoredAttendance]]:
    """The entries of each student who was not erased, by subject id."""
    of_each: dict[int, list[StoredAttendance]] = {}
    for stored in entries:
        if stored.entry.subject is not None:
            of_each.setdefault(stored.entry.subject, []).append(stored)
    return of_each


def seen_in(entries: Sequence[StoredAttendance], photo: int) -> frozenset[int]:
    """The subject ids of the students of whom a photo of a session says something that was not taken back."""
    return frozenset(
        stored.entry.subject
        for stored in standing(entries)
        if stored.entry.subject is not None and (stored.entry.photo_number, stored.entry.source) == (photo, "photo")
    )


def shown_elsewhere(held: Sequence[StoredAttendance], refuted: StoredAttendance) -> StoredAttendance | None:
    """What another photo says of a student of whom one face was ruled out; None when nothing does.

    Args:
        held: what stands of the student in the session, in order of revision.
        refuted: the statement that the face made. A face that is more like it than like the student says nothing.
    """
    wrong = refuted.entry.face
    ruled_out = _ruled_out(held) | {place_of(refuted)}
    for stored in reversed(held):
        face = stored.entry.face
        if stored.entry.status not in ATTENDED or face is None or place_of(stored) in ruled_out:
            continue
        if wrong is None or wrong.pack != face.pack:
            continue
        if float(face.vector @ wrong.vector) < face.score:
            return stored
    return None


def _ruled_out(held: Sequence[StoredAttendance]) -> set[tuple[int, int]]:
    """The photos and faces of which a person said that they are not the student, of what stands of the student."""
    return {place_of(each) for each in held if each.entry.status == "withdrawn" and each.entry.source == "hand"}


def place_of(stored: StoredAttendance) -> tuple[int, int]:
    """The photo and the face that an entry is about."""
    return stored.entry.photo_number, stored.entry.face_number


def as_people_said(
    result: FaceAttendance, face: ClassPhotoFace, refuted: Mapping[int, Sequence[RefutedFace]]
) -> FaceAttendance:
    """The result without the students whom a person ruled out for a face that this one is more like.

    A camera that keeps running sees a stranger again a moment later, and would take them for the same student; or sees
    again the picture of a student that is held up. A picture rules out pictures alone, and not the student who comes.
    """
    if result.status not in RECORDED:
        return result

    def is_ruled_out(candidate: Candidate) -> bool:
        return any(
            float(face.vector @ other.vector) >= candidate.score
            for other in refuted.get(candidate.subject, ())
            if result.reason == "not_live" or not other.pictured
        )

    left = tuple(candidate for candidate in result.candidates if not is_ruled_out(candidate))
    if len(left) == len(result.candidates):
        return result
    return replace(result, candidates=left) if left else replace(result, status="unknown", reason="")


def settled_by_better_faces(
    attendance_log: AttendanceLog,
    entries: Sequence[StoredAttendance],
    clear: Sequence[tuple[NDArray[np.float32], int]],
    class_photo: ClassPhoto,
) -> dict[EntryKey, EntryDraft]:
    """Drafts that end the waiting of students whom an ambiguous face of an earlier photo does not show after all.

    Such a face could be one of several students. When one of them is clear in this photo, and the earlier face is more
    like this face (by the margin) than like another of them, then it was not the other.

    Args:
        attendance_log: the log.
        entries: those of the session.
        clear: template and subject id of each face of this photo that is clear.
        class_photo: the photo.
    """
    together: dict[str, set[int | None]] = {}
    for stored in entries:
        if stored.entry.face_group:
            together.setdefault(stored.entry.face_group, set()).add(stored.entry.subject)
    drafts: dict[EntryKey, EntryDraft] = {}
    for stored in latest(entries):
        waiting, seen = stored.entry, stored.entry.face
        if (
            waiting.status != "ambiguous"
            or seen is None
            or seen.pack != attendance_log.gallery.pack
            or waiting.photo_number == class_photo.number
        ):
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
