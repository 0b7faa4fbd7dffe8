"""Confidence intervals of shares: twenty photos cannot show a rate of a thousandth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""The standard normal's 97.5 % quantile, for a two-sided 95 % interval."""


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """The 95 % score interval of Wilson (JASA 22, 1927) for ``successes`` of ``trials`` independent ones.

    It is never empty nor outside 0 to 1, not even without successes or failures. Without trials it is 0 to 1.
    """
    if trials == 0:
        return 0.0, 1.0
    share, square = successes / trials, Z95 * Z95
    centre = share + square / (2 * trials)
    spread = Z95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == trials else (centre + spread) / scale
    return low, high


def clustered_interval(events: NDArray[np.int64], trials: NDArray[np.int64]) -> tuple[float, float]:
    """The 95 % interval of a share whose trials are of people, int64 (m,) each.

    It is Wilson's with the effective number of trials (Dean and Pagano, Evaluating confidence interval methods for
    binomial proportions in clustered surveys, JSSAM 2015), which is theirs by the spread between people: at least the
    number of people, which it is where nothing or everything happened, and at most the number of trials.
    """
    some = trials > 0
    events, trials = events[some], trials[some]
    people, total = len(trials), int(trials.sum())
    if not total:
        return 0.0, 1.0
    share = float(events.sum()) / total
    effective = float(people)
    if 0 < share < 1 and people > 1:
        spread = people / (people - 1) * float(((events - share * trials) ** 2).sum()) / total**2
        effective = float(np.clip(share * (1 - share) / max(spread, 1e-12), people, total))
    return wilson(share * effective, effective)


def shown(interval: tuple[float, float]) -> list[float]:
    """An interval for JSON: two numbers of six decimals."""
    return [round(bound, 6) for bound in interval]
