"""Figures and cases of searches, which several reports show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation import curves, metrics, plots
from evaluation.pages.model import Case, Cases, Figure, count, score, share, shown_rate
from evaluation.scores import Search

WORST = 12
"""How many cases of a kind are shown."""


def scores_figures(searches: Sequence[Search], found: dict[str, Any], own: float) -> list[Figure]:
    """ROC, DET and histogram of searches; without strangers the histogram alone."""
    trials = curves.trials_of_searches(searches)
    points = found["open_set"]
    thresholds = [
        (f"FPIR {shown_rate(p['fpir_asked'])}{'' if p['resolved'] else ' (not resolved)'}", p["threshold"])
        for p in points[:3]
    ]
    histogram = Figure(
        "scores",
        "Scores",
        "Enrolled people: the score of the right person, where that one came first. Strangers: the highest score of "
        "anybody. What lies right of a threshold is named.",
        f"Histogram of the scores of {found['probes']} searches of enrolled people and {found['strangers']} of "
        f"strangers, with thresholds at {', '.join(score(t) for _, t in thresholds) or 'the pack’s own'}.",
        plots.histogram(trials, "enrolled people", "strangers", [*thresholds, ("the pack’s own", own)]),
    )
    if not points:
        return [histogram]
    curve = curves.curve(trials)
    marks = [(p["fpir"], p["fnir"]) for p in points if p["resolved"]]
    shaded = f"Dotted: less than one case of {found['strangers']:,} strangers"
    said = "; ".join(f"FNIR {share(p['fnir'])} at FPIR {share(p['fpir'])}" for p in points)
    return [
        histogram,
        Figure(
            "roc",
            "ROC: enrolled people found, strangers named",
            f"Band: 95 % interval. {shaded}, which these data cannot show. Points: the rates asked for.",
            f"Detection and identification rate at each FPIR: {said}.",
            plots.roc(curve, "FPIR", "Detection and identification rate", [(x, 1 - y) for x, y in marks]),
        ),
        Figure(
            "det",
            "DET: the two kinds of error",
            f"Lower left is better. {shaded}, or of {found['probes']:,} probes. Band: 95 % interval of FNIR.",
            f"FNIR against FPIR on axes of normal deviates: {said}.",
            plots.det(curve, "FPIR", "FNIR", marks),
        ),
    ]


def cmc_figure(searches: Sequence[Search], last_rank: int) -> Figure:
    """The closed set: strangers play no part."""
    rates, low, high = curves.identification_rates(searches, last_rank)
    return Figure(
        "cmc",
        "CMC: how far down the list the right person is",
        "Share of searches of enrolled people with the right person at that rank or better. Band: 95 % interval.",
        f"Identification rate {share(rates[0])} at rank 1, {share(rates[-1])} at rank {last_rank}.",
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
        plots.dots(kinds, "Rate"),
    )


def misses(searches: Sequence[Search], threshold: float) -> Cases:
    """Enrolled people who were not found, those without a template first, then the lowest scores."""
    missed = sorted((s for s in searches if s.mated and not metrics.found(s, threshold)), key=lambda s: s.mate_score)
    return Cases(
        "Worst misses",
        _listed(len(missed), "enrolled people", "not recognised", threshold),
        [Case(score(s.mate_score), s.person, _why_missed(s, threshold), (s.path,)) for s in missed[:WORST]],
    )


def _why_missed(search: Search, threshold: float) -> str:
    if not search.best_person:
        return f"no template: {search.outcome}"
    if search.mate_rank == 0:
        return "nobody of this name has a template in the gallery"
    if search.mate_rank > 1:
        return f"rank {search.mate_rank}, behind {search.best_person} at {score(search.best_score)}"
    return "first, and below the threshold" if search.mate_score < threshold else ""


def false_names(searches: Sequence[Search], threshold: float) -> Cases:
    """Photos that were given somebody else's name, highest scores first; when there are none, what came closest."""
    strangers = sorted((s for s in searches if not s.mated and s.best_person), key=lambda s: -s.best_score)
    wrong = [s for s in searches if s.best_score >= threshold and (not s.mated or s.best_person != s.person)]
    wrong.sort(key=lambda s: -s.best_score)
    note = _listed(len(wrong), "people", "given a name that is not theirs", threshold)
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
            for s in (wrong or strangers[:5])[:WORST]
        ],
    )


def _listed(number: int, of: str, what: str, threshold: float) -> str:
    verb = "was" if number == 1 else "were"
    shown = f" The {WORST} worst:" if number > WORST else ""
    return f"{count(number, 'photo')} of {of} {verb} {what} at the threshold {score(threshold)}.{shown}"
