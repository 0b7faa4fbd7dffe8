"""The report of ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation import kfold, metrics, plots
from evaluation.intervals import wilson
from evaluation.pages.glossary import terms
from evaluation.pages.parts import Figure, ReportPage, ReportTable, count, percent, percent_interval, score, shown_rate
from evaluation.scores import read_scores


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the rows' scores files; ``result`` describes the run."""
    asked = result["arguments"]["fpir"]
    several = len({row["pack"] for row in result["rows"]}) > 1
    rows = [_row(row, out, asked, several) for row in result["rows"]]
    strangers = rows[0]["strangers"]
    points = [row["point"] for row in rows if row["point"]]
    doubts = [
        f"{count(strangers, 'photo')} of strangers cannot show an FPIR of {shown_rate(asked)}: FNIR there is given at "
        "the threshold that none of them passes, and the true FPIR may be higher than asked."
        for _ in [point for point in points if not point.resolved][:1]
    ]
    return ReportPage(
        title="Comparison: how much does each pack and each step improve recognition?",
        lead=[
            f"{count(len(rows), 'pipeline')} from a photo to a name, tried on the same "
            f"{count(result['photos'], 'photo')}: {rows[0]['probes']:,} of enrolled people and {strangers:,} of "
            "strangers were searched."
        ],
        tiles=[],
        doubts=doubts,
        tables=[_table(rows, asked)],
        figures=[_own(rows), *([_at_rate(rows, asked)] if points else [])],
        cases=[],
        result=result,
        terms=terms("Accuracy", "Rank-k", "FPIR", "FNIR", "Score", "Threshold", "Interval"),
    )


def _row(row: dict[str, Any], out: Path, fpir: float, several: bool) -> dict[str, Any]:
    """A row's name and run, with its rates from its scores."""
    searches = read_scores(out / Path(row["scores"]).name)
    strangers = any(not search.mated for search in searches)
    return {
        "name": f"{row['pipeline']}, {row['pack']}" if several else row["pipeline"],
        "without_face": row["without_face"],
        "point": metrics.open_set(searches, fpir) if strangers else None,
        **kfold.figures(searches, row["threshold"]),
    }


def _table(rows: list[dict[str, Any]], asked: float) -> ReportTable:
    at = f"at FPIR {shown_rate(asked)}"
    return ReportTable(
        "Pipelines and their figures",
        (
            "Pipeline",
            "Accuracy",
            "Rank-1",
            "FNIR",
            "FPIR",
            "Threshold",
            f"FNIR {at}",
            "95 % interval",
            "No face",
        ),
        [
            (
                row["name"],
                *(percent(row[name]) for name in ("accuracy", "rank1", "fnir", "fpir")),
                score(row["threshold"]),
                percent(row["point"].fnir if row["point"] else None),
                percent_interval(row["point"].fnir_interval if row["point"] else None),
                f"{row['without_face']:,}",
            )
            for row in rows
        ],
        f"Accuracy, FNIR and FPIR at each pipeline's own threshold; FNIR {at} at the threshold that gives that rate.",
    )


def _own(rows: list[dict[str, Any]]) -> Figure:
    def dots(name: str, trials: str) -> list[plots.Dot]:
        return [
            plots.Dot(row["name"], row[name], wilson(round(row[name] * row[trials]), row[trials]))
            for row in rows
            if row[name] is not None
        ]

    return Figure(
        "own-threshold",
        "Errors at each pipeline's own threshold",
        "FNIR: enrolled people missed. FPIR: strangers named. Lines: 95 % intervals.",
        "FNIR and FPIR of each pipeline with intervals; the table has the figures.",
        plots.dots(
            [("FNIR", dots("fnir", "probes")), ("FPIR", dots("fpir", "strangers"))],
            "Share of searches",
            "Errors at each pipeline's own threshold",
        ),
    )


def _at_rate(rows: list[dict[str, Any]], asked: float) -> Figure:
    dots = [plots.Dot(row["name"], row["point"].fnir, row["point"].fnir_interval) for row in rows if row["point"]]
    return Figure(
        "same-rate",
        f"Enrolled people missed at FPIR {shown_rate(asked)}",
        "Each pipeline at the threshold that at most that share of strangers reach. Lines: 95 % intervals.",
        f"FNIR of each pipeline at FPIR {shown_rate(asked)} with intervals; the table has the figures.",
        plots.dots([("FNIR", dots)], "FNIR", f"Enrolled people missed at FPIR {shown_rate(asked)}"),
    )
