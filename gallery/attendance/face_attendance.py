"""A class photo, its faces, and what attendance makes of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gallery.decision import Candidate
from gallery.documents.attendance import WAIT_REASON, EntryKey, SeenLiveness, StoredAttendance, WaitReason
from gallery.documents.request_keys import NO_CLAIM, Claim
from gallery.documents.scope import Scope
from gallery.documents.values import Student

FaceStatus = Literal["present", "waiting", "ambiguous", "off_roster", "duplicate", "unknown"]

RECORDED: frozenset[FaceStatus] = frozenset({"present", "waiting", "ambiguous"})
"""The faces of which something is recorded."""
NAMED: frozenset[FaceStatus] = frozenset({"present", "waiting", "off_roster"})
"""The faces of which it is clear whom they show."""


@dataclass(frozen=True, slots=True)
class ClassPhotoFace:
    """A face of a class photo, or someone who appears in a film.

    Attributes:
        vector: the template, float32 (d,), length 1.
        box: x1, y1, x2, y2 in pixels.
        late: whether a student who is seen for the first time by it is late, whatever the photo says.
        liveness: whether it was taken for a live person's; None where that was not asked.
    """

    vector: NDArray[np.float32]
    box: tuple[float, float, float, float]
    late: bool = False
    liveness: SeenLiveness | None = None


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
        evidence: whether students who are there already are noted, too, so that they are there whatever becomes of the
            photo that showed them first. A camera's frames are no such evidence: there are too many of them.
        live_only: whether a face that was not taken for a live person's waits for a person's decision.
    """

    clase: str
    fecha: str
    photo: str
    threshold: float
    claim: Claim = NO_CLAIM
    session: int = 0
    number: int = 0
    late: bool = False
    evidence: bool = False
    live_only: bool = False

    def wait_reason(self, face: ClassPhotoFace) -> WaitReason:
        """Why a face of the photo waits, whoever it is; empty when it does not.

        A face of which it was not asked whether it is live waits, too: no one can say that it is.
        """
        if not self.live_only:
            return ""
        return WAIT_REASON.get(face.liveness.decision if face.liveness else "not_judged", "")

    def key_of(self, subject: int) -> EntryKey:
        """What an entry of this photo about a student is about."""
        return EntryKey(subject, self.clase, self.fecha, self.session)


@dataclass(frozen=True, slots=True)
class FaceAttendance:
    """The result for one face.

    Attributes:
        status: ``present``; ``waiting`` (it may be a picture of the student that is held up: a person decides);
            ``ambiguous`` (a person decides); ``off_roster`` (a student of another class); ``duplicate`` (a second face
            of one person); ``unknown``. Only the first three are recorded.
        candidates: whom the face resembles, best first: those above the threshold, or else the best one below it.
        entries: the entries that hold for the candidates who are on the roster, whatever made them.
        recorded: whether this request added the first of these entries.
        unnamed: whether the best candidate was left out because the caller may not see that student.
        reason: why a face waits; otherwise empty.
        told_apart: whether someone was left out because a person said it of a face like this one.
    """

    status: FaceStatus
    candidates: tuple[Candidate, ...]
    entries: tuple[StoredAttendance, ...] = ()
    recorded: bool = False
    unnamed: bool = False
    reason: WaitReason = ""
    told_apart: bool = False

    @property
    def student(self) -> Student | None:
        """Who it is, or whose picture; None unless that is clear, and the caller may know it."""
        known = self.status in NAMED and not self.unnamed
        return self.candidates[0].student if known else None

    def within(self, scope: Scope) -> FaceAttendance:
        """The result for a caller who sees a part of the school: what it is stays, who it is only of that part."""
        seen = tuple(candidate for candidate in self.candidates if scope.sees(candidate.student))
        return replace(
            self,
            candidates=tuple(replace(candidate, rank=rank) for rank, candidate in enumerate(seen, start=1)),
            unnamed=self.candidates[:1] != seen[:1],
        )
