"""Indexes that search in two steps: compact codes in memory give candidates, the exact vectors rank them."""

from __future__ import annotations

import errno
import math
import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.flat import BATCH, Found, checked, in_threads_of_cores, nearest, on_every_core, ranked
from gallery.index.kinds.protocol import IndexSpec, KindName
from gallery.index.sealed_files import StoredFile
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
_SEGMENT_ROWS = 500_000
"""A kind that scans its codes keeps them in segments of at least so many rows, which the cores scan at once. With fewer
rows, starting and joining takes longer than the scan."""
_MOST_SEGMENTS = 16
"""More of them than a machine's cores cost more than they save."""
_SPREAD = 6
"""Where the best candidates lie is chance: a segment is asked for its share, and so many roots of it more."""


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
        candidates: returns estimated cosines float32 (m, c), and rows int64 (m, c), -1 for none, given the index, the
            probes, the depth and the least c.
        locate: returns where the code of a row is stored, given the index and the row.
        erase_code: overwrites a row's code in bytes that contain it, given the index, the row and the bytes.
        scans: whether a search reads all codes, so that they can be kept in segments.
    """

    kind: KindName
    builds: tuple[Mapping[str, int], ...]
    depths: tuple[int, ...]
    make: Callable[[int, int, Mapping[str, int]], Any]
    candidates: Callable[[Any, NDArray[np.float32], int, int], Found]
    locate: Callable[[Any, int], CodeLocation]
    erase_code: Callable[[Any, int, NDArray[np.uint8]], None]
    scans: bool = False


class CodedIndex:
    """A :class:`gallery.index.kinds.protocol.VectorIndex` of one of the coded kinds."""

    def __init__(
        self, kind: CodedKind, segments: Sequence[Any], matrix: NDArray[np.float32], parameters: Mapping[str, int]
    ) -> None:
        """Wrap the FAISS indexes over a matrix, each over the rows that follow those of the one before."""
        self._kind = kind
        self._segments = segments
        self._first_rows = np.cumsum([0, *(codes.ntotal for codes in segments)])
        self._matrix = matrix
        self._codes_at: list[int] = []  # where those of each segment begin in the file, once there is one
        self.spec = IndexSpec(kind.kind, dict(parameters))

    @classmethod
    def build(cls, kind: CodedKind, matrix: NDArray[np.float32], parameters: Mapping[str, int]) -> CodedIndex:
        """Train with a sample of a float32 (n, d) matrix, n > 0, and encode every row, with one thread per core."""
        faiss.omp_set_num_threads(default_workers())
        count, dim = matrix.shape
        trained = kind.make(dim, count, parameters)
        step = max(1, count // _SAMPLE)
        sample = matrix[::step]
        trained.train(np.resize(sample, (max(len(sample), _LEAST_SAMPLE), dim)))
        number = min(max(count // _SEGMENT_ROWS, 1), _MOST_SEGMENTS) if kind.scans else 1
        empty = faiss.serialize_index(trained)  # FAISS does not clone every kind
        segments = [trained, *(faiss.deserialize_index(empty) for _ in range(number - 1))]
        edges = np.linspace(0, count, number + 1).astype(int).tolist()
        for codes, (first, end) in zip(segments, pairwise(edges), strict=True):
            for start in range(first, end, _BLOCK):
                codes.add(matrix[start : min(start + _BLOCK, end)])
        return cls(kind, segments, matrix, parameters)

    @classmethod
    def load(
        cls, kind: CodedKind, path: Path, matrix: NDArray[np.float32], parameters: Mapping[str, int]
    ) -> CodedIndex:
        """Load the saved codes of a matrix.

        Raises:
            IndexDamaged: ``index_damaged`` when FAISS cannot read them, or they belong to another matrix.
        """
        segments: list[Any] = []
        try:
            reader = faiss.FileIOReader(str(path))
            while sum(codes.ntotal for codes in segments) < len(matrix) or not segments:
                segments.append(faiss.read_index(reader))
        except RuntimeError as exc:
            raise IndexDamaged("index_damaged", f"FAISS cannot read {path} ({exc}).") from exc
        count = sum(codes.ntotal for codes in segments)
        if count != len(matrix) or any(codes.d != matrix.shape[1] for codes in segments):
            raise IndexDamaged("index_damaged", f"{path} has {count} x {segments[0].d} codes for {matrix.shape}.")
        loaded = cls(kind, segments, matrix, parameters)
        loaded._find_codes(path)
        return loaded

    def at_depth(self, depth: int) -> CodedIndex:
        """The same codes, searched to another depth."""
        return CodedIndex(self._kind, self._segments, self._matrix, {**self.spec.parameters, "depth": depth})

    def search(self, probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None) -> Found:
        rows = checked(probes, self._matrix.shape[1])
        count = len(self._matrix)
        spare = 0 if alive is None else count - int(np.count_nonzero(alive))
        templates = max(k, GATED_TEMPLATES)
        depth, least = -(-self.spec.parameters["depth"] * templates // GATED_TEMPLATES), templates + spare
        if spare > _MAX_SPARE or 4 * max(depth, least) > count:
            return nearest(self._matrix, rows, k, alive)

        def by_codes(some: NDArray[np.float32]) -> Found:
            candidates = self._candidates(some, depth + spare, least, at_once=len(rows) < BATCH)
            if alive is not None:
                candidates = np.where(alive[candidates], candidates, -1)
            return ranked(self._matrix, some, candidates, k)

        return on_every_core(by_codes, rows)

    def _candidates(self, probes: NDArray[np.float32], depth: int, least: int, at_once: bool) -> NDArray[np.int64]:
        """The rows that :attr:`CodedKind.candidates` gives of all segments; ``at_once``: on all cores, never nested.

        A segment is asked for somewhat more than its share. Where it may have more of the best than that, it is asked
        again, for all of them.
        """
        number = len(self._segments)
        if number == 1:
            return self._of_segment(0, probes, depth, least)[1]
        wanted = depth + least
        share = -(-wanted // number)
        asked = min(share + round(_SPREAD * math.sqrt(share)), wanted)

        def scan(numbers: NDArray[np.int64]) -> list[Found]:
            return [self._of_segment(each, probes, 0, asked) for each in numbers]

        shares = np.array_split(np.arange(number), min(number, default_workers() if at_once else 1))
        found = [each for some in in_threads_of_cores(scan, shares) for each in some]
        best, rows = _best(found, wanted)
        worst = np.where(rows < 0, -np.inf, best).min(axis=1)
        short = [estimates[:, -1] > worst for estimates, _ in found] if asked < wanted else []
        for place in np.flatnonzero(np.any(short, axis=0)) if short else ():
            deeper = [
                self._of_segment(each, probes[place : place + 1], 0, wanted)
                if more[place]
                else (found[each][0][place : place + 1], found[each][1][place : place + 1])
                for each, more in enumerate(short)
            ]
            rows[place] = _best(deeper, wanted)[1]
        return rows

    def _of_segment(self, number: int, probes: NDArray[np.float32], depth: int, least: int) -> Found:
        """What :attr:`CodedKind.candidates` gives of one segment, on one thread, as rows of the matrix."""
        faiss.omp_set_num_threads(1)  # OpenMP keeps the number per calling thread
        estimates, rows = self._kind.candidates(self._segments[number], probes, depth, least)
        return estimates, np.where(rows < 0, -1, rows + self._first_rows[number])

    def save(self, path: Path) -> bool:
        # Not faiss.write_index: it reports no error when the disk is full.
        with path.open("wb") as stream:
            for codes in self._segments:
                stream.write(faiss.serialize_index(codes).data)
        self._find_codes(path)
        return True

    def _find_codes(self, path: Path) -> None:
        """Find out where the codes begin in the file: FAISS writes them as they are in memory."""
        self._codes_at = []
        if not len(self._matrix):
            return
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            after = 0
            for codes in self._segments:
                first = self._kind.locate(codes, 0).first
                at = content.find(first[:_BEGINNING].tobytes(), after)
                self._codes_at.append(at)
                after = at + len(first)

    def _segment_of(self, row: int) -> tuple[int, int]:
        """The number of the segment that a row is in, and the row's place in it."""
        number = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        return number, row - int(self._first_rows[number])

    def forget(self, rows: NDArray[np.int64]) -> None:
        for number, place in map(self._segment_of, map(int, rows)):
            codes = self._segments[number]
            self._kind.erase_code(codes, place, self._kind.locate(codes, place).memory)

    def forget_in_file(self, file: StoredFile, rows: NDArray[np.int64]) -> None:
        for number, place in map(self._segment_of, map(int, rows)):
            if self._codes_at[number] < 0:
                raise OSError(errno.ENODATA, "the index's codes were not found in its file")
            codes = self._segments[number]
            location = self._kind.locate(codes, place)
            start = self._codes_at[number] + location.offset
            # The file's content, not the memory's: another process may have erased other rows already.
            stored = np.frombuffer(file.read(len(location.memory), start), dtype=np.uint8).copy()
            self._kind.erase_code(codes, place, stored)
            file.write(stored.tobytes(), start)


def _best(found: Sequence[Found], wanted: int) -> Found:
    """The best of what several segments gave, in no order, each float32 and int64 (m, wanted)."""
    estimates, rows = (np.hstack(each) for each in zip(*found, strict=True))
    if wanted >= rows.shape[1]:
        return estimates, rows
    best = np.argpartition(np.where(rows < 0, np.inf, -estimates), wanted - 1, axis=1)[:, :wanted]
    return np.take_along_axis(estimates, best, axis=1), np.ascontiguousarray(np.take_along_axis(rows, best, axis=1))


def contiguous_location(codes: NDArray[np.uint8], start: int, length: int) -> CodeLocation:
    """The location of some bytes of codes that are one contiguous array."""
    return CodeLocation(codes[start : start + length], codes, start)
