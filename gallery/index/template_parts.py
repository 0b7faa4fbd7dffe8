"""The two parts of an index: the templates that were published, and those that were added since."""

from __future__ import annotations

from dataclasses import dataclass
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
        self._known_runs: SubjectRuns | None = None
        self._subject_count: int | None = None

    def subject_count(self) -> int:
        """How many subjects have a template here. Counted at the first call, and again after a removal."""
        if self._subject_count is None:
            runs = self._runs()
            people = runs.people if self._alive is None else np.unique(self.subjects[self._alive])
            self._subject_count = len(people)
        return self._subject_count

    def _runs(self) -> SubjectRuns:
        """Where each subject's rows are. Found out at the first call."""
        known = self._known_runs
        if known is None:  # several searches may find it missing at once: each makes the same
            known = self._known_runs = SubjectRuns.of(self.subjects, self._by_subject)
        return known

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
        rows, counts = self._runs().rows_of_each(subjects)
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
        self._known_runs: SubjectRuns | None = None

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
        self._known_runs = None
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
        return self._runs().rows_of_each(subjects)

    def subject_count(self) -> int:
        return len(self._runs().people)

    def _runs(self) -> SubjectRuns:
        """Where each subject's rows are. Found out once after every change."""
        known = self._known_runs
        if known is None:  # several searches may find it missing at once: each makes the same
            known = self._known_runs = SubjectRuns.of(self.subjects, np.argsort(self.subjects, kind="stable"))
        return known

    def drop(self, ids: NDArray[np.int64]) -> None:
        self._known_runs = None
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


@dataclass(frozen=True, slots=True)
class SubjectRuns:
    """The rows of each subject, one run after another.

    Attributes:
        order: int64 (n,), the rows in order of subject.
        people: int64 (p,), the subjects who have a row, ascending.
        starts: int64 (p + 1,), where the run of each begins in ``order``, and the end.
    """

    order: NDArray[np.int64]
    people: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, subjects: NDArray[np.int64], order: NDArray[np.int64]) -> SubjectRuns:
        """The runs of rows whose subjects, int64 (n,), ``order`` sorts."""
        in_order = subjects[order]
        starts = np.flatnonzero(np.diff(in_order, prepend=-1))
        return cls(order, in_order[starts], np.append(starts, len(order)))

    def rows_of_each(self, subjects: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of some subjects, subject by subject, and how many rows each has, int64, 0 for one who has none."""
        if not len(self.people):
            return np.empty(0, dtype=np.int64), np.zeros(len(subjects), dtype=np.int64)
        which = np.minimum(np.searchsorted(self.people, subjects), len(self.people) - 1)
        first = self.starts[which]
        counts = np.where(self.people[which] == subjects, self.starts[which + 1] - first, 0)
        return np.asarray(self.order[np.repeat(first, counts) + _within(counts)]), counts


def _within(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... within each of several runs of these sizes, one run after another."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _search_rows(matrix: NDArray[np.float32], probes: NDArray[np.float32], k: int, only: NDArray[np.int64]) -> Found:
    scores, places = nearest(np.ascontiguousarray(matrix[only]), checked(probes, matrix.shape[1]), k)
    return scores, np.where(places < 0, -1, only[places] if len(only) else -1)
