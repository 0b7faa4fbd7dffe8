"""Searches whose figures are known by hand."""

import math

from evaluation.scores import ProbeScores
from evaluation.templates import OK


def mated(score: float, rank: int, best: float | None = None, outcome: str = OK) -> ProbeScores:
    return ProbeScores(True, "a", "a.jpg", outcome, "a", score if best is None else best, score, rank)


def stranger(score: float, outcome: str = OK) -> ProbeScores:
    return ProbeScores(False, "x", "x.jpg", outcome, "a", score, -math.inf, 0)


# Five mated searches: three found at rank 1, one at rank 2, one photo without a face. Four strangers.
SEARCHES = [
    mated(0.9, 1),
    mated(0.6, 1),
    mated(0.4, 1),
    mated(0.5, 2, best=0.55),
    mated(-math.inf, 0, outcome="no_face"),
    stranger(0.5),
    stranger(0.3),
    stranger(0.2),
    stranger(-math.inf, "no_face"),
]
