"""The two parts of a living index: templates that were published, and those that came since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.index.generation_files import GenerationFiles
from gallery.index.kinds.flat import checked, nearest
from gallery.index.kinds.protocol import VectorIndex

_DOT = 20_000
"""A search limited to at most this many rows is a matrix product of copies of them; above, they are marked."""

Found = tuple[NDArray[np.float32], NDArray[np.int64]]


class TemplatePart(Protocol):
    """Templates as parallel arrays: ids and subjects, int64 (n,), and vectors, float32 (n, d). A removed template's row
    may stay, but nothing returns it."""

    @property
    def ids(self) -> NDArray[np.int64]: ...

    @property
    def subjects(self) -> NDArray[np.int64]: ...

    @property
    def vectors(self) -> NDArray[np.float32]: ...

    def __len__(self) -> int: ...

    def rows(self) -> NDArray[np.int64]:
        """Rows that are not removed, int64, ascending."""

    def rows_of(self, subjects: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of some subjects' templates, in no particular order."""

    def drop(self, ids: NDArray[np.int64]) -> None:
        """Remove templates; ids that are not there are passed over."""

    def search(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None) -> Found:
        """The k best of each probe, as :meth:`VectorIndex.search` has it; with ``only``, among those rows."""


class PublishedTemplates:
    """A generation's templates, which never change, and which of them were removed since: a :class:`TemplatePart`."""

    def __init__(
        self,
        templates: NDArray[np.int64],
        vectors: NDArray[np.float32],
        index: VectorIndex,
        files: GenerationFiles | None = None,
    ) -> None:
        """From template ids, ascending, and their subjects, as :func:`by_subject` gives them; ``files`` are those that
        they are mapped from, None when they are in memory only."""
        self.ids, self.subjects, self._by_subject = templates
        self.vectors = vectors
        self.index = index
        self.files = files
        self._alive: NDArray[np.bool_] | None = None
        self._count = len(vectors)
        self._people: int | None = None

    def people(self) -> int:
        """How many subjects have a template here. Counted when asked, and again after a removal."""
        if self._people is None:
            order = self._by_subject if self._alive is None else self._by_subject[self._alive[self._by_subject]]
            self._people = int(np.count_nonzero(np.diff(self.subjects[order], prepend=-1)))
        return self._people

    def alive(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some rows are not removed."""
        return np.ones(len(rows), dtype=bool) if self._alive is None else self._alive[rows]

    def __len__(self) -> int:
        return self._count

    def rows(self) -> NDArray[np.int64]:
        return np.arange(self._count) if self._alive is None else np.flatnonzero(self._alive)

    def rows_of(self, subjects: NDArray[np.int64]) -> NDArray[np.int64]:
        first, last = (
            np.searchsorted(self.subjects, subjects, side, sorter=self._by_subject) for side in ("left", "right")
        )
        places = np.repeat(first, last - first) + _within(last - first)
        rows = np.asarray(self._by_subject[places])
        return rows if self._alive is None else rows[self._alive[rows]]

    def places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of some templates, removed or not; ids that are not there are passed over."""
        rows = np.searchsorted(self.ids, ids)
        inside = rows < len(self.ids)
        return np.asarray(rows[inside][self.ids[rows[inside]] == ids[inside]], dtype=np.int64)

    def drop(self, ids: NDArray[np.int64]) -> None:
        rows = self.places(ids)
        if len(rows):
            if self._alive is None:
                self._alive = np.ones(len(self.ids), dtype=bool)
            self._alive[rows] = False
            self._count = int(np.count_nonzero(self._alive))
            self._people = None

    def search(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None) -> Found:
        if only is None:
            return self.index.search(probes, k, self._alive)
        if len(only) <= _DOT:
            return _among(self.vectors, probes, k, only)
        marked = np.zeros(len(self.vectors), dtype=bool)
        marked[only] = True
        return self.index.search(probes, k, marked)


class RecentTemplates:
    """Templates in memory, searched exactly: a :class:`TemplatePart`. A removed one's place is filled by the last."""

    def __init__(self, dim: int) -> None:
        self._ids = np.empty(0, dtype=np.int64)
        self._subjects = np.empty(0, dtype=np.int64)
        self._vectors = np.empty((0, dim), dtype=np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> NDArray[np.int64]:
        """Template ids, in no particular order."""
        return self._ids[: self._count]

    @property
    def subjects(self) -> NDArray[np.int64]:
        """Whose they are."""
        return self._subjects[: self._count]

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Their vectors."""
        return self._vectors[: self._count]

    def append(self, ids: NDArray[np.int64], subjects: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add templates that are not there.

        Raises:
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
        """
        rows = checked(vectors, self._vectors.shape[1])
        end = self._count + len(rows)
        if end > len(self._ids):
            room = max(end, 2 * self._count, 64)
            grown = np.empty((room, rows.shape[1]), dtype=np.float32)
            grown[: self._count] = self.vectors
            # All three or none: without memory for one of them, what was there stays as it was.
            self._ids, self._subjects, self._vectors = np.resize(self.ids, room), np.resize(self.subjects, room), grown
        self._ids[self._count : end], self._subjects[self._count : end] = ids, subjects
        self._vectors[self._count : end] = rows
        self._count = end

    def rows(self) -> NDArray[np.int64]:
        return np.arange(self._count)

    def rows_of(self, subjects: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.flatnonzero(np.isin(self.subjects, subjects))

    def drop(self, ids: NDArray[np.int64]) -> None:
        for row in np.flatnonzero(np.isin(self.ids, ids))[::-1]:
            last = self._count = self._count - 1
            for array in (self._ids, self._subjects, self._vectors):
                array[row] = array[last]
            self._vectors[last] = 0

    def search(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None) -> Found:
        if only is None:
            return nearest(self.vectors, checked(probes, self._vectors.shape[1]), k)
        return _among(self.vectors, probes, k, only)


class TemplateSnapshot:
    """What is to be published: all templates of an index at one moment, in order of id, whatever happens to it since.

    Attributes:
        ids, subjects: int64 (n,).
    """

    def __init__(self, published: PublishedTemplates, tail: RecentTemplates) -> None:
        rows = published.rows()
        ids = np.concatenate([published.ids[rows], tail.ids])
        order = np.argsort(ids, kind="stable")
        self.ids = ids[order]
        self.subjects = np.concatenate([published.subjects[rows], tail.subjects])[order]
        self._published = published.vectors
        self._tail = tail.vectors.copy()
        self._rows = np.concatenate([rows, len(published.vectors) + tail.rows()])[order]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._tail.shape[1])

    def blocks(self, size: int = 8192) -> Iterator[NDArray[np.float32]]:
        """The vectors, a block at a time."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def take(self, which: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """The vectors of some of them, by place, in that order."""
        edge = len(self._published)
        rows = self._rows[which]
        block = np.empty((len(rows), self.dim), dtype=np.float32)
        block[rows < edge] = self._published[rows[rows < edge]]
        block[rows >= edge] = self._tail[rows[rows >= edge] - edge]
        return block


def by_subject(ids: NDArray[np.int64], subjects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ids and subjects with the rows in order of subject, as :class:`PublishedTemplates` takes them: int64 (3, n)."""
    return np.stack([ids, subjects, np.argsort(subjects, kind="stable")])


def _within(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... within each of several runs of these sizes, one run after the other."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _among(matrix: NDArray[np.float32], probes: NDArray[np.float32], k: int, only: NDArray[np.int64]) -> Found:
    scores, places = nearest(np.ascontiguousarray(matrix[only]), checked(probes, matrix.shape[1]), k)
    return scores, np.where(places < 0, -1, only[places] if len(only) else -1)
