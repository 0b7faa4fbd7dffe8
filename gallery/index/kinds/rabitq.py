"""RaBitQ codes: per dimension the sign and a few bits of magnitude, compared 32 templates at a time in registers.

Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest
Neighbor Search", SIGMOD 2024; several bits as in Gao et al., SIGMOD 2025; FAISS's ``IndexRaBitQFastScan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodedKind, CodeLocation, contiguous_location


def _make(dim: int, count: int, parameters: Mapping[str, int]) -> Any:  # noqa: ARG001 - other kinds need it
    return faiss.IndexRaBitQFastScan(dim, faiss.METRIC_INNER_PRODUCT, 32, parameters["bits"])


def _candidates(codes: Any, probes: NDArray[np.float32], depth: int, least: int) -> NDArray[np.int64]:
    # Without search parameters: fast scan refuses them, selectors included.
    found: NDArray[np.int64] = codes.search(probes, depth + least)[1]
    return found


def _locate(codes: Any, row: int) -> CodeLocation:
    packer = codes.get_CodePacker()
    packed = faiss.rev_swig_ptr(codes.codes.data(), codes.codes.size())
    return contiguous_location(packed, row // packer.nvec * packer.block_size, packer.block_size)


def _erase_code(codes: Any, row: int, block: NDArray[np.uint8]) -> None:
    """Overwrite the code with zeros. The codes of a block are interleaved, so FAISS's packer does it."""
    packer = codes.get_CodePacker()
    packer.pack_1(np.zeros(packer.code_size, dtype=np.uint8), row % packer.nvec, block[None, :])


_BUILDS = ({"bits": 1}, {"bits": 2}, {"bits": 4})
RABITQ = CodedKind("rabitq", _BUILDS, (100, 200, 400, 800), _make, _candidates, _locate, _erase_code)
"""``depth`` is how many more candidates are compared exactly than are asked for."""
