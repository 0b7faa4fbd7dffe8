"""Confidence intervals of shares: twenty photos cannot show a rate of a thousandth."""

from __future__ import annotations

import math

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


def shown(interval: tuple[float, float]) -> list[float]:
    """An interval for JSON: two numbers of six decimals."""
    return [round(bound, 6) for bound in interval]
