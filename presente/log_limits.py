"""Loggers that write at most so many lines per period, so that clients cannot fill the disk."""

from __future__ import annotations

import logging
import threading
import time

_PER_PERIOD = 20
_PERIOD_S = 10.0


class _Ration(logging.Filter):
    """Lets through :data:`_PER_PERIOD` records per :data:`_PERIOD_S`, and then says how many it kept back."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._since = 0.0
        self._passed = 0
        self._kept_back = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        now = time.monotonic()
        with self._lock:
            if now - self._since >= _PERIOD_S:
                self._since, self._passed = now, 0
            if self._passed >= _PER_PERIOD:
                self._kept_back += 1
                return False
            self._passed += 1
            kept_back, self._kept_back = self._kept_back, 0
        if kept_back:
            record.msg = f"{record.getMessage()} (and {kept_back} lines like this before it were left out)"
            record.args = ()
        return True


def rationed(log: logging.Logger) -> logging.Logger:
    """The logger, from now on rationed."""
    if not any(isinstance(each, _Ration) for each in log.filters):
        log.addFilter(_Ration())
    return log
