"""A lock that many readers share or one writer holds alone: a FAISS index must not change while it is searched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ReadWriteLock:
    """Readers run together. A writer waits for them and keeps new ones out, so that it always gets its turn.

    Each holder is recorded as a token of its own, not counted. An exception may interrupt any line, also one that a
    signal handler raises: leaving then removes exactly what this holder had recorded.
    """

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._readers: set[object] = set()
        self._waiting: set[object] = set()
        self._writer: object | None = None

    @contextmanager
    def read(self) -> Iterator[None]:
        """Hold the lock together with other readers. Not re-entrant."""
        token = object()
        try:
            with self._state:
                self._state.wait_for(lambda: self._writer is None and not self._waiting)
                self._readers.add(token)
            yield
        finally:
            self._leave(token)

    @contextmanager
    def write(self) -> Iterator[None]:
        """Hold the lock alone. Not re-entrant."""
        token = object()
        try:
            with self._state:
                self._waiting.add(token)
                self._state.wait_for(lambda: self._writer is None and not self._readers)
                self._writer = token
                self._waiting.discard(token)
            yield
        finally:
            self._leave(token)

    def _leave(self, token: object) -> None:
        """Remove what a holder has recorded, and wake the threads that wait."""
        with self._state:
            self._readers.discard(token)
            self._waiting.discard(token)
            if self._writer is token:
                self._writer = None
            self._state.notify_all()
