"""What the front says of itself to a scrape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrontState:
    """The front at one moment.

    Attributes:
        connections: how many are open, of at most ``connections_limit``.
        threads: how many answer requests; ``threads_busy`` of them are at work.
        requests_waiting: how many requests wait for a thread.
        body_bytes: how many bytes of bodies are held, of at most ``body_budget``.
    """

    connections: int
    connections_limit: int
    threads: int
    threads_busy: int
    requests_waiting: int
    body_bytes: int
    body_budget: int


FrontSource = Callable[[], FrontState]
"""Reads the front's state; any thread may call it."""
