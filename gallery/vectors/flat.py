"""The exact index: FAISS ``IndexIDMap2(IndexFlatIP)``. The oracle that other kinds are held to."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from presente.errors import IndexDamaged, InvalidInput
from presente.threads import default_workers

_BATCH = 32
"""From this many probes on, a search is a matrix product that gains from every core."""


def set_threads(probes: int) -> None:
    """Give the coming FAISS call one thread, or every core for a batch.

    OpenMP's thread count belongs to the calling thread, so it is set at every search: a server's worker thread never
    inherits what another thread set. One query is bound by memory bandwidth and gains nothing from a team.
    """
    faiss.omp_set_num_threads(1 if probes < _BATCH else default_workers())


def checked(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """The vectors as contiguous float32 (n, dim).

    Raises:
        InvalidInput: ``dimension_mismatch`` naming both numbers, or ``not_finite``.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise InvalidInput(
            "dimension_mismatch",
            f"The index has {dim} dimensions, the vectors have {rows.shape[-1] if rows.ndim else 0}.",
            "Use the model pack that the gallery was made with.",
        )
    if not np.isfinite(rows).all():
        raise InvalidInput("not_finite", "A vector holds NaN or infinity.", "Send finite numbers.")
    return rows


class FlatIndex:
    """A :class:`gallery.vectors.model.VectorIndex` that compares a probe with every vector."""

    kind = "flat"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    @classmethod
    def load(cls, path: Path, dim: int) -> FlatIndex:
        """Read a saved index.

        Raises:
            IndexDamaged: ``index_damaged`` when FAISS cannot read it or it is not of this kind and dimension.
        """
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as exc:
            raise IndexDamaged("index_damaged", f"FAISS cannot read {path} ({exc}).") from exc
        if not isinstance(index, faiss.IndexIDMap2) or index.d != dim:
            raise IndexDamaged("index_damaged", f"{path} is not a flat index of {dim} dimensions.")
        loaded = cls(dim)
        loaded._index = index
        return loaded

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def ids(self) -> NDArray[np.int64]:
        return np.array(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self._index.add_with_ids(checked(vectors, self.dim), np.ascontiguousarray(ids, dtype=np.int64))

    def remove(self, ids: NDArray[np.int64]) -> int:
        return int(self._index.remove_ids(faiss.IDSelectorBatch(np.ascontiguousarray(ids, dtype=np.int64))))

    def search(
        self,
        probes: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = checked(probes, self.dim)
        found = min(k, len(self))
        scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
        ids = np.full((len(rows), k), -1, dtype=np.int64)
        if not found or not len(rows):
            return scores, ids
        parameters = faiss.SearchParameters()
        if allowed is not None:
            # Bound to names until the search returns: FAISS keeps raw pointers to both.
            wanted = np.zeros(int(np.max(allowed, initial=0)) + 1, dtype=bool)
            wanted[allowed] = True
            bitmap = np.packbits(wanted, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(bitmap), faiss.swig_ptr(bitmap))
            parameters.sel = selector
        set_threads(len(rows))
        scores[:, :found], ids[:, :found] = self._index.search(rows, found, params=parameters)
        scores[ids < 0] = -np.inf
        return scores, ids

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(self._index.reconstruct_batch(np.ascontiguousarray(ids, dtype=np.int64)), dtype=np.float32)

    def save(self, path: Path) -> None:
        # Not faiss.write_index: it does not say so when the disk is full.
        with path.open("wb") as stream:
            stream.write(faiss.serialize_index(self._index).tobytes())
