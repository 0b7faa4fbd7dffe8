"""Aligned crops to templates: unit rows. The network is insightface's ArcFaceONNX on a session of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces.image import RGB
from faces.runtime import Session
from presente.errors import PackError


def unit_rows(matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows scaled to length 1, as float32 (n, d).

    Raises:
        ValueError: a row is zero or not finite, which no face gives.
    """
    rows = np.asarray(matrix, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ValueError("a template is zero or not finite")
    return np.asarray(rows / lengths, dtype=np.float32)


class Recogniser:
    """ArcFace on a session that the caller configured. Safe to use from several threads.

    With ``flip`` a template is that of the crop and of its mirror image together: the direction of their sum.
    """

    def __init__(self, session: Session, model_file: Path, flip: bool = False) -> None:
        from insightface.model_zoo.arcface_onnx import ArcFaceONNX

        # insightface reads the graph to see whether (x - 127.5) / 127.5 is inside it already.
        self.flip = flip
        self._arcface = ArcFaceONNX(model_file=str(model_file), session=session)
        if tuple(self._arcface.input_size) != (112, 112):
            raise PackError(
                "unsuitable_model",
                f"{model_file} takes {self._arcface.input_size}, not 112x112 crops.",
                "Use an ArcFace model.",
            )

    @property
    def dim(self) -> int:
        """Length d of a template."""
        last = self._arcface.output_shape[-1]
        return int(last) if isinstance(last, int) else int(self.embed([np.zeros((112, 112, 3), np.uint8)]).shape[1])

    def embed(self, crops: Sequence[RGB]) -> NDArray[np.float32]:
        """Templates of n aligned RGB uint8 (112, 112, 3) crops: float32 (n, d), rows of length 1."""
        if not crops:
            return np.empty((0, self.dim), dtype=np.float32)
        return unit_rows(self.features(crops))

    def features(self, crops: Sequence[RGB]) -> NDArray[np.float32]:
        """What the network gives for one or more crops, of whatever length: float32 (n, d)."""
        bgr = [np.ascontiguousarray(crop[:, :, ::-1]) for crop in crops]  # insightface swaps them back to RGB
        if not self.flip:
            return np.asarray(self._arcface.get_feat(bgr), dtype=np.float32)
        both = self._arcface.get_feat(bgr + [np.ascontiguousarray(crop[:, ::-1]) for crop in bgr])
        return np.asarray(both[: len(crops)] + both[len(crops) :], dtype=np.float32)
