"""``python -m indexer.seal``: seals what a store has in the clear, and changes keys."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing
from dataclasses import asdict
from typing import Any

from gallery.documents.seal_store import SealState
from gallery.signing import bring_into_the_clear
from indexer.upkeep.sealing_words import sealing_words
from presente import cli, composition, logs
from presente.errors import InvalidInput
from presente.key_source import key_source
from presente.settings import Settings


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program("seal", "Seal what a store has in the clear, and change keys.", "seal status")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, about in (
        ("status", run_status, "Say how the store is sealed, and what is still in the clear."),
        ("run", run_seal, "Seal every record that is in the clear, and publish a sealed index. Servers may run."),
        (
            "rotate-keys",
            run_rotate_keys,
            "Give every student a new data key and destroy the old ones. Servers may run.",
        ),
        ("drop-old-master", run_drop_old_master, "Let only the master key of the settings open the store."),
        ("undo", run_undo, "Leave encryption: bring every record into the clear. Stop the servers first."),
    ):
        cli.subcommand(commands, name, run, about, f"seal {name}")
    _add_rotate_master(commands)
    return parser


def _add_rotate_master(commands: Any) -> None:
    parser = cli.subcommand(
        commands,
        "rotate-master",
        run_rotate_master,
        "Let a new master key open the store, beside the one of the settings.",
        "seal rotate-master --new file:/etc/presente/new.key",
    )
    parser.add_argument(
        "--new",
        required=True,
        metavar="SOURCE",
        help="file:PATH or command:WORDS; a key itself would be in the history",
    )


def run_status(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print how the store is sealed."""
    with closing(composition.open_own_store(settings)) as store:
        _say(store.seals.state(), output)
    return cli.DONE


def run_seal(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Seal what is in the clear; then replace an index that is."""
    with closing(composition.open_own_store(settings)) as store:
        with output.bar(None, "student") as progress:
            store.seals.seal_all(progress)
        state = store.seals.state()
        index = composition.open_generations(settings, composition.index_cipher(store))
        in_clear = index.seals and any(number not in index.sealed() for number in index.numbers())
    if in_clear:
        with closing(composition.open_for_upkeep(settings)) as gallery:
            gallery.index.rebuild()
    composition.forget_cached(settings)
    _say(state, output)
    return cli.DONE


def run_rotate_keys(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Change the data keys."""
    with closing(composition.open_own_store(settings)) as store:
        with output.bar(None, "owner") as progress:
            store.seals.change_data_keys(progress)
        _say(store.seals.state(), output)
    return cli.DONE


def run_rotate_master(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Add a master key."""
    try:
        source = key_source(arguments.new)
    except ValueError as exc:
        raise InvalidInput("invalid_key", f"--new cannot be used: {exc}.", "Name a file or a command.") from exc
    if source is None or source.kind == "key":
        raise InvalidInput("invalid_key", "--new names no file and no command.", "Write file:PATH or command:WORDS.")
    with closing(composition.open_own_store(settings)) as store:
        store.seals.add_master(source.read())
        _say(store.seals.state(), output)
    return cli.DONE


def run_drop_old_master(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Drop every other master key."""
    with closing(composition.open_own_store(settings)) as store:
        store.seals.drop_other_masters()
        _say(store.seals.state(), output)
    return cli.DONE


def run_undo(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Leave encryption."""
    with closing(composition.open_own_store(settings)) as store:
        bring_into_the_clear(store)
        with output.bar(None, "owner") as progress:
            store.seals.unseal_all(progress)
        _say(store.seals.state(), output)
    return cli.DONE


def _say(state: SealState, output: cli.Output) -> None:
    lines = [sealing_words(state)]
    if state.sealed and len(state.masters) > 1:
        lines.append(f"opened with {state.master}; set PRESENTE_MASTER_KEY of every server, then drop the old key")
    output.result(asdict(state), lines)


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
