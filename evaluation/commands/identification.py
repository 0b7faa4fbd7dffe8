"""``identification``: whose face is this, and is it that of an enrolled person?"""

from __future__ import annotations

import argparse
from typing import Any, get_args

from evaluation import metrics, results, scores
from evaluation.consolidation import Consolidation
from evaluation.experiment import Experiment, add_faces, add_out, add_photos, read_photos, unused_flags
from evaluation.protocols import Entry, first_photos
from evaluation.templates import TemplateResult, as_served
from presente import cli
from presente.errors import InvalidInput
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "identification",
        run,
        "Measure closed-set and open-set identification on labelled photos.",
        "evaluation identification --list identify.tsv --fpir 0.01 0.05",
    )
    add_photos(parser)
    parser.add_argument(
        "--group", metavar="COLUMN", help="give the metrics by the values of this column of the list, too"
    )
    parser.add_argument("--fpir", type=float, nargs="+", default=[0.01], metavar="RATE", help="rates to report FNIR at")
    parser.add_argument("--rank", type=int, default=10, metavar="K", help="the last rank of the CMC")
    parser.add_argument(
        "--enrolled",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="measure also with only the first N photos of each person enrolled",
    )
    parser.add_argument(
        "--consolidation",
        nargs="+",
        default=["served"],
        choices=get_args(Consolidation),
        help="what a person is compared by: best template and centroid, as the service does (served), either alone, "
        "or the centroid of unnormalised vectors (notebook); "
        "the first is that of the main result",
    )
    add_out(parser, "identification")
    add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Score every search, then compute everything from the scores."""
    for rate in arguments.fpir:
        metrics.check_rate(rate)
    if arguments.rank < 1 or min(arguments.enrolled, default=1) < 1:
        raise InvalidInput("invalid_number", "--rank or --enrolled is below 1.", "Give whole numbers from 1.")
    entries = read_photos(arguments, arguments.group)
    experiment = Experiment(settings, output)
    deployed = experiment.deployed()
    makers = as_served(experiment.embedder, raw="notebook" in arguments.consolidation)
    templates = experiment.embed_by_role(entries, makers)
    variants = [
        _variant(arguments, entries, templates, deployed, how, photos)
        for how in arguments.consolidation
        for photos in (None, *arguments.enrolled)
    ]
    result: dict[str, Any] = {
        **experiment.description("identification", arguments, unused_flags(arguments)),
        **results.enrolment_result(entries, templates),
        **variants[0],
        "variants": variants if len(variants) > 1 else [],
    }
    output.result(experiment.finish(result, arguments.out, arguments.faces), results.lines(result))
    return cli.DONE


def _variant(
    arguments: argparse.Namespace,
    entries: list[Entry],
    templates: list[TemplateResult],
    deployed: dict[str, Any],
    how: Consolidation,
    photos: int | None,
) -> dict[str, Any]:
    """One way of enrolling, with a scores file of its own."""
    kept = range(len(entries)) if photos is None else first_photos(entries, photos)
    name = "scores" if how == "served" else f"scores-{how}"
    table = arguments.out / (f"{name}.tsv" if photos is None else f"{name}-{photos}.tsv")
    searches = scores.identification_scores([entries[i] for i in kept], [templates[i] for i in kept], how)
    scores.write_scores(table, searches)
    return {
        "consolidation": how,
        "enrolled_photos": "all" if photos is None else photos,
        **results.identification_result(
            scores.read_scores(table), arguments.fpir, arguments.rank, arguments.group is not None, deployed
        ),
        "scores": str(table),
    }
