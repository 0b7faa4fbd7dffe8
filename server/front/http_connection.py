"""One connection: uvicorn's, with a deadline for heads, a bound on their size, and a place among all connections."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.errors import problem_bytes
from server.front.connections import address_of

if TYPE_CHECKING:
    from server.front.front import Front
    from server.front.tls_entrance import TlsEntrance

HEAD_S = 10.0
"""From a head's first byte, or a connection's first moment, to its last byte."""
KEEP_ALIVE_S = 30
"""How long an answered connection may rest."""
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
LINGER_S = 1.0
"""How long a refused client may take to read why."""
_UNREAD_S = 30.0
"""How long an answer may lie unread once it is sent whole."""


class Connection(HttpToolsProtocol):
    """A connection of the front's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.front = cast("Front", self.config.app)
        self.address = ""
        self.entrance: TlsEntrance | None = None
        self._head_bytes = 0
        self._in_head = True
        self._deadline: asyncio.TimerHandle | None = None
        self._deaf = False

    # -- the connection's life -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in, or close it."""
        super().connection_made(transport)
        if self.entrance is not None:
            self.entrance.leave()
        self.address = address_of(self.client[0] if self.client else "")
        if self.front.connections.add(self):
            self._expect_head()
        else:
            self._say(503, "busy", "All connections are busy. Ask again in a second.")
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel_deadline()
        self.front.connections.remove(self)
        super().connection_lost(exc)

    def evict(self) -> None:
        """Close at once, without an answer, or without the rest of one."""
        if self._answering:
            self.cycle.disconnected = True  # uvicorn else reports an answer that ended too early as an error
        if self.transport is not None:
            self.transport.abort()

    @property
    def gone(self) -> bool:
        """Whether the client has closed the connection, or we have."""
        return self.transport.is_closing()

    @property
    def over_tls(self) -> bool:
        """Whether the client speaks TLS with this server."""
        return self.scheme == "https"

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more; whether the connection stays open for what it still waits for."""
        if not self._answering or self.cycle.more_body or self.over_tls:  # TLS ends in both directions at once
            return None
        self._hear_no_more()
        return True

    def shutdown(self) -> None:
        """The server stops: end a connection that rests. Over TLS a client would else be waited for, to say goodbye."""
        super().shutdown()
        if self.over_tls and not self._answering:
            self.loop.call_later(LINGER_S, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that rests; one that has not even read the last answer waits no longer for it."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(LINGER_S, self.transport.abort)

    # -- requests ------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head, and read it."""
        if self._deaf or self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._expect_head()
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self._deaf:
            self._say(431, "head_too_large", f"A request's head may have {MAX_HEAD_BYTES:,} bytes.")

    def on_message_begin(self) -> None:
        """A head begins. One that comes while another request is being answered is dropped: the connection ends with
        that answer, and the client sends the request again (RFC 9112, 9.3.2)."""
        if self._answering:
            self._hear_no_more()
        if not self._deaf:
            super().on_message_begin()
            self._in_head = True

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        if not self._deaf:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        if not self._deaf:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is there whole."""
        if self._deaf:
            return
        self._in_head = False
        self._head_bytes = 0
        self._cancel_deadline()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._say(431, "head_too_large", f"A head may have {MAX_HEAD_BYTES:,} bytes and {MAX_HEADERS} headers.")
            return
        self.scope["state"] = {"connection": self, "target": self.url}
        self.front.connections.move(self, "body")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        if not self._deaf:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body's end."""
        if not self._deaf:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is sent: wait for the next head."""
        self.front.connections.move(self, "head")
        self._in_head = True
        super().on_response_complete()
        if self.transport.is_closing():  # which waits until all is read
            self._deadline = self.loop.call_later(_UNREAD_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not HTTP; behind a request that is being answered, only close when that is done."""
        if self._answering:
            self._hear_no_more()
        else:
            self._say(400, "bad_request", "This is not HTTP as HTTP is written.")

    def _hear_no_more(self) -> None:
        """The connection ends with the answer that is under way."""
        self._deaf = True
        self._cancel_deadline()
        self.cycle.keep_alive = False

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S, self._too_slow)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._head_bytes:
            self._say(408, "request_timeout", f"The request's head took longer than {HEAD_S:g} s.")
        else:
            self.transport.close()

    def _say(self, status: int, code: str, detail: str) -> None:
        """Refuse without the application, and close; what still comes is dropped for a moment, so that this is read."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        self._cancel_deadline()
        self.front.log.info("- - - %d %s from %s", status, code, self.address)
        self.front.telemetry.refused_unread(status)
        self.transport.write(problem_bytes(status, code, detail))
        if self.transport.can_write_eof():  # not over TLS
            with suppress(OSError):  # the client is gone
                self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER_S, self.transport.abort)
