"""Whether a face is live by several looks at it. Pure.

Each look of a film or a camera is scored by itself. The evidence is the median of the log odds of those scores, as a
score: where more than half of the looks are at or above a threshold, so is the evidence, whatever the threshold, and
however far the others are from it. So one look that is mistaken for a picture does not outvote five others, nor the
reverse. The mean of the log odds does not have that property: one score of 0.999 outweighs five of 0.3.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median_high, median_low

from faces.liveness.values import LivenessScore

_NEAREST_TO_CERTAIN = 1e-6
"""Scores are taken to be no nearer to 0 and 1: the log odds of these are not finite."""


def evidence_of(looks: Sequence[LivenessScore | None]) -> LivenessScore | None:
    """The evidence of several looks at one face.

    Args:
        looks: their scores; those without one say nothing. None for a look that was not judged because no one asked.

    Returns:
        one score; without a score, and with the most frequent reason, where no look has one; None where no look was
        asked about.
    """
    asked = [look for look in looks if look is not None]
    if not asked:
        return None
    scores = [look.score for look in asked if look.score is not None]
    if not scores:
        return LivenessScore(None, asked[0].pack, Counter(look.reason for look in asked).most_common(1)[0][0])
    low, high = median_low(scores), median_high(scores)
    score = low if low == high else 1 / (1 + math.exp(-(_log_odds(low) + _log_odds(high)) / 2))
    return LivenessScore(score, asked[0].pack)


def _log_odds(score: float) -> float:
    kept = min(max(score, _NEAREST_TO_CERTAIN), 1 - _NEAREST_TO_CERTAIN)
    return math.log(kept / (1 - kept))
