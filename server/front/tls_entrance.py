"""How a connection over TLS begins.

asyncio shows a protocol a connection only when its handshake is over. A client that connects and says nothing would so
be counted by no one. The entrance is a place among all connections from the first moment on, with one deadline for all
that comes before the first request.
"""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from server.errors import problem_bytes
from server.front.connections import address_of
from server.front.http_connection import HEAD_S, LINGER_S, Connection
from server.front.tls_certificate import TlsCertificate

if TYPE_CHECKING:
    from server.front.front import Front

_HANDSHAKE = 0x16
"""The first byte of TLS."""
_CLOSE_S = 10
"""How long a client may take to say that it, too, is done."""


class TlsEntrance(asyncio.Protocol):
    """A connection until its handshake is done; then it is a :class:`Connection`."""

    def __init__(self, certificate: TlsCertificate, *, config: Any, server_state: Any, **kwargs: Any) -> None:
        self.address = ""
        self._certificate = certificate
        self._state = server_state
        self._front = cast("Front", config.app)
        self._connection = Connection(config=config, server_state=server_state, **kwargs)
        self._connection.entrance = self
        self._loop = self._connection.loop
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection in, or close it."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = address_of(str(peer[0]) if peer else "")
        self._state.connections.add(self)
        if self._front.connections.add(self):
            self._deadline = self._loop.call_later(HEAD_S, self.evict)
        else:
            self.evict()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client has gone before it said anything."""
        self.leave()

    def evict(self) -> None:
        """Close at once, without a word."""
        if self._transport is not None:
            self._transport.abort()

    shutdown = evict
    """What the server calls when it stops."""

    def leave(self) -> None:
        """Give up the place, for the connection that begins, or because there is none any more."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._state.connections.discard(self)
        self._front.connections.remove(self)

    def data_received(self, data: bytes) -> None:
        """Begin the handshake, or tell a client that speaks plain HTTP what is spoken here."""
        if self._transport is None or self._transport.is_closing():
            return
        if data[0] != _HANDSHAKE:
            self._refuse(self._transport)
            return
        tls = _Tls(self, self._loop, self._connection, self._certificate)
        self._transport.set_protocol(tls)
        tls.connection_made(self._transport)
        tls.get_buffer(len(data))[: len(data)] = data
        tls.buffer_updated(len(data))

    def _refuse(self, transport: asyncio.Transport) -> None:
        self._front.log.info("- - - 400 bad_request from %s: no TLS", self.address)
        self._front.telemetry.refused_unread(400)
        transport.set_protocol(_Deaf(self))
        transport.write(
            problem_bytes(400, "bad_request", "This port speaks HTTPS. Ask for https:// in place of http://.")
        )
        with suppress(OSError):  # the client is gone
            transport.write_eof()
        self._loop.call_later(LINGER_S, transport.abort)


class _Deaf(asyncio.Protocol):
    """A connection that was refused: what still comes is dropped for a moment, so that the refusal is read."""

    def __init__(self, entrance: TlsEntrance) -> None:
        self._entrance = entrance

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the connection."""
        self._entrance.leave()


class _Tls(SSLProtocol):
    """asyncio's TLS, which tells the entrance when a connection ends before there is a request."""

    max_size = 64 * 1024
    """Of the buffer of each connection; asyncio's own would be 256 KiB."""

    def __init__(
        self,
        entrance: TlsEntrance,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        certificate: TlsCertificate,
    ) -> None:
        super().__init__(
            loop,
            connection,
            certificate.context(),
            None,  # type: ignore[arg-type]  # no one waits for the handshake
            server_side=True,
            ssl_handshake_timeout=int(HEAD_S),
            ssl_shutdown_timeout=_CLOSE_S,
        )
        self._entrance = entrance

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._entrance.leave()
