"""RaBitQ codes: each vector rotated to its quadrant and a few bits of magnitude, compared 32 at a time in registers.

Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest
Neighbor Search", SIGMOD 2024; several bits as in Gao et al., SIGMOD 2025; FAISS's ``IndexRaBitQFastScan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodedKind, CodeLocation, flat_place


def _make(dim: int, count: int, parameters: Mapping[str, int]) -> Any:  # noqa: ARG001 - other kinds need it
    return faiss.IndexRaBitQFastScan(dim, faiss.METRIC_INNER_PRODUCT, 32, parameters["bits"])


def _candidates(codes: Any, probes: NDArray[np.float32], depth: int, least: int) -> NDArray[np.int64]:
    # No search parameters: fast scan refuses them, a selector among them.
    found: NDArray[np.int64] = codes.search(probes, max(depth, least))[1]
    return found


def _place(codes: Any, row: int) -> CodeLocation:
    packer = codes.get_CodePacker()
    packed = faiss.rev_swig_ptr(codes.codes.data(), codes.codes.size())
    return flat_place(packed, row // packer.nvec * packer.block_size, packer.block_size)


def _strike(codes: Any, row: int, block: NDArray[np.uint8]) -> None:
    """The codes of a block's rows are interleaved: only FAISS knows which bits are whose."""
    packer = codes.get_CodePacker()
    packer.pack_1(np.zeros(packer.code_size, dtype=np.uint8), row % packer.nvec, block[None, :])


_BUILDS = ({"bits": 1}, {"bits": 2}, {"bits": 4})
RABITQ = CodedKind("rabitq", _BUILDS, (100, 200, 400, 800), _make, _candidates, _place, _strike)
"""``depth`` is how many candidates are compared exactly."""
