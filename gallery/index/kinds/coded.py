"""Indexes that search in two steps: compact codes in memory give candidates, the exact vectors rank them."""

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

from gallery.index.kinds.flat import checked, nearest, on_every_core, ranked
from gallery.index.kinds.protocol import IndexSpec, KindName
from presente.errors import IndexDamaged
from presente.parallel import default_workers

GATED_TEMPLATES = 224
"""Depths are measured for this many templates, with which a search of ten subjects begins. A search for fewer compares
as many candidates, one for more goes deeper in proportion, so that none is shallower than what was measured."""
_MAX_SPARE = 1000
"""If more rows than this are left out, an exact search is cheaper than finding more candidates and dropping some."""
_SAMPLE = 20_000
"""How many rows a kind is trained with: for their centre, clusters or range."""
_LEAST_SAMPLE = 16
"""FAISS refuses to train with fewer rows than there are values; a smaller gallery's rows are repeated."""
_BLOCK = 16_384
_BEGINNING = 4096
"""By how many of their first bytes the codes are found in a file."""


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """Where the code of a row is stored.

    Attributes:
        memory: the bytes in the index's memory that contain the code, uint8; they may contain codes of other rows.
        first: the index's first codes, uint8, which the codes in its file also begin with.
        offset: distance of the bytes from those in the file.
    """

    memory: NDArray[np.uint8]
    first: NDArray[np.uint8]
    offset: int


@dataclass(frozen=True, slots=True)
class CodedKind:
    """One way to find candidates.

    Attributes:
        kind: its name.
        builds: parameters to build with, from the cheapest to the most accurate.
        depths: how far a search may go, ascending. Each kind counts something else (candidates, lists, ...).
        make: returns an empty FAISS index, given the dimension, the number of rows and the parameters.
        candidates: returns int64 (m, c) rows, -1 for none, given the index, the probes, the depth and the least c.
        locate: returns where the code of a row is stored, given the index and the row.
        erase_code: overwrites a row's code in bytes that contain it, given the index, the row and the bytes.
    """

    kind: KindName
    builds: tuple[Mapping[str, int], ...]
    depths: tuple[int, ...]
    make: Callable[[int, int, Mapping[str, int]], Any]
    candidates: Callable[[Any, NDArray[np.float32], int, int], NDArray[np.int64]]
    locate: Callable[[Any, int], CodeLocation]
    erase_code: Callable[[Any, int, NDArray[np.uint8]], None]


class CodedIndex:
    """A :class:`gallery.index.kinds.protocol.VectorIndex` of one of the coded kinds."""

    def __init__(self, kind: CodedKind, codes: Any, matrix: NDArray[np.float32], parameters: Mapping[str, int]) -> None:
        self._kind = kind
        self._codes = codes
        self._matrix = matrix
        self._codes_at = -1  # where they begin in the file, once there is one
        self.spec = IndexSpec(kind.kind, dict(parameters))

    @classmethod
    def build(cls, kind: CodedKind, matrix: NDArray[np.float32], parameters: Mapping[str, int]) -> CodedIndex:
        """Train with a sample of a float32 (n, d) matrix, n > 0, and encode every row, with one thread per core."""
        faiss.omp_set_num_threads(default_workers())
        count, dim = matrix.shape
        codes = kind.make(dim, count, parameters)
        step = max(1, count // _SAMPLE)
        sample = matrix[::step]
        codes.train(np.resize(sample, (max(len(sample), _LEAST_SAMPLE), dim)))
        for start in range(0, count, _BLOCK):
            codes.add(matrix[start : start + _BLOCK])
        return cls(kind, codes, matrix, parameters)

    @classmethod
    def load(
        cls, kind: CodedKind, path: Path, matrix: NDArray[np.float32], parameters: Mapping[str, int]
    ) -> CodedIndex:
        """Load the saved codes of a matrix.

        Raises:
            IndexDamaged: ``index_damaged`` when FAISS cannot read them, or they belong to another matrix.
        """
        try:
            codes = faiss.read_index(str(path))
        except RuntimeError as exc:
            raise IndexDamaged("index_damaged", f"FAISS cannot read {path} ({exc}).") from exc
        if (codes.ntotal, codes.d) != matrix.shape:
            raise IndexDamaged("index_damaged", f"{path} has {codes.ntotal} x {codes.d} codes for {matrix.shape}.")
        loaded = cls(kind, codes, matrix, parameters)
        loaded._find_codes(path)
        return loaded

    def at_depth(self, depth: int) -> CodedIndex:
        """The same codes, searched to another depth."""
        return CodedIndex(self._kind, self._codes, self._matrix, {**self.spec.parameters, "depth": depth})

    def search(
        self, probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = checked(probes, self._matrix.shape[1])
        count = len(self._matrix)
        spare = 0 if alive is None else count - int(np.count_nonzero(alive))
        templates = max(k, GATED_TEMPLATES)
        depth, least = -(-self.spec.parameters["depth"] * templates // GATED_TEMPLATES), templates + spare
        if spare > _MAX_SPARE or 4 * max(depth, least) > count:
            return nearest(self._matrix, rows, k, alive)

        def by_codes(some: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            candidates = self._kind.candidates(self._codes, some, depth + spare, least)
            if alive is not None:
                candidates = np.where(alive[candidates], candidates, -1)
            return ranked(self._matrix, some, candidates, k)

        return on_every_core(by_codes, rows)

    def save(self, path: Path) -> bool:
        # Not faiss.write_index: it reports no error when the disk is full.
        with path.open("wb") as stream:
            stream.write(faiss.serialize_index(self._codes).data)
        self._find_codes(path)
        return True

    def _find_codes(self, path: Path) -> None:
        """Find out where the codes begin in the file: FAISS writes them as they are in memory."""
        if not len(self._matrix):
            return
        beginning = self._kind.locate(self._codes, 0).first[:_BEGINNING].tobytes()
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            self._codes_at = content.find(beginning)

    def forget(self, rows: NDArray[np.int64]) -> None:
        for row in map(int, rows):
            self._kind.erase_code(self._codes, row, self._kind.locate(self._codes, row).memory)

    def forget_in_file(self, handle: int, rows: NDArray[np.int64]) -> None:
        if self._codes_at < 0 and len(rows):
            raise OSError(errno.ENODATA, "the index's codes were not found in its file")
        for row in map(int, rows):
            location = self._kind.locate(self._codes, row)
            start = self._codes_at + location.offset
            # The file's content, not the memory's: another process may have erased other rows already.
            stored = np.frombuffer(os.pread(handle, len(location.memory), start), dtype=np.uint8).copy()
            self._kind.erase_code(self._codes, row, stored)
            os.pwrite(handle, stored.tobytes(), start)


def contiguous_location(codes: NDArray[np.uint8], start: int, length: int) -> CodeLocation:
    """The location of some bytes of codes that are one contiguous array."""
    return CodeLocation(codes[start : start + length], codes, start)
