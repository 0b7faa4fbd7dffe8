"""``compare``: packs and pipelines on the same photos, so that a table shows what each was worth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from evaluation import experiment, kfold, metrics, scores
from evaluation.pipelines import MENDED, NOTEBOOK, PRESENT, Pipeline, features
from evaluation.protocols import Entry
from presente import cli
from presente.settings import Settings

_ALL = (NOTEBOOK, *MENDED, PRESENT)


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "compare",
        run,
        "Packs and pipelines on the same photos, the first system's mistakes mended one at a time.",
        "evaluation compare --list identify.tsv --packs buffalo_l",
    )
    experiment.add_photos(parser)
    parser.add_argument("--fpir", type=float, default=0.01, metavar="RATE", help="the rate to report FNIR at")
    parser.add_argument(
        "--packs", nargs="+", default=[], metavar="PACK", help="other packs, each with the present pipeline"
    )
    experiment.add_out(parser, "compare")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Every pipeline with the settings' pack, the present one with the others."""
    metrics.check_rate(arguments.fpir)
    entries = experiment.read_photos(arguments)
    runs = experiment.Experiment(settings, output)
    rows = [_row(runs, pipeline, entries, arguments) for pipeline in _ALL]
    for name in arguments.packs:
        rows.append(_row(experiment.Experiment(settings.having(pack=name), output), PRESENT, entries, arguments))
    result = {
        **runs.described("compare", arguments, experiment.unused_flags(arguments)),
        "photos": len(entries),
        "rows": rows,
    }
    output.result(runs.finish(result, arguments.out), lines(result))
    return cli.DONE


def _row(
    runs: experiment.Experiment, pipeline: Pipeline, entries: list[Entry], arguments: argparse.Namespace
) -> dict[str, Any]:
    """One pipeline with one pack, with a scores file of its own."""
    outcomes = runs.embed([entry.path for entry in entries], features(runs.embedder, pipeline))
    table = arguments.out / f"scores-{runs.pack.name}-{pipeline.name.strip().replace(' ', '-').replace(',', '')}.tsv"
    scores.write_scores(table, scores.identification_scores(entries, outcomes, pipeline.consolidation))
    read = scores.read_scores(table)
    threshold = runs.pack.threshold if pipeline.threshold is None else pipeline.threshold
    strangers = any(not search.mated for search in read)
    point = metrics.open_set(read, arguments.fpir) if strangers else None
    return {
        "pack": runs.pack.name,
        "pipeline": pipeline.name.strip(),
        "settings": asdict(pipeline),
        "without_face": sum(outcome.template is None for outcome in outcomes),
        **kfold.figures(read, threshold),
        "at_fpir": None
        if point is None
        else {
            "fpir_asked": point.fpir_asked,
            "fpir": point.fpir,
            "fnir": point.fnir,
            "threshold": point.threshold,
            "resolved": point.resolved,
        },
        "scores": str(table),
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The table for people."""
    yield f"{result['photos']} photos, in {result['seconds']} s"
    yield f"{'pack':20s} {'pipeline':30s}  accuracy  rank-1  FNIR    FPIR    threshold  FNIR at FPIR"
    for row in result["rows"]:
        point = row["at_fpir"]
        last = "-" if point is None else f"{point['fnir']:.4f} at {point['fpir_asked']:g}"
        doubt = "" if point is None or point["resolved"] else " (too few strangers)"
        fpir = "-" if row["fpir"] is None else f"{row['fpir']:.4f}"
        yield (
            f"{row['pack']:20s} {row['pipeline']:30s}  {row['accuracy']:.4f}    {row['rank1']:.4f}  {row['fnir']:.4f}  "
            f"{fpir:6s}  {row['threshold']:.3f}      {last}{doubt}"
        )
