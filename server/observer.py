"""What the service tells of its work: how many faces photos had, and what was decided. Never whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gallery.attendance.face_attendance import FaceAttendance
from gallery.decision import Decision
from gallery.documents.attendance import LivenessDecision
from gallery.threshold.operating_point import OperatingPoint
from presente.settings.liveness import LivenessUse
from server.unknown_faces import UnknownOutcome


class Observer(Protocol):
    """Is told what came of each photo, by the thread that answers the request. It must not raise."""

    def identified(self, decisions: Sequence[Decision], point: OperatingPoint) -> None:
        """A photo was identified: one decision per face."""

    def attended(self, faces: Sequence[FaceAttendance], point: OperatingPoint) -> None:
        """A class photo was recorded: what was made of each face."""

    def verified(self, same_person: bool, score: float | None) -> None:
        """A photo was compared with one student; ``score`` None when the student has no template."""

    def judged(self, use: LivenessUse, decisions: Sequence[LivenessDecision]) -> None:
        """It was decided of the faces of a photo, or of a film, whether they are live: one decision per face."""

    def kept_unknown(self, outcome: UnknownOutcome) -> None:
        """Something became of an unknown face; told by the thread that keeps them, or one that answers a request."""

    def enrolled(self, photos: int) -> None:
        """So many photos were enrolled, one face of each."""


class _NoObserver:
    def identified(self, decisions: Sequence[Decision], point: OperatingPoint) -> None:
        pass

    def attended(self, faces: Sequence[FaceAttendance], point: OperatingPoint) -> None:
        pass

    def verified(self, same_person: bool, score: float | None) -> None:
        pass

    def judged(self, use: LivenessUse, decisions: Sequence[LivenessDecision]) -> None:
        pass

    def kept_unknown(self, outcome: UnknownOutcome) -> None:
        pass

    def enrolled(self, photos: int) -> None:
        pass


NO_OBSERVER: Observer = _NoObserver()
"""For a service that no one watches."""
