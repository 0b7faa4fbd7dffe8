"""Product quantization: a few neighbouring dimensions together are one of sixteen trained values, four bits.

Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 2011; FAISS's ``IndexPQFastScan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss

from gallery.index.kinds.coded import CodedKind
from gallery.index.kinds.fast_scan import DEPTHS, candidates, erase_code, locate

_CODE_BITS = 4
"""The only size of a code that fast scan compares."""


def _make(dim: int, count: int, parameters: Mapping[str, int]) -> Any:  # noqa: ARG001 - other kinds need it
    codes = faiss.IndexPQFastScan(dim, _parts(dim, parameters["bits"]), _CODE_BITS, faiss.METRIC_INNER_PRODUCT)
    codes.pq.cp.min_points_per_centroid = 1  # otherwise FAISS prints a warning for small galleries
    return codes


def _parts(dim: int, bits: int) -> int:
    """How many codes a vector has: the least number that divides the dimensions evenly and gives each so many bits."""
    return next(parts for parts in range(1, dim + 1) if dim % parts == 0 and parts * _CODE_BITS >= bits * dim)


PQ = CodedKind("pq", ({"bits": 1}, {"bits": 2}, {"bits": 4}), DEPTHS, _make, candidates, locate, erase_code, scans=True)
"""``bits`` are those per dimension."""
