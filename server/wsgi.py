"""The production WSGI server: cheroot, one process, a pool of threads.

One process because the index in memory follows the documents and FAISS must not be searched before a fork; threads
because decoding, inference and search all leave Python's lock. See docs/adr/0004-wsgi-server.md.
"""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import suppress

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest
from flask import Flask

log = logging.getLogger(__name__)

_WORTH_READING = 64 * 1024
"""Bytes of an unread body that cost less than a new connection."""


class _Request(HTTPRequest):
    """A request whose refusals by the server itself, before the application sees it, are problems like all others."""

    def simple_response(self, status: str | int, msg: str = "") -> None:
        """Answer at once and close: the rest of the request is never read."""
        number, _, phrase = str(status).partition(" ")
        code = {"413": "too_many_bytes"}.get(number, phrase.lower().replace(" ", "_") or "refused")
        request_id = uuid.uuid4().hex
        problem = {
            "type": "about:blank",
            "title": code.replace("_", " ").capitalize(),
            "status": int(number),
            "detail": msg or phrase,
            "code": code,
            "request_id": request_id,
        }
        body = json.dumps(problem).encode()
        head = (
            f"{self.server.protocol} {number} {phrase}",
            "Content-Type: application/problem+json",
            f"Content-Length: {len(body)}",
            f"X-Request-Id: {request_id}",
            "Connection: close",
            "",
            "",
        )
        self.close_connection = True
        with suppress(OSError):  # the client is gone
            self.conn.wfile.write("\r\n".join(head).encode("latin-1") + body)

    def send_headers(self) -> None:
        """Send the reply's head, and decide whether the rest of a body that nobody read is worth reading.

        Cheroot by itself always reads it, so that the next request can follow, into memory and however long it takes;
        also when the application answers ``Connection: close``. And where a chunked body ends that the application did
        not read, it does not know.
        """
        refused = (b"Connection", b"close") in self.outheaders
        if refused or self.chunked_read or getattr(self.rfile, "remaining", 0) > _WORTH_READING:
            self.close_connection = True
        super().send_headers()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Server(wsgi.Server):
    """Cheroot's server with its complaints in our log and its refusals in our form."""

    ConnectionClass = _Connection

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Log what went wrong below the application."""
        log.log(level, msg, exc_info=traceback)


def make_server(app: Flask, host: str, port: int, threads: int) -> wsgi.Server:
    """A server that is bound but does not answer yet; ``prepare`` was called, ``serve`` runs it.

    How large a body may be is the application's to say: it knows first whether the sender may send any.

    Raises:
        OSError: the address is taken or not ours.
    """
    server = _Server(
        (host, port),
        app,
        numthreads=threads,
        server_name="presente",
        request_queue_size=128,
        timeout=30,
        shutdown_timeout=10,
    )
    server.max_request_header_size = 64 * 1024
    server.prepare()
    return server
