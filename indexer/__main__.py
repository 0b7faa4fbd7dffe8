"""``python -m indexer``: enrol photos in bulk, and keep a gallery in order."""

from __future__ import annotations

import argparse
import logging
import sys

from indexer.commands import add, audit, compact, copy_index, merge, move, remove, status, sync, verify
from presente import cli, logs

COMMANDS = (add, sync, remove, audit, merge, move, verify, compact, copy_index, status)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program(
        "indexer",
        "Enrol photos in bulk, and keep a gallery in order.",
        "indexer add sample",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
