"""The ASGI application in front of Flask: it checks framing and head, reads the body, and only then takes a thread.
Every wait for a client is here, in one event loop."""

from __future__ import annotations

import asyncio
import contextvars
import io
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from flask import Flask, Request, Response

from presente.errors import Busy, PresenteError
from presente.log_limits import rate_limited
from server.app import asks_store, refusal, refusal_of, takes_film
from server.front.connections import Connections
from server.front.disk_intake import DiskIntake
from server.front.environ import Scope, check_framing, environ_of, length_of
from server.front.event_stream import follow
from server.front.http_connection import Connection
from server.front.intake import ClientGone, Intake, Receive
from server.front.pieces import Pieces, close
from server.front.request_threads import RequestThreads
from server.requests.films import RECEIVED, film_receiver
from server.routes.session_events import LISTENER
from server.shares import Shares
from server.telemetry.front_state import FrontState
from server.telemetry.request_record import begin_record, record_of
from server.telemetry.telemetry import telemetry_of

Send = Callable[[dict[str, Any]], Awaitable[None]]
Head = tuple[int, list[tuple[bytes, bytes]]]

_ALWAYS = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""What every answer says to browsers, unless it says something else."""
_OVER_TLS = (b"strict-transport-security", b"max-age=31536000")
"""For a year a browser then asks this name by https only; it ignores that from addresses and unknown certificates."""
_WITHOUT_BODY = frozenset({"DELETE", "GET", "HEAD", "OPTIONS"})
_PIECE_BYTES = 256 * 1024
_PAUSES_S = {415: 0.25, 422: 0.25, 429: 0.25, 503: 0.25}
"""Seconds by which a refusal is delayed while other requests are being answered. A refusal costs the server next to
nothing, and a client that gets it at once sends the same again at once."""
_PIECE_S = 30.0
"""How long a client may take for a piece of an answer."""
_LINGER_S = 2.0
_LINGER_BYTES = 32_000_000
"""How much of a refused body is read and dropped: a client that is still sending would not see the refusal."""


class Front:
    """An ASGI application made of a Flask one. Used by one event loop."""

    def __init__(self, app: Flask, connections: Connections, workers: RequestThreads, intake: Intake) -> None:
        self.connections = connections
        self.log = rate_limited(logging.getLogger("presente.front"))
        self.telemetry = telemetry_of(app)
        self._app = app
        self._workers = workers
        self._intake = intake
        self._disk = DiskIntake()
        self._shares: Shares = app.extensions["presente.shares"]

    def state(self) -> FrontState:
        """What a scrape is told; any thread may ask."""
        return FrontState(
            connections=len(self.connections),
            connections_limit=self.connections.most,
            threads=self._workers.threads,
            threads_busy=self._workers.running,
            requests_waiting=self._workers.waiting,
            body_bytes=self._intake.held_bytes,
            body_budget=self._intake.budget_bytes,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        connection: Connection = scope["state"]["connection"]

        async def sent(message: dict[str, Any]) -> None:
            """Send a part of the answer, or close on a client that does not read."""
            if not connection.flow.write_paused:
                await send(message)  # which does not wait then
                return
            try:
                async with asyncio.timeout(_PIECE_S):
                    await send(message)
            except TimeoutError:
                connection.evict()

        try:
            await self._handle(connection, scope, receive, sent)
        except ClientGone:
            self.telemetry.abandoned()
        except asyncio.CancelledError:  # the server stops, and has waited for long enough
            connection.evict()
        except Exception:
            self.log.exception("a request could not be answered")
            connection.evict()

    async def _handle(self, connection: Connection, scope: Scope, receive: Receive, send: Send) -> None:
        environ = environ_of(scope)
        begin_record(environ)
        try:
            check_framing(scope, scope["state"]["target"])
        except PresenteError as error:
            await self._refuse(connection, refusal_of(self._app, environ, error), True, receive, send)
            return
        length = length_of(scope)
        on_disk = length > 0 and scope["method"] == "POST" and takes_film(self._app, environ)
        refused = await self._refusal(environ, length, on_disk)
        if refused is not None:
            await self._refuse(connection, refused, length > 0, receive, send)
            return
        unread = length > 0 and scope["method"] in _WITHOUT_BODY
        if unread:
            length = 0
            del environ["CONTENT_LENGTH"]
        share = self._shares.of(environ)
        held = 0 if on_disk else length
        try:
            if on_disk:
                environ[RECEIVED] = await self._disk.read(
                    receive, share, lambda: film_receiver(self._app, Request(environ))
                )
            body = await self._intake.read(receive, held, share)
        except PresenteError as error:
            await self._refuse(connection, refusal_of(self._app, environ, error), True, receive, send)
            return
        self.connections.move(connection, "answer")
        record = begin_record(environ)  # what it takes does not depend on how quickly the client sends
        try:
            environ["wsgi.input"] = io.BytesIO(body)
            del body
            await self._answer(connection, environ, share, unread, receive, send)
        except Busy as error:
            record.tell("queue", record.begun, time.perf_counter())
            await self._refuse(connection, refusal_of(self._app, environ, error), unread, receive, send)
        finally:
            self._intake.release(held, share)
            if on_disk:
                environ[RECEIVED].close()  # no thread may have taken the request

    async def _refusal(self, environ: dict[str, Any], length: int, on_disk: bool) -> Response | None:
        if not on_disk and not asks_store(self._app, environ, length):
            return refusal(self._app, environ, length)
        try:
            context = contextvars.copy_context()
            share = self._shares.of(environ)
            return await self._workers.run(share, context.run, refusal, self._app, environ, length)
        except Busy as error:
            return refusal_of(self._app, environ, error)

    async def _answer(
        self, connection: Connection, environ: dict[str, Any], share: str, unread: bool, receive: Receive, send: Send
    ) -> None:
        context = contextvars.copy_context()  # one for all steps of an answer that is made while it is sent
        if environ["PATH_INFO"] == "/livez":  # whatever the threads do, this one needs none
            head, body = context.run(_called, connection, self._app, environ)
        else:
            head, body = await self._workers.run(share, context.run, _called, connection, self._app, environ)
        await self._pause(connection, head[0])
        if isinstance(body, bytes):
            await _send_whole(send, receive, head, body, unread)
            return
        await _send_head(send, head, unread)
        pieces = Pieces(context, body)
        try:
            while not connection.gone and (piece := await self._workers.run(share, pieces.next)):
                await _send_piece(send, piece)
            if LISTENER in environ:
                pieces.close()
                await follow(environ[LISTENER], receive, lambda piece: _send_piece(send, piece))
        except Busy:
            connection.evict()  # too late for another answer; that this one ends too early says so
        finally:
            pieces.close()
        await _send_end(send, receive, unread)

    async def _refuse(
        self, connection: Connection, response: Response, unread: bool, receive: Receive, send: Send
    ) -> None:
        head = _head(connection, response.status_code, response.headers.items())
        await self._pause(connection, head[0])
        await _send_whole(send, receive, head, response.get_data(), unread)

    async def _pause(self, connection: Connection, status: int) -> None:
        if status in _PAUSES_S and self._workers.running:
            self.connections.move(connection, "body")  # it may go when there is no room
            await asyncio.sleep(_PAUSES_S[status])


async def _send_whole(send: Send, receive: Receive, head: Head, body: bytes, unread: bool) -> None:
    await _send_head(send, head, unread)
    if unread or len(body) > _PIECE_BYTES:
        for start in range(0, len(body), _PIECE_BYTES):
            await _send_piece(send, body[start : start + _PIECE_BYTES])
        body = b""
    await _send_end(send, receive, unread, body)


async def _send_head(send: Send, head: Head, unread: bool) -> None:
    """Begin an answer; with a body that is not read, the last of its connection: no request is read out of a body."""
    closing = [(b"connection", b"close")] if unread else []
    await send({"type": "http.response.start", "status": head[0], "headers": head[1] + closing})


async def _send_end(send: Send, receive: Receive, unread: bool, rest: bytes = b"") -> None:
    """End an answer; first read and drop what the client still sends, for a moment, or it would not see the answer."""
    if unread:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                await _drain(receive)
    await send({"type": "http.response.body", "body": rest, "more_body": False})


async def _drain(receive: Receive) -> None:
    left = _LINGER_BYTES
    while left > 0:
        message = await receive()
        if message["type"] == "http.disconnect" or not message["more_body"]:
            return
        left -= len(message["body"])


async def _send_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


def _called(connection: Connection, app: Flask, environ: dict[str, Any]) -> tuple[Head, bytes | Iterator[bytes]]:
    """What the application answers: the head, and the whole body where its length is known, else its pieces.

    Raises:
        ClientGone: before anything was done.
    """
    if connection.gone:
        raise ClientGone
    record = record_of(environ)
    record.tell("queue", record.begun, time.perf_counter())
    head: list[Head] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        head[:] = [_head(connection, int(status.partition(" ")[0]), headers)]
        return lambda _: None

    pieces = app.wsgi_app(environ, start_response)
    if any(name == b"content-length" for name, _ in head[0][1]) or head[0][0] in (204, 304):
        try:
            return head[0], b"".join(pieces)
        finally:
            close(pieces)
    return head[0], iter(pieces)


def _head(connection: Connection, status: int, headers: Any) -> Head:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    names = {name for name, _ in encoded}
    always = (*_ALWAYS, _OVER_TLS) if connection.over_tls else _ALWAYS
    return status, encoded + [each for each in always if each[0] not in names]
