"""``compare``: packs and pipelines on the same photos; a table shows how well each recognises people."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from evaluation import kfold, metrics, scores
from evaluation.experiment import Experiment, add_out, add_photos, read_photos, unused_flags
from evaluation.pipelines import MENDED, NOTEBOOK, PRESENT, Pipeline, makers
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
        "Compare packs and pipelines on the same photos, the first system's mistakes mended one at a time.",
        "evaluation compare --list identify.tsv --packs buffalo_l",
    )
    add_photos(parser)
    parser.add_argument("--fpir", type=float, default=0.01, metavar="RATE", help="the rate to report FNIR at")
    parser.add_argument(
        "--packs", nargs="+", default=[], metavar="PACK", help="other packs, each with the present pipeline"
    )
    add_out(parser, "compare")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Every pipeline with the settings' pack, the present one with the others."""
    metrics.check_rate(arguments.fpir)
    entries = read_photos(arguments)
    experiment = Experiment(settings, output)
    deployed = experiment.deployed()
    others = [Experiment(replace(settings, pack=name), output) for name in arguments.packs]
    rows = [_row(experiment, pipeline, deployed, entries, arguments) for pipeline in _ALL]
    rows += [_row(other, PRESENT, other.deployed(), entries, arguments) for other in others]
    result = {
        **experiment.description("compare", arguments, unused_flags(arguments)),
        "photos": len(entries),
        "rows": rows,
    }
    output.result(experiment.finish(result, arguments.out), lines(result))
    return cli.DONE


def _row(
    experiment: Experiment,
    pipeline: Pipeline,
    deployed: dict[str, Any],
    entries: list[Entry],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """One pipeline with one pack, with a scores file of its own."""
    templates = experiment.embed_by_role(entries, makers(experiment.embedder, pipeline))
    pack, name = experiment.pack.name, pipeline.name.strip()
    table = arguments.out / f"scores-{pack}-{name.replace(' ', '-').replace(',', '')}.tsv"
    scores.write_scores(table, scores.identification_scores(entries, templates, pipeline.consolidation))
    read = scores.read_scores(table)
    threshold = deployed["threshold"] if pipeline.threshold is None else pipeline.threshold
    strangers = any(not search.mated for search in read)
    point = metrics.open_set(read, arguments.fpir) if strangers else None
    return {
        "pack": pack,
        "pipeline": name,
        "settings": asdict(pipeline),
        "threshold_described": deployed["described"]
        if pipeline.threshold is None
        else f"{threshold:g} (the notebook's)",
        "without_face": sum(made.template is None for made in templates),
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
    """The lines of a comparison."""
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
    yield f"threshold of the last row: {result['rows'][-1]['threshold_described']}"
    yield f"report in {result['report']}"
