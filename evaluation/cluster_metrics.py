"""Metrics of a grouping of photos by person, from the person and the group of each. Definitions: docs/metrics.md.

Pairwise: of the pairs of photos that are in one group, the share that shows one person (precision); of the pairs that
show one person, the share that is in one group (recall). B-cubed (Bagga and Baldwin 1998): for each photo the share of
its group that shows its person, and the share of its person's photos that is in its group; the means over all photos. A
pair counts a person with 100 photos 4,950 times and one with a single photo never; B-cubed counts each photo once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClusterFigures:
    """Figures of one grouping.

    Attributes:
        people, groups: how many there are.
        precision, recall, f1: pairwise; without a pair there is nothing wrong: 1.
        bcubed_precision, bcubed_recall, bcubed_f1: B-cubed.
        mixed: groups that show more than one person.
        split: people who are in more than one group.
    """

    people: int
    groups: int
    precision: float
    recall: float
    f1: float
    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    mixed: int
    split: int


def cluster_figures(people: Sequence[Hashable], groups: Sequence[Hashable]) -> ClusterFigures:
    """The figures of photos, at least one, of which each shows one of ``people`` and is in one of ``groups``."""
    person, group = _numbers(people), _numbers(groups)
    cells, photos = np.unique(np.stack([person, group]), axis=1, return_counts=True)
    of_person, of_group = np.bincount(person), np.bincount(group)
    both = _pairs(photos)
    precision, recall = _share(both, _pairs(of_group)), _share(both, _pairs(of_person))
    weights = photos**2 / len(person)
    bcubed_precision = float((weights / of_group[cells[1]]).sum())
    bcubed_recall = float((weights / of_person[cells[0]]).sum())
    return ClusterFigures(
        people=len(of_person),
        groups=len(of_group),
        precision=precision,
        recall=recall,
        f1=_f1(precision, recall),
        bcubed_precision=bcubed_precision,
        bcubed_recall=bcubed_recall,
        bcubed_f1=_f1(bcubed_precision, bcubed_recall),
        mixed=int((np.bincount(cells[1]) > 1).sum()),
        split=int((np.bincount(cells[0]) > 1).sum()),
    )


def _numbers(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Names as numbers from 0 without gaps."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _pairs(counts: NDArray[np.int64]) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
