"""The report of ``identification``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.intervals import wilson
from evaluation.pages.glossary import terms
from evaluation.pages.parts import (
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
from evaluation.pages.searches import Mark, cmc_figure, false_names, group_figure, misses, score_figures
from evaluation.results import identification_result
from evaluation.scores import read_scores


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the scores file; ``result`` describes the run."""
    asked = result["arguments"]
    searches = read_scores(out / Path(result["scores"]).name)
    grouped = asked["group"] is not None
    deployed = deployed_in(result)
    found = identification_result(searches, asked["fpir"], asked["rank"], grouped, deployed)
    point = operating_point(found["open_set"])
    threshold = deployed["threshold"] if point is None else point["threshold"]
    return ReportPage(
        title="Identification: whose face is this, and is it enrolled?",
        lead=_lead(result, found, point),
        tiles=_tiles(result, found, point),
        doubts=[_doubt(one, found["strangers"]) for one in found["open_set"] if not one["resolved"]]
        + ([] if found["strangers"] else ["There were no strangers: how often one would be named is not known."]),
        tables=[
            _metrics(result, found),
            *([_groups(point, asked["group"])] if point and grouped else []),
            *([_variants(result["variants"])] if result["variants"] else []),
        ],
        figures=[
            *score_figures(searches, _marks(found["open_set"], deployed["threshold"])),
            cmc_figure(searches, asked["rank"]),
            *([group_figure(point)] if point and grouped else []),
        ],
        cases=[misses(searches, threshold), false_names(searches, threshold)],
        result=result,
        terms=terms("Score", "Threshold", "Rank-k", "FPIR", "FNIR", "DIR", "FTE", "FTA", "Interval"),
    )


