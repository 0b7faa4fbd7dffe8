"""The Flask application: routes, limits, request ids. Holds no state of its own."""

from __future__ import annotations

import logging
import re
import time
import uuid
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from presente.errors import Forbidden
from server import errors
from server.routes import attendance, identify, status, students
from server.service import Holder

log = logging.getLogger("presente.access")

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def create_app(holder: Holder, max_body_bytes: int) -> Flask:
    """Build the application.

    Args:
        holder: what will hold the service once it is loaded.
        max_body_bytes: larger request bodies are refused with 413 before they are read.
    """
    app = Flask("presente", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=max_body_bytes, MAX_FORM_MEMORY_SIZE=max_body_bytes)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # only on Flask's own provider, which this is
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.extensions["presente"] = holder
    for blueprint in (status.bp, identify.bp, students.bp, attendance.bp):
        app.register_blueprint(blueprint)
    errors.install(app)

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        g.started = time.perf_counter()
        _refuse_foreign_pages()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        # Never the query string or a name: a log must not outlive a student's deletion.
        log.info(
            "%s %s %s %d %.1f ms",
            g.request_id,
            request.method,
            request.url_rule or "-",
            response.status_code,
            (time.perf_counter() - g.started) * 1000,
        )
        return response

    return app


def _refuse_foreign_pages() -> None:
    """A page of another site must not use the browser of somebody on this machine to read or write here.

    The Host header must name this machine (a name that an attacker's DNS points here does not), and a page's Origin
    must be this server's own.
    """
    if _host_of(f"//{request.host}") not in _LOOPBACK:
        raise Forbidden("foreign_host", f"This server is not called {request.host!r}.", "Ask for 127.0.0.1.")
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Forbidden("foreign_origin", f"Pages of {origin} may not use this server.", "Use its own page.")


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # "[::1", say
        return None
