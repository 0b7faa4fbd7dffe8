"""Metrics of an identification experiment, from its scores alone. Definitions and sources: docs/metrics.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.scores import Search
from evaluation.templates import OK
from presente.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class OpenSetPoint:
    """FNIR at a threshold that lets at most ``fpir_asked`` of the strangers in.

    ``resolved`` is False when there are too few strangers to show the rate that was asked for: then not one of them
    is let in, and the true rate may still be higher than asked.
    """

    fpir_asked: float
    fpir: float
    fnir: float
    threshold: float
    resolved: bool


def rank_rate(searches: Sequence[Search], rank: int) -> float:
    """Closed set: share of mated searches with the mate at ``rank`` or better; a failure to acquire is a miss."""
    mated = _mated(searches)
    return sum(1 for search in mated if 1 <= search.mate_rank <= rank) / len(mated)


def failures_to_acquire(searches: Sequence[Search]) -> int:
    """How many searched photos gave no template."""
    return sum(search.outcome != OK for search in searches)


def fpir_at(searches: Sequence[Search], threshold: float) -> float:
    """Share of non-mated searches with a candidate at or above the threshold."""
    strangers = _stranger_scores(searches)
    return float((strangers >= threshold).mean())


def fnir_at(searches: Sequence[Search], threshold: float) -> float:
    """Share of mated searches whose mate is not at rank 1 at or above the threshold; a failure to acquire is one."""
    mated = _mated(searches)
    found = sum(1 for search in mated if search.mate_rank == 1 and search.mate_score >= threshold)
    return 1.0 - found / len(mated)


def check_rate(fpir: float) -> None:
    """Refuse what is no rate: ``invalid_fpir``."""
    if not 0 <= fpir < 1:
        raise InvalidInput("invalid_fpir", f"FPIR {fpir} was asked for.", "It must be at least 0 and below 1.")


def threshold_at_fpir(searches: Sequence[Search], fpir: float) -> float:
    """The lowest threshold at which at most ``fpir`` of the non-mated searches have a candidate.

    With n strangers sorted by their best score, floor(fpir * n) of them may pass: the threshold lies just above the
    next one's score.
    """
    check_rate(fpir)
    strangers = np.sort(_stranger_scores(searches))[::-1]
    allowed = math.floor(fpir * len(strangers) + 1e-9)
    return float(np.nextafter(strangers[allowed], np.inf))


def open_set(searches: Sequence[Search], fpir: float) -> OpenSetPoint:
    """FNIR at an asked FPIR."""
    threshold = threshold_at_fpir(searches, fpir)
    strangers = len(_stranger_scores(searches))
    return OpenSetPoint(
        fpir,
        fpir_at(searches, threshold),
        fnir_at(searches, threshold),
        threshold,
        resolved=fpir * strangers >= 1 - 1e-9,
    )


def _mated(searches: Sequence[Search]) -> list[Search]:
    mated = [search for search in searches if search.mated]
    if not mated:
        raise InvalidInput("no_probes", "There are no mated searches.", "Give some photos the role probe.")
    return mated


def _stranger_scores(searches: Sequence[Search]) -> NDArray[np.float64]:
    """Best score of every non-mated search, float64 (n,); -inf for a failure to acquire, which lets nobody in."""
    scores = np.array([search.best_score for search in searches if not search.mated], dtype=np.float64)
    if not len(scores):
        raise InvalidInput(
            "no_strangers",
            "There are no non-mated searches, so FPIR cannot be measured.",
            "Give some photos the role unknown.",
        )
    return scores
