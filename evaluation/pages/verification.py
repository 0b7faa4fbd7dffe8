"""The report of ``verification``."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import error_curves, plots
from evaluation.pages.glossary import terms
from evaluation.pages.parts import (
    Case,
    Cases,
    Figure,
    ReportPage,
    ReportTable,
    Tile,
    count,
    deployed_in,
    failures,
    percent,
    percent_interval,
    score,
    shown_rate,
)
from evaluation.pages.searches import WORST, listed
from evaluation.results import verification_result
from evaluation.verification import Comparison, columns_of, read_comparisons

_FAR = "False accept rate (FAR)"


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the scores file; ``result`` describes the run."""
    comparisons = read_comparisons(out / Path(result["scores"]).name)
    deployed = deployed_in(result)
    found = verification_result(comparisons, result["arguments"]["far"], deployed)
    threshold = _threshold(found, deployed["threshold"])
    return ReportPage(
        title="Verification: are these two photos of one person?",
        lead=_lead(result, found),
        tiles=_tiles(result, found),
        doubts=[
            f"{count(found['non_mated'], 'pair')} of two people do not show FAR {shown_rate(point['far_asked'])}: "
            "no TAR is given there."
            for point in found["tar_at_far"]
            if not point["resolved"]
        ],
        tables=[_metrics(result, found), *([_folds(found["folds"])] if found["folds"] else [])],
        figures=_figures(comparisons, found),
        cases=[_misses(comparisons, threshold), _false_matches(comparisons, threshold)],
        result=result,
        terms=terms("Score", "Threshold", "FAR", "FRR", "EER", "Accuracy of folds", "FTA", "Interval"),
    )


