"""``verification``: are these two photos of one person?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation import protocols, results, verification
from evaluation.experiment import Experiment, add_faces, add_out
from evaluation.pairs import Pair, generate_pairs, read_pairs
from presente import cli
from presente.errors import InvalidInput
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "verification",
        run,
        "Measure verification on pairs of photos: accuracy by folds, EER, TAR at FAR.",
        "evaluation verification --pairs lfw/pairs.txt --root lfw",
    )
    parser.add_argument("--pairs", type=Path, metavar="pairs.txt", help="pairs in LFW's format; needs --root")
    parser.add_argument("--list", type=Path, metavar="LIST.tsv", help="instead: generate pairs from a list's photos")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the photos are")
    parser.add_argument("--folds", type=int, default=10, help="with --list: number of folds; no person is in two")
    parser.add_argument("--each", type=int, default=300, help="with --list: most pairs of either kind per fold")
    parser.add_argument("--seed", type=int, default=1, help="with --list: seed of the choice of pairs")
    parser.add_argument(
        "--far", type=float, nargs="+", default=[0.1, 0.01, 0.001], metavar="RATE", help="rates to report TAR at"
    )
    add_out(parser, "verification")
    add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Score the pairs, then compute everything from the scores."""
    for rate in arguments.far:
        if not 0 < rate < 1:
            raise InvalidInput("invalid_far", f"FAR {rate} was asked for.", "It must be above 0 and below 1.")
    pairs = _pairs(arguments)
    experiment = Experiment(settings, output)
    deployed = experiment.deployed()
    photos = sorted({path for pair in pairs for path in (pair.left, pair.right)})
    templates = dict(zip(photos, experiment.embed(photos), strict=True))
    table = arguments.out / "pairs.tsv"
    verification.write_comparisons(table, verification.compare_pairs(pairs, templates))
    comparisons = verification.read_comparisons(table)
    result = {
        **experiment.description("verification", arguments, ("folds", "each", "seed") if arguments.pairs else ()),
        "photos": len(photos),
        **results.verification_result(comparisons, arguments.far, deployed),
        "scores": str(table),
    }
    output.result(experiment.finish(result, arguments.out, arguments.faces), lines(result))
    return cli.DONE


def _pairs(arguments: argparse.Namespace) -> list[Pair]:
    if (arguments.pairs is None) == (arguments.list is None):
        raise InvalidInput("missing_protocol", "Neither or both of --pairs and --list were given.", "Give one.")
    if arguments.pairs is not None:
        return read_pairs(arguments.pairs, arguments.root or arguments.pairs.parent)
    if arguments.folds < 2 or arguments.each < 1:
        raise InvalidInput("invalid_folds", "--folds or --each is too small.", "At least 2 folds and 1 pair in each.")
    entries = protocols.read_list(arguments.list, arguments.root)
    return generate_pairs(entries, arguments.folds, arguments.each, arguments.seed)


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a verification result."""
    yield (
        f"pack {result['pack']}: {result['mated']} mated and {result['non_mated']} non-mated pairs of "
        f"{result['photos']} photos, in {result['seconds']} s; failures to acquire {result['fta']}"
    )
    for failure in result["without_template"][:20]:
        yield f"  {failure['path']}: {failure['code']}"
    if result["folds"]:
        yield (
            f"accuracy {result['accuracy']:.4f}, standard deviation over {len(result['folds'])} folds "
            f"{result['accuracy_std']:.4f}; EER {result['eer']:.4f}"
        )
    for point in result["tar_at_far"]:
        if not point["resolved"]:
            yield f"FAR {point['far_asked']:g}: {result['non_mated']} non-mated pairs cannot show this rate"
            continue
        low, high = point["tar_interval"]
        yield (
            f"FAR {point['far_asked']:g} asked, {point['far']:.5f} reached at threshold {point['threshold']:.4f}: "
            f"TAR {point['tar']:.4f} (95 %: {low:.4f} to {high:.4f})"
        )
    deployed = result["deployed"]
    (far_low, far_high), (tar_low, tar_high) = deployed["far_interval"], deployed["tar_interval"]
    yield (
        f"at the threshold in force, {deployed['described']}: FAR {deployed['far']:.5f} (95 %: {far_low:.5f} to "
        f"{far_high:.5f}), TAR {deployed['tar']:.4f} (95 %: {tar_low:.4f} to {tar_high:.4f})"
    )
    yield from results.written_lines(result)
