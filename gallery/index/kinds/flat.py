"""Exact search. Other kinds are measured against it, and use it to score the candidates that they find."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.protocol import IndexSpec
from gallery.index.sealed_files import StoredFile
from presente.errors import InvalidInput
from presente.parallel import default_workers

BATCH = 32
"""From this many probes on, a search runs on every core."""
_PRODUCT_FROM = 3
"""From this many probes on, a matrix product takes less time than one scan per probe, whatever the sizes
(docs/adr/0035-throughput.md)."""
_MORE_ROWS = 4
"""By how much a product that found too few rows that count asks for more; and the share of rows that count, one in
twice so many, below which they are copied instead."""

faiss.cvar.distance_compute_blas_threshold = 1
"""FAISS chooses the matrix product by a number of its own, for any search without a selector. Here it always takes the
product, and scans where it is given one (:func:`nearest`)."""


Found = tuple[NDArray[np.float32], NDArray[np.int64]]
_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


def on_every_core(search: Callable[[NDArray[np.float32]], Found], probes: NDArray[np.float32]) -> Found:
    """Search a batch of probes, float32 (m, d), in as many parts as there are cores; fewer than a batch in one part.

    FAISS's own threads meet several times per block of a matrix product, and spin while they wait. Where other work
    needs the cores, as in a server, that took 20 times as long as the work itself (docs/adr/0035-throughput.md). A
    thread per part meets the others once.
    """
    parts = 1 if len(probes) < BATCH else min(default_workers(), len(probes))
    if parts == 1:
        return _on_one_thread(search, probes)
    found = in_threads_of_cores(lambda some: _on_one_thread(search, some), np.array_split(probes, parts))
    return np.concatenate([scores for scores, _ in found]), np.concatenate([rows for _, rows in found])


_here = threading.local()


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let searches of this thread use no other thread inside the block, so that their time is what they cost."""
    _here.alone = True
    try:
        yield
    finally:
        _here.alone = False


def in_threads_of_cores(work: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
    """Do the parts of some work at once, the first one on this thread; the results in order. It must not be nested."""
    if getattr(_here, "alone", False):
        return [work(part) for part in parts]
    waiting = [_pool().submit(work, part) for part in parts[1:]]
    return [work(parts[0]), *(each.result() for each in waiting)]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(default_workers(), thread_name_prefix="search")


def _on_one_thread(search: Callable[[NDArray[np.float32]], Found], probes: NDArray[np.float32]) -> Found:
    faiss.omp_set_num_threads(1)  # OpenMP keeps the number per calling thread
    return search(probes)


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
    few = len(probes) < _PRODUCT_FROM
    if alive is not None and not few:
        return _product_of_alive(matrix, probes, k, alive)
    scores, rows = no_results(len(probes), k)
    found = min(k, len(matrix))
    if not found or not len(probes):
        return scores, rows
    selector = None
    if alive is not None:  # the name keeps the bitmap alive until the search returns: FAISS has a raw pointer
        bitmap = np.packbits(alive, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(bitmap), faiss.swig_ptr(bitmap))
    elif few:
        selector = faiss.IDSelectorAll()  # so that FAISS scans

    def compare(some: NDArray[np.float32]) -> Found:
        best = np.empty((len(some), found), dtype=np.float32)
        places = np.empty((len(some), found), dtype=np.int64)
        faiss.knn_inner_product(
            *(faiss.swig_ptr(array) for array in (some, matrix)),
            *(matrix.shape[1], len(some), len(matrix), found),
            *(faiss.swig_ptr(array) for array in (best, places)),
            selector,
        )
        return best, places

    best, places = on_every_core(compare, probes)
    scores[:, :found], rows[:, :found] = np.where(places < 0, -np.inf, best), places
    return scores, rows


def _product_of_alive(
    matrix: NDArray[np.float32], probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """:func:`nearest` for a batch when some rows are left out: FAISS's product takes no selector.

    More rows are asked for than are wanted, until enough of them count.
    """
    count = int(np.count_nonzero(alive))
    if 2 * _MORE_ROWS * count <= len(matrix):
        kept = np.flatnonzero(alive)
        scores, places = nearest(np.ascontiguousarray(matrix[kept]), probes, k)
        return scores, np.where(places < 0, -1, kept[places] if count else -1)
    asked = k * len(matrix) // count + BATCH
    while True:
        asked = min(asked, len(matrix))
        scores, rows = nearest(matrix, probes, asked)
        found = (rows >= 0) & alive[rows]
        if asked == len(matrix) or (found.sum(axis=1) >= min(k, count)).all():
            break
        asked *= _MORE_ROWS
    order = np.argsort(~found, axis=1, kind="stable")[:, :k]
    best, places = no_results(len(probes), k)
    best[:, : order.shape[1]] = np.take_along_axis(np.where(found, scores, -np.inf), order, axis=1)
    places[:, : order.shape[1]] = np.take_along_axis(np.where(found, rows, -1), order, axis=1)
    return best, places


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

    def forget_in_file(self, file: StoredFile, rows: NDArray[np.int64]) -> None:
        """There is no file to overwrite."""
