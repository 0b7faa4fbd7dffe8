"""``identification``: whose face is this, and is it that of an enrolled person?"""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args

from client import Client, PresenteError
from evaluation import metrics, results, scores, served
from evaluation.consolidation import Consolidation
from evaluation.experiment import (
    Experiment,
    add_faces,
    add_out,
    add_photos,
    described_arguments,
    finish_result,
    read_photos,
    unused_flags,
)
from evaluation.protocols import Entry, first_photos
from evaluation.templates import TemplateResult, as_served
from presente import cli
from presente.errors import InvalidInput
from presente.parallel import default_workers
from presente.secrets import hidden_address
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
    parser.add_argument(
        "--server",
        metavar="URL",
        help="measure a running server instead: the list's gallery is enrolled into it, whose gallery has to be empty, "
        "and stays there; then it is asked of every other photo. Its key is a setting, see below",
    )
    parser.add_argument(
        "--use-enrolled",
        action="store_true",
        help="with --server: its gallery has the list's people already, under their names as matriculas",
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
    if arguments.server is not None:
        return _run_served(arguments, settings, output, entries)
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
        **experiment.description("identification", arguments, _unused(arguments)),
        **results.enrolment_result(entries, templates),
        **variants[0],
        "variants": variants if len(variants) > 1 else [],
    }
    output.result(experiment.finish(result, arguments.out, arguments.faces), results.lines(result))
    return cli.DONE


def _unused(arguments: argparse.Namespace) -> Collection[str]:
    remote = ("consolidation", "enrolled") if arguments.server else ("server", "use_enrolled")
    return (*unused_flags(arguments), *remote)


def _run_served(arguments: argparse.Namespace, settings: Settings, output: cli.Output, entries: list[Entry]) -> int:
    """Have a server make the scores, then compute everything from them as of a local run."""
    if arguments.faces or arguments.enrolled or arguments.consolidation != ["served"]:
        raise InvalidInput(
            "unsuitable_flags",
            "--faces, --enrolled and --consolidation do not go with --server.",
            "Leave them out: the server enrols all photos, and compares people as it does.",
        )
    started = time.perf_counter()
    address = hidden_address(arguments.server)
    try:
        about = served.described_server(arguments.server, settings.api_key)
        with Client(arguments.server, settings.api_key) as client, output.bar(len(entries), "photo") as progress:
            at_once = settings.workers or default_workers()
            found = served.search_served(client, entries, arguments.use_enrolled, at_once, progress)
    except PresenteError as error:
        raise served.explained(error, address) from error
    table = arguments.out / "scores.tsv"
    scores.write_scores(table, found.searches)
    shown = argparse.Namespace(**vars(arguments) | {"server": address})
    deployed = about.pop("deployed")
    result: dict[str, Any] = {
        "protocol": "identification",
        "arguments": described_arguments(shown, _unused(arguments)),
        **about,
        **results.enrolment_result(entries, found.outcomes),
        **_measured(arguments, table, "served", None, deployed),
        "variants": [],
    }
    output.result(finish_result(result, arguments.out, started), results.lines(result))
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
    return _measured(arguments, table, how, photos, deployed)


def _measured(
    arguments: argparse.Namespace, table: Path, how: Consolidation, photos: int | None, deployed: dict[str, Any]
) -> dict[str, Any]:
    """The metrics of a table of scores, from that file alone."""
    return {
        "consolidation": how,
        "enrolled_photos": "all" if photos is None else photos,
        **results.identification_result(
            scores.read_scores(table), arguments.fpir, arguments.rank, arguments.group is not None, deployed
        ),
        "scores": str(table),
    }
