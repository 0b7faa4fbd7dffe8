"""How similar the photos in a gallery are: each with its person's other photos, and with the nearest other people.

Memory grows with the number of templates, not with its square. Photos of one person are compared person by person.
Photos of different people are compared in blocks, and only scores that reach the threshold are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.index.template_snapshot import Snapshot
from gallery.person_score import combine, counted_lengths, least_cosine

NEIGHBOURS = 3
"""How many other people are kept for each photo: enough for a person who is in the gallery under four names."""

_BLOCK = 4096
"""Rows of each side of one matrix product: 64 MB of cosines."""

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Levels:
    """The scores (cosines) from which something is clear.

    Attributes:
        known: the gallery's threshold.
        identical: two photos with this score are one photo, saved twice in another size or quality.
        usual: the median score of two photos of one person in this gallery.
    """

    known: float
    identical: float
    usual: float

    def same(self, *own: float) -> float:
        """The score from which photos are of one person.

        It is midway from the threshold to the mean score of that person's own photos, or to the usual one if that is
        higher. ``own`` are such mean scores, NaN for a person with one photo.
        """
        return self.known + (float(np.nanmax([self.usual, *own])) - self.known) / 2


class Similarity:
    """The templates of a gallery in order of subject, row by row.

    Attributes:
        templates, subjects: ids, int64 (n,).
        own: float32 (n,), the score (:mod:`gallery.person_score`) with the same subject by the other photos that are
            not the same photo; -inf where there are none.
        neighbours, scores: int64 and float32 (n, NEIGHBOURS), the nearest other subjects who may reach the threshold,
            best first, and the cosine with the best template of each; -1 and -inf where there are no more.
        repeated: int64 (t, 2), pairs of rows of one subject that are one photo.
        levels: what scores mean here.
    """

    def __init__(self, snapshot: Snapshot, places: Rows, known: float, identical: float) -> None:
        """Compare each subject's photos with each other.

        Args:
            snapshot: the gallery's templates at one moment.
            places: the templates to compare, by their number in ``snapshot``.
            known: the threshold, a cosine.
            identical: see :class:`Levels`.
        """
        self._snapshot = snapshot
        self._places = places[np.argsort(snapshot.subjects[places], kind="stable")]
        self.templates = snapshot.ids[self._places]
        self.subjects = snapshot.subjects[self._places]
        self.people, self._starts = np.unique(self.subjects, return_index=True)
        self._ends = np.append(self._starts[1:], len(self.subjects))
        self.own = np.full(len(self.subjects), -np.inf, dtype=np.float32)
        self.neighbours = np.full((len(self.subjects), NEIGHBOURS), -1, dtype=np.int64)
        self.scores = np.full((len(self.subjects), NEIGHBOURS), -np.inf, dtype=np.float32)
        self._means = np.empty((len(self.people), snapshot.dim), dtype=np.float32)
        self._within = np.full(len(self.people), np.nan)
        repeated = [self._compare_own(person, identical) for person in range(len(self.people))]
        self.repeated = np.concatenate([np.empty((0, 2), dtype=np.int64), *repeated])
        typical = self._within[np.isfinite(self._within)]
        usual = float(np.median(typical)) if len(typical) else known + (1 - known) / 2
        self.levels = Levels(known, identical, max(usual, known))

    def __len__(self) -> int:
        """How many templates are compared."""
        return len(self.subjects)

    def vectors(self, rows: Rows) -> NDArray[np.float32]:
        """float32 (m, d)."""
        return self._snapshot.take(self._places[rows])

    def between(self, some: Rows, others: Rows) -> Scores:
        """Cosines of rows with rows, float32 (m, n)."""
        return np.asarray(self.vectors(some) @ self.vectors(others).T)

    def rows_of(self, subject: int) -> Rows:
        """A subject's rows."""
        person = int(np.searchsorted(self.people, subject))
        return np.arange(self._starts[person], self._ends[person])

    def within(self, subject: int) -> float:
        """The mean score of all pairs of a subject's different photos; NaN when there is no pair."""
        return float(self._within[np.searchsorted(self.people, subject)])

    def near_pairs(self) -> NDArray[np.int64]:
        """Pairs of subjects, int64 (p, 2), who reach the threshold with a pair of photos and with the mean of all."""
        row, place = np.nonzero(self.scores >= self.levels.known)
        found = np.sort(np.stack([self.subjects[row], self.neighbours[row, place]], axis=1), axis=1)
        pairs = np.unique(found, axis=0)
        one, other = (np.searchsorted(self.people, pairs[:, side]) for side in (0, 1))
        average = np.empty(len(pairs), dtype=np.float32)
        for start in range(0, len(pairs), _BLOCK):
            some = slice(start, start + _BLOCK)
            average[some] = np.einsum("ij,ij->i", self._means[one[some]], self._means[other[some]])
        return pairs[average >= self.levels.known]

    def _compare_own(self, person: int, identical: float) -> NDArray[np.int64]:
        """Compare the photos of one person (``own``, ``within``); the pairs of rows that are one photo."""
        rows = np.arange(self._starts[person], self._ends[person])
        vectors = self.vectors(rows)
        self._means[person] = vectors.mean(axis=0)
        repeated, total, pairs = [], 0.0, 0
        for start in range(0, len(rows), _BLOCK):
            block = vectors[start : start + _BLOCK] @ vectors.T
            inside = np.arange(len(block))
            block[inside, start + inside] = np.nan  # a photo with itself
            one, other = np.nonzero(block >= identical)
            repeated.append(np.stack([rows[start + one], rows[other]], axis=1)[start + one < other])
            block[one, other] = np.nan
            different = np.isfinite(block)
            total += float(np.nansum(block, dtype=np.float64))
            pairs += int(different.sum())
            self.own[rows[start : start + _BLOCK]] = _scores_with_others(block, different, vectors)
        if pairs:
            self._within[person] = total / pairs
        return np.concatenate(repeated)

    def find_neighbours(self, progress: Callable[[int], None]) -> None:
        """Compare every row with the rows of every other subject, in blocks, exactly.

        ``progress`` is told how many further rows were compared.
        """
        for start in range(0, len(self), _BLOCK):
            block = np.arange(start, min(start + _BLOCK, len(self)))
            vectors = self.vectors(block)
            for other in range(start, len(self), _BLOCK):
                others = np.arange(other, min(other + _BLOCK, len(self)))
                cosines = vectors @ (vectors if other == start else self.vectors(others)).T
                one, two = np.divmod(np.flatnonzero(cosines >= least_cosine(self.levels.known)), len(others))
                strangers = self.subjects[block[one]] != self.subjects[others[two]]
                one, two = one[strangers], two[strangers]
                found = cosines[one, two]
                self._note(block[one], self.subjects[others[two]], found)
                if other > start:
                    self._note(others[two], self.subjects[block[one]], found)
            progress(len(block))

    def _note(self, rows: Rows, subjects: Rows, scores: Scores) -> None:
        """Add subjects to the neighbours of some rows. Of a subject that comes several times, the best score counts."""
        if not len(rows):
            return
        touched = np.unique(rows)
        rows = np.concatenate([rows, np.repeat(touched, NEIGHBOURS)])
        subjects = np.concatenate([subjects, self.neighbours[touched].ravel()])
        scores = np.concatenate([scores, self.scores[touched].ravel()])
        order = np.lexsort((-scores, subjects, rows))  # each row's subjects, the best score of each first
        again = (np.diff(rows[order], prepend=-1) == 0) & (np.diff(subjects[order], prepend=-2) == 0)
        order = order[~again]
        order = order[np.lexsort((-scores[order], rows[order]))]
        place = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
        order, place = order[place < NEIGHBOURS], place[place < NEIGHBOURS]
        self.neighbours[touched], self.scores[touched] = -1, -np.inf
        self.neighbours[rows[order], place], self.scores[rows[order], place] = subjects[order], scores[order]


def _scores_with_others(cosines: Scores, counted: NDArray[np.bool_], vectors: NDArray[np.float32]) -> Scores:
    """The scores of photos, float32 (m,), with those photos (m, n) of a person that count; -inf where none does."""
    number = counted.sum(axis=1)
    some = np.maximum(number, 1)
    lengths = np.linalg.norm(counted.astype(np.float32) @ vectors, axis=1) / some
    best = np.where(counted, cosines, -np.inf).max(axis=1)
    mean = np.where(counted, cosines, 0).sum(axis=1) / some
    return np.where(number > 1, combine(best, mean, counted_lengths(lengths)), best)
