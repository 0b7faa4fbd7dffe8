"""Grouping templates by person, one after the other. Pure: no store, no clock.

A face joins the group with the best score (:mod:`gallery.person_score`) if that reaches the threshold; otherwise it
begins one. A face that reaches the threshold with a second group, too, is the occasion to compare the two: they are
joined if their likeness reaches the threshold::

    likeness = mean of the cosines of each face of one group with each of the other
               / root of the product of the lengths of both groups' means (each at least 0.75)

So a single face that resembles two people does not make one of them. Why: docs/adr/0058-unknown-people.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gallery.person_score import combine, counted_lengths, least_cosine
from gallery.unknowns.representatives import Representatives

Vectors = NDArray[np.float32]

REPRESENTATIVES = 8
"""Templates that are kept per group. Of all its faces the sum is kept."""
_BLOCK = 512
"""Templates that are searched at once where many are grouped."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """What a face is near: groups that it reaches the threshold with, and its scores, the best first; maybe none."""

    groups: tuple[tuple[int, float], ...]

    @property
    def best(self) -> int | None:
        """The group that the face joins; None: it begins one."""
        return self.groups[0][0] if self.groups else None


@dataclass(slots=True)
class _Group:
    """``rows`` of representatives; how many faces there are; the sum of those that are not represented, if any."""

    rows: list[int] = field(default_factory=list)
    count: int = 0
    others: Vectors | None = None


class Grouping:
    """Groups of templates in memory. Not safe for several threads.

    Per group there are at most :data:`REPRESENTATIVES` templates and one sum, however many faces it has.
    """

    def __init__(self, dim: int, threshold: Callable[[int], float]) -> None:
        """No groups yet.

        Args:
            dim: length of a template.
            threshold: the score from which two faces are of one person, for the number of groups that a face is
                compared with.
        """
        self._threshold = threshold
        self._rows = Representatives(dim)
        self._groups: dict[int, _Group] = {}

    def __contains__(self, group: int) -> bool:
        """Whether there is a group with a number."""
        return group in self._groups

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    @property
    def represented(self) -> int:
        """How many templates are kept."""
        return self._rows.count

    @property
    def threshold(self) -> float:
        """The score from which a face is of a group, for as many groups as there are now."""
        return self._threshold(len(self._groups))

    def near(self, vector: Vectors, threshold: float | None = None) -> Nearness:
        """The groups whose person a float32 (d,) unit vector shows, by another threshold if one is given."""
        least = self.threshold if threshold is None else threshold
        return self._nearness(vector, self._rows.groups_of(self._search(vector[None, :], least)[0]), least)

    def place(self, group: int, vector: Vectors) -> None:
        """Add a face to a group; a number that is no group's begins one."""
        own = self._groups.setdefault(group, _Group())
        own.rows.append(self._rows.add(vector, group))
        own.count += 1
        self._bound(own)

    def are_one(self, one: int, other: int) -> bool:
        """Whether two groups show one person, by all faces of both."""
        return self.likeness(one, other) >= self.threshold

    def likeness(self, one: int, other: int) -> float:
        """How alike all faces of one group are to all of another; of groups of one face, their cosine."""
        means = np.stack([self._mean(self._groups[one]), self._mean(self._groups[other])])
        lengths = counted_lengths(np.linalg.norm(means, axis=1).astype(np.float32))
        return float(means[0] @ means[1] / np.sqrt(lengths.prod()))

    def join(self, keep: int, other: int) -> None:
        """Make one group of two, under the number ``keep``."""
        kept, gone = self._groups[keep], self._groups.pop(other)
        self._rows.give(gone.rows, keep)
        kept.rows += gone.rows
        kept.count += gone.count
        if gone.others is not None:
            kept.others = gone.others if kept.others is None else kept.others + gone.others
        self._bound(kept)

    def alike(self, group: int, threshold: float) -> list[tuple[int, float]]:
        """Other groups that one of the group's representatives reaches a threshold with; and their likeness, the
        greatest first."""
        found: set[int] = set()
        for vector in self._rows.of(self._groups[group].rows):
            found |= {other for other, _ in self.near(vector, threshold).groups}
        each = [(other, self.likeness(group, other)) for other in found - {group}]
        return sorted(each, key=lambda pair: -pair[1])

    def add(self, vectors: Vectors) -> NDArray[np.int64]:
        """Group many templates, float32 (n, d), one after the other: the group of each, int64 (n,), once all are in.

        New groups get the numbers after the greatest.
        """
        placed: list[int] = []
        joined: dict[int, int] = {}
        fresh = max(self._groups, default=0) + 1
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            least = self.threshold
            found = self._search(block, least)
            among = block @ block.T >= least_cosine(least)
            for place, vector in enumerate(block):
                earlier = [_last(placed[start + one], joined) for one in np.flatnonzero(among[place, :place]).tolist()]
                nearness = self._nearness(vector, self._rows.groups_of(found[place]).union(earlier), least)
                group = nearness.best
                if group is None:
                    group, fresh = fresh, fresh + 1
                self.place(group, vector)
                placed.append(group)
                for other, _ in nearness.groups:
                    if other != group and self.are_one(group, other):
                        self.join(group, other)
                        joined[other] = group
        return np.array([_last(group, joined) for group in placed], dtype=np.int64)

    def _search(self, vectors: Vectors, threshold: float) -> list[NDArray[np.int64]]:
        """Rows of groups that may reach a threshold."""
        return self._rows.search(vectors, least_cosine(threshold))

    def _nearness(self, vector: Vectors, groups: set[int], threshold: float) -> Nearness:
        scores = [(group, self._score(vector, self._groups[group])) for group in groups]
        reached = [pair for pair in scores if pair[1] >= threshold]
        return Nearness(tuple(sorted(reached, key=lambda pair: (-pair[1], pair[0]))))

    def _score(self, vector: Vectors, group: _Group) -> float:
        """The score of a person, of whose templates the nearest is looked for among the representatives."""
        if group.count == 1:
            return float(self._rows.of(group.rows)[0] @ vector)
        rows = self._rows.of(group.rows)
        best = (rows @ vector[:, None]).max(axis=0)
        mean = _mean(rows, group)
        length = counted_lengths(np.linalg.norm(mean[None, :], axis=1).astype(np.float32))
        return float(combine(best, mean[None, :] @ vector, length)[0])

    def _mean(self, group: _Group) -> Vectors:
        return _mean(self._rows.of(group.rows), group)

    def _bound(self, group: _Group) -> None:
        """Let representatives go until there are few enough: of the two that are most alike, the one that is nearer to
        the others."""
        while len(group.rows) > REPRESENTATIVES:
            rows = self._rows.of(group.rows)
            cosines = rows @ rows.T
            np.fill_diagonal(cosines, -1)
            pair = np.unravel_index(cosines.argmax(), cosines.shape)
            goes = int(max(pair, key=lambda place: cosines[place].sum()))
            group.others = rows[goes].copy() if group.others is None else group.others + rows[goes]
            self._rows.remove(group.rows.pop(goes))


def _mean(rows: Vectors, group: _Group) -> Vectors:
    """The mean of all faces of a group, of which ``rows`` are represented."""
    whole = rows.sum(axis=0) if group.others is None else rows.sum(axis=0) + group.others
    return np.asarray(whole / group.count, dtype=np.float32)


def _last(group: int, joined: dict[int, int]) -> int:
    """The group that a group is part of now."""
    while group in joined:
        group = joined[group]
    return group
