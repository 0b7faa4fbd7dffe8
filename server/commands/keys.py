"""``presente keys``: keys for machines, kept in the store."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from gallery.documents.access import AccessKey
from gallery.documents.access_log import AccessAction
from presente import cli, logs
from presente.cli_parser import Parser
from presente.settings import Settings
from server.access.administration import ROLES_OF_KEYS, add_key, revoke_key
from server.commands.grant_flags import (
    add_grant_flags,
    described_grant,
    grant_as_dict,
    grant_of_flags,
    log_grant,
    opened_store,
)


def run_add(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Make a key, and print its text, this once."""
    with opened_store(settings) as store:
        made, text = add_key(store.access, arguments.name, grant_of_flags(store, arguments))
        log_grant(store, settings, AccessAction.KEY_MADE, made.name, made.grant)
    output.note(f"Key {made.name}, {described_grant(made.grant)}. It is shown this once:")
    output.secret({**_as_dict(made), "key": text}, text)
    return cli.DONE


def run_list(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """List the keys of the store, and when each was last used."""
    with opened_store(settings) as store:
        keys = store.access.access_keys()
    lines = [
        f"{key.name}  {described_grant(key.grant)}  made {key.created}, last used {key.last_used or 'never'}"
        for key in keys
    ]
    output.result({"keys": [_as_dict(key) for key in keys]}, lines or ["There are no keys in the store."])
    return cli.DONE


def run_revoke(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Revoke a key."""
    with opened_store(settings) as store:
        revoked = revoke_key(store.access, arguments.name)
        log_grant(store, settings, AccessAction.KEY_REVOKED, revoked.name, revoked.grant)
    said = f"Key {arguments.name} is revoked: servers refuse it within two seconds."
    output.result({"revoked": arguments.name}, [said])
    return cli.DONE


def _as_dict(key: AccessKey) -> dict[str, Any]:
    used = key.last_used or None
    return {"name": key.name, **grant_as_dict(key.grant), "created": key.created, "last_used": used}


def build_parser() -> Parser:
    """The command line."""
    parser = cli.program("keys", "Keys for machines, kept in the store.", "keys add gate --role teacher --clase IA-101")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = cli.subcommand(
        commands,
        "add",
        run_add,
        "Make a key for a machine and print it, this once.",
        "keys add gate --role teacher --clase IA-101",
    )
    add.add_argument("name", help="unique; what logs say")
    add_grant_flags(add, ROLES_OF_KEYS)
    cli.subcommand(
        commands, "list", run_list, "List the keys of the store and when each was last used.", "keys list --json"
    )
    revoke = cli.subcommand(commands, "revoke", run_revoke, "Revoke a key of the store.", "keys revoke gate")
    revoke.add_argument("name", help="of the key")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)
