"""``compact``: rebuild the index from the documents, count the entries of students anew, calibrate if it is time."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from indexer.access_log import log_changes
from presente import cli, composition
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command; it has no flags of its own."""
    cli.subcommand(
        commands,
        "compact",
        run,
        "Rebuild the index from the documents and publish it as the only generation.",
        "indexer compact",
    )


def run(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Rebuild, count, calibrate."""
    from indexer.pipeline.closing_steps import ClosingSteps

    steps = ClosingSteps()
    gallery = log_changes(composition.open_for_upkeep(settings), settings)
    try:
        generation = gallery.index.rebuild()
        gallery.store.attendance.recount()
        templates = gallery.store.counts().templates
        notes = steps.refit_calibration(gallery)
    finally:
        gallery.close()
    output.result(
        {
            "generation": generation,
            "templates": templates,
            "notes": notes,
            "failures": [asdict(failure) for failure in steps.failures],
        },
        [
            f"published generation {generation} with {templates} templates",
            *notes,
            *(failure.line() for failure in steps.failures),
        ],
    )
    return steps.exit_code(partly_failed=False)
