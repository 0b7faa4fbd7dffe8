"""``remove``: erase students, or photos of one student."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gallery.documents.erasure_list import Cause
from gallery.gallery import Gallery
from gallery.privacy.receipts import Receipt, erase_student
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
        "--receipts", type=Path, metavar="FOLDER", help="write a signed receipt per student into this folder"
    )
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
        removed = _remove(gallery, named, Cause(arguments.asked), arguments.receipts)
        composition.forget_copies(settings, named)
    finally:
        gallery.close()
    erased = [student for matricula, student in held.items() if student is not None and matricula in removed]
    not_found = [matricula for matricula in named if matricula not in removed]
    output.result(erasure_json(removed, erased, not_found), erasure_lines(erased, not_found))
    return cli.PARTLY_FAILED if not_found else cli.DONE


def _remove(gallery: Gallery, named: Sequence[str], cause: Cause, receipts: Path | None) -> list[str]:
    """Erase students, at once, or one after the other where each gets a receipt; the matriculas that existed."""
    if receipts is None:
        return gallery.remove(named, cause)
    receipts.mkdir(parents=True, exist_ok=True)
    removed = []
    for matricula in dict.fromkeys(named):
        if gallery.store.student(matricula) is not None:
            receipt = erase_student(gallery, matricula, cause)
            _write(receipts, receipt)
            removed.append(matricula)
    return removed


def _write(folder: Path, receipt: Receipt) -> None:
    """Write a receipt into a new file, which is not called like anyone."""
    (folder / f"receipt-{receipt.stated['entry'][:12]}.json").write_text(receipt.to_json(), encoding="utf-8")


def _remove_photos(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    if len(arguments.matricula) > 1:
        raise InvalidInput("unsuitable_option", "--photo names photos of one student.", "Name one student.")
    if arguments.receipts is not None:
        raise InvalidInput("unsuitable_option", "--receipts is of students.", "DELETE over HTTP gives those of photos.")
    matricula, photos = take_photos(settings, arguments.matricula[0], arguments.photo, None, Cause(arguments.asked))
    output.result(
        {"matricula": matricula, "to": None, "photos": photos, "not_reached": list(NOT_REACHED)},
        [*(f"removed: photo {photo[:PHOTO_DIGITS]}, and its template" for photo in photos), *not_reached_lines()],
    )
    return cli.DONE
