"""A network for tests that finds drawn faces, with the limits of real ones: looks can be tested without weights.

A drawn face is a square in four bands of grey. As a real network it sees no face that is smaller than 12 pixels or
larger than 350. It sees lying faces with a lower score, and those upside down as if they were upright.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2

LEAST, MOST = 12, 350
BANDS = (250, 230, 210, 190)
"""Grey levels of a face from its top to its chin."""

_POINTS = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])


def draw(photo: RGB, left: int, top: int, side: int, turns: int = 0) -> None:
    """Draw a face, turned by clockwise quarter turns."""
    rows = np.array([BANDS[min(3, 4 * row // side)] for row in range(side)], dtype=np.uint8)
    face = np.repeat(np.repeat(rows[:, None], side, axis=1)[:, :, None], 3, axis=2)
    photo[top : top + side, left : left + side] = np.rot90(face, -turns)


class DrawnFaceNetwork:
    """Finds drawn faces; ``seen`` has the size of every canvas that it was given."""

    def __init__(self, clear: int = 0, upright_only: int = 0, everywhere: float = 0.0) -> None:
        """A network with weak sides.

        Args:
            clear: pixels below which an upright face looks upside down, and the reverse.
            upright_only: pixels below which only upright faces are seen.
            everywhere: the score of a face that it sees in every canvas; 0: it does not.
        """
        self.seen: list[tuple[int, int]] = []
        self._clear = clear
        self._upright_only = upright_only
        self._everywhere = everywhere

    def faces(self, canvas: RGB) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See :meth:`faces.detection.networks.FaceNetwork.faces`."""
        self.seen.append((canvas.shape[0], canvas.shape[1]))
        grey = canvas[:, :, 0]
        count, _, stats, _ = cv2.connectedComponentsWithStats((grey > 170).astype(np.uint8))
        boxes, landmarks = [], []
        if self._everywhere:
            boxes.append([20, 20, 50, 50, self._everywhere])
            landmarks.append(_POINTS * 30 + 20)
        for left, top, width, height, _ in stats[1:count]:
            if not min(width, height) >= LEAST or max(width, height) > MOST:
                continue
            part = grey[top : top + height, left : left + width].astype(float)
            rows, columns = (np.arange(size // 8, size // 8 + max(1, size // 8)) for size in part.shape)
            ends = [part[rows], part[:, -1 - columns], part[-1 - rows], part[:, columns]]
            turns = int(np.argmax([end.mean() for end in ends]))  # the forehead is the brightest
            if min(width, height) < self._clear and turns % 2 == 0:
                turns = 2 - turns
            if turns and min(width, height) < self._upright_only:
                continue
            x, y = _POINTS.T
            points = {1: np.stack([1 - y, x], axis=1), 3: np.stack([y, 1 - x], axis=1)}.get(turns, _POINTS)
            score = (0.9, 0.6, 0.65, 0.6)[turns]
            boxes.append([left, top, left + width, top + height, score])
            landmarks.append(points * [width, height] + [left, top])
        found = np.array(boxes, dtype=np.float32).reshape(-1, 5)
        order = np.argsort(-found[:, 4], kind="stable")
        return found[order], np.array(landmarks, dtype=np.float32).reshape(-1, 5, 2)[order]
