"""The pairs protocol of LFW: 6,000 pairs in ten folds, each decided by the threshold that is best on the other nine.

Huang, Ramesh, Berg, Learned-Miller: Labeled Faces in the Wild, 2007; the list is the authors' ``pairs.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MISSED = -1.0
"""Score of a pair of which a photo has no template: the lowest cosine there is."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two photos a pair (paths as the source names them), bool (n,) whether of one person, int64 (n,) its fold."""

    photos: tuple[tuple[str, str], ...]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]


def read_pairs(root: Path) -> Pairs:
    """The protocol of an LFW folder, from its ``pairs.txt``."""
    lines = (root / "pairs.txt").read_text(encoding="utf-8").splitlines()
    per_fold = 2 * int(lines[0].split()[1])
    photos: list[tuple[str, str]] = []
    same: list[bool] = []
    for line in lines[1:]:
        fields = line.split()
        if len(fields) not in (3, 4):
            continue
        other = fields[0] if len(fields) == 3 else fields[2]
        photos.append((_photo(root, fields[0], fields[1]), _photo(root, other, fields[-1])))
        same.append(len(fields) == 3)
    return Pairs(tuple(photos), np.array(same), np.arange(len(photos)) // per_fold)


def _photo(root: Path, person: str, number: str) -> str:
    return str(root / person / f"{person}_{int(number):04d}.jpg")


def scores_of(pairs: Pairs, templates: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Cosine of every pair, float64 (n,); :data:`MISSED` where a photo has no template."""
    return np.array(
        [
            float(templates[one] @ templates[other]) if one in templates and other in templates else MISSED
            for one, other in pairs.photos
        ]
    )


def ten_fold_accuracy(scores: NDArray[np.float64], pairs: Pairs) -> float:
    """Mean over the folds of the share of pairs that the other folds' best threshold decides rightly."""
    right = []
    for fold in np.unique(pairs.fold):
        out = pairs.fold == fold
        threshold = best_threshold(scores[~out], pairs.same[~out])
        right.append(np.mean((scores[out] >= threshold) == pairs.same[out]))
    return float(np.mean(right))


def best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """The lowest of the scores at which "same when at least this" is right most often."""
    order = np.argsort(scores)
    ranked, matches = scores[order], same[order]
    right = np.cumsum(matches[::-1])[::-1] + np.concatenate([[0], np.cumsum(~matches)[:-1]])
    return float(ranked[int(np.argmax(right))])
