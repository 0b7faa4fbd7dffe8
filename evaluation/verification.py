"""Verification: scores of pairs on disk, and metrics from them alone. Definitions and sources: docs/metrics.md.

The table is tab-separated UTF-8, one line per pair, with the columns

    fold           number of the fold, from 0
    same           1 when both photos show one person, else 0
    left, right    the photos
    left_outcome, right_outcome    ok, or why the photo gave no template: a failure to acquire
    score          cosine of the two templates; empty after a failure to acquire
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import wilson
from evaluation.pairs import Pair
from evaluation.tables import read_score, read_table, shown_score, write_table
from evaluation.templates import OK, TemplateResult
from presente.errors import InvalidInput

_COLUMNS = ("fold", "same", "left", "right", "left_outcome", "right_outcome", "score")
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the table; the score is -inf when a photo gave no template."""

    fold: int
    same: bool
    left: str
    right: str
    left_outcome: str
    right_outcome: str
    score: float


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """The table as columns: fold int64 (n,), same bool (n,), score float64 (n,) with -inf for no score."""

    fold: NDArray[np.int64]
    same: NDArray[np.bool_]
    score: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """One fold: the threshold that the other folds chose, and the share of its pairs that it decides rightly."""

    fold: int
    pairs: int
    threshold: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class TarPoint:
    """TAR at a threshold that accepts at most ``far_asked`` of the non-mated pairs, with 95 % intervals.

    When the pairs cannot resolve the rate, everything but ``far_asked`` is None.
    """

    far_asked: float
    resolved: bool
    far: float | None = None
    far_interval: tuple[float, float] | None = None
    tar: float | None = None
    tar_interval: tuple[float, float] | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class AcceptedShare:
    """The share of some pairs that are accepted, with its 95 % interval."""

    share: float
    interval: tuple[float, float]


def compare_pairs(pairs: Sequence[Pair], templates: Mapping[Path, TemplateResult]) -> list[Comparison]:
    """Score every pair."""
    results = []
    for start in range(0, len(pairs), _BLOCK):
        for pair in pairs[start : start + _BLOCK]:
            left, right = templates[pair.left], templates[pair.right]
            both = left.template is not None and right.template is not None
            score = float(left.template @ right.template) if both else -math.inf  # type: ignore[operator]
            results.append(
                Comparison(pair.fold, pair.same, str(pair.left), str(pair.right), left.code, right.code, score)
            )
    return results


