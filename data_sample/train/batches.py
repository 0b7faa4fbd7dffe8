"""Prepares batches one ahead, in a thread, while the network works on the last."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def ahead(make: Callable[[int], T], first: int, last: int, depth: int = 3) -> Iterator[tuple[int, T]]:
    """Yield (step, make(step)) for steps first..last-1, made ahead of time in another thread."""
    line: queue.Queue[tuple[int, T]] = queue.Queue(depth)

    def work() -> None:
        for step in range(first, last):
            line.put((step, make(step)))

    threading.Thread(target=work, daemon=True).start()
    for _ in range(first, last):
        yield line.get()
