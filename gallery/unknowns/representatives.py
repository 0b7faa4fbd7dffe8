"""The templates that groups are compared by: a bounded number per group, searched with FAISS."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from presente.parallel import default_workers

Vectors = NDArray[np.float32]

_CHUNK = 8192
"""Rows that are allocated at once: growing copies nothing."""
_NEAREST = 32
"""Rows of each chunk that a search finds at most."""
_MANY = 32
"""Probes that are searched by all cores together."""
NO_GROUP = -1


class Representatives:
    """Rows of templates, each of a group. Not safe for several threads.

    A search compares with every row, exactly; its memory is that of the rows, rounded up to whole chunks.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._chunks: list[Vectors] = []
        self._groups = np.empty(0, dtype=np.int64)
        self._free: list[int] = []
        self._used = 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._used - len(self._free)

    def add(self, vector: Vectors, group: int) -> int:
        """Add a float32 (d,) unit row of a group; its number."""
        if self._free:
            row = self._free.pop()
        else:
            row = self._used
            self._used += 1
            if row == len(self._groups):
                self._chunks.append(np.zeros((_CHUNK, self.dim), dtype=np.float32))
                self._groups = np.concatenate([self._groups, np.full(_CHUNK, NO_GROUP, dtype=np.int64)])
        self._chunks[row // _CHUNK][row % _CHUNK] = vector
        self._groups[row] = group
        return row

    def remove(self, row: int) -> None:
        """Forget a row."""
        self._chunks[row // _CHUNK][row % _CHUNK] = 0
        self._groups[row] = NO_GROUP
        self._free.append(row)

    def give(self, rows: Sequence[int], group: int) -> None:
        """Let rows be of another group."""
        self._groups[list(rows)] = group

    def of(self, rows: Sequence[int]) -> Vectors:
        """A copy of rows, float32 (m, d)."""
        return np.stack([self._chunks[row // _CHUNK][row % _CHUNK] for row in rows])

    def groups_of(self, rows: NDArray[np.int64]) -> set[int]:
        """The groups that rows are of now."""
        return {group for group in self._groups[rows].tolist() if group != NO_GROUP}

    def search(self, probes: Vectors, least: float) -> list[NDArray[np.int64]]:
        """The rows nearest to each probe, float32 (m, d), with a cosine of at least ``least``; not in order."""
        # OpenMP keeps the number per calling thread. For few probes other threads are not worth waiting for.
        faiss.omp_set_num_threads(1 if len(probes) < _MANY else default_workers())
        found: list[list[NDArray[np.int64]]] = [[] for _ in probes]
        for number, chunk in enumerate(self._chunks):
            rows = min(self._used - number * _CHUNK, _CHUNK)
            cosines, places = faiss.knn(probes, chunk[:rows], min(_NEAREST, rows), faiss.METRIC_INNER_PRODUCT)
            near = cosines >= least
            for probe in np.flatnonzero(near.any(axis=1)).tolist():
                found[probe].append(places[probe][near[probe]] + number * _CHUNK)
        nothing = np.empty(0, dtype=np.int64)
        return [np.concatenate(rows) if rows else nothing for rows in found]
