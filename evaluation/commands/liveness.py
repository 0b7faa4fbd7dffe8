"""``liveness``: how often does the liveness check pass a photo of a photo, and refuse a live person?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from evaluation import liveness_rates
from evaluation.experiment import Experiment, add_faces, add_out
from evaluation.liveness_results import lines, liveness_result
from evaluation.liveness_scores import judge_photos, read_judged, write_judged
from evaluation.presentations import read_presentations
from presente import cli, composition
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "liveness",
        run,
        "Measure the liveness check on photos of live people and of attacks: APCER by kind, BPCER, EER.",
        "evaluation liveness --folder presentations",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="photos in bona_fide/ and attacks/KIND/, one subfolder per person"
    )
    parser.add_argument("--list", type=Path, metavar="LIST.tsv", help="instead: columns path, label, kind, person")
    parser.add_argument("--root", type=Path, metavar="DIR", help="what the list's paths are relative to")
    parser.add_argument("--group", metavar="COLUMN", help="with --list: give the rates by this column, too")
    parser.add_argument(
        "--bpcer", type=float, nargs="+", default=[0.1, 0.05, 0.01], metavar="RATE", help="rates to report APCER at"
    )
    add_out(parser, "liveness")
    add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Judge the photos, then compute everything from the scores."""
    for rate in arguments.bpcer:
        liveness_rates.check_bpcer(rate)
    presentations = read_presentations(arguments.list, arguments.folder, arguments.root, arguments.group)
    reader = composition.open_liveness_reader(settings)
    experiment = Experiment(settings, output, reader)
    deployed = experiment.deployed_liveness(reader)
    table = arguments.out / "scores.tsv"
    with output.bar(len(presentations), "photo") as progress:
        write_judged(table, judge_photos(presentations, experiment.embedder, settings.workers, progress))
    result = {
        **experiment.description("liveness", arguments),
        "liveness_pack": reader.pack.tag,
        **liveness_result(read_judged(table), arguments.bpcer, deployed, arguments.group),
        "scores": str(table),
    }
    output.result(experiment.finish(result, arguments.out, arguments.faces), lines(result))
    return cli.DONE
