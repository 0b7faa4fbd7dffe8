"""Crops to templates. insightface's ArcFaceONNX runs an ArcFace; any other network is run as its pack declares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces.alignment import SIZE
from faces.image.decode import RGB
from faces.packs.model_pack import Preprocessing
from faces.runtime.session import Session
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
    """An embedder on a session that the caller configured. Safe to use from several threads.

    With ``flip`` a template is the direction of the sum of the vectors of the crop and of its mirror image.
    """

    def __init__(
        self, session: Session, model_file: Path, flip: bool = False, preprocessing: Preprocessing | None = None
    ) -> None:
        from insightface.model_zoo.arcface_onnx import ArcFaceONNX

        self.flip = flip
        self.preprocessing = preprocessing
        if preprocessing is not None:
            self._network: _Declared | ArcFaceONNX = _Declared(session, preprocessing)
        else:  # insightface reads the graph to see whether (x - 127.5) / 127.5 is inside it already
            self._network = ArcFaceONNX(model_file=str(model_file), session=session)
        self._side = SIZE if preprocessing is None else preprocessing.size
        if tuple(self._network.input_size) != (self._side, self._side):
            raise PackError(
                "unsuitable_model",
                f"{model_file} takes {self._network.input_size}, not {self._side}x{self._side} crops.",
                "Use an ArcFace model, or declare another's input in pack.json.",
            )

    @property
    def dim(self) -> int:
        """Length d of a template."""
        last = self._network.output_shape[-1]
        blank = np.zeros((self._side, self._side, 3), np.uint8)
        return int(last) if isinstance(last, int) else int(self.embed([blank]).shape[1])

    def embed(self, crops: Sequence[RGB]) -> NDArray[np.float32]:
        """Templates of n crops, cut by :meth:`faces.reading.PhotoReader.cut`: float32 (n, d), rows of length 1."""
        if not crops:
            return np.empty((0, self.dim), dtype=np.float32)
        return unit_rows(self.features(crops))

    def features(self, crops: Sequence[RGB]) -> NDArray[np.float32]:
        """Vectors of one or more crops as the network gives them, of any length: float32 (n, d)."""
        bgr = [np.ascontiguousarray(crop[:, :, ::-1]) for crop in crops]  # insightface swaps them back to RGB
        if not self.flip:
            return np.asarray(self._network.get_feat(bgr), dtype=np.float32)
        both = self._network.get_feat(bgr + [np.ascontiguousarray(crop[:, ::-1]) for crop in bgr])
        return np.asarray(both[: len(crops)] + both[len(crops) :], dtype=np.float32)


class _Declared:
    """A network whose pack declares its input, with the attributes that :class:`Recogniser` reads of ArcFaceONNX."""

    def __init__(self, session: Session, preprocessing: Preprocessing) -> None:
        self._session, self._preprocessing = session, preprocessing
        self._input = session.get_inputs()[0].name
        shape = session.get_inputs()[0].shape
        self.input_size = tuple(shape[2:][::-1])
        self._at_once = shape[0] if isinstance(shape[0], int) else None
        """Crops that the network takes at once, when it takes only so many. Zeros stand in for missing ones."""

        self.output_shape = session.get_outputs()[0].shape

    def get_feat(self, bgr: Sequence[RGB]) -> NDArray[np.float32]:
        """The network's output, float32 (n, d), for BGR uint8 crops."""
        wanted = self._preprocessing
        pixels = np.stack(bgr)[..., :: -1 if wanted.colours == "rgb" else 1].transpose(0, 3, 1, 2)
        given = (pixels.astype(np.float32) - np.float32(wanted.mean)) / np.float32(wanted.scale)
        step = self._at_once or len(given)
        missing = np.zeros((-len(given) % step, *given.shape[1:]), np.float32)
        given = np.concatenate([given, missing]) if len(missing) else given
        rows = [
            self._session.run(None, {self._input: np.ascontiguousarray(given[start : start + step])})[0]
            for start in range(0, len(given), step)
        ]
        return np.concatenate(rows)[: len(bgr)].astype(np.float32, copy=False)
