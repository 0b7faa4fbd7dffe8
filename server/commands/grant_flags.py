"""The flags of a role and of whom it reaches, and the store in which keys and accounts are."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gallery.documents.access import Grant, grant_detail
from gallery.documents.access_log import AccessAction
from gallery.documents.protocol import DocumentStore
from presente import composition
from presente.access_roles import AccessRole
from presente.cli_parser import Parser
from presente.command_log import CommandLog
from presente.settings import Settings
from server.access.administration import grant_of


def add_grant_flags(parser: Parser, roles: Sequence[AccessRole]) -> None:
    """``--role``, ``--clase`` and ``--matricula``."""
    parser.add_argument("--role", required=True, choices=[role.value for role in roles], help="what may be done")
    parser.add_argument(
        "--clase", action="append", default=[], metavar="CLASE", help="a class of a teacher; once for each class"
    )
    parser.add_argument("--matricula", default="", help="of a student: whose record it is")


def grant_of_flags(store: DocumentStore, arguments: argparse.Namespace) -> Grant:
    """The role and whom it reaches, as the flags say."""
    return grant_of(store, AccessRole(arguments.role), arguments.clase, arguments.matricula)


def described_grant(grant: Grant) -> str:
    """A role and whom it reaches, in a few words: ``teacher of IA-101, IA-102``."""
    if grant.matricula:
        return f"{grant.role} {grant.matricula}"
    return grant.role.value if grant.classes is None else f"{grant.role} of {', '.join(sorted(grant.classes))}"


def grant_as_dict(grant: Grant) -> dict[str, object]:
    """A role and whom it reaches, for ``--json``."""
    classes = None if grant.classes is None else sorted(grant.classes)
    return {"role": grant.role.value, "classes": classes, "matricula": grant.matricula or None}


def log_grant(
    store: DocumentStore, settings: Settings, action: AccessAction, name: str, grant: Grant, further: str = ""
) -> None:
    """Write into the access log that a key or an account was made or changed; a student's is not named."""
    log = CommandLog(store.access_log, composition.open_clock(settings), settings.access_log)
    about = [grant.matricula] if grant.matricula else []
    log.write(action, about, " ".join(filter(None, (grant_detail(name, grant), further))))


@contextmanager
def opened_store(settings: Settings) -> Iterator[DocumentStore]:
    """The store that the settings name, closed afterwards."""
    store = composition.open_own_store(settings)
    try:
        yield store
    finally:
        store.close()
