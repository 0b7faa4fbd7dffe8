"""The production WSGI server: cheroot, one process, a pool of threads.

One process because the index in memory follows the documents and FAISS must not be searched before a fork; threads
because decoding, inference and search all leave Python's lock. See docs/adr/0004-wsgi-server.md.
"""

from __future__ import annotations

import logging

from cheroot import wsgi
from flask import Flask

log = logging.getLogger(__name__)


class _Server(wsgi.Server):
    """Cheroot's server with its complaints in our log."""

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        log.log(level, msg, exc_info=traceback)


def make_server(app: Flask, host: str, port: int, threads: int, max_body_bytes: int) -> wsgi.Server:
    """A server that is bound but does not answer yet; ``prepare`` was called, ``serve`` runs it.

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
    server.max_request_body_size = max_body_bytes
    server.max_request_header_size = 64 * 1024
    server.prepare()
    return server
