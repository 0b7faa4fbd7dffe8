"""Replies about keys and accounts, and about who asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, cast

from msgspec import Meta

from gallery.documents.access import AccessKey, Account, Grant
from presente.face_json import JsonObject
from server.access.caller import Caller

Role = Annotated[Literal["admin", "attendance", "teacher", "student", "viewer"], Meta(description="What may be done.")]
SeenClasses = Annotated[list[str] | None, Meta(description="The classes that are seen; null for all.")]
SeenMatricula = Annotated[str | None, Meta(description="The one student who is seen; null without such a limit.")]
Moment = Annotated[str, Meta(description="UTC.", extra_json_schema={"format": "date-time"})]
Cursor = Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


class KeyJson(JsonObject, frozen=True, kw_only=True):
    """A key of a machine; never its text."""

    name: str
    role: Role
    classes: SeenClasses
    matricula: SeenMatricula
    created: Moment
    last_used: Annotated[Moment | None, Meta(description="Exact to a minute or two; null while it was never used.")]


class NewKeyReply(JsonObject, frozen=True, kw_only=True):
    """A key that was made."""

    key: Annotated[str, Meta(description="Its text, which is shown this once.")]
    made: KeyJson


class KeyListReply(JsonObject, frozen=True, kw_only=True):
    """A page of the keys that are kept in the store, in order of name."""

    keys: list[KeyJson]
    next_cursor: Cursor


class AccountJson(JsonObject, frozen=True, kw_only=True):
    """An account; never its password."""

    name: str
    role: Role
    classes: SeenClasses
    matricula: SeenMatricula
    enabled: Annotated[bool, Meta(description="Whether the person may log in.")]
    created: Moment


class AccountListReply(JsonObject, frozen=True, kw_only=True):
    """A page of the accounts, in order of name."""

    users: list[AccountJson]
    next_cursor: Cursor


class LoginOptionsReply(JsonObject, frozen=True, kw_only=True):
    """How this server lets people in."""

    accounts: Annotated[bool, Meta(description="Whether people log in.")]
    setup: Annotated[bool, Meta(description="Whether the first admin is still to be made.")]


class SessionReply(JsonObject, frozen=True, kw_only=True):
    """Who asks."""

    name: Annotated[str, Meta(description="user:NAME, key:NAME, or local on a server that asks for neither.")]
    role: Role
    classes: SeenClasses
    matricula: SeenMatricula
    adds_photos: Annotated[bool, Meta(description="Whether the caller may add photos of students, or the own ones.")]
    csrf_token: Annotated[str | None, Meta(description="For the header X-CSRF-Token; null without a session.")]
    expires: Annotated[Moment | None, Meta(description="When the session ends without a request; null without one.")]


def _role(grant: Grant | Caller) -> Role:
    return cast("Role", grant.role.value)


def _classes(grant: Grant | Caller) -> list[str] | None:
    return None if grant.classes is None else sorted(grant.classes)


def key_json(key: AccessKey) -> KeyJson:
    """A key."""
    return KeyJson(
        name=key.name,
        role=_role(key.grant),
        classes=_classes(key.grant),
        matricula=key.grant.matricula or None,
        created=key.created,
        last_used=key.last_used or None,
    )


def account_json(account: Account) -> AccountJson:
    """An account."""
    return AccountJson(
        name=account.name,
        role=_role(account.grant),
        classes=_classes(account.grant),
        matricula=account.grant.matricula or None,
        enabled=account.enabled,
        created=account.created,
    )


def key_list_reply(page: Sequence[AccessKey], following: str | None) -> KeyListReply:
    """A page of keys."""
    return KeyListReply(keys=[key_json(key) for key in page], next_cursor=following)


def account_list_reply(page: Sequence[Account], following: str | None) -> AccountListReply:
    """A page of accounts."""
    return AccountListReply(users=[account_json(account) for account in page], next_cursor=following)


def session_reply(caller: Caller, adds_photos: bool, csrf_token: str | None, expires: datetime | None) -> SessionReply:
    """Who asks."""
    return SessionReply(
        name=caller.name,
        role=_role(caller),
        classes=_classes(caller),
        matricula=caller.matricula or None,
        adds_photos=adds_photos,
        csrf_token=csrf_token,
        expires=None if expires is None else expires.isoformat(timespec="seconds"),
    )
