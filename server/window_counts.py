"""Counts of requests per window of time, in this process: a storage for the library ``limits``.

The library's own memory storage starts a thread for nearly every lone request, which looks at every key that there is.
"""

from __future__ import annotations

import threading
import time

from limits.storage import Storage

_MOST_WINDOWS = 10_000


class WindowCounts(Storage):
    """Fixed windows, each of which begins with its first request. Safe to use from several threads.

    Memory is bounded: when there are too many windows, the one that began first is forgotten.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here fails."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; how many there are in the key's window now, which ends after ``expiry`` seconds."""
        now = time.time()
        with self._lock:
            ends_at, count = self._windows.get(key, (0.0, 0))
            if ends_at <= now:
                self._windows.pop(key, None)  # so that the dict stays in the order in which windows began
                ends_at, count = now + expiry, 0
            self._windows[key] = ends_at, count + amount
            if len(self._windows) > _MOST_WINDOWS:
                del self._windows[next(iter(self._windows))]
        return count + amount

    def get(self, key: str) -> int:
        """How many there are in the key's window."""
        ends_at, count = self._windows.get(key, (0.0, 0))
        return count if ends_at > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the key's window ends, as :func:`time.time` says it."""
        return self._windows.get(key, (time.time(), 0))[0]

    def check(self) -> bool:
        """Whether counts can be kept: always."""
        return True

    def reset(self) -> int:
        """Forget every window; how many there were."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget a key's window."""
        with self._lock:
            self._windows.pop(key, None)
