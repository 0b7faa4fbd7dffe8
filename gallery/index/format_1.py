"""Reading generations of format 1, which Presente 0.1 published. They are never written."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.template_parts import by_subject


def read_format_1(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The arrays that format 2 has, made from ``index.faiss`` and ``subjects.npy``.

    ``index.faiss`` is an ``IndexIDMap2`` over an ``IndexFlatIP``; ``subjects.npy`` is int64 (n, 2).

    Raises:
        ValueError: the files contain anything else.
    """
    try:
        index = faiss.read_index(str(folder / "index.faiss"))
    except RuntimeError as exc:
        raise ValueError(f"FAISS cannot read it: {exc}") from exc
    subjects = np.load(folder / "subjects.npy", allow_pickle=False)
    if not isinstance(index, faiss.IndexIDMap2) or subjects.shape != (index.ntotal, 2):
        raise ValueError("it is not a flat index with a subject for every template")
    ids, owners = np.ascontiguousarray(subjects.T)
    vectors = np.asarray(index.reconstruct_batch(ids), dtype=np.float32).reshape(len(ids), index.d)
    return by_subject(ids, owners), vectors
