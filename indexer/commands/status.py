"""``status``: what is stored and indexed, pack, threshold and calibration, and every setting with its origin."""

from __future__ import annotations

import argparse
from typing import Any

from indexer.upkeep.gallery_status import read_status
from presente import cli
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command; it has no flags of its own."""
    cli.subcommand(
        commands,
        "status",
        run,
        "Show what is stored and indexed, pack, threshold and calibration, and where every setting comes from.",
        "indexer status --json",
    )


def run(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print the status; exit code 0 also when it shows problems."""
    status = read_status(settings)
    output.result(status.as_dict(settings), status.lines(settings))
    return cli.DONE
