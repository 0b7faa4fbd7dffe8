"""``report``: write the report of a finished run anew, from its files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from evaluation import pages
from evaluation.experiment import add_faces, face_cutter
from presente import cli, composition
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "report",
        run,
        "Write the report of a finished run anew, from its result.json and its scores.",
        "evaluation report var/evaluation/identification",
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="the --out folder of a finished run")
    add_faces(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Write the report; no model is needed without faces."""
    cut = None
    if arguments.faces:
        cut = face_cutter(composition.open_embedder(settings, composition.open_pack(settings)))
    path = pages.write_report(arguments.dir, cut)
    output.result({"report": str(path)}, [f"report in {path}"])
    return cli.DONE
