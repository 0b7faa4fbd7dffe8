"""The two parts of an index: the templates that were published, and those that were added since."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.index.erased_rows import GenerationFiles
from gallery.index.kinds.flat import checked, nearest
from gallery.index.kinds.protocol import VectorIndex

_MAX_COPIED_ROWS = 20_000
"""A search limited to at most this many rows copies them into a matrix. Above, all rows are searched, and others are
left out."""

Found = tuple[NDArray[np.float32], NDArray[np.int64]]


class TemplatePart(Protocol):
    """Templates as parallel arrays: ids and subjects, int64 (n,), and vectors, float32 (n, d). A removed template's row
    may stay, but no search returns it."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """Template ids."""

    @property
    def subjects(self) -> NDArray[np.int64]:
        """The subject id of each template."""

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The templates themselves."""

    def __len__(self) -> int:
        """How many templates there are, without those that were removed."""

    def rows(self) -> NDArray[np.int64]:
        """The rows of templates that are not removed, int64, ascending."""

    def rows_of(self, subjects: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of some subjects' templates, subject by subject."""

    def rows_of_each(self, subjects: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """As :meth:`rows_of`, and how many rows each subject has, int64, 0 for a subject who has none."""

    def subject_count(self) -> int:
        """How many subjects have a template here."""

    def drop(self, ids: NDArray[np.int64]) -> None:
        """Remove templates by id; unknown ids are ignored."""

    def search(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None) -> Found:
        """The k best rows of each probe, as :meth:`VectorIndex.search` returns them; with ``only``, of those rows."""


class PublishedTemplates:
    """The templates of a generation, and which of them were removed since: a :class:`TemplatePart`."""

    def __init__(
        self,
        templates: NDArray[np.int64],
        vectors: NDArray[np.float32],
        index: VectorIndex,
        files: GenerationFiles | None = None,
    ) -> None:
        """Wrap the arrays of a generation.

        Args:
            templates: int64 (3, n), as :func:`by_subject` returns it; the ids are ascending.
            vectors: float32 (n, d), in order of id.
            index: the index over the vectors.
            files: the files that the arrays are mapped from; None when they are in memory only.
        """
        self.ids, self.subjects, self._by_subject = templates
        self.vectors = vectors
        self.index = index
        self.files = files
        self._alive: NDArray[np.bool_] | None = None
        self._count = len(vectors)
        self._subject_count: int | None = None

    def subject_count(self) -> int:
        """How many subjects have a template here. Counted at the first call, and again after a removal."""
        if self._subject_count is None:
            order = self._by_subject if self._alive is None else self._by_subject[self._alive[self._by_subject]]
            self._subject_count = int(np.count_nonzero(np.diff(self.subjects[order], prepend=-1)))
        return self._subject_count

    def alive(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some rows are not removed, bool."""
        return np.ones(len(rows), dtype=bool) if self._alive is None else self._alive[rows]

    def __len__(self) -> int:
        """How many templates are not removed."""
        return self._count

    def rows(self) -> NDArray[np.int64]:
        return np.arange(self._count) if self._alive is None else np.flatnonzero(self._alive)

    def rows_of(self, subjects: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.rows_of_each(subjects)[0]

    def rows_of_each(self, subjects: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows, counts = _runs(self.subjects, self._by_subject, subjects)
        if self._alive is None:
            return rows, counts
        alive = self._alive[rows]
        return rows[alive], np.bincount(np.repeat(np.arange(len(counts)), counts)[alive], minlength=len(counts))

    def rows_of_ids(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of some templates, removed or not; unknown ids are ignored."""
        rows = np.searchsorted(self.ids, ids)
        inside = rows < len(self.ids)
        return np.asarray(rows[inside][self.ids[rows[inside]] == ids[inside]], dtype=np.int64)

    def drop(self, ids: NDArray[np.int64]) -> None:
        rows = self.rows_of_ids(ids)
        if len(rows):
            if self._alive is None:
                self._alive = np.ones(len(self.ids), dtype=bool)
            self._alive[rows] = False
            self._count = int(np.count_nonzero(self._alive))
            self._subject_count = None

    def search(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None) -> Found:
        if only is None:
            return self.index.search(probes, k, self._alive)
        if len(only) <= _MAX_COPIED_ROWS:
            return _search_rows(self.vectors, probes, k, only)
        marked = np.zeros(len(self.vectors), dtype=bool)
        marked[only] = True
        return self.index.search(probes, k, marked)


class RecentTemplates:
    """The templates that were added since, in memory and searched exactly: a :class:`TemplatePart`.

    The last row takes the place of a removed one.
    """

    def __init__(self, dim: int) -> None:
        self._ids = np.empty(0, dtype=np.int64)
        self._subjects = np.empty(0, dtype=np.int64)
        self._vectors = np.empty((0, dim), dtype=np.float32)
        self._count = 0
        self._by_subject: tuple[NDArray[np.int64], int] | None = None

    def __len__(self) -> int:
        """How many templates there are."""
        return self._count

    @property
    def ids(self) -> NDArray[np.int64]:
        """Template ids, in no particular order."""
        return self._ids[: self._count]

    @property
    def subjects(self) -> NDArray[np.int64]:
        """The subject id of each."""
        return self._subjects[: self._count]

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The templates themselves."""
        return self._vectors[: self._count]

    def append(self, ids: NDArray[np.int64], subjects: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add templates that are not in the index.

        Raises:
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
        """
        rows = checked(vectors, self._vectors.shape[1])
        self._by_subject = None
        end = self._count + len(rows)
        if end > len(self._ids):
            room = max(end, 2 * self._count, 64)
            grown = np.empty((room, rows.shape[1]), dtype=np.float32)
            grown[: self._count] = self.vectors
            # All three or none: if memory is short for one of them, the templates stay as they were.
            self._ids, self._subjects, self._vectors = np.resize(self.ids, room), np.resize(self.subjects, room), grown
        self._ids[self._count : end], self._subjects[self._count : end] = ids, subjects
        self._vectors[self._count : end] = rows
        self._count = end

    def rows(self) -> NDArray[np.int64]:
        return np.arange(self._count)

    def rows_of(self, subjects: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.rows_of_each(subjects)[0]

    def rows_of_each(self, subjects: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return _runs(self.subjects, self._in_order()[0], subjects)

    def subject_count(self) -> int:
        return self._in_order()[1]

    def _in_order(self) -> tuple[NDArray[np.int64], int]:
        """The rows in order of subject, and how many subjects there are. Computed once after every change."""
        known = self._by_subject
        if known is None:  # several searches may find it missing at once: each makes the same
            order = np.argsort(self.subjects, kind="stable")
            known = self._by_subject = order, int(np.count_nonzero(np.diff(self.subjects[order], prepend=-1)))
        return known

    def drop(self, ids: NDArray[np.int64]) -> None:
        self._by_subject = None
        for row in np.flatnonzero(np.isin(self.ids, ids))[::-1]:
            last = self._count = self._count - 1
            for array in (self._ids, self._subjects, self._vectors):
                array[row] = array[last]
            self._vectors[last] = 0

    def search(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None) -> Found:
        if only is None:
            return nearest(self.vectors, checked(probes, self._vectors.shape[1]), k)
        return _search_rows(self.vectors, probes, k, only)


def by_subject(ids: NDArray[np.int64], subjects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ids, subjects and the rows in order of subject, int64 (3, n): what :class:`PublishedTemplates` takes."""
    return np.stack([ids, subjects, np.argsort(subjects, kind="stable")])


def _runs(
    of: NDArray[np.int64], order: NDArray[np.int64], subjects: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of each of some subjects, and how many they are; ``order`` sorts ``of``, the subject of each row."""
    first, last = (np.searchsorted(of, subjects, side, sorter=order) for side in ("left", "right"))
    return np.asarray(order[np.repeat(first, last - first) + _within(last - first)]), last - first


def _within(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... within each of several runs of these sizes, one run after another."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _search_rows(matrix: NDArray[np.float32], probes: NDArray[np.float32], k: int, only: NDArray[np.int64]) -> Found:
    scores, places = nearest(np.ascontiguousarray(matrix[only]), checked(probes, matrix.shape[1]), k)
    return scores, np.where(places < 0, -1, only[places] if len(only) else -1)
