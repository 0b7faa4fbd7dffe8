"""Reads request bodies: each by a deadline, all together within a budget of bytes, of which a caller takes a share."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from presente.errors import Busy, InvalidInput

GRACE_S = 10.0
SLOWEST_BYTES_S = 16 * 1024
"""A body may take :data:`GRACE_S` and what this rate makes of its length: 5 MB from a bad telephone line pass."""

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientGone(Exception):
    """The client has closed its connection."""


@dataclass(eq=False)
class _Arriving:
    share: str
    deadline: asyncio.Timeout
    started: float = field(default_factory=time.monotonic)
    received: int = 0
    dropped: bool = False

    @property
    def rate(self) -> float:
        """Bytes per second so far."""
        return self.received / (time.monotonic() - self.started + 0.1)


class Intake:
    """Reads bodies. When they would exceed the budget, the slowest one is refused.

    A caller's bodies may be as large together as what is free beside them, which is half of the budget for one caller
    alone. When they would exceed that, the slowest of the caller's is refused.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.held_bytes = 0
        self._held: Counter[str] = Counter()
        self._arriving: set[_Arriving] = set()

    async def read(self, receive: Receive, length: int, share: str = "") -> bytes:
        """A body of ``length`` bytes, which count as held, and as a caller's share, until :meth:`release`.

        Raises:
            InvalidInput: ``request_timeout``.
            Busy: ``busy``, when there is no room for it.
            ClientGone: the client has hung up.
        """
        if not length:
            return b""
        chunks: list[bytes] = []
        arriving = None
        try:
            async with asyncio.timeout(GRACE_S + length / SLOWEST_BYTES_S) as deadline:
                arriving = _Arriving(share, deadline)
                self._arriving.add(arriving)
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    chunks.append(message["body"])
                    self._take(arriving, len(message["body"]))
                    more = message["more_body"]
            if arriving.dropped:  # by its own last piece, before the clock could say so
                raise TimeoutError
            return b"".join(chunks)
        except BaseException as error:
            self.release(arriving.received if arriving else 0, share)
            if not isinstance(error, TimeoutError):
                raise
            if arriving is not None and arriving.dropped:
                raise Busy("busy", "There is no room for the body.", "Ask again in a few seconds.") from error
            raise InvalidInput("request_timeout", "The body took too long to arrive.", "Send it again.") from error
        finally:
            if arriving is not None:
                self._arriving.discard(arriving)

    def release(self, size: int, share: str = "") -> None:
        """A body that was read is not held any more."""
        self.held_bytes -= size
        self._held[share] -= size
        if not self._held[share]:
            del self._held[share]

    def _take(self, arriving: _Arriving, size: int) -> None:
        arriving.received += size
        self.held_bytes += size
        self._held[arriving.share] += size
        if self._held[arriving.share] > self.budget_bytes - self.held_bytes:
            self._drop_slowest([each for each in self._arriving if each.share == arriving.share])
        if self.held_bytes > self.budget_bytes:
            self._drop_slowest(self._arriving)

    def _drop_slowest(self, of: Iterable[_Arriving]) -> None:
        waiting = [each for each in of if not each.dropped]
        if waiting:
            slowest = min(waiting, key=lambda each: each.rate)
            self.release(slowest.received, slowest.share)
            slowest.received = 0
            slowest.dropped = True
            slowest.deadline.reschedule(0)
