"""Clusters of 8-bit codes, of which a search visits the nearest.

Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011, section IV; FAISS's
``IndexIVFScalarQuantizer``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.vectors.coded import CodedKind

_CANDIDATES = 100


def _make(dim: int, count: int, parameters: Mapping[str, int]) -> Any:
    lists = max(1, min(parameters["lists"], count // 64))
    codes = faiss.index_factory(dim, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    codes.cp.min_points_per_centroid = 1  # or FAISS prints a warning where a gallery is small
    return codes


def _candidates(codes: Any, probes: NDArray[np.float32], depth: int, least: int) -> NDArray[np.int64]:
    asked = max(_CANDIDATES, least)
    found: NDArray[np.int64] = codes.search(probes, asked, params=faiss.SearchParametersIVF(nprobe=depth))[1]
    return found


IVF = CodedKind("ivf", ({"lists": 512},), (16, 32, 64, 128, 256), _make, _candidates)
"""``depth`` is how many clusters are visited."""
