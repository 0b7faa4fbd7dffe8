"""Running the front: a bound socket, an event loop in a thread of its own, a clean stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from functools import partial
from typing import Any

import uvicorn
from flask import Flask

from presente.log_limits import rate_limited
from server.front.connections import Connections, most_connections
from server.front.front import Front
from server.front.http_connection import KEEP_ALIVE_S, Connection
from server.front.intake import Intake
from server.front.request_threads import RequestThreads
from server.front.tls_certificate import TlsCertificate
from server.front.tls_entrance import TlsEntrance

log = logging.getLogger(__name__)

_STOP_S = 10
"""How long a stop waits for what is being answered."""
_BACKLOG = 512


class HttpServer:
    """A bound server: :meth:`start` makes it answer, :meth:`stop` finishes what is being answered."""

    def __init__(
        self,
        app: Flask,
        host: str,
        port: int,
        threads: int,
        body_budget: int,
        certificate: TlsCertificate | None = None,
    ) -> None:
        """Bind.

        Args:
            app: what answers.
            host, port: where; port 0 is any free one.
            threads: requests of one caller that are worked on at once.
            body_budget: bytes of all bodies that are held at once.
            certificate: what TLS is spoken with; None: plain HTTP.

        Raises:
            OSError: the address is taken or not ours.
        """
        self._app, self._threads, self._body_budget = app, threads, body_budget
        self._protocol: Any = Connection if certificate is None else partial(TlsEntrance, certificate)
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._started = threading.Event()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Take no new requests, and finish those that are being answered; calling it again does nothing."""
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_S + 5)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        workers = RequestThreads(self._threads)
        front = Front(self._app, Connections(most_connections()), workers, Intake(self._body_budget))
        front.telemetry.gauges.front = front.state
        config = uvicorn.Config(
            front,
            http=self._protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_S,
        )
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        rate_limited(logging.getLogger("uvicorn.error"))
        rate_limited(logging.getLogger("asyncio"))
        self._server = uvicorn.Server(config)
        self._started.set()
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            workers.close()
