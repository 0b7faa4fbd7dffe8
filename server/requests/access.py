"""What requests say of keys and accounts, and of logging in."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from presente.face_json import JsonObject
from server.requests.fields import LONGEST_PAGE, PageSize, QueryText, rules

_LONGEST_NAME = 64

AccessName = Annotated[
    str,
    Meta(
        max_length=_LONGEST_NAME,
        pattern="^[A-Za-z0-9][A-Za-z0-9._@-]*$",
        description="Unique; what logs say. ASCII letters and digits, later also . _ @ -.",
        extra=rules(code="invalid_name", verbatim=True, missing="missing_field"),
    ),
]
KeyRole = Annotated[
    Literal["admin", "attendance", "teacher", "student", "viewer"], Meta(description="What the key may do.")
]
AccountRole = Annotated[Literal["admin", "teacher", "student", "viewer"], Meta(description="What the person may do.")]
Classes = Annotated[
    list[str], Meta(max_length=200, description="The classes of a teacher; the other roles have none here.")
]
OwnMatricula = Annotated[str, Meta(max_length=200, description="Of a student: whose record it is.")]
NewPassword = Annotated[
    str,
    Meta(
        max_length=200,
        description="10 to 200 characters, kept as an argon2id hash.",
        extra=rules(code="invalid_password", verbatim=True, secret=True, missing="missing_field"),
    ),
]


Enabled = Annotated[bool, Meta(description="Whether the person may log in; if not, all sessions end.")]


class AccessListParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a list of keys or accounts."""

    limit: PageSize = LONGEST_PAGE
    cursor: Annotated[
        QueryText, Meta(description="next_cursor of the page before, as it was.", extra=rules(verbatim=True))
    ] = ""


class NewKey(JsonObject, frozen=True, kw_only=True):
    """A key to make."""

    name: AccessName
    role: KeyRole
    classes: Classes = field(default_factory=list)
    matricula: OwnMatricula = ""


class NewAccount(JsonObject, frozen=True, kw_only=True):
    """An account to make."""

    name: AccessName
    role: AccountRole
    password: NewPassword
    classes: Classes = field(default_factory=list)
    matricula: OwnMatricula = ""


class AccountChanges(JsonObject, frozen=True, kw_only=True):
    """What changes of an account; what is missing stays. With ``role`` go its classes or matricula."""

    role: AccountRole | UnsetType = UNSET
    classes: Classes | UnsetType = UNSET
    matricula: OwnMatricula | UnsetType = UNSET
    enabled: Annotated[
        bool | UnsetType, Meta(description="Whether the person may log in; false ends all sessions.")
    ] = UNSET
    password: NewPassword | UnsetType = UNSET


class LoginFields(JsonObject, frozen=True, kw_only=True):
    """A name and a password."""

    name: Annotated[
        str,
        Meta(max_length=200, description="Of the account.", extra=rules(verbatim=True, missing="missing_field")),
    ]
    password: Annotated[
        str,
        Meta(
            max_length=1000,
            description="The account's password.",
            extra=rules(verbatim=True, secret=True, missing="missing_field"),
        ),
    ]


class OwnPassword(JsonObject, frozen=True, kw_only=True):
    """The own password, and the one that takes its place."""

    current: Annotated[
        str,
        Meta(
            max_length=1000,
            description="The account's password of now.",
            extra=rules(verbatim=True, secret=True, missing="missing_field"),
        ),
    ]
    new: NewPassword


class SetupFields(JsonObject, frozen=True, kw_only=True):
    """The first admin."""

    code: Annotated[
        str,
        Meta(
            max_length=100,
            description="The one-time code that the server printed on its terminal.",
            extra=rules(secret=True, missing="missing_field"),
        ),
    ]
    name: AccessName
    password: NewPassword
