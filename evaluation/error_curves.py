"""Curves for plots, from scores alone: error rates at every threshold with their intervals. See docs/metrics.md.

Identification and verification are treated alike: there are scores of trials that should be accepted and of trials that
should not, and at each threshold a share of either is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation import metrics
from evaluation.intervals import wilson
from evaluation.scores import ProbeScores
from evaluation.verification import ScoredPairs, error_rates

Rates = NDArray[np.float64]
_CELLS = 60
"""Cells per decade of the grid by which curves are thinned."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Scores of mated trials, float64 (m,), and of non-mated trials, float64 (n,); -inf where none is accepted.

    In identification a mated score counts only when the mate is at rank 1; a stranger's score is the best with any
    person.
    """

    mated: Rates
    non_mated: Rates


@dataclass(frozen=True, slots=True)
class ErrorCurve:
    """Rates of false positives and false negatives at descending thresholds, float64 (k,), false positives rising.

    ``low`` and ``high`` are the 95 % interval of the false negatives; ``trials`` the numbers of non-mated and of mated
    trials.
    """

    false_positive: Rates
    false_negative: Rates
    low: Rates
    high: Rates
    trials: tuple[int, int]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Whether a point holds at least one false positive, bool (k,)."""
        return self.false_positive > 0.5 * self.resolution

    @property
    def resolution(self) -> float:
        """The smallest rate of false positives that so few trials can show: one case."""
        return 1 / self.trials[0]


def trials_of_pairs(pairs: ScoredPairs) -> Trials:
    """Mated and non-mated pairs."""
    return Trials(pairs.score[pairs.same], pairs.score[~pairs.same])


def trials_of_searches(searches: Sequence[ProbeScores]) -> Trials:
    """Mated and non-mated searches; a mate behind another person is found at no threshold."""
    mated = [search.mate_score if search.mate_rank == 1 else -np.inf for search in searches if search.mated]
    others = [search.best_score for search in searches if not search.mated]
    return Trials(np.array(mated, np.float64), np.array(others, np.float64))


def error_curve(trials: Trials) -> ErrorCurve:
    """Both rates at every threshold between two scores, without points that no plot would show apart."""
    same = np.repeat([True, False], [len(trials.mated), len(trials.non_mated)])
    scores = np.concatenate([trials.mated, trials.non_mated])
    _, positive, negative = error_rates(ScoredPairs(np.zeros(len(same), np.int64), same, scores))
    kept = _distinguishable(positive, negative)
    low, high = wilson_band(negative[kept], len(trials.mated))
    return ErrorCurve(positive[kept], negative[kept], low, high, (len(trials.non_mated), len(trials.mated)))


def wilson_band(shares: Rates, trials: int) -> tuple[Rates, Rates]:
    """The 95 % interval of each share, float64 (k,), of as many trials: lower and upper bounds."""
    bounds = np.array([wilson(round(share * trials), trials) for share in shares.tolist()])
    return bounds[:, 0], bounds[:, 1]


def identification_rates(searches: Sequence[ProbeScores], last_rank: int) -> tuple[Rates, Rates, Rates]:
    """CMC at ranks 1 to ``last_rank`` and its 95 % interval, each float64 (last_rank,)."""
    rates = np.array([metrics.rank_rate(searches, rank) for rank in range(1, last_rank + 1)])
    return rates, *wilson_band(rates, sum(search.mated for search in searches))


def _distinguishable(positive: Rates, negative: Rates) -> NDArray[np.int64]:
    """Places of the first and the last point of each run of points in one cell of a grid of log rates."""
    cells = np.round(_CELLS * np.log10(np.maximum([positive, negative], 1e-6)))
    moved = np.any(np.diff(cells, axis=1) != 0, axis=0)
    return np.flatnonzero(np.concatenate([[True], moved]) | np.concatenate([moved, [True]]))
