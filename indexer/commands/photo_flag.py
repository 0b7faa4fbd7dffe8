"""The ``--photo`` flag of ``remove`` and ``move``, and what both do with the photos that it names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gallery.documents.erasure_list import NOT_ASKED, Cause
from indexer.access_log import log_changes
from presente import composition
from presente.settings import Settings


def add_photo_flag(parser: argparse.ArgumentParser, required: bool) -> None:
    """Add ``--photo``, which may be given several times."""
    parser.add_argument(
        "--photo",
        action="append",
        required=required,
        metavar="DIGITS",
        help="a photo of the student, by the first digits of its SHA-256 (`audit` prints them); may be repeated",
    )


def take_photos(
    settings: Settings, matricula: str, photos: Sequence[str], to: str | None, cause: Cause = NOT_ASKED
) -> tuple[str, list[str]]:
    """Erase photos of a student, or give them to another; the stored matricula and the SHA-256 of each photo."""
    gallery = log_changes(composition.open_for_upkeep(settings), settings)
    try:
        matricula = gallery.student(matricula).student.matricula
        # Before, in case this process is killed after the erasure; and after, for copies that were made meanwhile.
        composition.forget_copies(settings, [matricula])
        taken = gallery.take_photos(matricula, photos, to, cause)
        composition.forget_copies(settings, [matricula])
    finally:
        gallery.close()
    return matricula, taken
