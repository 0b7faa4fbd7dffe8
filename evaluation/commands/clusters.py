"""``clusters``: are strangers' photos grouped by person, as the service groups unknown people?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import clusters
from evaluation.clusters import METHODS, MOST_FOR_LINKAGE, GroupedPhoto, Method
from evaluation.experiment import Experiment, add_faces, add_out
from evaluation.protocols import Entry, read_list, read_people
from evaluation.templates import as_probe
from gallery.threshold.operating_point import OperatingPoint
from gallery.threshold.raised_threshold import threshold_among
from presente import cli
from presente.errors import InvalidInput
from presente.settings import Settings

FIGURES = ("precision", "recall", "f1", "bcubed_precision", "bcubed_recall", "bcubed_f1")


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "clusters",
        run,
        "Group photos by person as unknown people are grouped, and compare with who they are.",
        "evaluation clusters data_sample/students --beside dbscan average",
    )
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="one folder per person")
    parser.add_argument(
        "--list", type=Path, metavar="LIST.tsv", help="instead: columns role, person, path, by tabs; roles do not count"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="what the list's paths are relative to")
    parser.add_argument(
        "--at",
        type=float,
        nargs="+",
        metavar="SCORE",
        help="group at these scores, whatever the number of groups. If not given: at the threshold in force, which "
        "rises with the number of groups, as the service does; and at where it began and ended",
    )
    parser.add_argument("--shuffles", type=int, default=3, metavar="N", help="orders in which the photos are met")
    parser.add_argument("--seed", type=int, default=1, help="seed of the orders")
    parser.add_argument(
        "--beside",
        nargs="*",
        default=["dbscan"],
        choices=list(METHODS),
        help="methods to compare with [default dbscan]",
    )
    add_out(parser, "clusters")
    add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Embed every photo as a probe is, group the templates, compute the figures."""
    for threshold in arguments.at or []:
        if not 0 < threshold < 1:
            raise InvalidInput("invalid_threshold", f"--at is {threshold}.", "Give scores between 0 and 1.")
    if arguments.shuffles < 1:
        raise InvalidInput("invalid_number", f"--shuffles is {arguments.shuffles}.", "Give a whole number from 1.")
    entries = _entries(arguments)
    experiment = Experiment(settings, output)
    deployed = experiment.deployed_point()
    templates = experiment.embed([entry.path for entry in entries], as_probe(experiment.embedder))
    pairs = zip(entries, templates, strict=True)
    found = [(entry, made.template) for entry, made in pairs if made.template is not None]
    if not found:
        raise InvalidInput("no_probes", "No photo gave a template.", "Check the folder, and the pack.")
    if "average" in arguments.beside and len(found) > MOST_FOR_LINKAGE:
        raise InvalidInput(
            "too_many_photos", f"There are {len(found)} templates.", f"average takes {MOST_FOR_LINKAGE} at most."
        )
    vectors = np.stack([template for _, template in found])
    grouped = _Grouped(vectors, [entry for entry, _ in found], arguments)
    result: dict[str, Any] = {
        **experiment.description("clusters", arguments, ("root",) if arguments.list is None else ("folder",)),
        "photos": len(entries),
        "people": len({entry.person for entry in entries}),
        "fta": len(entries) - len(found),
        **grouped.at(deployed),
        "groups": str(arguments.out / "groups.tsv"),
    }
    output.result(experiment.finish(result, arguments.out, arguments.faces), lines(result))
    return cli.DONE


def _entries(arguments: argparse.Namespace) -> list[Entry]:
    if (arguments.folder is None) == (arguments.list is None):
        raise InvalidInput("missing_protocol", "Neither or both of FOLDER and --list were given.", "Give one.")
    entries = read_people(arguments.folder) if arguments.list is None else read_list(arguments.list, arguments.root)
    if not entries:
        raise InvalidInput(
            "no_photos", f"{arguments.folder} has no photos.", "Name a folder with one folder per person."
        )
    return entries


