"""``sync``: embed what the store holds and the pack has not embedded; the gallery is this pack's afterwards."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from indexer.commands.add import add_report_flag
from presente import cli, composition
from presente.settings import Settings
from presente.supervisor import SupervisedRun, supervise


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "sync",
        run,
        "Embed the stored photos that the pack has not embedded. The gallery has this pack afterwards.",
        "indexer sync --pack buffalo_l",
    )
    add_report_flag(parser)


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Embed the photos in a process of its own, which a decoder may crash."""
    return supervise(lambda attempt: cli.guarded(output, lambda: _run_attempt(arguments, settings, output, attempt)))


def _run_attempt(arguments: argparse.Namespace, settings: Settings, output: cli.Output, attempt: SupervisedRun) -> int:
    from indexer.access_log import log_changes, logged_store
    from indexer.pipeline.closing_steps import check_report_file, publish_and_report
    from indexer.pipeline.embed_stored import embed_stored_photos

    check_report_file(arguments.report)
    pack = composition.open_pack(settings)
    embedder = composition.open_embedder(settings, pack)
    store = logged_store(composition.open_own_store(settings), settings)
    try:
        before = store.pack()
        with output.bar(None, "photo") as progress:
            report = embed_stored_photos(store, embedder, settings.workers, progress, attempt)
        changed = not report.stopped and before not in (None, store.pack())  # a store that went away is in the report
        if changed and settings.came_from["pack"] == "--pack":
            report.notes += (f"set PRESENTE_PACK={shlex.quote(settings.pack)} for the programs that use the gallery",)
    finally:
        store.close()
    open_gallery = None if report.stopped else lambda: log_changes(composition.open_gallery(settings, pack), settings)
    return publish_and_report(report, open_gallery, arguments.report, output)