def write_comparisons(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Write the table."""
    write_table(
        path,
        _COLUMNS,
        (
            (one.fold, int(one.same), one.left, one.right, one.left_outcome, one.right_outcome, shown_score(one.score))
            for one in comparisons
        ),
    )


def read_comparisons(path: Path) -> list[Comparison]:
    """Read a table back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """

    def read(row: dict[str, str]) -> Comparison:
        return Comparison(
            int(row["fold"]),
            row["same"] == "1",
            row["left"],
            row["right"],
            row["left_outcome"],
            row["right_outcome"],
            read_score(row["score"]),
        )

    return read_table(path, read, "evaluation verification")


def columns_of(comparisons: Sequence[Comparison]) -> ScoredPairs:
    """The table's numbers.

    Raises:
        InvalidInput: ``no_pairs`` without pairs of one person, or without pairs of two.
    """
    same = np.array([one.same for one in comparisons], dtype=np.bool_)
    if not same.any() or same.all():
        raise InvalidInput("no_pairs", "There are no pairs of one person, or none of two.", "Give both kinds.")
    fold = np.array([one.fold for one in comparisons], dtype=np.int64)
    return ScoredPairs(fold, same, np.array([one.score for one in comparisons], dtype=np.float64))


def failures(comparisons: Sequence[Comparison]) -> dict[str, str]:
    """Every photo without a template, and why."""
    sides = [(one.left, one.left_outcome) for one in comparisons]
    sides += [(one.right, one.right_outcome) for one in comparisons]
    return {photo: code for photo, code in sides if code != OK}


def accuracy_at(pairs: ScoredPairs, threshold: float) -> float:
    """Share of pairs decided rightly: called the same at score >= threshold. A pair without a score is wrong."""
    scored = np.isfinite(pairs.score)
    return float((scored & ((pairs.score >= threshold) == pairs.same)).mean())


def best_threshold(pairs: ScoredPairs) -> float:
    """The threshold, half-way between two neighbouring scores, that decides most pairs rightly; of several the middle.

    Pairs without a score decide nothing here.
    """
    scored = np.isfinite(pairs.score)
    order = np.argsort(pairs.score[scored], kind="stable")
    score, same = pairs.score[scored][order], pairs.same[scored][order]
    # right[i]: with the i lowest pairs called different and the others the same
    right = np.concatenate([[0], np.cumsum(~same)]) + np.concatenate([np.cumsum(same[::-1])[::-1], [0]])
    edges = np.concatenate([[score[0] - 1e-3], (score[1:] + score[:-1]) / 2, [score[-1] + 1e-3]])
    allowed = np.concatenate([[True], score[1:] > score[:-1], [True]])  # equal scores are on one side of a threshold
    best = np.flatnonzero(allowed & (right == right[allowed].max()))
    return float(edges[best[len(best) // 2]])


def accuracy_by_fold(pairs: ScoredPairs) -> list[FoldAccuracy]:
    """Each fold at the threshold that is best for all the others (LFW's protocol)."""
    results = []
    for fold in np.unique(pairs.fold):
        inside = pairs.fold == fold
        others = ScoredPairs(pairs.fold[~inside], pairs.same[~inside], pairs.score[~inside])
        own = ScoredPairs(pairs.fold[inside], pairs.same[inside], pairs.score[inside])
        threshold = best_threshold(others)
        results.append(FoldAccuracy(int(fold), len(own.fold), threshold, accuracy_at(own, threshold)))
    return results


def error_rates(pairs: ScoredPairs) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """FAR and FRR at every threshold between two scores: thresholds descending from +inf, FAR rising."""
    thresholds = np.concatenate([[np.inf], np.unique(pairs.score[np.isfinite(pairs.score)])[::-1]])
    impostors, mated = np.sort(pairs.score[~pairs.same]), np.sort(pairs.score[pairs.same])
    far = 1 - np.searchsorted(impostors, thresholds, side="left") / len(impostors)
    frr = np.searchsorted(mated, thresholds, side="left") / len(mated)
    return thresholds, far, frr


def equal_error_rate(pairs: ScoredPairs) -> float:
    """The rate at which FAR and FRR are equal: half their sum at the threshold where they are closest."""
    _, far, frr = error_rates(pairs)
    nearest = int(np.abs(far - frr).argmin())
    return float((far[nearest] + frr[nearest]) / 2)


def equal_error_interval(pairs: ScoredPairs) -> tuple[float, float]:
    """Where the 95 % intervals of FAR and FRR meet: their lower bounds, their upper bounds.

    At the threshold of the true EER both rates are that, so it is not below where the lower bounds meet, nor above
    where the upper ones do. Between two thresholds FAR may be as low as at the first and FRR as at the second, or as
    high as at the second and the first.
    """
    _, far, frr = error_rates(pairs)
    mated = int(pairs.same.sum())
    others = len(pairs.same) - mated
    accepted = np.array([wilson(round(rate * others), others) for rate in far.tolist()])
    rejected = np.array([wilson(round(rate * mated), mated) for rate in frr.tolist()])
    low = np.maximum(accepted[:-1, 0], rejected[1:, 0]).min(initial=1.0)
    high = np.minimum(accepted[1:, 1], rejected[:-1, 1]).max(initial=0.0)
    eer = equal_error_rate(pairs)
    return min(float(low), eer), max(float(high), eer)


def accepted(pairs: ScoredPairs, threshold: float) -> tuple[AcceptedShare, AcceptedShare]:
    """FAR and TAR at a threshold."""
    far, tar = (
        (int((scores >= threshold).sum()), len(scores))
        for scores in (pairs.score[~pairs.same], pairs.score[pairs.same])
    )
    return AcceptedShare(far[0] / far[1], wilson(*far)), AcceptedShare(tar[0] / tar[1], wilson(*tar))


def tar_at_far(pairs: ScoredPairs, far: float) -> TarPoint:
    """TAR at an asked FAR.

    With n non-mated pairs floor(far n) may be accepted: the threshold lies just above the next one's score. When that
    is none, the pairs cannot show the rate, and no TAR is given.
    """
    impostors = np.sort(pairs.score[~pairs.same])[::-1]
    allowed = math.floor(far * len(impostors) + 1e-9)
    if not 1 <= allowed < len(impostors):
        return TarPoint(far, resolved=False)
    threshold = float(np.nextafter(impostors[allowed], np.inf))
    reached, tar = accepted(pairs, threshold)
    return TarPoint(
        far,
        resolved=True,
        far=reached.share,
        far_interval=reached.interval,
        tar=tar.share,
        tar_interval=tar.interval,
        threshold=threshold,
    )
