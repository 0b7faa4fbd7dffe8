"""Delays of logins that several servers count together, in the Redis where they count requests."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from limits.storage import RedisStorage

from presente.log_limits import rate_limited
from server.access.login_delays import TURN_KEPT_S, LoginAttempt, LoginDelays

log = rate_limited(logging.getLogger("presente.access.delays"))

_LOCK_S = 5.0
"""After so many seconds the lock of a server that died is free."""
_WAIT_S = 1.0
"""So long an attempt waits for the lock; then this server's own counts decide."""


class SharedLoginDelays(LoginDelays):
    """Reads what an attempt depends on from Redis, decides as :class:`LoginDelays` does, and writes it back.

    One server at a time does so. While Redis cannot be reached, the counts that this server knows hold. Redis gets no
    name and no address, only digests of them, for as long as they count. The time is Redis's.
    """

    def __init__(self, storage: RedisStorage) -> None:
        """Share the counts of a Redis."""
        super().__init__(lambda: time.time() + self._ahead_s)
        self._redis: Any = storage.storage
        self._errors = storage.base_exceptions
        self._ahead_s = 0.0

    def begin(self, attempt: LoginAttempt) -> None:
        """As :meth:`LoginDelays.begin`."""
        with self._shared(attempt):
            super().begin(attempt)

    def right(self, attempt: LoginAttempt) -> None:
        """As :meth:`LoginDelays.right`."""
        with self._shared(attempt):
            super().right(attempt)

    @contextmanager
    def _shared(self, attempt: LoginAttempt) -> Iterator[None]:
        lock = self._redis.lock("presente:logins", timeout=_LOCK_S, blocking_timeout=_WAIT_S, sleep=0.01)
        try:
            shared = bool(lock.acquire())
            if shared:
                self._read(attempt)
        except self._errors as error:
            log.warning("logins are counted by this server alone: %s", type(error).__name__)
            shared = False
        try:
            yield
        finally:
            if shared:
                try:
                    self._write(attempt)
                    lock.release()
                except self._errors as error:
                    log.warning("logins are counted by this server alone: %s", type(error).__name__)

    def _read(self, attempt: LoginAttempt) -> None:
        seconds, microseconds = self._redis.time()
        self._ahead_s = seconds + microseconds / 1e6 - time.time()
        whole = [who for who, _ in attempt.own() + attempt.shared() + attempt.logins()]
        *counts, turn = self._redis.mget([*(_key("count", who) for who in whole), _key("turn", attempt.client)])
        with self._lock:
            for who, text in zip(whole, counts, strict=True):
                self._counts.pop(who, None)
                if text is not None:
                    count, at = json.loads(text)
                    self._counts[who] = float(count), float(at)
            self._turns.pop(attempt.client, None)
            if turn is not None:
                self._turns[attempt.client] = float(turn)

    def _write(self, attempt: LoginAttempt) -> None:
        with self._lock, self._redis.pipeline() as calls:
            for who, rule in attempt.own() + attempt.shared() + attempt.logins():
                count, at = self._counts.get(who, (0.0, 0.0))
                if count > 0:
                    calls.set(_key("count", who), json.dumps([count, at]), ex=int(count * rule.forgiven_s) + 1)
                else:
                    calls.delete(_key("count", who))
            turn = self._turns.get(attempt.client)
            if turn is None:
                calls.delete(_key("turn", attempt.client))
            else:
                calls.set(_key("turn", attempt.client), json.dumps(turn), ex=int(TURN_KEPT_S) + 60)
            calls.execute()


def _key(kind: str, who: tuple[str, ...]) -> str:
    return f"presente:login-{kind}:{hashlib.sha256(json.dumps(who).encode()).hexdigest()}"
