"""YuNet of OpenCV's model zoo (Wu, Peng, Yu: YuNet, a tiny millisecond-level face detector, 2023). Its licence is MIT.

Its twelve outputs, four per stride, have one row per cell of the stride's grid: two scores, a box, five landmarks. They
are decoded as OpenCV's ``FaceDetectorYN`` does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2
from faces.runtime.session import Session

_STRIDES = (8, 16, 32)
_KINDS = ("cls", "obj", "bbox", "kps")
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES for kind in _KINDS]

_OVERLAP = 0.3
"""Of two boxes whose intersection is more than this part of their union, the better one stays, as in OpenCV."""

_MOST = 5000
"""Candidates, as in OpenCV."""

LEAST_SCORE = 0.6
"""Below this score YuNet's detections do not count, whatever the settings say: its scores are higher than SCRFD's.
OpenCV's own default is 0.9."""


def is_yunet(outputs: Sequence[str]) -> bool:
    """Whether a network with outputs of these names is a YuNet."""
    return set(_OUTPUTS) <= set(outputs)


class YuNet:
    """YuNet on a session. A session of any size gets the canvas as it is; one of a fixed size (the published file says
    640 x 640) gets it on black of that size, scaled down when it is larger."""

    def __init__(self, session: Session, min_score: float) -> None:
        self._session = session
        port = session.get_inputs()[0]
        self._input = port.name
        height, width = port.shape[2:4]
        self._fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        self._min_score = max(min_score, LEAST_SCORE)

    def faces(self, canvas: RGB) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Faces of an RGB uint8 (h, w, 3) canvas whose sides are multiples of 32, best score first.

        Returns:
            float32 (n, 5), x1, y1, x2, y2 in pixels and the score; float32 (n, 5, 2), landmarks in pixels.
        """
        given, scale = (canvas, 1.0) if self._fixed is None else _fitted(canvas, *self._fixed)
        blob = np.ascontiguousarray(given[None, :, :, ::-1].transpose(0, 3, 1, 2), dtype=np.float32)  # BGR, 0 to 255
        outputs = self._session.run(_OUTPUTS, {self._input: blob})
        levels = [
            self._level(stride, given.shape[1] // stride, outputs[start : start + len(_KINDS)])
            for stride, start in zip(_STRIDES, range(0, len(_OUTPUTS), len(_KINDS)), strict=True)
        ]
        boxes = np.concatenate([boxes for boxes, _ in levels])
        landmarks = np.concatenate([landmarks for _, landmarks in levels])
        kept = _without_doubles(boxes)
        boxes[:, :4] /= scale
        return boxes[kept], (landmarks[kept] / scale).astype(np.float32)

    def _level(
        self, stride: int, columns: int, outputs: Sequence[NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The faces of one stride: float32 (n, 5) and (n, 5, 2)."""
        classes, objects = (output.reshape(-1).clip(0, 1) for output in outputs[:2])
        scores = np.sqrt(classes * objects)
        passed = np.flatnonzero(scores >= self._min_score)
        cells = np.stack([passed % columns, passed // columns], axis=-1).astype(np.float32)
        box = outputs[2].reshape(-1, 4)[passed]
        centres, sides = (cells + box[:, :2]) * stride, np.exp(box[:, 2:]) * stride
        corners = np.hstack([centres - sides / 2, centres + sides / 2, scores[passed, None]])
        points = (outputs[3].reshape(-1, 5, 2)[passed] + cells[:, None]) * stride
        return corners.astype(np.float32), points.astype(np.float32)


def _fitted(canvas: RGB, height: int, width: int) -> tuple[RGB, float]:
    """The canvas on black of a fixed size, scaled down when it is larger, and its scale."""
    scale = min(1.0, height / canvas.shape[0], width / canvas.shape[1])
    size = (max(1, round(canvas.shape[1] * scale)), max(1, round(canvas.shape[0] * scale)))
    scaled = canvas if scale == 1 else cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    painted = np.zeros((height, width, 3), dtype=np.uint8)
    painted[: size[1], : size[0]] = scaled
    return painted, scale


def _without_doubles(boxes: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indexes of the boxes (n, 5) that stay, best score first."""
    order = np.argsort(-boxes[:, 4], kind="stable")[:_MOST]
    low, high = boxes[order, :2].astype(np.float64), boxes[order, 2:4].astype(np.float64)
    areas = (high - low).prod(axis=1)
    kept: list[int] = []
    alive = np.ones(len(order), dtype=bool)
    for place in range(len(order)):
        if not alive[place]:
            continue
        kept.append(place)
        common = np.maximum(0, np.minimum(high[place], high) - np.maximum(low[place], low)).prod(axis=1)
        alive &= common <= _OVERLAP * (areas[place] + areas - common)
    return order[kept]