def _resolved(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [point for point in found["tar_at_far"] if point["resolved"]]


def _threshold(found: dict[str, Any], deployed: float) -> float:
    """That of the strictest rate that the data can show, else the folds', else the one in force."""
    if _resolved(found):
        return float(min(_resolved(found), key=lambda point: point["far_asked"])["threshold"])
    return statistics.median(fold["threshold"] for fold in found["folds"]) if found["folds"] else deployed


def _lead(result: dict[str, Any], found: dict[str, Any]) -> list[str]:
    lead = [
        f"{count(found['pairs'], 'pair')} of {count(result['photos'], 'photo')} were compared: {found['mated']:,} of "
        f"one person, {found['non_mated']:,} of two."
    ]
    if found["folds"]:
        lead.append(
            f"{percent(found['accuracy'])} were decided rightly, each fold at the threshold that the other "
            f"{len(found['folds']) - 1} chose."
        )
    for point in sorted(_resolved(found), key=lambda point: point["far_asked"])[:1]:
        lead.append(
            f"With the threshold at {score(point['threshold'])}, {round(point['far'] * found['non_mated']):,} pairs of "
            f"two people would have been taken for one, and {round((1 - point['tar']) * found['mated']):,} of "
            f"{found['mated']:,} pairs of one person for two."
        )
    return lead


def _tiles(result: dict[str, Any], found: dict[str, Any]) -> list[Tile]:
    tiles = [
        Tile(percent(found["accuracy"]), "pairs decided rightly", f"± {percent(found['accuracy_std'])} between folds")
        for _ in found["folds"][:1]
    ]
    tiles.append(Tile(percent(found["eer"]), "equal error rate (EER)", percent_interval(found["eer_interval"])))
    for point in sorted(_resolved(found), key=lambda point: point["far_asked"])[:1]:
        label = f"same person recognised (TAR) at FAR {shown_rate(point['far_asked'])}"
        tiles.append(Tile(percent(point["tar"]), label, percent_interval(point["tar_interval"])))
    return [*tiles, Tile(str(found["fta"]), "photos without a usable face", f"of {result['photos']:,}")]


def _metrics(result: dict[str, Any], found: dict[str, Any]) -> ReportTable:
    rows: list[tuple[str, ...]] = []
    if found["folds"]:
        rows.append(
            (
                f"Accuracy, mean of {len(found['folds'])} folds",
                percent(found["accuracy"]),
                percent_interval(found["accuracy_interval"]),
                f"{found['pairs']:,} pairs; standard deviation {percent(found['accuracy_std'])}",
                "by fold",
            )
        )
    rows.append(("Equal error rate (EER)", percent(found["eer"]), percent_interval(found["eer_interval"]), "", "–"))
    for point in found["tar_at_far"]:
        asked = shown_rate(point["far_asked"])
        if not point["resolved"]:
            rows.append((f"TAR at FAR {asked}", "not shown", "–", f"{found['non_mated']:,} pairs are too few", "–"))
            continue
        at = score(point["threshold"])
        for name, rate, of in (
            (f"TAR at FAR {asked}", "tar", found["mated"]),
            (f"FAR reached, {asked} asked", "far", found["non_mated"]),
        ):
            cases = f"{round(point[rate] * of):,} of {of:,}"
            rows.append((name, percent(point[rate], 2), percent_interval(point[f"{rate}_interval"]), cases, at))
    deployed = found["deployed"]
    for name, of in (("tar", found["mated"]), ("far", found["non_mated"])):
        cases = f"{round(deployed[name] * of):,} of {of:,}"
        label, at = f"{name.upper()} at the threshold in force", score(deployed["threshold"])
        rows.append((label, percent(deployed[name], 2), percent_interval(deployed[f"{name}_interval"]), cases, at))
    rows.append(failures("Failures to acquire (FTA)", found["fta"], result["photos"]))
    head = ("Metric", "Value", "95 % interval", "Cases", "Threshold")
    return ReportTable("Metrics", head, rows, f"The threshold in force is {deployed['described']}.")


def _folds(folds: Sequence[dict[str, Any]]) -> ReportTable:
    rows = [
        (str(fold["fold"]), f"{fold['pairs']:,}", score(fold["threshold"]), percent(fold["accuracy"])) for fold in folds
    ]
    return ReportTable("Folds", ("Fold", "Pairs", "Threshold of the others", "Accuracy"), rows)


def _figures(comparisons: Sequence[Comparison], found: dict[str, Any]) -> list[Figure]:
    trials = error_curves.trials_of_pairs(columns_of(comparisons))
    curve = error_curves.error_curve(trials)
    points = _resolved(found)
    thresholds = [(f"FAR {shown_rate(point['far_asked'])}", point["threshold"]) for point in points[:3]]
    said = (
        "; ".join(f"TAR {percent(point['tar'])} at FAR {percent(point['far'], 3)}" for point in points)
        or "no rate asked"
    )
    cut = f"Dotted: less than one case of {found['non_mated']:,} pairs of two people"
    return [
        Figure(
            "scores",
            "Scores",
            "Pairs of one person and of two. What lies right of a threshold is called the same person.",
            f"Histogram of the scores of {found['mated']} mated and {found['non_mated']} non-mated pairs, with "
            f"thresholds at {', '.join(score(threshold) for _, threshold in thresholds) or 'none'}.",
            plots.histogram(trials, "one person", "two people", thresholds),
        ),
        Figure(
            "roc",
            "ROC: right and wrong acceptances",
            f"Upper left is better. Band: 95 % interval. {cut}, which these data do not show. Points: as asked.",
            f"True accept rate at each false accept rate: {said}.",
            plots.roc(curve, _FAR, "True accept rate (TAR)", [(point["far"], point["tar"]) for point in points]),
        ),
        Figure(
            "det",
            "DET: the two kinds of error",
            f"Lower left is better. {cut}, or of {found['mated']:,} of one. Band: 95 % interval of FRR.",
            f"FRR against FAR on axes of normal deviates: {said}; EER {percent(found['eer'])}.",
            plots.det(curve, _FAR, "False reject rate (FRR)", [(point["far"], 1 - point["tar"]) for point in points]),
        ),
    ]


def _misses(comparisons: Sequence[Comparison], threshold: float) -> Cases:
    missed = sorted((one for one in comparisons if one.same and one.score < threshold), key=lambda one: one.score)
    return _cases("Worst misses", missed, "of one person", "taken for two", threshold)


def _false_matches(comparisons: Sequence[Comparison], threshold: float) -> Cases:
    wrong = sorted((one for one in comparisons if not one.same and one.score >= threshold), key=lambda one: -one.score)
    return _cases("Worst false matches", wrong, "of two people", "taken for one", threshold)


def _cases(title: str, found: Sequence[Comparison], of: str, what: str, threshold: float) -> Cases:
    return Cases(
        title,
        listed("pair", len(found), of, what, threshold),
        [Case(score(one.score), _who(one), _why(one), (one.left, one.right)) for one in found[:WORST]],
    )


def _who(one: Comparison) -> str:
    """The folders of the photos, which people's photos are in."""
    return " and ".join(dict.fromkeys(Path(photo).parent.name for photo in (one.left, one.right)))


def _why(one: Comparison) -> str:
    if math.isfinite(one.score):
        return ""
    codes = (one.left_outcome, one.right_outcome)
    return "no template: " + ", ".join(code for code in codes if code != "ok")
