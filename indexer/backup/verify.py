"""``presente verify-backup``: reads everything in a backup folder, and says what is damaged and whom it concerns."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import asdict
from pathlib import Path

from gallery.backup.folder import BackupFolder
from gallery.backup.snapshot import snapshot_at
from gallery.backup.verification import Problem, VerifiedBackup, verify_backup
from presente import cli, composition, logs
from presente.cli_parser import Parser
from presente.settings import Settings


def build_parser() -> Parser:
    """The command line."""
    parser = cli.command(
        "verify-backup",
        run,
        "Read a backup: open every seal, compare every digest. Exit code 1 when anything is not as it was written.",
        "verify-backup /mnt/backup/presente",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the backup folder")
    parser.add_argument("--newest", action="store_true", help="only the newest snapshot")
    return parser


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Verify a backup."""
    folder = BackupFolder(arguments.folder)
    newest = snapshot_at(folder, None) if folder.exists else None
    only = newest if arguments.newest else None
    with output.bar(None, "object") as progress:
        found = verify_backup(folder, composition.master_key(settings), only, progress)
    snapshots = [
        {"snapshot": name, "moment": each.moment, "records": each.counts} for name, each in found.manifests.items()
    ]
    problems = [asdict(problem) for problem in found.problems]
    output.result({"snapshots": snapshots, "objects": found.objects, "problems": problems}, _lines(found))
    return cli.PARTLY_FAILED if found.problems else cli.DONE


def _lines(found: VerifiedBackup) -> list[str]:
    lines = [f"{name}: {each.counts.get('student', 0)} students, {each.counts.get('photo', 0)} photos"
             for name, each in found.manifests.items()]  # fmt: skip
    lines += map(_line, found.problems)
    what = f"{len(found.problems)} problems" if found.problems else "everything is as it was written"
    return [*lines, f"{found.objects} objects: {what}"]


def _line(problem: Problem) -> str:
    whom = f" It concerns {', '.join(problem.whom)}." if problem.whom else ""
    which = f" (in {len(problem.snapshots)} snapshots)" if problem.snapshots else ""
    return f"{problem.where}{which}: {problem.what}{whom}"


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
