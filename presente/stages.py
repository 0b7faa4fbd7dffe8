"""The stages of a piece of work, told to the listener of the context that it runs in.

The server listens while it answers a request, and makes metrics and traces of what it hears. Where no one listens, a
stage costs next to nothing. A thread that a request starts has no listener.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, float, float], None]
"""Is told a stage's name, and its begin and end in seconds of :func:`time.perf_counter`."""

_listener: ContextVar[Listener | None] = ContextVar("stages", default=None)


def listen(listener: Listener | None) -> None:
    """Tell the stages of this context to a listener from now on; None: to no one."""
    _listener.set(listener)


@contextmanager
def unheard() -> Iterator[None]:
    """Tell no one of the stages in this block: of a check that runs beside the work, say."""
    listener = _listener.get()
    _listener.set(None)
    try:
        yield
    finally:
        _listener.set(listener)


def tell(name: str, begin: float, end: float) -> None:
    """A stage is over."""
    listener = _listener.get()
    if listener is not None:
        listener(name, begin, end)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Carry out a stage in this block; it is told when the block ends, also by an error."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        tell(name, begin, time.perf_counter())
