"""Which kinds of index there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodedIndex, CodedKind
from gallery.index.kinds.flat import FlatIndex
from gallery.index.kinds.hnsw import HNSW
from gallery.index.kinds.ivf import IVF
from gallery.index.kinds.protocol import IndexSpec, VectorIndex
from gallery.index.kinds.rabitq import RABITQ
from presente.errors import IndexDamaged

CODED: dict[str, CodedKind] = {how.kind: how for how in (RABITQ, HNSW, IVF)}
"""Every kind but ``flat``, which needs no codes."""


def load_index(spec: IndexSpec, path: Path, matrix: NDArray[np.float32]) -> VectorIndex:
    """An index that was saved at a path, over its float32 (n, d) matrix.

    Raises:
        IndexDamaged: ``index_damaged``.
    """
    if spec.kind == FlatIndex.spec.kind:
        return FlatIndex(matrix)
    how = CODED.get(spec.kind)
    if how is None or "depth" not in spec.parameters:
        raise IndexDamaged(
            "index_damaged", f"{path.parent} is of kind {spec.kind!r}, which this version does not read."
        )
    return CodedIndex.load(how, path, matrix, spec.parameters)
