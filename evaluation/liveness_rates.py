"""Metrics of a liveness check, from its scores alone. Definitions: docs/metrics.md, after ISO/IEC 30107-3.

Photos of one person are not independent: intervals are :func:`evaluation.intervals.clustered_interval`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import clustered_interval
from evaluation.liveness_scores import JudgedPresentation
from evaluation.verification import ScoredPairs, equal_error_interval, equal_error_rate
from gallery.threshold.liveness_calibration import refused_of
from presente.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class LivenessRate:
    """A share of presentations, of how many how many, with its 95 % interval."""

    events: int
    trials: int
    interval: tuple[float, float]

    @property
    def share(self) -> float | None:
        """The share itself; None without a presentation."""
        return self.events / self.trials if self.trials else None


@dataclass(frozen=True, slots=True)
class AttackKind:
    """What a check does with one kind of attack, whichever the threshold.

    Attributes:
        kind: its name.
        presentations: how many there are.
        no_response: those that the check gave no score (APNRR), of all.
        eer: the rate at which as many of these attacks pass as live people are refused; None without scores of both.
        eer_interval: its 95 % interval, as if photos were independent.
    """

    kind: str
    presentations: int
    no_response: LivenessRate
    eer: float | None
    eer_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class RatesAtThreshold:
    """The errors at one threshold.

    Attributes:
        threshold: the score from which a face is called live.
        bpcer: share of judged live people who are called attacks.
        held_up: share of all live people, judged or not, who are not called live: whom an enforced check holds up.
        apcer: by kind, share of judged attacks that are called live.
    """

    threshold: float
    bpcer: LivenessRate
    held_up: LivenessRate
    apcer: tuple[tuple[str, LivenessRate], ...]

    @property
    def worst(self) -> tuple[str, LivenessRate] | None:
        """The kind of which the greatest share passes; None without a judged attack."""
        judged = [(kind, rate) for kind, rate in self.apcer if rate.share is not None]
        return max(judged, key=lambda each: (each[1].share, each[1].trials), default=None)

    @property
    def acer(self) -> float | None:
        """Half the sum of BPCER and the worst kind's APCER; None where one of them is not known."""
        worst = self.worst
        if worst is None or worst[1].share is None or self.bpcer.share is None:
            return None
        return (self.bpcer.share + worst[1].share) / 2


@dataclass(frozen=True, slots=True)
class BpcerPoint:
    """The rates at the highest threshold at which at most ``asked`` of the judged live people are called attacks.

    ``resolved`` is False when there are too few to show the rate: then none of them is, and the true rate may be
    higher.
    """

    asked: float
    resolved: bool
    at: RatesAtThreshold


def kinds_of(judged: Sequence[JudgedPresentation]) -> list[AttackKind]:
    """Every kind of attack, in order of name."""
    live = _scores(judged, lambda one: not one.is_attack)
    found = []
    for kind in _kinds(judged):
        own = [one for one in judged if one.is_attack and one.kind == kind]
        no_response = _rate(own, lambda one: not one.is_judged)
        pairs = _as_pairs(live, _scores(own, lambda one: one.is_attack))
        eer = None if pairs is None else equal_error_rate(pairs)
        interval = (0.0, 1.0) if pairs is None else equal_error_interval(pairs)
        found.append(AttackKind(kind, len(own), no_response, eer, interval))
    return found


def no_response_of_live(judged: Sequence[JudgedPresentation]) -> LivenessRate:
    """The share of live people whom the check gave no score (BPNRR)."""
    return _rate([one for one in judged if not one.is_attack], lambda one: not one.is_judged)


def reasons(judged: Sequence[JudgedPresentation]) -> dict[str, int]:
    """Why photos got no score, and how many."""
    return dict(Counter(one.outcome for one in judged if not one.is_judged))


def rates_at(judged: Sequence[JudgedPresentation], threshold: float) -> RatesAtThreshold:
    """The errors at a threshold."""
    live = [one for one in judged if not one.is_attack]
    return RatesAtThreshold(
        threshold,
        _rate([one for one in live if one.is_judged], lambda one: not one.passes(threshold)),
        _rate(live, lambda one: not one.passes(threshold)),
        tuple(
            (
                kind,
                _rate(
                    [one for one in judged if one.is_attack and one.kind == kind and one.is_judged],
                    lambda one: one.passes(threshold),
                ),
            )
            for kind in _kinds(judged)
        ),
    )


def at_bpcer(judged: Sequence[JudgedPresentation], asked: float) -> BpcerPoint:
    """The rates at an asked BPCER.

    Raises:
        InvalidInput: ``invalid_bpcer``, ``no_judged_photos``.
    """
    threshold, resolved = threshold_at_bpcer(_scores(judged, lambda one: not one.is_attack), asked)
    return BpcerPoint(asked, resolved, rates_at(judged, threshold))


def threshold_at_bpcer(live: NDArray[np.float64], asked: float) -> tuple[float, bool]:
    """The highest threshold at which at most ``asked`` of the live people are called attacks.

    With n of them sorted by score, floor(asked n) may be: the threshold is the next one's score. The second result says
    whether that is one of them at least; when it is none, so few cannot show the rate.

    Args:
        live: their scores, float64 (n,).
        asked: BPCER.

    Raises:
        InvalidInput: ``invalid_bpcer``, ``no_judged_photos``.
    """
    check_bpcer(asked)
    if not len(live):
        raise InvalidInput(
            "no_judged_photos",
            "The liveness check gave no photo of a live person a score.",
            "Give photos of faces with some background around them.",
        )
    refused = refused_of(len(live), asked)
    return float(np.sort(live)[refused]), refused >= 1


def check_bpcer(asked: float) -> None:
    """Refuse a number that is no rate to ask for: ``invalid_bpcer``."""
    if not 0 < asked < 0.5:
        raise InvalidInput("invalid_bpcer", f"BPCER {asked} was asked for.", "It must be above 0 and below 0.5.")


def _kinds(judged: Sequence[JudgedPresentation]) -> list[str]:
    return sorted({one.kind for one in judged if one.is_attack})


def _scores(judged: Sequence[JudgedPresentation], wanted: Callable[[JudgedPresentation], bool]) -> NDArray[np.float64]:
    return np.array([one.score for one in judged if one.is_judged and wanted(one)], dtype=np.float64)


def _as_pairs(live: NDArray[np.float64], attacks: NDArray[np.float64]) -> ScoredPairs | None:
    """Scores as :mod:`evaluation.verification` has them, live people in the place of mated pairs; None without both."""
    if not len(live) or not len(attacks):
        return None
    is_live = np.repeat([True, False], [len(live), len(attacks)])
    return ScoredPairs(np.zeros(len(is_live), np.int64), is_live, np.concatenate([live, attacks]))


def _rate(of: Sequence[JudgedPresentation], event: Callable[[JudgedPresentation], bool]) -> LivenessRate:
    trials = Counter(one.person for one in of)
    events = Counter(one.person for one in of if event(one))
    counts = np.array([(events[person], trials[person]) for person in trials], dtype=np.int64).reshape(-1, 2)
    return LivenessRate(events.total(), trials.total(), clustered_interval(counts[:, 0], counts[:, 1]))
