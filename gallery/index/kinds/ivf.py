"""Clusters of 8-bit codes. A search visits the clusters nearest to the probe.

Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011, section IV; FAISS's
``IndexIVFScalarQuantizer``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodedKind, CodeLocation
from gallery.index.kinds.flat import Found

_CANDIDATES = 100


def _make(dim: int, count: int, parameters: Mapping[str, int]) -> Any:
    lists = max(1, min(parameters["lists"], count // 64))
    codes = faiss.index_factory(dim, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    codes.cp.min_points_per_centroid = 1  # otherwise FAISS prints a warning for small galleries
    return codes


def _candidates(codes: Any, probes: NDArray[np.float32], depth: int, least: int) -> Found:
    asked = max(_CANDIDATES, least)
    found: Found = codes.search(probes, asked, params=faiss.SearchParametersIVF(nprobe=depth))
    return found


def _locate(codes: Any, row: int) -> CodeLocation:
    lists, size = codes.invlists, codes.code_size
    first: NDArray[np.uint8] | None = None
    before = 0
    for number in range(codes.nlist):
        length = lists.list_size(number)
        if not length:
            continue
        codes_of_list = faiss.rev_swig_ptr(lists.get_codes(number), length * size)
        first = codes_of_list if first is None else first
        places = np.flatnonzero(faiss.rev_swig_ptr(lists.get_ids(number), length) == row)
        if len(places):
            start = int(places[0]) * size
            return CodeLocation(codes_of_list[start : start + size], first, before + start)
        before += length * (size + 8)  # FAISS writes a list's codes, then its ids
    raise IndexError(f"row {row} is in no list")


def _erase_code(codes: Any, row: int, code: NDArray[np.uint8]) -> None:  # noqa: ARG001 - other kinds need it
    zero = np.zeros((1, codes.d), dtype=np.float32)
    code[:] = codes.sa_encode(zero)[0, -codes.code_size :]


IVF = CodedKind("ivf", ({"lists": 512},), (16, 32, 64, 128, 256), _make, _candidates, _locate, _erase_code)
"""``depth`` is how many clusters are visited."""
