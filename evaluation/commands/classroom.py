"""``classroom``: class photos made of a list's portraits; who is found in them, and who is recorded as present?"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from evaluation import class_faces, classroom, protocols, results
from evaluation.class_faces import ClassFace
from evaluation.classroom import FaceSizes, Scene, SitterFinder
from evaluation.experiment import Experiment, add_out
from evaluation.protocols import Entry
from evaluation.templates import TemplateResult
from faces.reading import Detail
from gallery.settings import GallerySettings
from presente import cli
from presente.errors import InvalidInput
from presente.settings import Settings

_SEEDS = 1000
"""Seeds of two repetitions are so far apart that no photo of the one is made with a seed of the other."""


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "classroom",
        run,
        "Measure attendance on class photos that are made of a list's portraits, at several sizes of face.",
        "evaluation classroom --list data_sample/identify.tsv --size 120 80 --students 12",
    )
    parser.add_argument("--list", type=Path, required=True, metavar="LIST.tsv", help="columns role, person, path")
    parser.add_argument("--root", type=Path, metavar="DIR", help="what the list's paths are relative to")
    parser.add_argument(
        "--size",
        nargs="+",
        default=["120", "80", "60", "40"],
        metavar="PX",
        help="one class photo per size: shorter side of its faces' boxes, pixels, or a range like 60-140",
    )
    parser.add_argument("--students", type=int, default=30, metavar="N", help="most students in a photo")
    parser.add_argument("--strangers", type=int, default=6, metavar="N", help="most people in it who are not enrolled")
    parser.add_argument("--gallery-photos", type=int, default=3, metavar="N", help="most enrolled photos per person")
    parser.add_argument(
        "--photos", type=int, default=1, metavar="N", help="class photos per size, each of people drawn anew"
    )
    parser.add_argument(
        "--rows", type=int, metavar="N", help="rows of faces; as many as spread them evenly, if not given"
    )
    parser.add_argument("--width", type=int, default=4000, metavar="PX", help="width of the class photos")
    parser.add_argument("--height", type=int, default=3000, metavar="PX", help="their height")
    parser.add_argument(
        "--detail",
        choices=get_args(Detail),
        default="auto",
        help="how closely the photos are looked at, as for POST /v1/attendance",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of who is in a photo, where, and in front of what")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="write the class photos there: they show people's faces"
    )
    add_out(parser, "classroom")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Make the photos, take attendance from each, then compute everything from the table."""
    _check(arguments)
    sizes = [FaceSizes.of(text) for text in arguments.size]
    entries = protocols.read_list(arguments.list, arguments.root)
    kept = protocols.first_photos(entries, arguments.gallery_photos)
    gallery_entries = [entries[place] for place in kept if entries[place].role == "gallery"]
    experiment = Experiment(settings, output)
    deployed = experiment.deployed()
    templates = experiment.embed_by_role(gallery_entries)
    lines_of_faces = _measured(
        experiment, arguments, sizes, list(zip(gallery_entries, templates, strict=True)), entries, deployed
    )
    table = arguments.out / "faces.tsv"
    class_faces.write_faces(table, lines_of_faces)
    faces = class_faces.read_faces(table)
    result: dict[str, Any] = {
        **experiment.description("classroom", arguments),
        **results.enrolment_result(gallery_entries, templates),
        "deployed": deployed,
        "sizes": class_faces.rates_by_size(faces),
        "all_sizes": class_faces.rates(faces),
        "scores": str(table),
    }
    output.result(experiment.finish(result, arguments.out), lines(result))
    return cli.DONE


def _check(arguments: argparse.Namespace) -> None:
    least = {"students": 1, "strangers": 0, "gallery_photos": 1, "photos": 1, "width": 64, "height": 64}
    least |= {} if arguments.rows is None else {"rows": 1}
    for name, bound in least.items():
        if getattr(arguments, name) < bound:
            raise InvalidInput(
                "invalid_number",
                f"--{name.replace('_', '-')} is {getattr(arguments, name)}.",
                f"Give a whole number from {bound}.",
            )


def _measured(
    experiment: Experiment,
    arguments: argparse.Namespace,
    sizes: list[FaceSizes],
    people: list[tuple[Entry, TemplateResult]],
    entries: list[Entry],
    deployed: dict[str, Any],
) -> list[ClassFace]:
    """The lines of the table about every class photo; one photo is in memory at a time."""
    embedder, scene = experiment.embedder, Scene(arguments.width, arguments.height, arguments.rows)
    deciding = GallerySettings(deployed["threshold"], deployed["source"], experiment.settings.margin)
    finder, found, number = SitterFinder(entries, embedder), [], 0
    with experiment.output.bar(arguments.photos * len(sizes), "photo") as progress:
        for repetition in range(arguments.photos):
            seed = arguments.seed * _SEEDS + repetition
            sitters = finder.draw(arguments.students, arguments.strangers, random.Random(seed))
            in_class = {sitter.person for sitter in sitters if sitter.role == class_faces.STUDENT}
            with classroom.temporary_gallery(people, in_class, experiment.pack, deciding) as gallery:
                for each in sizes:
                    number += 1
                    content, boxes = classroom.compose(sitters, each, scene, embedder, seed)
                    _keep(content, arguments.images, number)
                    seen = classroom.take_attendance(content, number, embedder, gallery, arguments.detail)
                    found += classroom.compare_faces(seen, sitters, boxes, number, each)
                    progress(1)
    return found


def _keep(content: bytes, folder: Path | None, number: int) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"class-{number:03d}.jpg").write_bytes(content)


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a result."""
    size = f"{result['arguments']['width']} x {result['arguments']['height']}"
    yield (
        f"pack {result['pack']}: {result['subjects']} people enrolled with {result['gallery_photos']} photos; "
        f"{result['all_sizes']['photos']} class photos of {size} pixels, in {result['seconds']} s"
    )
    yield f"at the threshold in force, {result['deployed']['described']}:"
    for one in result["sizes"]:
        found_low, found_high = one["found_interval"]
        low, high = one["present_interval"]
        yield (
            f"faces of {one['size']} pixels: found {one['found']} of {one['faces']} (95 %: {found_low:.3f} to "
            f"{found_high:.3f}), false faces {one['false_faces']}; present {one['present']} of {one['students']} "
            f"students (95 %: {low:.3f} to {high:.3f}), ambiguous {one['ambiguous']}, missed {one['missed']}, "
            f"named wrongly {one['named_wrongly']}; strangers named {one['strangers_named']} of {one['strangers']}"
        )
    yield from results.written_lines(result)
