"""``presente restore``: an empty store becomes what a snapshot holds, without those who were erased since."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import datetime
from pathlib import Path

from gallery.backup.folder import BackupFolder
from gallery.backup.restoring import RestoreWishes, restore
from gallery.documents.erasure_file import read_entries
from gallery.documents.erasure_list import Erasure
from presente import cli, composition, logs
from presente.cli_parser import Parser
from presente.errors import InvalidInput, shown
from presente.settings import Settings


def build_parser() -> Parser:
    """The command line."""
    parser = cli.command(
        "restore",
        run,
        "Make an empty store from a backup, without those who were erased since.",
        "restore /mnt/backup/presente --at 2026-11-28T09:00",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the backup folder")
    parser.add_argument("--at", metavar="MOMENT", help="the newest snapshot that is not later; the school's time")
    parser.add_argument(
        *("--bring-back",),
        action="append",
        default=[],
        metavar="MATRICULA",
        help="a student whose erasure was a mistake, and who did not ask for it",
    )
    return parser


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Restore."""
    folder = BackupFolder(arguments.folder)
    further = _further_erasures(settings, folder.header().store)
    wishes = RestoreWishes(_moment(arguments.at, settings), tuple(arguments.bring_back), further)
    made = restore(
        folder,
        composition.master_key(settings),
        lambda opening: composition.open_own_store(settings, opening),
        wishes,
    )
    replayed = made.replayed
    erased = {
        "students": replayed.students,
        "merged": replayed.merged,
        "photos": replayed.photos,
        "unknown_faces": replayed.unknown_faces,
    }
    output.result(
        {"snapshot": made.snapshot, "moment": made.manifest.moment, "records": made.counts, "erased_again": erased},
        [
            f"Restored {made.snapshot}: {made.counts.get('student', 0)} students, "
            f"{made.counts.get('photo', 0)} photos, {made.counts.get('attendance', 0)} attendance entries.",
            f"The erasure list took {replayed.students} students, {replayed.photos} photos and "
            f"{replayed.unknown_faces} unknown faces away again, and merged {replayed.merged}.",
        ],
    )
    return cli.DONE


def _moment(text: str | None, settings: Settings) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidInput("invalid_moment", f"--at {shown(text)} is no moment.", "Write 2026-11-28T09:00.") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=composition.open_clock(settings).now().tzinfo)


def _further_erasures(settings: Settings, store: str) -> tuple[Erasure, ...]:
    return () if settings.erasure_list is None else tuple(read_entries(settings.erasure_list, store))


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
