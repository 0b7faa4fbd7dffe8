"""Searching the index for subjects: whom a search may return, and the nearest of them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gallery.decision import Candidate
from gallery.documents.protocol import DocumentStore
from gallery.documents.rosters import Rosters
from gallery.documents.scope import WHOLE_SCHOOL, Scope
from gallery.documents.values import Position, Student, SubjectKind
from gallery.index.gallery_index import GalleryIndex
from gallery.index.kinds.flat import checked
from gallery.told_apart import Anchors, Hit, told_apart
from presente.errors import InvalidInput
from presente.stages import stage

MAX_K = 1000
"""The largest number of subjects that a search returns per probe."""
_BLOCK = 256
"""Probes that are searched under one hold of the lock, so that writers do not wait for a whole batch."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom searches leave out (:mod:`gallery.told_apart`): by what people said, and a threshold."""

    anchors: Anchors
    threshold: float


@dataclass(slots=True)
class Nearest:
    """The candidates of one probe, best first, and the subjects that were left out because they are told apart."""

    candidates: list[Candidate] = field(default_factory=list)
    told_apart: frozenset[int] = frozenset()


class SubjectSearch:
    """Searches as of the last time that the index caught up with the documents. Safe to use from several threads."""

    def __init__(self, store: DocumentStore, index: GalleryIndex, dim: int) -> None:
        self._store = store
        self._index = index
        self._dim = dim
        self._rosters = Rosters(store)
        self._scope = WHOLE_SCHOOL
        self._subject_count: tuple[Position | None, int] = None, 0

    def within(self, scope: Scope) -> SubjectSearch:
        """The search among the people of a scope. It shares the rosters that were read."""
        view = copy(self)
        view._scope = scope
        return view

    def over(self, index: GalleryIndex) -> SubjectSearch:
        """The same search in another index of the same documents."""
        view = copy(self)
        view._index, view._subject_count = index, (None, 0)
        return view

    def roster(self, clase: str | None, kind: SubjectKind | None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class or a kind; without a class, of everyone in the scope.

        Raises:
            Forbidden: ``class_not_yours``.
        """
        scope, position = self._scope, self._index.position
        scope.check_class(clase)
        if scope.matricula:
            own = self._store.student(scope.matricula)
            members = self._rosters.of(position, clase, kind)
            return np.intersect1d(members, [0 if own is None else own.id])
        if clase is not None or scope.classes is None:
            return self._rosters.of(position, clase, kind)
        each = [self._rosters.of(position, name, kind) for name in sorted(scope.classes)]
        return np.unique(np.concatenate(each)) if each else np.empty(0, dtype=np.int64)

    def searchable(self, clase: str | None, cohort: bool) -> NDArray[np.int64] | None:
        """Subject ids that a search may return; None for all subjects.

        Raises:
            Forbidden: ``class_not_yours``.
        """
        if clase is not None or not self._scope.is_whole:
            return self.roster(clase, None if cohort else "student")
        if cohort or not self._rosters.has_cohort(self._index.position):
            return None
        return self.roster(None, "student")

    def count(self, only: NDArray[np.int64] | None) -> int:
        """How many people a search among ``only`` compares with; None for all subjects who have a template."""
        if only is not None:
            return len(only)
        with self._index.reading() as searcher:
            if self._subject_count[0] != searcher.position:
                self._subject_count = searcher.position, searcher.subject_count()
            return self._subject_count[1]

    def nearest(
        self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None, telling: Telling | None = None
    ) -> list[Nearest]:
        """The k nearest subjects of each probe, float32 (m, d), as candidates, without those who are told apart."""
        position = self._index.position
        found = self._without_told_apart(probes, k, only, telling)
        students = self._store.subjects(list({subject for hits, _ in found for subject, _ in hits}), position)
        return [Nearest(_ranked(hits, students), left_out) for hits, left_out in found]

    def _without_told_apart(
        self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None, telling: Telling | None
    ) -> list[tuple[list[Hit], frozenset[int]]]:
        """The k nearest subjects of each probe who are not told apart, and those who are.

        Where one who was found is told apart, as many more are searched for.
        """
        found = [(hits, frozenset[int]()) for hits in self.hits(probes, k, only)]
        if telling is None:
            return found
        rows, depth, searched = list(range(len(found))), k, [hits for hits, _ in found]
        while rows:
            apart = told_apart(probes[rows], searched, telling.anchors, telling.threshold)
            deeper: dict[int, int] = {}
            for row, hits, left_out in zip(rows, searched, apart, strict=True):
                found[row] = [hit for hit in hits if hit[0] not in left_out][:k], left_out
                if len(hits) == depth < k + len(left_out):
                    deeper[row] = k + len(left_out)
            rows, depth = list(deeper), max(deeper.values(), default=k)
            searched = self.hits(probes[rows], depth, only) if rows else []
        return found

    def hits(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None) -> list[list[Hit]]:
        """The k nearest subjects of each probe, float32 (m, d): subject ids and scores, best first.

        Raises:
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
        """
        rows = checked(probes, self._dim)
        found: list[list[Hit]] = []
        for start in range(0, len(rows), _BLOCK):
            with stage("search"), self._index.reading() as searcher:
                selected = None if only is None else searcher.select(only)
                found += searcher.best_subjects(rows[start : start + _BLOCK], k, selected)
        return found


def check_k(k: int) -> None:
    """Refuse a number of subjects that no search returns: ``invalid_k``."""
    if not 1 <= k <= MAX_K:
        raise InvalidInput("invalid_k", f"k is {k}.", f"It must be between 1 and {MAX_K}.")


def _ranked(hits: Sequence[Hit], students: dict[int, Student]) -> list[Candidate]:
    """Candidates, best first, without subjects who were removed between the search and the look-up."""
    existing = [(subject, score) for subject, score in hits if subject in students]
    return [
        Candidate(rank=rank, score=score, subject=subject, student=students[subject])
        for rank, (subject, score) in enumerate(existing, start=1)
    ]