def operating_point(points: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The strictest rate asked for that the data can show; when they can show none, the first."""
    shown = sorted((point for point in points if point["resolved"]), key=lambda point: point["fpir_asked"])
    return next(iter([*shown, *points]), None)


def _marks(points: Sequence[dict[str, Any]], deployed: float) -> list[Mark]:
    """Thresholds of the first three rates asked for, and the one in force."""
    return [
        Mark(
            f"FPIR {shown_rate(point['fpir_asked'])}{'' if point['resolved'] else ' (not resolved)'}",
            point["threshold"],
            (point["fpir"], point["fnir"]) if point["resolved"] else None,
        )
        for point in points[:3]
    ] + [Mark("in force", deployed, None)]


def _lead(result: dict[str, Any], found: dict[str, Any], point: dict[str, Any] | None) -> list[str]:
    probes, strangers = found["probes"], found["strangers"]
    first = round(found["rank1"] * probes)
    lead = [
        f"{count(probes, 'photo')} of {count(result['subjects'], 'enrolled person', 'enrolled people')} "
        f"{'was' if probes == 1 else 'were'} searched: in {'all' if first == probes else f'{first:,}'} of them "
        f"({percent(found['rank1'])}) the right person came first."
    ]
    if point:
        passed, missed = round(point["fpir"] * strangers), round(point["fnir"] * probes)
        lead.append(
            f"With the threshold at {score(point['threshold'])}, {passed:,} of {count(strangers, 'photo')} of "
            f"strangers would have been given the name of an enrolled person, and {missed:,} of "
            f"{count(probes, 'photo')} of enrolled people would not have been recognised."
        )
    return lead


def _tiles(result: dict[str, Any], found: dict[str, Any], point: dict[str, Any] | None) -> list[Tile]:
    tiles = [Tile(percent(found["rank1"]), "right person first (rank-1)", percent_interval(found["rank1_interval"]))]
    if point:
        at = f"threshold {score(point['threshold'])}"
        tiles += [
            Tile(
                percent(point["fnir"]), f"enrolled people missed (FNIR), {at}", percent_interval(point["fnir_interval"])
            ),
            Tile(percent(point["fpir"]), f"strangers named (FPIR), {at}", percent_interval(point["fpir_interval"])),
        ]
    failed = f"{result['fte']} of {result['gallery_photos']} to enrol, {found['fta']} of {_searched(found)} to search"
    return [*tiles, Tile(str(result["fte"] + found["fta"]), "photos without a usable face", failed)]


def _searched(found: dict[str, Any]) -> int:
    return int(found["probes"] + found["strangers"])


def _doubt(point: dict[str, Any], strangers: int) -> str:
    return (
        f"{count(strangers, 'photo')} of strangers cannot show an FPIR of {shown_rate(point['fpir_asked'])}: none "
        f"passes the threshold {score(point['threshold'])}, and the true rate may be as high as "
        f"{percent(point['fpir_interval'][1])} (95 %)."
    )


def _metrics(result: dict[str, Any], found: dict[str, Any]) -> ReportTable:
    probes, strangers = found["probes"], found["strangers"]
    rows = [
        _row(f"Rank-{rank} identification rate", rate, interval, probes, "–")
        for rank, rate, interval in _ranks(found["cmc"], probes)
    ]
    for point in found["open_set"]:
        at, asked = score(point["threshold"]), shown_rate(point["fpir_asked"])
        rows += [
            _row(f"FNIR at FPIR {asked}", point["fnir"], point["fnir_interval"], probes, at),
            _row(f"FPIR reached, {asked} asked", point["fpir"], point["fpir_interval"], strangers, at),
        ]
    deployed = found["deployed"]
    rows += [
        _row(f"{name.upper()} at the threshold in force", deployed[name], deployed[f"{name}_interval"], trials, at)
        for name, trials, at in (
            ("fnir", probes, score(deployed["threshold"])),
            ("fpir", strangers, score(deployed["threshold"])),
        )
        if trials
    ]
    rows += [
        failures("Failures to enrol (FTE)", result["fte"], result["gallery_photos"]),
        failures("Failures to acquire (FTA)", found["fta"], _searched(found)),
    ]
    head = ("Metric", "Value", "95 % interval", "Cases", "Threshold")
    return ReportTable("Metrics", head, rows, f"The threshold in force is {deployed['described']}.")


def _ranks(cmc: dict[str, float], probes: int) -> list[tuple[str, float, Sequence[float]]]:
    wanted = [rank for rank in ("1", "5", "10") if rank in cmc] + [last for last in list(cmc)[-1:] if int(last) > 10]
    return [(rank, cmc[rank], wilson(round(cmc[rank] * probes), probes)) for rank in wanted]


def _row(name: str, rate: float, interval: Sequence[float], trials: int, threshold: str) -> tuple[str, ...]:
    return name, percent(rate), percent_interval(interval), f"{round(rate * trials):,} of {trials:,}", threshold


def _groups(point: dict[str, Any], column: str) -> ReportTable:
    rows = [
        (
            one["group"] or "(none)",
            f"{one['probes']:,}",
            _with(one, "rank1"),
            _with(one, "fnir"),
            f"{one['strangers']:,}",
            _with(one, "fpir"),
        )
        for one in point["groups"]
    ]
    note = f"All groups at one threshold, {score(point['threshold'])}. In brackets 95 % intervals: "
    return ReportTable(
        f"By {column}",
        (column, "Probes", "Rank-1", "FNIR", "Strangers", "FPIR"),
        rows,
        note + "two groups whose intervals overlap may be no different.",
    )


def _with(rates: dict[str, Any], name: str) -> str:
    return "–" if rates[name] is None else f"{percent(rates[name])} ({percent_interval(rates[f'{name}_interval'])})"


def _variants(variants: Sequence[dict[str, Any]]) -> ReportTable:
    rates = [shown_rate(point["fpir_asked"]) for point in variants[0]["open_set"]]
    rows = [
        (
            one["consolidation"],
            str(one["enrolled_photos"]),
            percent(one["rank1"]),
            *(f"{percent(point['fnir'])} ({percent_interval(point['fnir_interval'])})" for point in one["open_set"]),
        )
        for one in variants
    ]
    head = ("Compared by", "Photos enrolled", "Rank-1", *(f"FNIR at FPIR {rate}" for rate in rates))
    return ReportTable("Ways of enrolling", head, rows, "In brackets 95 % intervals.")
