"""Whose share of the server a request takes: a caller by name, everyone else by address.

Threads, bodies and decoding are shared out among those who ask, so that one of them leaves room for the others.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

from flask import Request

from presente.access_roles import AccessRole
from server.access.authentication import SESSION_COOKIE, TLS_PREFIX
from server.access.caller import LOCAL, Caller
from server.access.proxies import client_address
from server.decoding.share import take_share

_MOST_LEARNED = 20_000
_SESSION = re.compile(rf"(?:^|;)\s*((?:{TLS_PREFIX})?{SESSION_COOKIE}=[^;]*)")
"""The cookie of a session in a head, whatever bytes stand beside it."""


class Shares:
    """Tells whose share a request takes, from its head and without the store. Safe to use from several threads.

    Which caller a key or a session stands for is learned when the caller is known for the first time. Until then the
    request takes the share of its address.
    """

    def __init__(self, proxies: Collection[str]) -> None:
        """``proxies``: networks of the proxies that are believed what they say of a request."""
        self._proxies = proxies
        self._lock = threading.Lock()
        self._learned: OrderedDict[bytes, str] = OrderedDict()

    def of(self, environ: Mapping[str, Any]) -> str:
        """Whose share a request takes."""
        shown = _shown_in(environ)
        if shown is not None and (name := self._learned.get(shown)) is not None:
            return name
        return f"address:{client_address(Request(dict(environ)), self._proxies)}"

    def begin(self, environ: Mapping[str, Any], caller: Caller) -> None:
        """Let the rest of this context take the share of the caller of a request."""
        shown = _shown_in(environ)
        if caller.role is not AccessRole.NONE and caller is not LOCAL and shown is not None:
            with self._lock:
                self._learned[shown] = caller.name
                self._learned.move_to_end(shown)
                while len(self._learned) > _MOST_LEARNED:
                    self._learned.popitem(last=False)
        take_share(self.of(environ))


def _shown_in(environ: Mapping[str, Any]) -> bytes | None:
    """A digest of the key or the session that a request shows; None when it shows none."""
    shown = [environ.get("HTTP_X_API_KEY", ""), environ.get("HTTP_AUTHORIZATION", "")]
    shown += _SESSION.findall(environ.get("HTTP_COOKIE", ""))
    return hashlib.sha256(repr(shown).encode()).digest() if any(shown) else None
