"""``robustness``: how far may a photo be changed until the person is not found, or not recognised?"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from evaluation import metrics, results, robustness, scores, transforms
from evaluation.experiment import Experiment, add_faces, add_out, add_photos, read_photos
from evaluation.protocols import Entry
from evaluation.templates import RoleMakers, TemplateMaker, as_served
from evaluation.transforms import Transform
from presente import cli
from presente.errors import InvalidInput
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "robustness",
        run,
        "Measure identification of probes that are turned, cropped, compressed, blurred, darkened, shrunk or covered.",
        "evaluation robustness --list data_sample/identify.tsv --transform turned blur=1,2,4",
    )
    add_photos(parser)
    parser.add_argument(
        "--transform",
        nargs="+",
        default=[],
        metavar="NAME[=LEVEL,...]",
        help=f"of {', '.join(transforms.TRANSFORMS)}; each with its own levels, or with those given; all, if not given",
    )
    parser.add_argument("--probes", type=int, default=150, metavar="N", help="most probes, chosen by --seed")
    parser.add_argument(
        "--fpir",
        type=float,
        metavar="RATE",
        help="give FNIR at the threshold that this share of the list's strangers, unchanged, reach; "
        "at the threshold in force, if not given",
    )
    add_out(parser, "robustness")
    add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Change the probes, score every search, then compute everything from the scores."""
    if arguments.probes < 1:
        raise InvalidInput("invalid_number", f"--probes is {arguments.probes}.", "Give a whole number from 1.")
    if arguments.fpir is not None:
        metrics.check_rate(arguments.fpir)
    asked = transforms.chosen(arguments.transform)
    entries = _entries(read_photos(arguments), arguments)
    if arguments.fpir is not None and not any(entry.role == "unknown" for entry in entries):
        raise metrics.no_strangers()
    experiment = Experiment(settings, output)
    deployed = experiment.deployed()
    table = arguments.out / "scores.tsv"
    enrolled = _measured(experiment, entries, asked, table)
    searches = scores.read_scores(table)
    threshold, described = threshold_of(searches, arguments.fpir, deployed)
    result: dict[str, Any] = {
        # The seed of a split is that of the choice of probes, too.
        **experiment.description("robustness", arguments, ("gallery_photos", "strangers") if arguments.list else ()),
        **enrolled,
        "probes": sum(entry.role == "probe" for entry in entries),
        "deployed": deployed,
        "threshold": threshold,
        "threshold_described": described,
        "curves": curves(searches, asked, threshold),
        "scores": str(table),
    }
    output.result(experiment.finish(result, arguments.out, arguments.faces), lines(result))
    return cli.DONE


def _entries(entries: list[Entry], arguments: argparse.Namespace) -> list[Entry]:
    """The gallery, at most so many probes, and the strangers only when a rate was asked for."""
    probes = [entry for entry in entries if entry.role == "probe"]
    if len(probes) > arguments.probes:
        kept = sorted(random.Random(arguments.seed).sample(range(len(probes)), arguments.probes))
        probes = [probes[place] for place in kept]
    strangers = [entry for entry in entries if entry.role == "unknown"] if arguments.fpir is not None else []
    return [*(entry for entry in entries if entry.role == "gallery"), *probes, *strangers]


def _measured(
    experiment: Experiment, entries: list[Entry], asked: list[tuple[Transform, list[str]]], table: Any
) -> dict[str, Any]:
    """Write the scores of the probes as they are and at every level; how the gallery was filled."""
    served = as_served(experiment.embedder)
    changed = robustness.ChangedProbes(experiment.embedder)
    templates = experiment.embed_by_role(entries, served)
    probes = [entry for entry in entries if entry.role == "probe"]
    all_entries, all_templates = list(entries), list(templates)
    for transform, levels in asked:
        for level in levels:
            maker: TemplateMaker = changed.maker(transform, level)
            grouped = [replace(entry, group=robustness.group_of(transform.name, level)) for entry in probes]
            all_templates += experiment.embed_by_role(grouped, RoleMakers(served.gallery, maker))
            all_entries += grouped
    scores.write_scores(table, scores.identification_scores(all_entries, all_templates))
    return results.enrolment_result(entries, templates)


def threshold_of(searches: list[scores.ProbeScores], fpir: float | None, deployed: dict[str, Any]) -> tuple[float, str]:
    """The threshold at which FNIR is given, and what it is."""
    if fpir is None:
        return deployed["threshold"], f"{deployed['described']}, in force"
    point = metrics.open_set(searches, fpir)
    doubt = "" if point.resolved else ", which so few strangers cannot show"
    return point.threshold, f"{point.threshold:.4g} (FPIR {fpir:g} of unchanged strangers{doubt})"


def curves(
    searches: list[scores.ProbeScores], asked: list[tuple[Transform, list[str]]], threshold: float
) -> list[dict[str, Any]]:
    """The rates of every transform at each level."""
    return [
        {
            "transform": transform.name,
            "unit": transform.unit,
            "levels": [one.as_json() for one in robustness.curve(searches, transform.name, levels, threshold)],
        }
        for transform, levels in asked
    ]


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a result."""
    yield (
        f"pack {result['pack']}: {result['subjects']} people enrolled with {result['gallery_photos']} photos, "
        f"{result['probes']} probes, in {result['seconds']} s"
    )
    yield f"FNIR at the threshold {result['threshold_described']}"
    for one in result["curves"]:
        yield f"{one['transform']} ({one['unit']})"
        for level in one["levels"]:
            low, high = level["fnir_interval"]
            yield (
                f"  {level['level']:>16}: found {level['found']} of {level['probes']}, rank-1 {level['rank1']:.4f}, "
                f"FNIR {level['fnir']:.4f} (95 %: {low:.4f} to {high:.4f})"
            )
    yield from results.written_lines(result)
