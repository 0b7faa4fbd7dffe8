"""Metrics of an identification experiment, from its scores alone. Definitions and sources: docs/metrics.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import wilson
from evaluation.scores import ProbeScores
from evaluation.templates import OK
from presente.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class OpenSetPoint:
    """FNIR at a threshold that at most ``fpir_asked`` of the strangers reach.

    ``resolved`` is False when there are too few strangers to show the rate that was asked for: then none of them
    reaches the threshold, and the true rate may still be higher than asked.
    """

    fpir_asked: float
    fpir: float
    fnir: float
    threshold: float
    resolved: bool
    fpir_interval: tuple[float, float]
    fnir_interval: tuple[float, float]

    @property
    def dir(self) -> float:
        """Detection and identification rate: 1 - FNIR."""
        return 1.0 - self.fnir


@dataclass(frozen=True, slots=True)
class SearchRates:
    """The rates of some searches at one threshold, with 95 % intervals; None where there is no such search.

    ``group`` is the group that the searches are of, empty for all.
    """

    group: str
    probes: int
    strangers: int
    rank1: float | None
    rank1_interval: tuple[float, float]
    fnir: float | None
    fnir_interval: tuple[float, float]
    fpir: float | None
    fpir_interval: tuple[float, float]


def rank_rate(searches: Sequence[ProbeScores], rank: int) -> float:
    """Closed set: share of mated searches with the mate at ``rank`` or better; a failure to acquire is a miss."""
    mated = _mated(searches)
    return sum(1 for search in mated if 1 <= search.mate_rank <= rank) / len(mated)


def failures_to_acquire(searches: Sequence[ProbeScores]) -> int:
    """How many searched photos gave no template."""
    return sum(search.outcome != OK for search in searches)


def fpir_at(searches: Sequence[ProbeScores], threshold: float) -> float:
    """Share of non-mated searches with a candidate at or above the threshold."""
    strangers = _stranger_scores(searches)
    return float((strangers >= threshold).mean())


def fnir_at(searches: Sequence[ProbeScores], threshold: float) -> float:
    """Share of mated searches whose mate is not at rank 1 at or above the threshold; a failure to acquire is one."""
    mated = _mated(searches)
    return sum(not found(search, threshold) for search in mated) / len(mated)


def no_strangers() -> InvalidInput:
    """The error of an FPIR that is to be measured without a stranger."""
    return InvalidInput(
        "no_strangers",
        "There are no non-mated searches, so FPIR cannot be measured.",
        "Give some photos the role unknown.",
    )


def check_rate(fpir: float) -> None:
    """Refuse a number that is no rate: ``invalid_fpir``."""
    if not 0 <= fpir < 1:
        raise InvalidInput("invalid_fpir", f"FPIR {fpir} was asked for.", "It must be at least 0 and below 1.")


def threshold_at_fpir(searches: Sequence[ProbeScores], fpir: float) -> float:
    """The lowest threshold at which at most ``fpir`` of the non-mated searches have a candidate.

    With n strangers sorted by their best score, floor(fpir * n) of them may pass: the threshold lies just above the
    next one's score.
    """
    check_rate(fpir)
    strangers = np.sort(_stranger_scores(searches))[::-1]
    allowed = math.floor(fpir * len(strangers) + 1e-9)
    return float(np.nextafter(strangers[allowed], np.inf))


def open_set(searches: Sequence[ProbeScores], fpir: float) -> OpenSetPoint:
    """FNIR at an asked FPIR."""
    threshold = threshold_at_fpir(searches, fpir)
    strangers, mated = _stranger_scores(searches), _mated(searches)
    passed, missed = int((strangers >= threshold).sum()), sum(not found(search, threshold) for search in mated)
    return OpenSetPoint(
        fpir,
        passed / len(strangers),
        missed / len(mated),
        threshold,
        resolved=fpir * len(strangers) >= 1 - 1e-9,
        fpir_interval=wilson(passed, len(strangers)),
        fnir_interval=wilson(missed, len(mated)),
    )


def by_group(searches: Sequence[ProbeScores], threshold: float) -> list[SearchRates]:
    """The rates of each group at one threshold that holds for all groups, in order of name."""
    return [
        rates_at([search for search in searches if search.group == group], threshold, group)
        for group in sorted({search.group for search in searches})
    ]


def rates_at(searches: Sequence[ProbeScores], threshold: float, group: str = "") -> SearchRates:
    """The rates of searches at a threshold."""
    mated = [search for search in searches if search.mated]
    strangers = [search for search in searches if not search.mated]
    first = sum(search.mate_rank == 1 for search in mated)
    missed = sum(not found(search, threshold) for search in mated)
    passed = sum(search.best_score >= threshold for search in strangers)
    return SearchRates(
        group,
        len(mated),
        len(strangers),
        first / len(mated) if mated else None,
        wilson(first, len(mated)),
        missed / len(mated) if mated else None,
        wilson(missed, len(mated)),
        passed / len(strangers) if strangers else None,
        wilson(passed, len(strangers)),
    )


def answers(searches: Sequence[ProbeScores], threshold: float, unknown: str) -> tuple[list[str], list[str]]:
    """The person in each photo, and the person that was named: ``unknown`` for a stranger, and below the threshold."""
    truth = [search.person if search.mated else unknown for search in searches]
    said = [search.best_person if search.best_score >= threshold else unknown for search in searches]
    return truth, said


def found(search: ProbeScores, threshold: float) -> bool:
    """Whether a mated search gives the right person: at rank 1, and at or above the threshold."""
    return search.mate_rank == 1 and search.mate_score >= threshold


def _mated(searches: Sequence[ProbeScores]) -> list[ProbeScores]:
    mated = [search for search in searches if search.mated]
    if not mated:
        raise InvalidInput("no_probes", "There are no mated searches.", "Give some photos the role probe.")
    return mated


def _stranger_scores(searches: Sequence[ProbeScores]) -> NDArray[np.float64]:
    """Best score of every non-mated search, float64 (n,); -inf for a failure to acquire, which names no one."""
    scores = np.array([search.best_score for search in searches if not search.mated], dtype=np.float64)
    if not len(scores):
        raise no_strangers()
    return scores
