"""The threads that answer requests, and the requests that wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from presente.errors import Busy

_PATIENCE_S = 10.0
_WAITING_PER_THREAD = 16

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RequestThreads:
    """A pool of threads and a bounded queue in front of it. Used by one thread, the event loop's."""

    def __init__(self, threads: int, patience_s: float = _PATIENCE_S) -> None:
        """Work in ``threads`` threads; a request that waits longer than ``patience_s`` for one is refused."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="http")
        self._free = asyncio.Semaphore(threads)
        self._most_waiting = threads * _WAITING_PER_THREAD
        self._patience_s = patience_s
        self.threads = threads
        self.waiting = 0
        """How many requests wait for a thread."""
        self.running = 0
        """How many threads are at work."""

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What ``work`` returns, in a thread.

        Raises:
            Busy: ``busy``, when too many wait, or no thread was free in time; nothing was done.
        """
        await self._turn()
        self.running += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))
        finally:
            self.running -= 1
            self._free.release()

    async def _turn(self) -> None:
        if self.waiting >= self._most_waiting:
            raise Busy("busy", "Too many requests wait for an answer.", "Ask again in a few seconds.")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience_s):
                await self._free.acquire()
        except TimeoutError as exc:
            raise Busy("busy", "The server had no time for this request.", "Ask again in a few seconds.") from exc
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Start nothing more; what runs is left to end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
