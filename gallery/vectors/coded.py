"""Indexes of two steps: compact codes in memory name candidates, the exact vectors behind them decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.vectors.flat import BATCH, checked, nearest, ranked, set_threads
from gallery.vectors.model import IndexSpec, KindName
from presente.errors import IndexDamaged
from presente.threads import default_workers

GATED_K = 10
"""Depths are settled for this many neighbours; a search for more goes deeper in proportion."""
_MOST_SPARE = 1000
"""With more rows left out than this, naming more candidates and dropping some is dearer than looking at every row."""
_PRODUCT = 30_000_000
"""Up to this many numbers in a matrix, a matrix product answers a batch sooner than codes do (docs/search.md)."""
_SAMPLE = 20_000
"""Rows that a kind learns from: their centre, their clusters, their range."""
_BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class CodedKind:
    """One way to find candidates.

    Attributes:
        kind: its name.
        builds: parameters to build with, from the cheapest to the most careful.
        depths: how far a search may go, ascending: what that counts is the kind's own (candidates, lists, ...).
        make: an empty FAISS index, from the dimension, the rows to come and the parameters.
        candidates: int64 (m, c) rows, -1 for none, from the index, probes, depth and the least c.
    """

    kind: KindName
    builds: tuple[Mapping[str, int], ...]
    depths: tuple[int, ...]
    make: Callable[[int, int, Mapping[str, int]], Any]
    candidates: Callable[[Any, NDArray[np.float32], int, int], NDArray[np.int64]]


class CodedIndex:
    """A :class:`gallery.vectors.model.VectorIndex` of one of the coded kinds."""

    def __init__(self, how: CodedKind, codes: Any, matrix: NDArray[np.float32], parameters: Mapping[str, int]) -> None:
        self._how = how
        self._codes = codes
        self._matrix = matrix
        self.spec = IndexSpec(how.kind, dict(parameters))

    @classmethod
    def build(cls, how: CodedKind, matrix: NDArray[np.float32], parameters: Mapping[str, int]) -> CodedIndex:
        """Learn from a sample of a float32 (n, d) matrix, n > 0, and code every row of it, on every core."""
        faiss.omp_set_num_threads(default_workers())
        count, dim = matrix.shape
        codes = how.make(dim, count, parameters)
        step = max(1, count // _SAMPLE)
        codes.train(np.ascontiguousarray(matrix[::step]))
        for start in range(0, count, _BLOCK):
            codes.add(matrix[start : start + _BLOCK])
        return cls(how, codes, matrix, parameters)

    @classmethod
    def load(cls, how: CodedKind, path: Path, matrix: NDArray[np.float32], parameters: Mapping[str, int]) -> CodedIndex:
        """Read saved codes of a matrix.

        Raises:
            IndexDamaged: ``index_damaged`` when FAISS cannot read them or they are of another matrix.
        """
        try:
            codes = faiss.read_index(str(path))
        except RuntimeError as exc:
            raise IndexDamaged("index_damaged", f"FAISS cannot read {path} ({exc}).") from exc
        if (codes.ntotal, codes.d) != matrix.shape:
            raise IndexDamaged("index_damaged", f"{path} has {codes.ntotal} x {codes.d} codes for {matrix.shape}.")
        return cls(how, codes, matrix, parameters)

    def at_depth(self, depth: int) -> CodedIndex:
        """The same codes, searched to another depth."""
        return CodedIndex(self._how, self._codes, self._matrix, {**self.spec.parameters, "depth": depth})

    def search(
        self, probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = checked(probes, self._matrix.shape[1])
        if len(rows) >= BATCH and self._matrix.size <= _PRODUCT:
            return nearest(self._matrix, rows, k, alive)
        return self.by_codes(rows, k, alive)

    def by_codes(
        self, rows: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """As :meth:`search`, of however many probes; they are contiguous and finite."""
        count = len(self._matrix)
        spare = 0 if alive is None else count - int(np.count_nonzero(alive))
        depth = -(-self.spec.parameters["depth"] * max(k, GATED_K) // GATED_K)
        if spare > _MOST_SPARE or 4 * max(depth, k + spare) > count:
            return nearest(self._matrix, rows, k, alive)
        set_threads(len(rows))
        candidates = self._how.candidates(self._codes, rows, depth + spare, k + spare)
        if alive is not None:
            candidates = np.where(alive[candidates], candidates, -1)
        return ranked(self._matrix, rows, candidates, k)

    def save(self, path: Path) -> bool:
        # Not faiss.write_index: it does not say so when the disk is full.
        with path.open("wb") as stream:
            stream.write(faiss.serialize_index(self._codes).data)
        return True
