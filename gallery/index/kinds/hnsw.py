"""A navigable graph over 8-bit codes.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
graphs", TPAMI 2020; FAISS's ``IndexHNSWSQ``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodedKind, CodeLocation, contiguous_location
from gallery.index.kinds.flat import Found


def _make(dim: int, count: int, parameters: Mapping[str, int]) -> Any:  # noqa: ARG001 - other kinds need it
    codes = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, parameters["links"], faiss.METRIC_INNER_PRODUCT)
    codes.hnsw.efConstruction = 4 * parameters["links"]
    return codes


def _candidates(codes: Any, probes: NDArray[np.float32], depth: int, least: int) -> Found:
    asked = depth + least
    found: Found = codes.search(probes, asked, params=faiss.SearchParametersHNSW(efSearch=asked))
    return found


def _locate(codes: Any, row: int) -> CodeLocation:
    stored = faiss.downcast_index(codes.storage)
    flat = faiss.rev_swig_ptr(stored.codes.data(), stored.codes.size())
    return contiguous_location(flat, row * stored.code_size, stored.code_size)


def _erase_code(codes: Any, row: int, code: NDArray[np.uint8]) -> None:  # noqa: ARG001 - other kinds need it
    """Overwrite the code with that of a zero vector. What remains is a node of the graph that is near no probe."""
    stored = faiss.downcast_index(codes.storage)
    code[:] = stored.sa_encode(np.zeros((1, codes.d), dtype=np.float32))[0]


_DEPTHS = (64, 128, 256, 512, 1024)
HNSW = CodedKind("hnsw", ({"links": 32}, {"links": 64}), _DEPTHS, _make, _candidates, _locate, _erase_code)
"""``depth`` is how many more nodes a search keeps (efSearch) than templates are asked for."""
