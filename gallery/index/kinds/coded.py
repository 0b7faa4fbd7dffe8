"""Indexes of two steps: compact codes in memory name candidates, the exact vectors behind them decide."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.flat import BATCH, checked, nearest, ranked, set_threads
from gallery.index.kinds.protocol import IndexSpec, KindName
from presente.errors import IndexDamaged
from presente.parallel import default_workers

GATED_K = 10
"""Depths are settled for this many neighbours; a search for more goes deeper in proportion."""
_MOST_SPARE = 1000
"""With more rows left out than this, naming more candidates and dropping some is dearer than looking at every row."""
_PRODUCT = 30_000_000
"""Up to this many numbers in a matrix, a matrix product answers a batch sooner than codes do (docs/search.md)."""
_SAMPLE = 20_000
"""Rows that a kind learns from: their centre, their clusters, their range."""
_BLOCK = 16_384
_BEGINNING = 4096
"""Bytes by which the beginning of the codes is found in a file."""


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """Where a row's code is kept.

    Attributes:
        memory: the index's own bytes that hold it, uint8, and may hold the codes of some neighbours.
        first: the index's first codes, uint8, as they also begin in its file.
        offset: how far behind those the bytes lie in the file.
    """

    memory: NDArray[np.uint8]
    first: NDArray[np.uint8]
    offset: int


@dataclass(frozen=True, slots=True)
class CodedKind:
    """One way to find candidates.

    Attributes:
        kind: its name.
        builds: parameters to build with, from the cheapest to the most careful.
        depths: how far a search may go, ascending: what that counts is the kind's own (candidates, lists, ...).
        make: an empty FAISS index, from the dimension, the rows to come and the parameters.
        candidates: int64 (m, c) rows, -1 for none, from the index, probes, depth and the least c.
        place: where the code of a row is kept, from the index and the row.
        strike: overwrites a row's code in a copy of what is kept at its place, from the index, the row and the bytes.
    """

    kind: KindName
    builds: tuple[Mapping[str, int], ...]
    depths: tuple[int, ...]
    make: Callable[[int, int, Mapping[str, int]], Any]
    candidates: Callable[[Any, NDArray[np.float32], int, int], NDArray[np.int64]]
    place: Callable[[Any, int], CodeLocation]
    strike: Callable[[Any, int, NDArray[np.uint8]], None]


class CodedIndex:
    """A :class:`gallery.index.kinds.protocol.VectorIndex` of one of the coded kinds."""

    def __init__(self, how: CodedKind, codes: Any, matrix: NDArray[np.float32], parameters: Mapping[str, int]) -> None:
        self._how = how
        self._codes = codes
        self._matrix = matrix
        self._codes_at = -1  # in its file, once there is one
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
        loaded = cls(how, codes, matrix, parameters)
        loaded._find_codes(path)
        return loaded

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
        self._find_codes(path)
        return True

    def _find_codes(self, path: Path) -> None:
        """Learn where in its file the codes begin; FAISS writes them as they are in memory."""
        if not len(self._matrix):
            return
        beginning = self._how.place(self._codes, 0).first[:_BEGINNING].tobytes()
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            self._codes_at = content.find(beginning)

    def forget(self, rows: NDArray[np.int64]) -> None:
        for row in map(int, rows):
            self._how.strike(self._codes, row, self._how.place(self._codes, row).memory)

    def forget_in_file(self, handle: int, rows: NDArray[np.int64]) -> None:
        if self._codes_at < 0 and len(rows):
            raise OSError(errno.ENODATA, "its codes were not found in its file")
        for row in map(int, rows):
            place = self._how.place(self._codes, row)
            start = self._codes_at + place.offset
            # What the file holds, not what is in memory: another process may have struck out neighbours already.
            kept = np.frombuffer(os.pread(handle, len(place.memory), start), dtype=np.uint8).copy()
            self._how.strike(self._codes, row, kept)
            os.pwrite(handle, kept.tobytes(), start)


def flat_place(codes: NDArray[np.uint8], start: int, length: int) -> CodeLocation:
    """The place of some bytes of codes that lie in one piece."""
    return CodeLocation(codes[start : start + length], codes, start)
