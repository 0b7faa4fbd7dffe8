"""A lock that many readers share and one writer has to itself: FAISS may not be changed while it is searched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ReadWriteLock:
    """Readers run together; a writer waits for them and keeps new ones out, so that it is never starved.

    Everyone who comes is a token of their own, not a number in a count: whatever an exception cut short, also the one
    of a signal between two lines, leaving takes back exactly what this one has put down.
    """

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._readers: set[object] = set()
        self._waiting: set[object] = set()
        self._writer: object | None = None

    @contextmanager
    def read(self) -> Iterator[None]:
        """Hold the lock together with other readers. Not re-entrant."""
        me = object()
        try:
            with self._state:
                self._state.wait_for(lambda: self._writer is None and not self._waiting)
                self._readers.add(me)
            yield
        finally:
            self._leave(me)

    @contextmanager
    def write(self) -> Iterator[None]:
        """Hold the lock alone. Not re-entrant."""
        me = object()
        try:
            with self._state:
                self._waiting.add(me)
                self._state.wait_for(lambda: self._writer is None and not self._readers)
                self._writer = me
                self._waiting.discard(me)
            yield
        finally:
            self._leave(me)

    def _leave(self, who: object) -> None:
        """Take back whatever somebody holds or waits for, and wake those who waited for it."""
        with self._state:
            self._readers.discard(who)
            self._waiting.discard(who)
            if self._writer is who:
                self._writer = None
            self._state.notify_all()
