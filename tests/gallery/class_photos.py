"""Made-up faces of class photos."""

import numpy as np

from gallery.attendance.face_attendance import ClassPhotoFace
from gallery.documents.attendance import LivenessDecision, SeenLiveness
from tests.conftest import DIM

THRESHOLD = 0.42


def face(*cosines: float) -> ClassPhotoFace:
    """A face with these cosines with Ana, Eva and Luz."""
    vector = np.zeros(DIM, np.float32)
    vector[: len(cosines)] = cosines
    vector[DIM - 1] = np.sqrt(1 - np.sum(np.square(cosines)))
    return ClassPhotoFace(vector, (0.0, 0.0, 10.0, 10.0))


def judged(decision: LivenessDecision, *cosines: float, late: bool = False) -> ClassPhotoFace:
    """The same of which it was decided whether it is live."""
    score = {"live": 0.9, "attack": 0.1, "not_judged": None}[decision]
    made = face(*cosines)
    return ClassPhotoFace(made.vector, made.box, late, SeenLiveness(score, decision, "lives@1"))
