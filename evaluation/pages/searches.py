"""Figures and cases of searches, for several reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluation import error_curves, metrics, plots
from evaluation.pages.parts import Case, Cases, Figure, count, percent, score
from evaluation.scores import ProbeScores

WORST = 12
"""The most cases of a kind that are shown."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A threshold that is drawn, with its rates, (FPIR, FNIR), when the data can show them."""

    label: str
    threshold: float
    rates: tuple[float, float] | None


def score_figures(searches: Sequence[ProbeScores], marks: Sequence[Mark]) -> list[Figure]:
    """Histogram, ROC and DET of searches; the histogram alone where there are only mated or only non-mated ones."""
    trials = error_curves.trials_of_searches(searches)
    probes, strangers = len(trials.mated), len(trials.non_mated)
    drawn = [(mark.label, mark.threshold) for mark in marks]
    histogram = Figure(
        "scores",
        "Scores",
        "Enrolled people: the score of the right person, where that one came first. Strangers: the highest score of "
        "any person. Photos right of a threshold are given a name.",
        f"Histogram of the scores of {probes:,} searches of enrolled people and {strangers:,} of strangers, with "
        f"thresholds at {', '.join(f'{score(threshold)} ({label})' for label, threshold in drawn)}.",
        plots.histogram(trials, "enrolled people", "strangers", drawn),
    )
    if not probes or not strangers:
        return [histogram]
    curve = error_curves.error_curve(trials)
    rates = [mark.rates for mark in marks if mark.rates]
    shaded = f"Dotted: less than one case of {strangers:,} strangers"
    said = "; ".join(f"FNIR {percent(fnir)} at FPIR {percent(fpir)}" for fpir, fnir in rates) or "no rate is marked"
    fpir = "False positive identification rate (FPIR)"
    return [
        histogram,
        Figure(
            "roc",
            "ROC: enrolled people found, strangers named",
            f"Upper left is better. Band: 95 % interval. {shaded}, which these data cannot show. Points: the rates in "
            "the table.",
            f"Detection and identification rate at each FPIR: {said}.",
            plots.roc(curve, fpir, "Detection and identification rate (DIR)", [(x, 1 - y) for x, y in rates]),
        ),
        Figure(
            "det",
            "DET: the two kinds of error",
            f"Lower left is better. Band: 95 % interval of FNIR. {shaded}, or of {probes:,} probes.",
            f"FNIR against FPIR on axes of normal deviates: {said}.",
            plots.det(curve, fpir, "FNIR", rates),
        ),
    ]


def cmc_figure(searches: Sequence[ProbeScores], last_rank: int) -> Figure:
    """The closed set: strangers play no part."""
    rates, low, high = error_curves.identification_rates(searches, last_rank)
    return Figure(
        "cmc",
        "CMC: how far down the list the right person is",
        "Share of searches of enrolled people with the right person at that rank or better. Band: 95 % interval.",
        f"Identification rate {percent(rates[0])} at rank 1, {percent(rates[-1])} at rank {last_rank}.",
        plots.cmc(rates, low, high),
    )


def group_figure(point: dict[str, Any]) -> Figure:
    """FNIR and FPIR of each group at one threshold, with their intervals."""
    kinds = [
        (
            label,
            [
                plots.Dot(one["group"] or "(none)", one[name], tuple(one[f"{name}_interval"]))
                for one in point["groups"]
                if one[name] is not None
            ],
        )
        for label, name in (("FNIR", "fnir"), ("FPIR", "fpir"))
    ]
    return Figure(
        "groups",
        "Errors by group",
        f"All at the threshold {score(point['threshold'])}. Lines: 95 % intervals.",
        "FNIR and FPIR of each group with intervals; the table by group has the figures.",
        plots.dots(kinds, "Share of searches", "Errors by group"),
    )


def misses(searches: Sequence[ProbeScores], threshold: float) -> Cases:
    """Enrolled people who were not found, those without a template first, then the lowest scores."""
    missed = sorted((s for s in searches if s.mated and not metrics.found(s, threshold)), key=lambda s: s.mate_score)
    return Cases(
        "Worst misses",
        listed("photo", len(missed), "of enrolled people", "not recognised", threshold),
        [Case(score(s.mate_score), s.person, _why_missed(s), (s.path,)) for s in missed[:WORST]],
    )


def _why_missed(search: ProbeScores) -> str:
    if not search.best_person:
        return f"no template: {search.outcome}"
    if search.mate_rank == 0:
        return "no one of this name has a template in the gallery"
    if search.mate_rank > 1:
        return f"rank {search.mate_rank}, behind {search.best_person} at {score(search.best_score)}"
    return "first, and below the threshold"


def false_names(searches: Sequence[ProbeScores], threshold: float) -> Cases:
    """Photos that were given another person's name, highest scores first; if there are none, the closest strangers."""
    strangers = sorted((s for s in searches if not s.mated and s.best_person), key=lambda s: -s.best_score)
    wrong = [s for s in searches if s.best_score >= threshold and (not s.mated or s.best_person != s.person)]
    wrong.sort(key=lambda s: -s.best_score)
    note = listed("photo", len(wrong), "of people", "given a name that is not theirs", threshold)
    if not wrong and strangers:
        note += " The strangers who came closest:"
    return Cases(
        "Worst false names",
        note,
        [
            Case(
                score(s.best_score),
                f"{s.person} (enrolled)" if s.mated else f"{s.person} (a stranger)",
                f"{'named' if wrong else 'nearest to'} {s.best_person}",
                (s.path,),
            )
            for s in (wrong or strangers[:4])[:WORST]
        ],
    )


def listed(one: str, number: int, of: str, what: str, threshold: float) -> str:
    """The sentence before a list of cases."""
    verb = "was" if number == 1 else "were"
    shown = f" The {WORST} worst:" if number > WORST else ""
    return f"{count(number, one)} {of} {verb} {what} at the threshold {score(threshold)}.{shown}"
