"""``move``: give photos of one student to another, with their templates."""

from __future__ import annotations

import argparse
from typing import Any

from indexer.commands.photo_flag import add_photo_flag, take_photos
from indexer.upkeep.audit_advice import PHOTO_DIGITS
from presente import cli
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "move",
        run,
        "Give photos of one student to another.",
        "indexer move A0178 A0184 --photo 0f3a9c51d2e4",
    )
    parser.add_argument("matricula", metavar="MATRICULA", help="matricula of the student who has the photos")
    parser.add_argument("to", metavar="TO", help="matricula of the student who gets them")
    add_photo_flag(parser, required=True)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Move the photos."""
    matricula, photos = take_photos(settings, arguments.matricula, arguments.photo, arguments.to)
    output.result(
        {"matricula": matricula, "to": arguments.to, "photos": photos},
        [f"moved to {arguments.to}: photo {photo[:PHOTO_DIGITS]}" for photo in photos],
    )
    return cli.DONE
