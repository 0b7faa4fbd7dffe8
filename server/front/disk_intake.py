"""Reads the bodies of films: piece by piece to disk, each piece by a deadline, and only so many at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from presente.errors import Busy, InvalidInput
from server.films.receiving import PIECE_BYTES, FilmReceiver
from server.front.intake import GRACE_S, SLOWEST_BYTES_S, ClientGone, Receive

_MOST = 8
_MOST_OF_ONE = 3
_PIECE_S = GRACE_S + PIECE_BYTES / SLOWEST_BYTES_S
"""How long a piece may take to arrive."""


class DiskIntake:
    """Receives films. Used by one event loop; one thread of its own writes."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="films")
        self._of: Counter[str] = Counter()

    async def read(self, receive: Receive, share: str, begin: Callable[[], FilmReceiver]) -> FilmReceiver:
        """A body, on disk. The caller closes what is returned.

        Args:
            receive: gives the body.
            share: whose it is.
            begin: makes what receives it; called in the thread that writes.

        Raises:
            InvalidInput: ``request_timeout``; of the receiver.
            StoreError: of the receiver.
            Busy: ``busy``: too many films arrive.
            ClientGone: the client has hung up.
        """
        if self._of.total() >= _MOST or self._of[share] >= _MOST_OF_ONE:
            raise Busy("busy", "Other films are arriving.", "Send it again when one of them is there.")
        self._of[share] += 1
        loop, receiver = asyncio.get_running_loop(), None
        try:
            receiver = await loop.run_in_executor(self._writer, begin)
            more = True
            while more:
                piece, more = await _piece(receive)
                await loop.run_in_executor(self._writer, receiver.write, piece)
            await loop.run_in_executor(self._writer, receiver.finish)
            return receiver
        except BaseException as error:
            if receiver is not None:
                self._writer.submit(receiver.close)  # after what may still be being written
            if isinstance(error, TimeoutError):
                raise InvalidInput("request_timeout", "The film came too slowly.", "Send it again.") from error
            raise
        finally:
            self._of[share] -= 1
            if not self._of[share]:
                del self._of[share]

    def close(self) -> None:
        """Write nothing more."""
        self._writer.shutdown(wait=True, cancel_futures=False)


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    """The next piece of a body, and whether another one follows."""
    chunks: list[bytes] = []
    size, more = 0, True
    async with asyncio.timeout(_PIECE_S):
        while more and size < PIECE_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunks.append(message["body"])
            size += len(message["body"])
            more = message["more_body"]
    return b"".join(chunks), more
