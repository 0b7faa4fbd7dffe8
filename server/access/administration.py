"""Keys and accounts: who gets one, with which role, and who loses it. Routes and commands do it alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from gallery.documents.access import AccessKey, Account, AccountChanges, Grant, digest_of_secret
from gallery.documents.access_protocol import AccessStore
from gallery.documents.protocol import DocumentStore
from gallery.documents.student_rules import student_not_found
from presente.access_roles import AccessRole
from presente.errors import Conflict, InvalidInput, NotFound, shown
from presente.text import tidy
from server.access.passwords import hash_password
from server.access.tokens import new_key

ROLES_OF_KEYS = (AccessRole.ADMIN, AccessRole.ATTENDANCE, AccessRole.TEACHER, AccessRole.STUDENT, AccessRole.VIEWER)
ROLES_OF_ACCOUNTS = (AccessRole.ADMIN, AccessRole.TEACHER, AccessRole.STUDENT, AccessRole.VIEWER)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_KEY_OF_SETTINGS = re.compile(r"setting-[0-9]+")
"""What logs call the keys of ``PRESENTE_API_KEYS``."""
_MOST_CLASSES = 200


def check_name(name: str) -> str:
    """A name of a key or an account, which logs say and addresses contain.

    Raises:
        InvalidInput: ``invalid_name``.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "invalid_name",
            f"The name is {shown(name)}.",
            "Use 1 to 64 ASCII letters and digits; later also . _ @ -.",
        )
    return name


def grant_of(store: DocumentStore, role: AccessRole, classes: Sequence[str], matricula: str) -> Grant:
    """A role with whom it reaches: a teacher has classes, a student a matricula, the others neither.

    Raises:
        InvalidInput: ``invalid_grant``.
        NotFound: ``student_not_found``.
    """
    names = frozenset(filter(None, map(tidy, classes)))
    needs_classes, needs_matricula = role is AccessRole.TEACHER, role is AccessRole.STUDENT
    if bool(names) != needs_classes or len(names) > _MOST_CLASSES:
        needed = f"1 to {_MOST_CLASSES} classes" if needs_classes else "no classes: it is not limited to any"
        raise InvalidInput("invalid_grant", f"{len(names)} classes are given.", f"The role {role} has {needed}.")
    if bool(matricula) != needs_matricula:
        needed = "the matricula of its student" if needs_matricula else "no matricula"
        raise InvalidInput("invalid_grant", f"The matricula is {shown(matricula)}.", f"The role {role} has {needed}.")
    if not needs_matricula:
        return Grant(role, names if needs_classes else None)
    stored = store.student(matricula) or store.student(tidy(matricula))
    if stored is None:
        raise student_not_found(matricula)
    return Grant(role, frozenset(), stored.student.matricula)


# -- keys --------------------------------------------------------------------------------------------------------------


def add_key(store: AccessStore, name: str, grant: Grant) -> tuple[AccessKey, str]:
    """Make a key: as stored, and its text, which is known to no one afterwards.

    Raises:
        InvalidInput: ``invalid_name``.
        Conflict: ``name_taken``.
    """
    if _KEY_OF_SETTINGS.fullmatch(name):
        raise InvalidInput("invalid_name", f"{name} is what logs call a key of the settings.", "Choose another name.")
    _check_free(name, (key.name for key in store.access_keys()))
    text = new_key()
    made = AccessKey(check_name(name), digest_of_secret(text), grant, _now())
    if not store.add_key(made):
        raise _name_taken(name)
    return made, text


def revoke_key(store: AccessStore, name: str) -> AccessKey:
    """Delete a key; the key. Servers refuse it within about two seconds.

    Raises:
        NotFound: ``key_not_found``.
    """
    found = next((key for key in store.access_keys() if key.name == name), None)
    if found is None or not store.remove_key(name):
        raise NotFound("key_not_found", f"There is no key {shown(name)}.", "Look at the list of keys.")
    return found


# -- accounts ----------------------------------------------------------------------------------------------------------


def add_account(store: AccessStore, name: str, grant: Grant, password: str) -> Account:
    """Make an account.

    Raises:
        InvalidInput: ``invalid_name``, ``invalid_password``, ``invalid_grant``.
        Conflict: ``name_taken``.
    """
    check_name(name)
    if grant.role not in ROLES_OF_ACCOUNTS:
        raise InvalidInput("invalid_grant", f"The role is {grant.role}, which is for machines.", "Make a key of it.")
    _check_free(name, (account.name for account in store.accounts()))  # checking first spares the hash
    made = Account(name, grant, hash_password(password), True, _now())
    if not store.add_account(made):
        raise _name_taken(name)
    return made


def account_of(store: AccessStore, name: str) -> Account:
    """An account.

    Raises:
        NotFound: ``account_not_found``.
    """
    found = store.account(name)
    if found is None:
        raise NotFound("account_not_found", f"There is no account {shown(name)}.", "Look at the list of accounts.")
    return found


def change_account(
    store: AccessStore,
    name: str,
    grant: Grant | None = None,
    password: str | None = None,
    enabled: bool | None = None,
) -> Account:
    """Change what is given of an account. With another password, and when it is disabled, all its sessions end.

    Raises:
        NotFound: ``account_not_found``.
        InvalidInput: ``invalid_password``, ``invalid_grant``.
        Conflict: ``last_admin``: no enabled admin would be left.
    """
    account_of(store, name)
    if grant is not None and grant.role not in ROLES_OF_ACCOUNTS:
        raise InvalidInput("invalid_grant", f"The role is {grant.role}, which is for machines.", "Choose another.")
    # The hash takes a while, in which others may change the account: the store changes it as it is afterwards.
    hashed = None if password is None else hash_password(password)
    changed = store.change_account(name, AccountChanges(grant, hashed, enabled))
    if changed is None:
        changed = account_of(store, name)  # raises: it was deleted meanwhile
    if password is not None or enabled is False:
        store.end_sessions_of(name)
    return changed


def _check_free(name: str, taken: Iterable[str]) -> None:
    """Refuse a name that is taken, also in other capitals: people would take one of the two for the other.

    Raises:
        Conflict: ``name_taken``.
    """
    if any(each.casefold() == name.casefold() for each in taken):
        raise _name_taken(name)


def _name_taken(name: str) -> Conflict:
    what = f"The name {shown(name)} is taken, perhaps in other capitals."
    return Conflict("name_taken", what, "Choose another name, or remove that one.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
