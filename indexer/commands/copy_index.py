"""``copy-index``: begin a replica's index with a generation of another server's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gallery.index.manifest import IndexedDocuments
from presente import cli, composition
from presente.errors import InvalidInput
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its argument."""
    parser = cli.subcommand(
        commands,
        "copy-index",
        run,
        "Copy the newest generation of another server's index folder, which may be in use, into an empty one.",
        "indexer copy-index /mnt/other/index",
    )
    parser.add_argument("source", metavar="FROM", type=Path, help="the other server's index folder")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Copy, then apply what has changed since, so that no one who was erased stays in the copy."""
    if settings.shards:
        raise InvalidInput(
            "sharded_index",
            f"The index lies in {settings.shards} shards (PRESENTE_SHARDS), each of which has a folder of its own.",
            "Start the server: each shard makes its index from the documents.",
        )
    store = composition.open_own_store(settings)
    try:
        identity, pack = store.identity(), (store.pack() or ("",))[0]

        def belongs(origin: IndexedDocuments) -> bool:
            return origin == IndexedDocuments(identity, pack, origin.change, store.change_mark(origin.change))

        generation = composition.open_generations(settings, composition.index_cipher(store)).adopt(
            arguments.source, belongs
        )
    finally:
        store.close()
    gallery = composition.open_for_upkeep(settings)
    try:
        gallery.index.finish_erasing()
        state = gallery.index.state()
    finally:
        gallery.close()
    output.result(
        {"generation": generation, "templates": state.templates, "unpublished": state.unpublished},
        [f"copied generation {generation}; {state.templates} templates, {state.unpublished} of them added since"],
    )
    return cli.DONE
