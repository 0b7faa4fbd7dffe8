"""The report of ``liveness``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import error_curves, plots
from evaluation.error_curves import Trials
from evaluation.liveness_results import liveness_result
from evaluation.liveness_scores import JudgedPresentation, read_judged
from evaluation.pages.glossary import terms
from evaluation.pages.parts import (
    Case,
    Cases,
    Figure,
    ReportPage,
    ReportTable,
    Tile,
    count,
    percent,
    percent_interval,
    score,
    shown_rate,
)

_WORST = 12


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the table of scores; ``result`` describes the run."""
    judged = read_judged(out / Path(result["scores"]).name)
    asked = result["arguments"]
    in_force = {name: result["deployed"][name] for name in ("threshold", "source", "described")}
    found = liveness_result(judged, asked["bpcer"], in_force, asked["group"])
    threshold = in_force["threshold"]
    return ReportPage(
        title="Liveness: is a live person before the camera?",
        lead=_lead(result, found),
        tiles=_tiles(found),
        doubts=_doubts(found),
        tables=[_errors(found), _kinds(found), *([_groups(found["groups"])] if found.get("groups") else [])],
        figures=_figures(judged, found),
        cases=[_refused(judged, threshold), _passed(judged, threshold), _not_judged(judged)],
        result=result,
        terms=terms(
            "Bona fide", "Kind of attack", "APCER", "BPCER", "ACER", "EER of attacks", "No response", "Held up",
            "Live score", "Interval of people",
        ),
    )  # fmt: skip


def _lead(result: dict[str, Any], found: dict[str, Any]) -> list[str]:
    at = found["deployed"]
    lead = [
        f"{count(found['bona_fide'], 'photo')} of live people and {count(found['attacks'], 'photo')} of attacks of "
        f"{count(len(found['kinds']), 'kind')} were judged by {result['liveness_pack']}.",
        f"With the threshold in force, {at['described']}, {_cases(at['bpcer'])} live people who got a score would have "
        f"been called attacks.",
    ]
    if at["worst"] is not None:
        worst = next(each for each in at["apcer"] if each["kind"] == at["worst"])
        lead.append(f"Of the attacks of the kind that passes most often, {at['worst']}, {_cases(worst)} would pass.")
    return lead


def _tiles(found: dict[str, Any]) -> list[Tile]:
    at = found["deployed"]
    worst = next((each for each in at["apcer"] if each["kind"] == at["worst"]), None)
    tiles = [_tile(at["bpcer"], "live people called attacks (BPCER)")]
    if worst is not None:
        tiles.append(_tile(worst, f"attacks that pass (APCER), the worst kind: {at['worst']}"))
    tiles.append(_tile(found["bpnrr"], "live people without a score (BPNRR)"))
    return [*tiles, Tile(percent(found["eer"]), "EER, the worst kind", "")]


def _tile(rate: dict[str, Any], label: str) -> Tile:
    return Tile(percent(rate["share"]), label, percent_interval(rate["interval"]))


def _doubts(found: dict[str, Any]) -> list[str]:
    return [
        f"So few photos of live people cannot show a BPCER of {shown_rate(point['bpcer_asked'])}: APCER there is given "
        "at the threshold below which none of them is, and the true BPCER may be higher than asked."
        for point in found["at_bpcer"]
        if not point["resolved"]
    ]


def _errors(found: dict[str, Any]) -> ReportTable:
    points = [("in force", found["deployed"])]
    points += [(f"for BPCER {shown_rate(each['bpcer_asked'])}", each) for each in found["at_bpcer"]]
    kinds = [each["kind"] for each in found["kinds"]]
    rows = [
        (
            name,
            score(at["threshold"]),
            _rate(at["bpcer"]),
            _rate(at["held_up"]),
            *(_rate(each) for each in at["apcer"]),
            percent(at["acer"]),
        )
        for name, at in points
    ]
    head = ("Threshold", "Score", "BPCER", "Held up", *(f"APCER {kind}" for kind in kinds), "ACER")
    return ReportTable("Errors at each threshold", head, rows, "In brackets cases and 95 % intervals.")


def _kinds(found: dict[str, Any]) -> ReportTable:
    rows = [("live people", f"{found['bona_fide']:,}", _rate(found["bpnrr"]), "–", "–")]
    rows += [
        (
            kind["kind"],
            f"{kind['presentations']:,}",
            _rate(kind["apnrr"]),
            percent(kind["eer"]),
            "–" if kind["eer"] is None else percent_interval(kind["eer_interval"]),
        )
        for kind in found["kinds"]
    ]
    why = ", ".join(f"{code}: {number:,}" for code, number in found["reasons"].items())
    return ReportTable(
        "Kinds, and what got no score",
        ("Kind", "Photos", "No response", "EER", "95 % interval"),
        rows,
        f"Why photos got no score: {why}." if why else "",
    )


