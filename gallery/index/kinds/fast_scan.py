"""FAISS's fast scan: codes of four bits are compared 32 templates at a time in registers. What its kinds share.

André, Kermarrec and Le Scouarnec, "Cache locality is not enough: high-performance nearest neighbor search with product
quantization fast scan", VLDB 2015.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodeLocation, contiguous_location
from gallery.index.kinds.flat import Found

DEPTHS = (100, 200, 400, 800)
"""How many more candidates are compared exactly than are asked for."""


def candidates(codes: Any, probes: NDArray[np.float32], depth: int, least: int) -> Found:
    """As :attr:`CodedKind.candidates`."""
    # Without search parameters: fast scan refuses them, selectors included.
    found: Found = codes.search(probes, depth + least)
    return found


def locate(codes: Any, row: int) -> CodeLocation:
    """As :attr:`CodedKind.locate`: the block of 32 codes."""
    packer = codes.get_CodePacker()
    packed = faiss.rev_swig_ptr(codes.codes.data(), codes.codes.size())
    return contiguous_location(packed, row // packer.nvec * packer.block_size, packer.block_size)


def erase_code(codes: Any, row: int, block: NDArray[np.uint8]) -> None:
    """As :attr:`CodedKind.erase_code`, with zeros. The codes of a block are interleaved, so FAISS's packer does it."""
    packer = codes.get_CodePacker()
    packer.pack_1(np.zeros(packer.code_size, dtype=np.uint8), row % packer.nvec, block[None, :])
