"""Parallel work in several threads, in order, with memory that does not depend on the number of items."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def default_workers() -> int:
    """One worker per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    work: Callable[[_In], _Out], items: Iterable[_In], workers: int, ahead: int = 4
) -> Iterator[tuple[_In, Future[_Out]]]:
    """Run ``work`` on every item in ``workers`` threads (0: one per core).

    Yields (item, finished future), in the order of the items. At most ``ahead`` items per worker are under way. An
    error stays in its future: the caller decides what it means.
    """
    workers = workers or default_workers()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="work")
    window: deque[tuple[_In, Future[_Out]]] = deque()
    try:
        for item in items:
            window.append((item, pool.submit(work, item)))
            if len(window) >= ahead * workers:
                yield _finished(window.popleft())
        while window:
            yield _finished(window.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_batches(items: Iterable[_In], size: int | Callable[[], int]) -> Iterator[list[_In]]:
    """Lists of ``size`` items, a number or what gives it for each list; the last may be shorter."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size() if callable(size) else size)):
        yield batch


def _finished(entry: tuple[_In, Future[_Out]]) -> tuple[_In, Future[_Out]]:
    entry[1].exception()  # waits
    return entry