def _groups(groups: Sequence[dict[str, Any]]) -> ReportTable:
    def chance(rate: dict[str, Any] | None) -> str:
        return "–" if rate is None or rate["p"] is None else f"{rate['p']:.2g}"

    rows = [
        (
            one["group"],
            f"{one['people']:,}",
            _rate(one["bpcer"]),
            chance(one["bpcer"]),
            _rate(one["apcer"]),
            chance(one["apcer"]),
        )
        for one in groups
    ]
    note = "p: how often chance shows such a difference to the other groups, corrected for the number of comparisons."
    return ReportTable(
        "By group, at the threshold in force", ("Group", "People", "BPCER", "p", "APCER", "p of APCER"), rows, note
    )


def _figures(judged: Sequence[JudgedPresentation], found: dict[str, Any]) -> list[Figure]:
    live = _scores([one for one in judged if not one.is_attack])
    attacks = {
        kind["kind"]: _scores([one for one in judged if one.is_attack and one.kind == kind["kind"]])
        for kind in found["kinds"]
    }
    points = [("in force", found["deployed"])]
    points += [(f"BPCER {shown_rate(each['bpcer_asked'])}", each) for each in found["at_bpcer"]]
    together = Trials(live, np.concatenate(list(attacks.values())))
    figures = [
        Figure(
            "scores",
            "Scores",
            "Photos of live people and of attacks of all kinds. What lies right of a threshold is called live.",
            f"Histogram of the scores of {len(live):,} photos of live people and {len(together.non_mated):,} of "
            f"attacks, with thresholds at {', '.join(score(at['threshold']) for _, at in points)}.",
            plots.histogram(
                together, "live people", "attacks", [(name, at["threshold"]) for name, at in points[:4]], "Live score"
            ),
        ),
        _passing(points[:3]),
    ]
    for number, (kind, scores) in enumerate(attacks.items(), start=1):
        if len(live) and len(scores):
            figures.append(_det(kind, number, Trials(live, scores), points))
    return figures


def _passing(points: Sequence[tuple[str, dict[str, Any]]]) -> Figure:
    dots = [
        (
            name,
            [
                plots.Dot(each["kind"], each["share"], tuple(each["interval"]))
                for each in at["apcer"]
                if each["share"] is not None
            ],
        )
        for name, at in points
    ]
    said = "; ".join(f"{name}: " + ", ".join(f"{d.label} {percent(d.share)}" for d in kinds) for name, kinds in dots)
    return Figure(
        "kinds",
        "Attacks that pass, by kind",
        "Share of the judged attacks of each kind that are called live (APCER). Lines: 95 % intervals.",
        f"APCER by kind; {said}.",
        plots.dots(dots, "APCER", "Attacks that pass, by kind"),
    )


def _det(kind: str, number: int, trials: Trials, points: Sequence[tuple[str, dict[str, Any]]]) -> Figure:
    marks = []
    for _, at in points:
        apcer = next(each["share"] for each in at["apcer"] if each["kind"] == kind)
        if apcer and at["bpcer"]["share"]:
            marks.append((apcer, at["bpcer"]["share"]))
    said = "; ".join(f"BPCER {percent(y)} at APCER {percent(x)}" for x, y in marks) or "no rate is marked"
    return Figure(
        f"det-{number}",
        f"DET: {kind}",
        f"Lower left is better. Dotted: less than one case of {len(trials.non_mated):,} attacks, or of "
        f"{len(trials.mated):,} live people. Band: 95 % interval of BPCER.",
        f"BPCER against APCER of the kind {kind} on axes of normal deviates: {said}.",
        plots.det(error_curves.error_curve(trials), "APCER", "BPCER", marks),
    )


def _refused(judged: Sequence[JudgedPresentation], threshold: float) -> Cases:
    wrong = [one for one in judged if not one.is_attack and one.is_judged and not one.passes(threshold)]
    wrong.sort(key=lambda one: one.score)
    note = f"{count(len(wrong), 'photo')} of live people score below the threshold, {score(threshold)}."
    return Cases("Live people called attacks, the lowest scores first", note, _listed(wrong))


def _passed(judged: Sequence[JudgedPresentation], threshold: float) -> Cases:
    wrong = [one for one in judged if one.is_attack and one.passes(threshold)]
    wrong.sort(key=lambda one: -one.score)
    note = f"{count(len(wrong), 'photo')} of attacks reach the threshold, {score(threshold)}."
    return Cases("Attacks that pass, the highest scores first", note, _listed(wrong))


def _not_judged(judged: Sequence[JudgedPresentation]) -> Cases:
    without = [one for one in judged if not one.is_judged]
    note = f"{count(len(without), 'photo')} got no score. An enforced check holds such a face up, live or not."
    return Cases("No response", note, _listed(without))


def _listed(some: Sequence[JudgedPresentation]) -> list[Case]:
    return [
        Case(score(one.score), one.kind or "live person", "" if one.is_judged else one.outcome, (one.path,))
        for one in some[:_WORST]
    ]


def _scores(some: Sequence[JudgedPresentation]) -> error_curves.Rates:
    return np.array([one.score for one in some if one.is_judged], dtype=np.float64)


def _rate(rate: dict[str, Any] | None) -> str:
    if rate is None or rate["share"] is None:
        return "not measured"
    return f"{percent(rate['share'])} ({_cases(rate)}; {percent_interval(rate['interval'])})"


def _cases(rate: dict[str, Any]) -> str:
    return f"{rate['events']:,} of {rate['of']:,}"
