"""Exact search. Other kinds are measured against it, and use it to score the candidates that they find."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.protocol import IndexSpec
from presente.errors import InvalidInput
from presente.parallel import default_workers

BATCH = 32
"""From this many probes on, a search is a matrix product that runs on every core."""

faiss.cvar.distance_compute_blas_threshold = 16_384
"""Probes times dimensions from which FAISS uses a matrix product: 32 probes of 512 dimensions. With FAISS's default of
128,000, up to 250 probes take six times as long (docs/adr/0013-index.md)."""


def set_threads(probes: int) -> None:
    """Set the number of threads for the next FAISS call: one, or one per core for a batch of probes.

    OpenMP keeps the number per calling thread, so it is set at every search: a server's worker thread does not inherit
    what another thread set. A single probe is limited by memory bandwidth, and more threads do not make it faster.
    """
    faiss.omp_set_num_threads(1 if probes < BATCH else default_workers())


def checked(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Check vectors; the vectors as contiguous float32 (n, dim).

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


def nearest(
    matrix: NDArray[np.float32], probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best rows of a matrix for each probe, exactly; returns the same as :meth:`VectorIndex.search`.

    Args:
        matrix: float32 (n, d), contiguous. It may be mapped from a file; it is not copied.
        probes: float32 (m, d), contiguous and finite.
        k: how many rows.
        alive: bool (n,), the rows that may be found; None for all.
    """
    scores, rows = no_results(len(probes), k)
    found = min(k, len(matrix))
    if not found or not len(probes):
        return scores, rows
    best = np.empty((len(probes), found), dtype=np.float32)
    places = np.empty((len(probes), found), dtype=np.int64)
    selector = None
    if alive is not None:  # the name keeps the bitmap alive until the search returns: FAISS has a raw pointer
        bitmap = np.packbits(alive, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(bitmap), faiss.swig_ptr(bitmap))
    set_threads(len(probes))
    faiss.knn_inner_product(
        *(faiss.swig_ptr(array) for array in (probes, matrix)),
        *(matrix.shape[1], len(probes), len(matrix), found),
        *(faiss.swig_ptr(array) for array in (best, places)),
        selector,
    )
    scores[:, :found], rows[:, :found] = np.where(places < 0, -np.inf, best), places
    return scores, rows


def ranked(
    matrix: NDArray[np.float32], probes: NDArray[np.float32], candidates: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best of each probe's candidate rows; returns the same as :meth:`VectorIndex.search`.

    ``candidates`` is int64 (m, c), with -1 for no row.
    """
    exact = np.empty(candidates.shape, dtype=np.float32)
    faiss.fvec_inner_products_by_idx(
        *(faiss.swig_ptr(array) for array in (exact, probes, matrix, candidates)),
        *(matrix.shape[1], len(probes), candidates.shape[1]),
    )
    exact[candidates < 0] = -np.inf
    found = min(k, candidates.shape[1])
    order = np.argsort(-exact, axis=1, kind="stable")[:, :found]
    scores, rows = no_results(len(probes), k)
    scores[:, :found] = np.take_along_axis(exact, order, axis=1)
    rows[:, :found] = np.take_along_axis(candidates, order, axis=1)
    return scores, rows


def no_results(probes: int, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The result of a search without rows: scores of -inf, float32 (probes, k), and rows of -1, int64."""
    return np.full((probes, k), -np.inf, dtype=np.float32), np.full((probes, k), -1, dtype=np.int64)


class FlatIndex:
    """A :class:`gallery.index.kinds.protocol.VectorIndex` that compares a probe with every vector."""

    spec = IndexSpec("flat")

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        self._matrix = matrix

    def search(
        self, probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return nearest(self._matrix, checked(probes, self._matrix.shape[1]), k, alive)

    def save(self, path: Path) -> bool:  # noqa: ARG002 - other kinds need it
        return False

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Nothing was made from the rows."""

    def forget_in_file(self, handle: int, rows: NDArray[np.int64]) -> None:
        """There is no file to overwrite."""
