"""All kinds of index, by name, and loading an index of any kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodedIndex, CodedKind
from gallery.index.kinds.flat import FlatIndex
from gallery.index.kinds.hnsw import HNSW
from gallery.index.kinds.ivf import IVF
from gallery.index.kinds.pq import PQ
from gallery.index.kinds.protocol import IndexSpec, VectorIndex
from gallery.index.kinds.rabitq import RABITQ
from presente.errors import IndexDamaged

CODED: dict[str, CodedKind] = {kind.kind: kind for kind in (PQ, RABITQ, HNSW, IVF)}
"""Every kind except ``flat``, which needs no codes."""


def load_index(spec: IndexSpec, path: Path, matrix: NDArray[np.float32]) -> VectorIndex:
    """Load the index that was saved at a path, over its float32 (n, d) matrix.

    Raises:
        IndexDamaged: ``index_damaged``.
    """
    if spec.kind == FlatIndex.spec.kind:
        return FlatIndex(matrix)
    kind = CODED.get(spec.kind)
    if kind is None or "depth" not in spec.parameters:
        raise IndexDamaged(
            "index_damaged", f"{path.parent} is of kind {spec.kind!r}, which this version does not read."
        )
    return CodedIndex.load(kind, path, matrix, spec.parameters)
