"""``kfold``: the same photos split several ways, and how much the figures vary."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from evaluation import kfold, scores
from evaluation.experiment import Experiment, add_faces, add_out
from evaluation.pipelines import NOTEBOOK, PRESENT, Pipeline, makers
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
        "Cross-validate: folds of photos, folds of people, or the notebook's 70/30.",
        "evaluation kfold --folder data_sample/students --split people",
    )
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="one folder per person")
    parser.add_argument("--split", choices=get_args(kfold.Split), default="photos", help="what the folds are made of")
    parser.add_argument("--folds", type=int, default=5, help="number of folds")
    parser.add_argument("--seed", type=int, default=1, help="seed of the split")
    parser.add_argument("--notebook", action="store_true", help="use the first system's pipeline, with its mistakes")
    add_out(parser, "kfold")
    add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Score every fold, then compute everything from the scores."""
    if arguments.folds < 2:
        raise InvalidInput("invalid_folds", f"--folds is {arguments.folds}.", "At least 2.")
    entries = read_people(arguments.folder)
    folds = kfold.split(entries, arguments.split, arguments.folds, arguments.seed)
    experiment = Experiment(settings, output)
    pipeline = NOTEBOOK if arguments.notebook else PRESENT
    deployed = experiment.deployed() if pipeline.threshold is None else None
    templates = _templates(experiment, pipeline, entries)
    threshold = float(pipeline.threshold or 0.0) if deployed is None else deployed["threshold"]
    measured = [_fold(arguments, number, fold, entries, templates, threshold) for number, fold in enumerate(folds)]
    result: dict[str, Any] = {
        **experiment.description("kfold", arguments),
        "pipeline": pipeline.name,
        "threshold_described": f"{threshold:g} (the notebook's)" if deployed is None else deployed["described"],
        "split": arguments.split,
        "seed": arguments.seed,
        "photos": len(entries),
        "people": len({entry.person for entry in entries}),
        "folds": measured,
        "over_folds": kfold.mean_and_spread([fold["figures"] for fold in measured]),
    }
    output.result(experiment.finish(result, arguments.out, arguments.faces), lines(result))
    return cli.DONE


@dataclass(frozen=True, slots=True)
class _Templates:
    """Templates of every photo, as enrolled and as a probe: in one fold it is the one, in another the other."""

    pipeline: Pipeline
    enrolled: list[TemplateResult]
    probes: list[TemplateResult]

    def of(self, place: int, entry: Entry) -> TemplateResult:
        """The template of the photo at a place, in the role that it has in a fold."""
        return (self.enrolled if entry.role == "gallery" else self.probes)[place]


def _templates(experiment: Experiment, pipeline: Pipeline, entries: list[Entry]) -> _Templates:
    paths, ways = [entry.path for entry in entries], makers(experiment.embedder, pipeline)
    enrolled = experiment.embed(paths, ways.gallery)
    return _Templates(
        pipeline, enrolled, enrolled if ways.probe is ways.gallery else experiment.embed(paths, ways.probe)
    )


def _fold(
    arguments: argparse.Namespace,
    number: int,
    fold: kfold.Fold,
    entries: list[Entry],
    templates: _Templates,
    threshold: float,
) -> dict[str, Any]:
    """The figures of one fold, with a scores file of its own."""
    compared = list(kfold.roles_of(entries, fold, arguments.split))
    made = [templates.of(place, entry) for place, entry in compared]
    searches = scores.identification_scores([entry for _, entry in compared], made, templates.pipeline.consolidation)
    table = arguments.out / f"scores-fold-{number}.tsv"
    scores.write_scores(table, searches)
    read = scores.read_scores(table)
    gallery = [each for (_, entry), each in zip(compared, made, strict=True) if entry.role == "gallery"]
    return {
        "fold": number,
        "enrolled": len(gallery),
        "fte": sum(each.template is None for each in gallery),
        "tried": [str(entries[place].path) for place in fold.tried],
        "figures": kfold.figures(read, threshold),
        "per_person": kfold.per_person(read, threshold) if arguments.split == "holdout" else None,
        "scores": str(table),
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a cross-validation."""
    yield f"pack {result['pack']}, {result['pipeline'].strip()}, split by {result['split']}, in {result['seconds']} s"
    yield f"threshold {result['threshold_described']}"
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
    yield f"report in {result['report']}"
