"""``presente backup``: a snapshot of everything that the store holds, while others read and write."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing
from pathlib import Path

from gallery.backup.errors import CLEAR_FLAG
from gallery.backup.folder import BackupFolder
from gallery.backup.writing import BackupWishes, Made, make_backup
from presente import cli, composition, logs
from presente.cli_parser import Parser
from presente.errors import InvalidInput
from presente.settings import Settings


def build_parser() -> Parser:
    """The command line."""
    parser = cli.command(
        "backup",
        run,
        "Write everything that the store holds into a backup folder: only what is new since the last run.",
        "backup /mnt/backup/presente --keep 30",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the backup folder, or a new one")
    parser.add_argument("--keep", type=int, metavar="N", help="delete all but the newest N snapshots afterwards")
    parser.add_argument(
        "--check", action="store_true", help="read the photos that are there, and write anew what is damaged"
    )
    parser.add_argument(CLEAR_FLAG, action="store_true", help="allow a backup that anyone can read, without a key")
    return parser


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Make a backup."""
    if arguments.keep is not None and arguments.keep < 1:
        raise InvalidInput("invalid_parameter", f"--keep {arguments.keep} keeps nothing.", "It must be 1 or more.")
    wishes = BackupWishes(arguments.keep, arguments.in_the_clear, settings.backup_undo_days, arguments.check)
    with closing(composition.open_own_store(settings)) as store:
        made = make_backup(store, BackupFolder(arguments.folder), composition.master_key(settings), wishes)
    output.result(_as_json(made), _lines(made))
    return cli.DONE


def _as_json(made: Made) -> dict[str, object]:
    manifest = made.manifest
    return {
        "snapshot": made.snapshot,
        "moment": manifest.moment,
        "sealed": made.is_sealed,
        "records": manifest.counts,
        "new_objects": made.new_objects,
        "new_bytes": made.new_bytes,
        "keys_deleted": made.forgotten,
        "snapshots_deleted": list(made.dropped),
    }


def _lines(made: Made) -> list[str]:
    counts = made.manifest.counts
    lines = [
        f"Snapshot {made.snapshot}: {counts.get('student', 0)} students, {counts.get('photo', 0)} photos, "
        f"{counts.get('attendance', 0)} attendance entries.",
        f"{made.new_objects} new objects, {made.new_bytes} bytes. {made.forgotten} keys of those who are gone deleted.",
    ]
    if not made.is_sealed:
        lines.append("The backup is in the clear: whoever has the folder can read it.")
    return lines


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
