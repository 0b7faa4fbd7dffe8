"""``python -m evaluation``: measure recognition, calibrate the threshold, try photos."""

from __future__ import annotations

import argparse
import logging
import sys

from evaluation.commands import (
    calibrate,
    classroom,
    clusters,
    compare,
    film,
    groups,
    identification,
    kfold,
    liveness,
    predict,
    report,
    robustness,
    search,
    verification,
)
from presente import cli, logs

COMMANDS = (
    verification,
    identification,
    kfold,
    search,
    compare,
    classroom,
    robustness,
    film,
    groups,
    liveness,
    clusters,
    calibrate,
    report,
    predict,
)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program(
        "evaluation",
        "Measure recognition, calibrate the threshold, try photos.",
        "evaluation predict data_sample/strangers/01.jpg",
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
