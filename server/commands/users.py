"""``presente users``: accounts of people. A password is typed, or read from stdin; the command line never has it."""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
from typing import Any

from gallery.documents.access import Account
from gallery.documents.access_log import AccessAction
from presente import cli, logs
from presente.cli_parser import Parser
from presente.errors import InvalidInput
from presente.settings import Settings
from server.access.administration import ROLES_OF_ACCOUNTS, account_of, add_account, change_account, check_name
from server.access.passwords import check_password
from server.commands.grant_flags import (
    add_grant_flags,
    described_grant,
    grant_as_dict,
    grant_of_flags,
    log_grant,
    opened_store,
)


def run_add(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Make an account."""
    check_name(arguments.name)
    with opened_store(settings) as store:
        grant = grant_of_flags(store, arguments)
        made = add_account(store.access, arguments.name, grant, read_password())
        log_grant(store, settings, AccessAction.ACCOUNT_MADE, made.name, made.grant)
    return _say(made, f"Account {made.name}, {described_grant(made.grant)}.", output)


def run_passwd(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Give an account another password."""
    with opened_store(settings) as store:
        account_of(store.access, arguments.name)
        changed = change_account(store.access, arguments.name, password=read_password())
        log_grant(store, settings, AccessAction.ACCOUNT_CHANGED, changed.name, changed.grant, "password")
    return _say(changed, f"{changed.name} has another password, and all sessions of the account have ended.", output)


def run_disable(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Let an account no longer log in."""
    with opened_store(settings) as store:
        changed = change_account(store.access, arguments.name, enabled=False)
        log_grant(store, settings, AccessAction.ACCOUNT_CHANGED, changed.name, changed.grant, "enabled=false")
    return _say(
        changed, f"{changed.name} may no longer log in; servers refuse the sessions within two seconds.", output
    )


def run_enable(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Let an account log in again."""
    with opened_store(settings) as store:
        changed = change_account(store.access, arguments.name, enabled=True)
        log_grant(store, settings, AccessAction.ACCOUNT_CHANGED, changed.name, changed.grant, "enabled=true")
    return _say(changed, f"{changed.name} may log in again.", output)


def run_list(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """List the accounts."""
    with opened_store(settings) as store:
        accounts = store.access.accounts()
    lines = [
        f"{each.name}  {described_grant(each.grant)}  made {each.created}{'' if each.enabled else ', disabled'}"
        for each in accounts
    ]
    output.result({"users": [_as_dict(each) for each in accounts]}, lines or ["There are no accounts."])
    return cli.DONE


def read_password() -> str:
    """A new password: typed twice at a terminal, else the first line of stdin.

    Raises:
        InvalidInput: ``invalid_password``: it is too short, or the second one is another.
    """
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        check_password(password)
        return password
    password = getpass.getpass("Password: ")
    check_password(password)
    if getpass.getpass("Once more: ") != password:
        raise InvalidInput("invalid_password", "The second password is another one.", "Type the same twice.")
    return password


def _say(account: Account, line: str, output: cli.Output) -> int:
    output.result(_as_dict(account), [line])
    return cli.DONE


def _as_dict(account: Account) -> dict[str, Any]:
    own = {"enabled": account.enabled, "created": account.created}
    return {"name": account.name, **grant_as_dict(account.grant), **own}


def build_parser() -> Parser:
    """The command line."""
    example = "users add ruiz --role teacher --clase IA-101"
    parser = cli.program("users", "Accounts of people.", example)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = cli.subcommand(
        commands, "add", run_add, "Make an account; the password is asked for, or read from stdin.", example
    )
    add.add_argument("name", help="unique; what logs say")
    add_grant_flags(add, ROLES_OF_ACCOUNTS)
    for name, run, about in (
        ("passwd", run_passwd, "Give an account another password, and end its sessions."),
        ("disable", run_disable, "Let an account no longer log in, and end its sessions."),
        ("enable", run_enable, "Let an account log in again."),
    ):
        command = cli.subcommand(commands, name, run, about, f"users {name} ruiz")
        command.add_argument("name", help="of the account")
    cli.subcommand(commands, "list", run_list, "List the accounts.", "users list --json")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)
