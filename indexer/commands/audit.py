"""``audit``: what is wrong in the gallery, and what to do about it. Changes nothing."""

from __future__ import annotations

import argparse
from typing import Any

from indexer.upkeep.audit_advice import audit_json, audit_lines
from presente import cli, composition
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "audit",
        run,
        "Find people under two names, mislabelled, duplicate and weak photos; print what to do about each.",
        "indexer audit",
    )
    parser.add_argument("--cohort", action="store_true", help="also audit people who are in the index but no students")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Audit the gallery."""
    from gallery.audit.audit import audit

    gallery = composition.open_gallery(settings, composition.open_pack(settings))
    try:
        with output.bar(None, "photo") as progress:
            found = audit(gallery, arguments.cohort, progress)
    finally:
        gallery.close()
    output.result(audit_json(found), audit_lines(found))
    return cli.DONE
