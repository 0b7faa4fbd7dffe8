"""The threads that answer requests, and the requests that wait for one.

Threads are shared out: a caller gets one more only while the caller holds fewer than are free. One caller alone so
holds half of them, two callers hold a third each, and a thread is left for the next caller, however long their
requests last.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from presente.errors import Busy

_PATIENCE_S = 10.0
_WAITING_PER_THREAD = 8

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(eq=False)
class _Waiting:
    """A request that waits: whose share it takes, its place in the order of arrival, and what tells it to go on."""

    share: str
    place: int
    go: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class RequestThreads:
    """A pool of threads and a bounded queue in front of it. Used by one thread, the event loop's."""

    def __init__(self, per_caller: int, patience_s: float = _PATIENCE_S) -> None:
        """Work for one caller in at most ``per_caller`` threads, of twice as many; a request that waits longer than
        ``patience_s`` for one is refused."""
        self.threads = 2 * per_caller
        """How many threads there are."""
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="http")
        self._most_waiting = self.threads * _WAITING_PER_THREAD
        self._patience_s = patience_s
        self._queue: list[_Waiting] = []
        self._places = itertools.count()
        self._held: Counter[str] = Counter()
        self.running = 0
        """How many threads are at work."""

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return len(self._queue)

    async def run(self, share: str, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What ``work`` returns, in a thread of the share of a caller.

        Raises:
            Busy: ``busy``, when too many wait, or no thread was free in time; nothing was done.
        """
        await self._turn(share)
        try:
            return await asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))
        finally:
            self._give_back(share)

    async def _turn(self, share: str) -> None:
        """Take a thread, or wait for one."""
        if self.waiting >= self._most_waiting:
            self._make_room(share)
        each = _Waiting(share, next(self._places))
        self._queue.append(each)
        self._go_on()
        try:
            async with asyncio.timeout(self._patience_s):
                await each.go
        except BaseException as exc:
            if each in self._queue:
                self._queue.remove(each)
            elif each.go.done() and not each.go.cancelled() and each.go.exception() is None:
                self._give_back(share)  # its turn came while it was given up
            if isinstance(exc, TimeoutError):
                raise Busy("busy", "The server had no time for this request.", "Ask again in a few seconds.") from exc
            raise

    def _make_room(self, share: str) -> None:
        """Refuse the newest request of the caller of whom most wait; or the one that comes, if that is its caller.

        Raises:
            Busy: ``busy``.
        """
        busy = Busy("busy", "Too many requests wait for an answer.", "Ask again in a few seconds.")
        waiting = Counter(each.share for each in self._queue)
        most, count = waiting.most_common(1)[0]
        if count <= waiting[share] + 1:
            raise busy
        newest = max((each for each in self._queue if each.share == most), key=lambda each: each.place)
        self._queue.remove(newest)
        newest.go.set_exception(busy)

    def _give_back(self, share: str) -> None:
        self.running -= 1
        self._held[share] -= 1
        if not self._held[share]:
            del self._held[share]
        self._go_on()

    def _go_on(self) -> None:
        """Let go on who may: first the caller who holds least, of those the request that came first."""
        while self._queue:
            first = min(self._queue, key=lambda each: (self._held[each.share], each.place))
            if self._held[first.share] >= self.threads - self.running:
                return
            self._queue.remove(first)
            if not first.go.done():  # else its client has gone
                self.running += 1
                self._held[first.share] += 1
                first.go.set_result(None)

    def close(self) -> None:
        """Start nothing more; what runs is left to end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
