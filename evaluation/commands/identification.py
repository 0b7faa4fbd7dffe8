"""``identification``: whose face is this, and is it anybody's?"""

from __future__ import annotations

import argparse
from typing import Any, get_args

from evaluation import experiment, metrics, results, scores
from evaluation.consolidation import Consolidation
from evaluation.protocols import Entry, first_photos
from evaluation.templates import TemplateResult, portraits
from presente import cli
from presente.errors import InvalidInput
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "identification",
        run,
        "Closed-set and open-set identification.",
        "evaluation identification --list identify.tsv --fpir 0.01 0.05",
    )
    experiment.add_photos(parser)
    parser.add_argument("--group", metavar="COLUMN", help="also give the metrics by the values of a column of the list")
    parser.add_argument("--fpir", type=float, nargs="+", default=[0.01], metavar="RATE", help="rates to report FNIR at")
    parser.add_argument("--rank", type=int, default=10, metavar="K", help="the last rank of the CMC")
    parser.add_argument(
        "--enrolled", type=int, nargs="+", default=[], metavar="N", help="also with the first N photos of a person only"
    )
    parser.add_argument(
        "--consolidation",
        nargs="+",
        default=["best"],
        choices=get_args(Consolidation),
        help="what stands for a person: the best template, or a centroid (the notebook's is of unnormalised vectors); "
        "the first one is the main result's",
    )
    experiment.add_out(parser, "identification")
    experiment.add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Score every search, then compute everything from the scores."""
    for rate in arguments.fpir:
        metrics.check_rate(rate)
    if arguments.rank < 1 or min(arguments.enrolled, default=1) < 1:
        raise InvalidInput("invalid_number", "--rank or --enrolled is below 1.", "Give whole numbers from 1.")
    entries = experiment.read_photos(arguments, arguments.group)
    runs = experiment.Experiment(settings, output)
    raw = "notebook" in arguments.consolidation
    maker = portraits(runs.embedder, raw=True) if raw else None
    outcomes = runs.embed([entry.path for entry in entries], maker)
    variants = [
        _variant(arguments, entries, outcomes, how, photos)
        for how in arguments.consolidation
        for photos in (None, *arguments.enrolled)
    ]
    result: dict[str, Any] = {
        **runs.described("identification", arguments, experiment.unused_flags(arguments)),
        **results.enrolment_result(entries, outcomes),
        **variants[0],
        "variants": variants if len(variants) > 1 else [],
    }
    output.result(runs.finish(result, arguments.out, arguments.faces), results.lines(result))
    return cli.DONE


def _variant(
    arguments: argparse.Namespace,
    entries: list[Entry],
    outcomes: list[TemplateResult],
    how: Consolidation,
    photos: int | None,
) -> dict[str, Any]:
    """One way of enrolling, with a scores file of its own."""
    kept = range(len(entries)) if photos is None else first_photos(entries, photos)
    name = "scores" if how == "best" else f"scores-{how}"
    table = arguments.out / (f"{name}.tsv" if photos is None else f"{name}-{photos}.tsv")
    searches = scores.identification_scores([entries[i] for i in kept], [outcomes[i] for i in kept], how)
    scores.write_scores(table, searches)
    return {
        "consolidation": how,
        "enrolled_photos": "all" if photos is None else photos,
        **results.identification_result(
            scores.read_scores(table), arguments.fpir, arguments.rank, by_group=arguments.group is not None
        ),
        "scores": str(table),
    }
