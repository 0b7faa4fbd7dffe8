"""The pieces of an answer that is made while it is sent."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator


class Pieces:
    """Makes an answer's pieces one after the other, in one context. Any thread may ask for the next one, and close."""

    def __init__(self, context: contextvars.Context, pieces: Iterator[bytes]) -> None:
        self._context = context
        self._pieces = pieces
        self._used = threading.Lock()
        self._ending = False
        self._closed = False

    def next(self) -> bytes | None:
        """The next piece that is not empty; None after the last."""
        try:
            with self._used:
                return None if self._closed else self._context.run(next, filter(None, self._pieces), None)
        finally:
            if self._ending:
                self.close()

    def close(self) -> None:
        """Close the pieces; while one is being made, its thread does that as soon as it is there."""
        self._ending = True
        if not self._used.acquire(blocking=False):
            return
        try:
            if not self._closed:
                self._closed = True
                self._context.run(close, self._pieces)
        finally:
            self._used.release()


def close(pieces: object) -> None:
    """Close what can be closed."""
    closing = getattr(pieces, "close", None)
    if closing is not None:
        closing()
