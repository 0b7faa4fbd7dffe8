"""Keys and accounts, as routes ask for them. Each change is known to this server when the operation returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import UNSET

from gallery.documents.access import AccessKey, Account
from presente.access_roles import AccessRole
from server.access import administration
from server.access.authentication import Authenticator
from server.requests.access import AccessListParameters, AccountChanges, NewAccount, NewKey
from server.service import Service

_Named = TypeVar("_Named", AccessKey, Account)


def page_of_keys(service: Service, parameters: AccessListParameters) -> tuple[Sequence[AccessKey], str | None]:
    """A page of the keys, and the name after which the next page begins; None after the last."""
    return _page_of(service.gallery.store.access.access_keys(), parameters)


def page_of_accounts(service: Service, parameters: AccessListParameters) -> tuple[Sequence[Account], str | None]:
    """Likewise of the accounts."""
    return _page_of(service.gallery.store.access.accounts(), parameters)


def _page_of(everything: Sequence[_Named], parameters: AccessListParameters) -> tuple[Sequence[_Named], str | None]:
    rest = [each for each in everything if each.name > parameters.cursor]
    page = rest[: parameters.limit]
    return page, page[-1].name if len(rest) > len(page) else None


def make_key(service: Service, authenticator: Authenticator, wanted: NewKey) -> tuple[AccessKey, str]:
    """Make a key; as stored, and its text.

    Raises:
        Conflict: ``name_taken``.
        InvalidInput: ``invalid_name``, ``invalid_grant``.
        NotFound: ``student_not_found``.
    """
    grant = administration.grant_of(service.gallery.store, AccessRole(wanted.role), wanted.classes, wanted.matricula)
    made = administration.add_key(service.gallery.store.access, wanted.name, grant)
    authenticator.register.refresh()
    return made


def revoke_key(service: Service, authenticator: Authenticator, name: str) -> AccessKey:
    """Revoke a key; the key.

    Raises:
        NotFound: ``key_not_found``.
    """
    revoked = administration.revoke_key(service.gallery.store.access, name)
    authenticator.register.refresh()
    return revoked


def make_account(service: Service, authenticator: Authenticator, wanted: NewAccount) -> Account:
    """Make an account.

    Raises:
        Conflict: ``name_taken``.
        InvalidInput: ``invalid_name``, ``invalid_grant``, ``invalid_password``.
        NotFound: ``student_not_found``.
    """
    grant = administration.grant_of(service.gallery.store, AccessRole(wanted.role), wanted.classes, wanted.matricula)
    made = administration.add_account(service.gallery.store.access, wanted.name, grant, wanted.password)
    authenticator.register.refresh()
    return made


def change_account(service: Service, authenticator: Authenticator, name: str, changes: AccountChanges) -> Account:
    """Change an account. Where the role changes, its classes or its matricula are those of the request.

    Raises:
        Conflict: ``last_admin``.
        InvalidInput: ``invalid_grant``, ``invalid_password``.
        NotFound: ``account_not_found``, ``student_not_found``.
    """
    now = administration.account_of(service.gallery.store.access, name).grant
    grant = None
    if changes.role is not UNSET or changes.classes is not UNSET or changes.matricula is not UNSET:
        role = now.role if changes.role is UNSET else AccessRole(changes.role)
        same = role is now.role
        classes = (sorted(now.classes or ()) if same else []) if changes.classes is UNSET else changes.classes
        matricula = (now.matricula if same else "") if changes.matricula is UNSET else changes.matricula
        grant = administration.grant_of(service.gallery.store, role, classes, matricula)
    password = None if changes.password is UNSET else changes.password
    enabled = None if changes.enabled is UNSET else changes.enabled
    changed = administration.change_account(service.gallery.store.access, name, grant, password, enabled)
    if password is not None or not changed.enabled:
        authenticator.sessions.end_all_of(name)
    authenticator.register.refresh()
    return changed
