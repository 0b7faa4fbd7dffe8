"""What earlier photos and statements of a session mean for the faces of another photo of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, now
from gallery.attendance.corrections import may_be_picture
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.documents.attendance import Attendance, EntryKey, StoredAttendance
from gallery.documents.attendance_rules import ATTENDED, latest
from gallery.documents.session_rules import standing


@dataclass(frozen=True, slots=True)
class JudgedFace:
    """A face of a session that was taken for a student, and what people say of it now.

    Attributes:
        made: the first entry about the student that the face made.
        refuted: whether a person said that the face is not the student's, and that was not taken back.
        pictured: whether it may be a picture of the student. Then the student's own face is as much like it, also
            where a person named who held it up.
    """

    made: StoredAttendance
    refuted: bool
    pictured: bool

    @property
    def is_other(self) -> bool:
        """Whether it is the face of somebody else."""
        return self.refuted and not self.pictured


def judged_faces(entries: Sequence[StoredAttendance]) -> list[JudgedFace]:
    """The faces of a session, each with each student whom it was taken for.

    Args:
        entries: all of the session.
    """
    of_each: dict[int, list[StoredAttendance]] = {}
    for stored in entries:
        if stored.entry.subject is not None:
            of_each.setdefault(stored.entry.subject, []).append(stored)
    held = {subject: standing(about) for subject, about in of_each.items()}
    judged = []
    for subject, about in of_each.items():
        made: dict[tuple[int, int], StoredAttendance] = {}
        for each in about:
            if each.entry.face is not None:
                made.setdefault(place_of(each), each)
        refuted = _ruled_out(held[subject])
        judged += [JudgedFace(each, place in refuted, may_be_picture(each.entry)) for place, each in made.items()]
    return judged


def refuted_pictures(entries: Sequence[StoredAttendance], pack: str) -> dict[int, list[NDArray[np.float32]]]:
    """By subject id, the templates of pictures of a session that a person said to be no one who is there.

    Templates of another pack than ``pack`` cannot be compared, and are left out."""
    found: dict[int, list[NDArray[np.float32]]] = {}
    for each in judged_faces(entries):
        entry, face = each.made.entry, each.made.entry.face
        if each.refuted and each.pictured and entry.subject is not None and face is not None and face.pack == pack:
            found.setdefault(entry.subject, []).append(face.vector)
    return found


def without_refuted_pictures(
    result: FaceAttendance, face: ClassPhotoFace, refuted: Mapping[int, Sequence[NDArray[np.float32]]]
) -> FaceAttendance:
    """The result without the students of whom a picture was held up that this face is more like, if it may be one.

    A camera that keeps running sees the picture again a moment later. It rules out pictures alone, and not the student
    who comes.
    """
    if result.reason != "not_live":
        return result
    left = tuple(
        candidate
        for candidate in result.candidates
        if not any(float(face.vector @ vector) >= candidate.score for vector in refuted.get(candidate.subject, ()))
    )
    if len(left) == len(result.candidates):
        return result
    return replace(result, candidates=left) if left else replace(result, status="unknown", reason="")


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
    """The photos and faces of which a person said last that they are not the student, of what stands of the student in
    order of revision."""
    said = {place_of(each): each.entry.status for each in held if each.entry.source == "hand"}
    return {place for place, status in said.items() if status == "withdrawn"}


def place_of(stored: StoredAttendance) -> tuple[int, int]:
    """The photo and the face that an entry is about."""
    return stored.entry.photo_number, stored.entry.face_number


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