class _Grouped:
    """The groupings of a run: templates, float32 (n, d), and whose each is."""

    def __init__(self, vectors: clusters.Vectors, entries: list[Entry], arguments: argparse.Namespace) -> None:
        self.vectors, self.entries = vectors, entries
        self.people = [entry.person for entry in entries]
        self.beside: list[Method] = arguments.beside
        self.asked: list[float] | None = arguments.at
        self.table = arguments.out / "groups.tsv"
        chance = np.random.default_rng(arguments.seed)
        self.orders = [chance.permutation(len(vectors)) for _ in range(arguments.shuffles)]

    def at(self, deployed: OperatingPoint) -> dict[str, Any]:
        """Every grouping at every threshold; the first of them, in the first order, is written into the table."""
        if self.asked is not None:
            rows = [row for threshold in self.asked for row in self._rows(threshold)]
            first: Callable[[int], float] = partial(_fixed, self.asked[0])
            self._write(first)
            return {"threshold_described": "as asked", "rows": rows}
        raised = partial(threshold_among, deployed)
        served = self._served(raised)
        ends = round(raised(served["groups"]), 4)
        rows = [{"method": "served", "threshold": round(deployed.threshold, 4), "raised_to": ends, **served}]
        for threshold in sorted({round(deployed.threshold, 4), ends}):
            rows += self._rows(threshold)
        self._write(raised)
        described = (
            f"{deployed.threshold:.4g} ({deployed.source}), raised to {ends:.4g} for {served['groups']:,} groups"
        )
        return {"threshold_described": described, "rows": rows}

    def _rows(self, threshold: float) -> list[dict[str, Any]]:
        """The service's grouping at a fixed threshold, and the other methods there."""
        own = {"method": "served", "threshold": threshold, **self._served(partial(_fixed, threshold))}
        return [
            own,
            *(
                {
                    "method": method,
                    "threshold": threshold,
                    **clusters.measured(self.people, partial(clusters.compared, method, self.vectors, threshold)),
                }
                for method in self.beside
            ),
        ]

    def _served(self, threshold: Callable[[int], float]) -> dict[str, Any]:
        """The means over the orders, and how far they lie apart."""
        each = [
            clusters.measured(self.people, partial(clusters.served, self.vectors, threshold, order))
            for order in self.orders
        ]
        mean = {name: round(sum(one[name] for one in each) / len(each), 6) for name in each[0]}
        counts = {name: round(mean[name]) for name in ("people", "groups", "mixed", "split")}
        spread = {name: [min(one[name] for one in each), max(one[name] for one in each)] for name in FIGURES}
        return {**mean, **counts, "over_orders": spread}

    def _write(self, threshold: Callable[[int], float]) -> None:
        labels = clusters.served(self.vectors, threshold, self.orders[0]).tolist()
        photos = [
            GroupedPhoto(str(entry.path), entry.person, group)
            for entry, group in zip(self.entries, labels, strict=True)
        ]
        clusters.write_groups(self.table, photos)


def _fixed(threshold: float, _: int) -> float:
    return threshold


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a run."""
    yield f"pack {result['pack']}, {result['photos']:,} photos of {result['people']:,} people, in {result['seconds']} s"
    yield f"threshold {result['threshold_described']}; without a template: {result['fta']:,}"
    yield f"{'':32}{'threshold':>14}  {'groups':>7}  pairs: precision, recall, F1   B-cubed: precision, recall, F1"
    for row in result["rows"]:
        name = "as the service" if row["method"] == "served" else METHODS[row["method"]]
        at = f"{row['threshold']:.4g}" + (f" to {row['raised_to']:.4g}" if "raised_to" in row else "")
        pairs, bcubed = (" ".join(f"{row[figure]:.4f}" for figure in some) for some in (FIGURES[:3], FIGURES[3:]))
        yield f"{name:32}{at:>14}  {row['groups']:>7,}         {pairs}             {bcubed}"
    yield f"report in {result['report']}"
