"""``kfold``: the same photos split several ways, and how much the figures vary."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from evaluation import experiment, kfold, scores
from evaluation.pipelines import NOTEBOOK, PRESENT, Pipeline, features
from evaluation.protocols import Entry, read_people
from evaluation.templates import TemplateResult
from presente import cli
from presente.errors import InvalidInput
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "kfold",
        run,
        "Cross-validation: by photos, by people, and the notebook's 70/30.",
        "evaluation kfold --folder photos --split people",
    )
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="one folder a person")
    parser.add_argument("--split", choices=get_args(kfold.Split), default="photos", help="what is split, and how")
    parser.add_argument("--folds", type=int, default=5, help="how many parts")
    parser.add_argument("--seed", type=int, default=1, help="which split")
    parser.add_argument("--notebook", action="store_true", help="with the first system's pipeline, mistakes included")
    experiment.add_out(parser, "kfold")
    experiment.add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Score every part, then compute everything from the scores."""
    if arguments.folds < 2:
        raise InvalidInput("invalid_folds", f"--folds is {arguments.folds}.", "At least 2.")
    entries = read_people(arguments.folder)
    parts = kfold.split(entries, arguments.split, arguments.folds, arguments.seed)
    runs = experiment.Experiment(settings, output)
    pipeline = NOTEBOOK if arguments.notebook else PRESENT
    outcomes = runs.embed([entry.path for entry in entries], features(runs.embedder, pipeline))
    threshold = runs.pack.threshold if pipeline.threshold is None else pipeline.threshold
    found = [
        _part(arguments, number, part, entries, outcomes, pipeline, threshold) for number, part in enumerate(parts)
    ]
    result: dict[str, Any] = {
        **runs.described("kfold", arguments),
        "pipeline": pipeline.name,
        "split": arguments.split,
        "seed": arguments.seed,
        "photos": len(entries),
        "people": len({entry.person for entry in entries}),
        "folds": found,
        "over_folds": kfold.mean_and_spread([part["figures"] for part in found]),
    }
    output.result(runs.finish(result, arguments.out, arguments.faces), lines(result))
    return cli.DONE


def _part(
    arguments: argparse.Namespace,
    number: int,
    part: kfold.FoldResult,
    entries: list[Entry],
    outcomes: list[TemplateResult],
    pipeline: Pipeline,
    threshold: float,
) -> dict[str, Any]:
    """One fold, with a scores file of its own."""
    compared = list(kfold.roles_of(entries, part, arguments.split))
    searches = scores.identification_scores(
        [entry for _, entry in compared], [outcomes[place] for place, _ in compared], pipeline.consolidation
    )
    table = arguments.out / f"scores-fold-{number}.tsv"
    scores.write_scores(table, searches)
    read = scores.read_scores(table)
    return {
        "fold": number,
        "enrolled": sum(entry.role == "gallery" for _, entry in compared),
        "fte": sum(entry.role == "gallery" and outcomes[place].template is None for place, entry in compared),
        "tried": [str(entries[place].path) for place in part.tried],
        "figures": kfold.figures(read, threshold),
        "per_person": kfold.per_person(read, threshold) if arguments.split == "holdout" else None,
        "scores": str(table),
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """A cross-validation for people."""
    yield f"pack {result['pack']}, {result['pipeline'].strip()}, split by {result['split']}, in {result['seconds']} s"
    for fold in result["folds"]:
        shown = fold["figures"]
        yield (
            f"fold {fold['fold']}: {fold['enrolled']} enrolled, {shown['probes']} probes, "
            f"{shown['strangers']} strangers, accuracy {shown['accuracy']:.4f}, "
            f"weighted precision {shown['precision_weighted']:.4f}, recall {shown['recall_weighted']:.4f}"
        )
        for person, row in (fold["per_person"] or {}).items():
            if isinstance(row, dict):
                rates = f"precision {row['precision']:.3f}, recall {row['recall']:.3f}"
                yield f"  {person}: {rates}, {row['support']:.0f} photos"
    for name, over in result["over_folds"].items():
        yield f"{name}: mean {over['mean']:.4f}, standard deviation {over['std']:.4f}"
