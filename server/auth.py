"""Keys: who may ask for what. Decided from a request's head, before its body is read.

A route says what it needs where it is declared, ``@needs(Role.ATTENDANCE)``; one that says nothing needs ADMIN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Flask, Request

from presente.errors import Forbidden, Unauthorized
from presente.keys import ApiKey, Role, find_key

_View = TypeVar("_View", bound=Callable[..., Any])
_DECLARED = "presente_role"


def needs(role: Role) -> Callable[[_View], _View]:
    """Declare the role that a route needs; goes below the route's own decorator."""

    def declare(view: _View) -> _View:
        view.__dict__[_DECLARED] = role
        return view

    return declare


def role_needed(app: Flask, endpoint: str | None) -> Role:
    """The role that an endpoint needs. Where there is no route there is nothing to protect but the knowledge of it."""
    if endpoint is None:
        return Role.ATTENDANCE
    role: Role = app.view_functions[endpoint].__dict__.get(_DECLARED, Role.ADMIN)
    return role


def check(request: Request, needed: Role, keys: Sequence[ApiKey]) -> Role:
    """The role that a request has; refuse one that lacks the key for what it asks.

    Without any keys everything is allowed: whoever is on this machine is admin.

    Raises:
        Unauthorized: ``missing_key``, ``unknown_key``.
        Forbidden: ``role_not_enough``.
    """
    if not keys:
        return Role.ADMIN
    if needed is Role.OPEN:
        return Role.OPEN
    given = _given(request)
    if not given:
        raise Unauthorized("missing_key", "A key is needed here.", "Send it as Authorization: Bearer KEY.")
    key = find_key(keys, given)
    if key is None:
        raise Unauthorized("unknown_key", "The key is none of this server's.", "Check it; PRESENTE_API_KEYS has them.")
    if key.role < needed:
        raise Forbidden(
            "role_not_enough",
            f"The key is of role {key.role.name.lower()}, and this needs {needed.name.lower()}.",
            "Use another key.",
        )
    return key.role


def _given(request: Request) -> str:
    """The key that a request carries; ``X-API-Key`` goes first, for where a proxy uses Authorization for itself."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("X-API-Key", "") or (token.strip() if scheme.lower() == "bearer" else "")
