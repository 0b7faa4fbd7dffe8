"""Which students a group of unknown faces resembles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gallery.decision import Candidate
from gallery.gallery import Gallery
from gallery.unknowns.keeper import MOST_FACES


def students_like(gallery: Gallery, group: int, k: int) -> list[Candidate]:
    """The ``k`` students whom the faces of a group resemble most, all faces together, best first.

    Scores are those of the faces' mean, and so are greater than those of most of the faces; one above the threshold
    says that the model may have missed a student face by face. ``gallery`` may be a part of the school.

    Raises:
        InvalidInput: ``invalid_k``.
        StoreError: of the store.
    """
    faces = gallery.whole.store.unknowns.faces(group, 0, 2 * MOST_FACES)
    vectors = [each.face.vector for each in faces if each.face.pack == gallery.pack]
    return gallery.search(_mean(vectors), k)[0] if vectors else []


def _mean(vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    total = np.sum(vectors, axis=0)
    return np.asarray(total[None, :] / np.linalg.norm(total), dtype=np.float32)
