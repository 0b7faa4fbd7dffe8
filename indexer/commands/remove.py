"""``remove``: erase students, or photos of one student."""

from __future__ import annotations

import argparse
from typing import Any

from gallery.documents.erasure_list import Cause
from indexer.access_log import log_changes
from indexer.commands.photo_flag import add_photo_flag, take_photos
from indexer.upkeep.audit_advice import PHOTO_DIGITS
from indexer.upkeep.erasure import NOT_REACHED, erasure_json, erasure_lines, holdings, not_reached_lines
from presente import cli, composition
from presente.errors import InvalidInput
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "remove",
        run,
        "Erase students from documents, index, generations, exported photos and caches; say what is not reached.",
        "indexer remove A0178 A0184",
    )
    parser.add_argument("matricula", nargs="+", metavar="MATRICULA", help="matricula of a student")
    add_photo_flag(parser, required=False)
    parser.add_argument(
        "--asked",
        action="store_true",
        help="the person asked for it: no restored backup brings back what is erased (docs/privacy.md)",
    )


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Erase the students, or with ``--photo`` the photos of one."""
    if arguments.photo:
        return _remove_photos(arguments, settings, output)
    gallery = log_changes(composition.open_for_upkeep(settings), settings)
    try:
        named = [gallery.named(matricula) for matricula in arguments.matricula]
        held = {matricula: holdings(gallery, matricula) for matricula in named}
        removed = gallery.remove(named, Cause(arguments.asked))
        composition.forget_copies(settings, named)
    finally:
        gallery.close()
    erased = [student for matricula, student in held.items() if student is not None and matricula in removed]
    not_found = [matricula for matricula in named if matricula not in removed]
    output.result(erasure_json(removed, erased, not_found), erasure_lines(erased, not_found))
    return cli.PARTLY_FAILED if not_found else cli.DONE


def _remove_photos(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    if len(arguments.matricula) > 1:
        raise InvalidInput("unsuitable_option", "--photo names photos of one student.", "Name one student.")
    matricula, photos = take_photos(settings, arguments.matricula[0], arguments.photo, None, Cause(arguments.asked))
    output.result(
        {"matricula": matricula, "to": None, "photos": photos, "not_reached": list(NOT_REACHED)},
        [*(f"removed: photo {photo[:PHOTO_DIGITS]}, and its template" for photo in photos), *not_reached_lines()],
    )
    return cli.DONE
