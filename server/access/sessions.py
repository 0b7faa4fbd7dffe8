"""Sessions of people who logged in: kept in the store, so that they hold over a restart and on every server of it.

The browser has a token in a cookie, the store only its SHA-256. A session that another server ended is refused within a
second: that long a server remembers what the store said.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gallery.documents.access import LoginSession, digest_of_secret
from server.access.register import AccessRegister

_REMEMBERED_S = 1.0
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts: without a request, and in any case."""

    idle: timedelta = timedelta(minutes=60)
    absolute: timedelta = timedelta(hours=12)

    def expires(self, session: LoginSession) -> datetime:
        """When a session ends if no further request comes."""
        seen, created = datetime.fromisoformat(session.last_seen), datetime.fromisoformat(session.created)
        return min(seen + self.idle, created + self.absolute)


DEFAULT_LIMITS = SessionLimits()


class Sessions:
    """Begins, finds and ends sessions. Safe to use from several threads."""

    def __init__(self, register: AccessRegister, limits: SessionLimits) -> None:
        self.limits = limits
        self._register = register
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[float, LoginSession | None]] = OrderedDict()
        self._ended = 0  # how often sessions were ended here: what was looked up before is not remembered

    def begin(self, account: str) -> str:
        """Begin a session of an account; its token. Sessions that have expired are deleted."""
        store, now = self._register.store, datetime.now(UTC)
        store.drop_sessions(_text(now - self.limits.absolute), _text(now - self.limits.idle))
        token = self._register.signer.session_token()
        store.add_session(LoginSession(digest_of_secret(token), account, _text(now), _text(now)))
        return token

    def find(self, token: str) -> LoginSession | None:
        """The session of a token; None when the token is made up, or its session has ended or expired.

        Raises:
            StoreError: the store cannot be asked.
        """
        if not self.may_be(token):
            return None
        digest = digest_of_secret(token)
        session = self._found(digest)
        now = datetime.now(UTC)
        if session is None or self.limits.expires(session) <= now:
            return None
        self._register.used("session", digest)
        return session

    def may_be(self, token: str) -> bool:
        """Whether a server of this store made a token. Asks no store."""
        return self._register.signer.is_session_token(token)

    def end(self, token: str) -> None:
        """End the session of a token."""
        digest = digest_of_secret(token)
        self._register.store.end_session(digest)
        with self._lock:
            self._ended += 1
            self._remembered.pop(digest, None)

    def end_all_of(self, account: str) -> None:
        """End every session of an account."""
        self._register.store.end_sessions_of(account)
        with self._lock:
            self._ended += 1
            self._remembered.clear()

    def _found(self, digest: str) -> LoginSession | None:
        now = time.monotonic()
        with self._lock:
            at, session = self._remembered.get(digest, (0.0, None))
            ended = self._ended
        if session is not None and now - at < _REMEMBERED_S:
            return session
        session = self._register.store.session(digest)
        with self._lock:
            if self._ended != ended:
                return session
            self._remembered[digest] = now, session
            self._remembered.move_to_end(digest)
            while len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return session


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
