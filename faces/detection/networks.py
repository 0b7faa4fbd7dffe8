"""The kinds of networks that find faces, told apart by their outputs: SCRFD and YuNet."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faces.detection.yunet import YuNet, is_yunet
from faces.image.decode import RGB
from faces.runtime.session import Session


class FaceNetwork(Protocol):
    """A network that finds faces. Safe to use from several threads."""

    def faces(self, canvas: RGB) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Faces of an RGB uint8 (h, w, 3) canvas whose sides are multiples of 32, best score first.

        Returns:
            float32 (n, 5), x1, y1, x2, y2 in pixels and the score; float32 (n, 5, 2), landmarks in pixels.
        """


def face_network(session: Session, min_score: float) -> FaceNetwork:
    """The network of a session; detections below ``min_score`` are dropped."""
    if is_yunet([port.name for port in session.get_outputs()]):
        return YuNet(session, min_score)
    from faces.detection.scrfd import LeanScrfd  # imports insightface, which is slow

    # No model_file: given one, SCRFD opens another session for every input size that it meets.
    scrfd: FaceNetwork = LeanScrfd(session=session)
    scrfd.prepare(0, det_thresh=min_score)  # type: ignore[attr-defined]  # insightface's
    return scrfd
