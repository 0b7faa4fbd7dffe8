"""The Flask application: routes, limits, request ids. Holds no state of its own."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass

from flask import Flask, Response, g, request
from werkzeug.routing import IntegerConverter, Map

from presente.keys import ApiKey
from server import auth, errors, origins, sizes
from server.routes import attendance, first_page, identify, status, students
from server.service import Holder

log = logging.getLogger("presente.access")

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _Number(IntegerConverter):
    """The number of an entry in a path: one that a store can hold. Anything else is no entry's: 404."""

    regex = "[0-9]{1,19}"

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**63 - 1)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the server: holders of ``keys`` (everybody on this machine when there are none), and pages of
    ``origins`` beside its own."""

    keys: tuple[ApiKey, ...] = ()
    origins: tuple[str, ...] = ()


def create_app(holder: Holder, max_body_bytes: int, access: Access = Access()) -> Flask:
    """Build the application.

    Args:
        holder: what will hold the service once it is loaded.
        max_body_bytes: larger request bodies are refused with 413 before they are read.
        access: who may use it.
    """
    app = Flask("presente", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=max_body_bytes, MAX_FORM_MEMORY_SIZE=sizes.SMALL)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # only on Flask's own provider, which this is
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.extensions["presente"] = holder
    app.url_map.converters["int"] = _Number
    app.url_map.merge_slashes = False  # else the answer to // is the address again
    for blueprint in (status.bp, identify.bp, students.bp, attendance.bp, first_page.bp):
        app.register_blueprint(blueprint)
    errors.install(app)

    @app.before_request
    def begin() -> Response | None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        g.started = time.perf_counter()
        if not access.keys:  # a key is proof enough; without one, being on this machine is what counts
            origins.check_host(request)
        origins.check_origin(request, access.origins)
        if (answer := origins.preflight(request)) is not None:
            return answer
        g.role = auth.check(request, auth.role_needed(app, request.endpoint), access.keys)
        sizes.check(request, sizes.of(app, request.endpoint), max_body_bytes)
        return None

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        origins.allow_reading(response, request, access.origins)
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
