"""Generations of format 1, which Presente 0.1 published before its indexes had kinds; read, never written."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.template_parts import by_subject


def read_first_format(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The arrays of format 2 from ``index.faiss``, an ``IndexIDMap2`` over an ``IndexFlatIP``, and ``subjects.npy``,
    int64 (n, 2); ``ValueError`` when they are anything else."""
    try:
        index = faiss.read_index(str(folder / "index.faiss"))
    except RuntimeError as exc:
        raise ValueError(f"FAISS cannot read it: {exc}") from exc
    subjects = np.load(folder / "subjects.npy", allow_pickle=False)
    if not isinstance(index, faiss.IndexIDMap2) or subjects.shape != (index.ntotal, 2):
        raise ValueError("it is not a flat index with a subject for every template")
    ids, whose = np.ascontiguousarray(subjects.T)
    vectors = np.asarray(index.reconstruct_batch(ids), dtype=np.float32).reshape(len(ids), index.d)
    return by_subject(ids, whose), vectors
