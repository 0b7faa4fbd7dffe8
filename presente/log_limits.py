"""Loggers that write a limited number of lines per period, so that clients cannot fill the disk."""

from __future__ import annotations

import logging
import threading
import time

_PER_PERIOD = 20
_PERIOD_S = 10.0


class _RateLimit(logging.Filter):
    """Lets through :data:`_PER_PERIOD` records per :data:`_PERIOD_S` seconds. The next says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._since = 0.0
        self._passed = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        now = time.monotonic()
        with self._lock:
            if now - self._since >= _PERIOD_S:
                self._since, self._passed = now, 0
            if self._passed >= _PER_PERIOD:
                self._left_out += 1
                return False
            self._passed += 1
            left_out, self._left_out = self._left_out, 0
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} lines like this before it were left out)"
            record.args = ()
        return True


def rate_limited(log: logging.Logger) -> logging.Logger:
    """The same logger, limited from now on."""
    if not any(isinstance(each, _RateLimit) for each in log.filters):
        log.addFilter(_RateLimit())
    return log
