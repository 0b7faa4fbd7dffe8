"""Whether templates of another precision lose: cosines to those in f32, and searches that find the person no more.

Pure functions of two sets of templates of the same photos. Definitions: docs/precision.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1024
_Z95 = 1.6448536269514722
"""The standard normal's 95 % quantile, for a bound on one side."""

MEDIAN_COSINE, WORST_COSINE = 0.99, 0.95
"""Cosines to f32 that the median photo and all but the worst hundredth must reach: below, something is broken, whatever
these photos show of the errors."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosines of templates to those in f32: in the median, of the worst hundredth (its upper end), and the least."""

    median: float
    worst_percent: float
    least: float


@dataclass(frozen=True, slots=True)
class SearchErrors:
    """Errors of one precision: FPIR, and FNIR at the threshold that at most the asked share of strangers reaches."""

    threshold: float
    fpir: float
    fnir: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the photos show.

    Attributes:
        agreement: of the templates.
        f32, other: errors in f32, and in the other precision, each at a threshold of its own.
        mated: searches for people who have another photo.
        non_mated: searches of each photo among the other people.
        lost: mated searches that only f32 answers rightly.
        gained: mated searches that only the other precision answers rightly.
        most_loss: upper bound of the rise of FNIR, with 95 % confidence.
    """

    agreement: Agreement
    f32: SearchErrors
    other: SearchErrors
    mated: int
    non_mated: int
    lost: int
    gained: int
    most_loss: float


def compare(f32: NDArray[np.float32], other: NDArray[np.float32], people: Sequence[str], fpir: float) -> Comparison:
    """Compare templates, float32 (n, d) of length 1, of the same n photos.

    Args:
        f32: templates in f32.
        other: templates in the other precision.
        people: whom each photo shows.
        fpir: share of non-mated searches that may reach the threshold.

    Raises:
        ValueError: there is no mated or no non-mated search, or too few of these for the rate.
    """
    cosines = np.einsum("nd,nd->n", f32, other)
    agreement = Agreement(
        float(np.median(cosines)), float(np.quantile(cosines, 0.01, method="lower")), float(cosines.min())
    )
    names, whom = np.unique(np.asarray(people), return_inverse=True)
    if len(names) < 2 or len(whom) == len(names) or math.floor(fpir * len(whom)) < 1:
        raise ValueError(f"they cannot show a rate of {fpir:g}, or no one has two of them")
    errors_f32, found_f32 = _searched(f32, whom, fpir)
    errors_other, found_other = _searched(other, whom, fpir)
    mated = np.bincount(whom)[whom] > 1
    lost, gained = int((found_f32 & ~found_other).sum()), int((found_other & ~found_f32).sum())
    searches = int(mated.sum())
    bound = most_loss(lost, gained, searches)
    return Comparison(agreement, errors_f32, errors_other, searches, len(whom), lost, gained, bound)


def _searched(
    templates: NDArray[np.float32], whom: NDArray[np.intp], fpir: float
) -> tuple[SearchErrors, NDArray[np.bool_]]:
    """The errors when each photo is searched for among all others, and bool (n,): whether its person was found.

    A person is found at rank 1 and at or above the threshold, which floor(fpir n) of the best scores of other people
    reach.
    """
    own, others = _best_scores(templates, whom)
    highest = np.sort(others)[::-1]
    threshold = float(np.nextafter(highest[math.floor(fpir * len(highest))], np.float32(2)))
    found = (own >= threshold) & (own > others)
    mated = np.isfinite(own)
    return SearchErrors(threshold, float((others >= threshold).mean()), float(1 - found[mated].mean())), found


def _best_scores(
    templates: NDArray[np.float32], whom: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each photo's best score with others of the person, -inf without one, and with other people: float32 (n,)."""
    own, others = np.empty(len(whom), np.float32), np.empty(len(whom), np.float32)
    for start in range(0, len(whom), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(whom)))
        scores = templates[rows] @ templates.T
        same = whom[rows][:, None] == whom
        others[rows] = np.where(same, -np.inf, scores).max(axis=1)
        same[np.arange(len(rows)), rows] = False
        own[rows] = np.where(same, scores, -np.inf).max(axis=1)
    return own, others


def most_loss(lost: int, gained: int, searches: int) -> float:
    """Upper bound, with 95 % confidence, of the difference of two rates that the same searches show.

    It is the bound of Tango's score interval for paired data (Statistics in Medicine 17, 1998), on one side. Without
    any search that differs it is z^2 / (n + z^2): 2.7 of n searches.

    Args:
        lost: searches that have the error in the second case only.
        gained: searches that have it in the first case only.
        searches: all of them.
    """

    def score(loss: float) -> float:
        b = -lost - gained + (2 * searches - lost + gained) * loss
        c = -gained * loss * (1 - loss)
        gained_rate = (math.sqrt(b * b - 8 * searches * c) - b) / (4 * searches)
        spread = searches * (2 * gained_rate + loss * (1 - loss))
        return (lost - gained - searches * loss) / math.sqrt(spread) if spread > 0 else -math.inf

    low, high = max(0.0, (lost - gained) / searches), 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if score(middle) <= -_Z95 else (middle, high)
    return high


def faults(found: Comparison, most: float) -> list[str]:
    """Why templates that compare so lose, each reason a sentence; none when they may be used.

    Args:
        found: the comparison.
        most: the rise of FNIR that is no loss.
    """
    agreement = found.agreement
    reasons = []
    if not agreement.median >= MEDIAN_COSINE:
        reasons.append(f"The median cosine to f32 is {agreement.median:.4f}, below {MEDIAN_COSINE}.")
    if not agreement.worst_percent >= WORST_COSINE:
        reasons.append(f"1 % of the photos have a cosine to f32 of {agreement.worst_percent:.4f} or less.")
    if found.most_loss > most:
        reasons.append(
            f"FNIR is {found.other.fnir:.4f}, in f32 {found.f32.fnir:.4f}: of {found.mated} searches {found.lost} were "
            f"lost and {found.gained} won, so it may have risen by {found.most_loss:.4f}; {most:g} is allowed."
        )
    return reasons
