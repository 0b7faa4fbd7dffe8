"""Follows a stream of events: what a listener is told goes to the client, without a thread that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from server.events.hub import Listener
from server.front.intake import Receive

LONGEST_S = 120.0
"""After so long a stream ends. Its client asks again, and shows its key or session again."""
KEEP_ALIVE_S = 15.0
_ALIVE = b": \n\n"
_MOST_WAITING = 200
"""Events that may wait for a client that is slow; with more the stream ends."""


async def follow(listener: Listener, receive: Receive, send: Callable[[bytes], Awaitable[None]]) -> None:
    """Send what a listener is told, until the client goes, the listener is told of the end, or the time is over.

    Raises:
        Busy: ``busy``.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(piece: bytes | None) -> None:
        loop.call_soon_threadsafe(told.put_nowait, piece)

    listener.start(tell)
    gone, until = asyncio.ensure_future(_disconnected(receive)), loop.time() + LONGEST_S
    coming = asyncio.ensure_future(told.get())
    try:
        while loop.time() < until and told.qsize() <= _MOST_WAITING:
            await asyncio.wait({gone, coming}, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
            piece = coming.result() if coming.done() else _ALIVE
            if gone.done() or piece is None:
                return
            if coming.done():
                coming = asyncio.ensure_future(told.get())
            await send(piece)
    finally:
        listener.close()
        gone.cancel()
        coming.cancel()


async def _disconnected(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
