"""``merge``: make one student of two who are the same person."""

from __future__ import annotations

import argparse
from typing import Any

from indexer.access_log import log_changes
from presente import cli, composition
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "merge",
        run,
        "Make one student of two who are the same person; the second is gone afterwards.",
        "indexer merge A0178 A0184",
    )
    parser.add_argument("keep", metavar="KEEP", help="matricula of the student who stays")
    parser.add_argument("other", metavar="OTHER", help="matricula of the student whose photos and entries KEEP gets")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Merge the two."""
    gallery = log_changes(composition.open_for_upkeep(settings), settings)
    try:
        other = gallery.named(arguments.other)
        gallery.merge(arguments.keep, other)
        composition.forget_copies(settings, [other])
        kept = gallery.student(arguments.keep)
    finally:
        gallery.close()
    student = kept.student
    output.result(
        {
            "matricula": student.matricula,
            "nombre_del_alumno": student.nombre_del_alumno,
            "clase": student.clase,
            "otras_clases": list(student.otras_clases),
            "merged": other,
            "images": kept.images,
            "templates": kept.templates,
            "asistencias": kept.asistencias,
            "participaciones": kept.participaciones,
        },
        [
            f"{other} is {student.matricula} now: {kept.images} photos, {kept.templates} templates, "
            f"{kept.asistencias} asistencias, {kept.participaciones} participaciones, "
            f"class {', '.join(student.clases) or '-'}"
        ],
    )
    return cli.DONE
