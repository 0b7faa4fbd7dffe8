"""The report of ``robustness``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation import plots, robustness
from evaluation.pages.glossary import terms
from evaluation.pages.parts import Figure, ReportPage, ReportTable, Tile, count, percent, percent_interval
from evaluation.pages.searches import misses
from evaluation.robustness import LevelRates
from evaluation.scores import read_scores


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the scores file; ``result`` describes the run."""
    searches = read_scores(out / Path(result["scores"]).name)
    threshold = float(result["threshold"])
    curves = [
        (one, robustness.curve(searches, one["transform"], [each["level"] for each in one["levels"][1:]], threshold))
        for one in result["curves"]
    ]
    unchanged = robustness.level_rates([one for one in searches if one.mated and not one.group], "", threshold)
    return ReportPage(
        title="Robustness: how far may a photo be changed until the person is not recognised?",
        lead=[
            f"{count(unchanged.probes, 'photo')} of {count(result['subjects'], 'enrolled person', 'enrolled people')} "
            f"{'was' if unchanged.probes == 1 else 'were'} searched as they are, and changed in "
            f"{count(len(curves), 'way')} at several levels each.",
            f"The threshold is {result['threshold_described']}.",
        ],
        tiles=[
            Tile(percent(unchanged.found_rate), "faces found, as they are", percent_interval(unchanged.found_interval)),
            Tile(
                percent(unchanged.rank1), "right person first, as they are", percent_interval(unchanged.rank1_interval)
            ),
            Tile(
                percent(unchanged.fnir), "not recognised, as they are (FNIR)", percent_interval(unchanged.fnir_interval)
            ),
        ],
        doubts=[
            "Strangers were searched as they are or not at all: how often a changed photo of one is named is not known."
        ],
        tables=[_table(one, levels) for one, levels in curves],
        figures=[_figure(one, levels) for one, levels in curves],
        cases=[misses([one for one in searches if not one.group], threshold)],
        result=result,
        terms=terms("Level", "Found", "Rank-k", "FNIR", "DIR", "Threshold", "Score", "Interval"),
    )


def _title(one: dict[str, Any]) -> str:
    name = str(one["transform"])
    return {"jpeg": "JPEG", "close_up": "Close-up"}.get(name, name.capitalize())


def _table(one: dict[str, Any], levels: list[LevelRates]) -> ReportTable:
    rows = [
        (
            level.level.replace("_", " "),
            f"{level.found:,} of {level.probes:,} ({percent_interval(level.found_interval)})",
            f"{percent(level.rank1)} ({percent_interval(level.rank1_interval)})",
            f"{percent(level.fnir)} ({percent_interval(level.fnir_interval)})",
        )
        for level in levels
    ]
    return ReportTable(
        f"{_title(one)}: {one['unit']}", ("Level", "Found", "Rank-1", "FNIR"), rows, "In brackets 95 % intervals."
    )


def _figure(one: dict[str, Any], levels: list[LevelRates]) -> Figure:
    names = [level.level.replace("_", " ") for level in levels]
    found = [plots.Dot(name, level.found_rate, level.found_interval) for name, level in zip(names, levels, strict=True)]
    first = [plots.Dot(name, level.rank1, level.rank1_interval) for name, level in zip(names, levels, strict=True)]
    recognised = [
        plots.Dot(name, 1 - level.fnir, (1 - level.fnir_interval[1], 1 - level.fnir_interval[0]))
        for name, level in zip(names, levels, strict=True)
    ]
    said = "; ".join(f"{level.level}: FNIR {percent(level.fnir)}" for level in levels)
    return Figure(
        f"robustness-{one['transform']}",
        _title(one),
        f"{one['unit'][:1].upper()}{one['unit'][1:]}. Recognised is 1 - FNIR. Lines beside points: 95 % intervals.",
        f"Share of probes found, with the right person first, and recognised at each level. {said}.",
        plots.levels(
            [("found", found), ("rank-1", first), ("recognised", recognised)],
            one["unit"],
            _title(one),
        ),
    )
