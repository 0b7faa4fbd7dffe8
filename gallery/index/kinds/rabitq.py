"""RaBitQ codes: per dimension the sign and a few bits of magnitude.

Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest
Neighbor Search", SIGMOD 2024; several bits as in Gao et al., SIGMOD 2025; FAISS's ``IndexRaBitQFastScan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss

from gallery.index.kinds.coded import CodedKind
from gallery.index.kinds.fast_scan import DEPTHS, candidates, erase_code, locate


def _make(dim: int, count: int, parameters: Mapping[str, int]) -> Any:  # noqa: ARG001 - other kinds need it
    return faiss.IndexRaBitQFastScan(dim, faiss.METRIC_INNER_PRODUCT, 32, parameters["bits"])


RABITQ = CodedKind(
    "rabitq", ({"bits": 1}, {"bits": 2}, {"bits": 4}), DEPTHS, _make, candidates, locate, erase_code, scans=True
)
