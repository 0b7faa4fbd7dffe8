"""``verify``: compare the index with the documents, and the counts of students with the entries."""

from __future__ import annotations

import argparse
from typing import Any

from presente import cli
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "verify",
        run,
        "Compare the index with the documents; with --deep read everything and find what is damaged.",
        "indexer verify --deep",
    )
    parser.add_argument("--deep", action="store_true", help="also read every photo, page and file for damage")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Compare the two; exit code 1 when anything is wrong."""
    from indexer.upkeep.consistency import verify

    found = verify(settings, arguments.deep, output)
    output.result(found.as_dict(), found.lines())
    return cli.DONE if found.agrees else cli.PARTLY_FAILED
