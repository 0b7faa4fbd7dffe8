"""Who asks, and whether the caller may. Decided from a request's head, before its body is read."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Request, g

from presente.api_keys import ApiKey, find_key
from presente.errors import Busy, Forbidden, Unauthorized
from presente.log_limits import rate_limited
from server.access.caller import LOCAL, NO_ONE, Caller
from server.access.permissions import Permission, roles_with
from server.front.connections import address_of

log = rate_limited(logging.getLogger("presente.api_keys"))

_BURST = 10
_PER_S = 0.2
_ADDRESSES = 10_000


class Failures:
    """How many wrong keys each address has sent lately. Safe to use from several threads.

    A right key always passes, also from an address that sends wrong ones: otherwise a client could lock out another one
    that shares its address. The count bounds what guessing costs the server. Keys are too long to be guessed anyway.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def one_more(self, address: str) -> bool:
        """Whether an address may still be told that its key is wrong: ten times, and then once per five seconds."""
        now = time.monotonic()
        with self._lock:
            left, at = self._left.pop(address, (float(_BURST), now))
            left = min(_BURST, left + (now - at) * _PER_S)
            allowed = left >= 1
            self._left[address] = (left - 1 if allowed else left, now)
            if len(self._left) > _ADDRESSES:
                del self._left[next(iter(self._left))]  # the address that was silent for longest
        return allowed


def check(request: Request, needed: Permission, keys: Sequence[ApiKey], failures: Failures) -> Caller:
    """Who makes a request; one whose key does not suffice is refused.

    Without any keys everything is allowed: every client on this machine is admin.

    Raises:
        Unauthorized: ``missing_key``, ``unknown_key``.
        Busy: ``too_many_wrong_keys``.
        Forbidden: ``role_not_enough``.
    """
    if not keys:
        return LOCAL
    if needed is Permission.OPEN:
        return NO_ONE
    given = _given(request.environ)
    if not given:
        raise Unauthorized("missing_key", "A key is needed here.", "Send it as Authorization: Bearer KEY.")
    key = find_key(keys, given)
    if key is None:
        address = address_of(request.remote_addr or "-")
        if not failures.one_more(address):
            raise Busy("too_many_wrong_keys", "Too many wrong keys came from this address.", "Check the key, and wait.")
        log.warning("a wrong key from %s", address)
        raise Unauthorized("unknown_key", "The key is none of this server's.", "Check it; PRESENTE_API_KEYS has them.")
    caller = Caller(key.role, f"key:setting-{keys.index(key) + 1}")
    if not caller.may(needed):
        g.caller = caller  # the access log names who tried
        raise Forbidden(
            "role_not_enough",
            f"The key is of role {caller.role}, and this needs {' or '.join(roles_with(needed))}.",
            "Use another key.",
        )
    return caller


def is_known(environ: Mapping[str, Any], keys: Sequence[ApiKey]) -> bool:
    """Whether a WSGI request has one of the keys; without any keys, every request counts as known."""
    return not keys or find_key(keys, _given(environ)) is not None


def _given(environ: Mapping[str, Any]) -> str:
    """The key that a request carries; ``X-API-Key`` goes first, because a proxy may use Authorization for itself."""
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return environ.get("HTTP_X_API_KEY", "") or (token.strip() if scheme.lower() == "bearer" else "")
