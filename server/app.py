"""The Flask application: routes, limits, request ids."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from flask import Flask, Request, Response, g, request
from werkzeug.routing import IntegerConverter, Map

from presente.access_roles import AccessRole
from presente.api_keys import ApiKey
from presente.errors import PresenteError
from presente.log_limits import rate_limited
from server import body_sizes, cors, errors, limits
from server.access import authentication
from server.access.caller import NO_ONE
from server.access.permissions import permission_needed
from server.access_log.recording import record_request
from server.legacy import routes as legacy
from server.routes import access_log, attendance, identify, participations, status, students
from server.service import ServiceHandle

log = logging.getLogger("presente.access")
sparingly = rate_limited(logging.getLogger("presente.access.strangers"))
"""For requests without a known key: a log of each would let strangers fill the disk."""

_SMALL_BYTES = 64 * 1024
_REFUSED = frozenset({400, 401, 403, 408, 411, 413, 429})
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _Number(IntegerConverter):
    """The number of an entry in a path: one that a store can hold. Another number is 404."""

    regex = "[0-9]{1,19}"

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**63 - 1)


class _Request(Request):
    """A request whose photos stay in memory, where its body is: a temporary file would leave them on the disk."""

    def _get_file_stream(self, *_: object, **__: object) -> BytesIO:
        return BytesIO()


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the server: clients with one of ``keys`` (without keys every client on this machine), and pages of
    ``origins`` beside its own."""

    keys: tuple[ApiKey, ...] = ()
    origins: tuple[str, ...] = ()


def create_app(
    service_handle: ServiceHandle,
    max_body_bytes: int,
    access: Access = Access(),
    request_limits: limits.RequestLimits | None = None,
) -> Flask:
    """Build the application.

    Args:
        service_handle: gives the service once it is loaded.
        max_body_bytes: larger request bodies are refused with 413 before they are read.
        access: who may use it.
        request_limits: how often; None for without limits.
    """
    app = Flask("presente", static_folder=None)
    app.request_class = _Request
    # The form's limit holds for photos, too: the parser counts what it has read of a part and cannot hand on yet, which
    # is the whole of a photo without a line break. A body has room for more than four of them.
    app.config.update(MAX_CONTENT_LENGTH=max_body_bytes, MAX_FORM_MEMORY_SIZE=max(max_body_bytes // 4, 1_000_000))
    app.extensions["presente"] = service_handle
    app.extensions["presente.api_keys"] = access.keys
    app.url_map.converters["int"] = _Number
    app.url_map.merge_slashes = False  # else the answer to // is the address again
    for blueprint in (status.bp, identify.bp, students.bp, attendance.bp, participations.bp, legacy.bp, access_log.bp):
        app.register_blueprint(blueprint)
    errors.install(app)

    failures = authentication.Failures()
    counts = request_limits or limits.open_limits(None, None, "memory", has_keys=False)

    @app.before_request
    def begin() -> Response | None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        g.started = time.perf_counter()
        if not access.keys:  # without keys, a client must be on this machine
            cors.check_host(request)
        cors.check_origin(request, access.origins)
        if (answer := cors.preflight(request)) is not None:
            return answer
        needed = permission_needed(app, request.endpoint)
        try:
            g.caller = authentication.check(request, needed, access.keys, failures)
        finally:  # who is refused is counted, too
            limits.check(request, counts, g.get("caller", NO_ONE))
        body_sizes.check(request, body_sizes.of(app, request.endpoint), max_body_bytes)
        return None

    @app.after_request
    def end(response: Response) -> Response:
        response = record_request(app, service_handle, response)
        response.headers["X-Request-Id"] = g.request_id
        limits.tell(response)
        cors.allow_reading(response, request, access.origins)
        # Never the query string or a name: a log must not outlive a student's deletion.
        strangers = g.get("caller", NO_ONE).role is AccessRole.NONE or response.status_code in _REFUSED
        (sparingly if strangers else log).info(
            "%s %s %s %d %.1f ms",
            g.request_id,
            request.method,
            request.url_rule or "-",
            response.status_code,
            (time.perf_counter() - g.started) * 1000,
        )
        return response

    return app


def refusal(app: Flask, environ: dict[str, Any], length: int) -> Response | None:
    """The answer to a request that its head alone decides, before its body of ``length`` bytes is read.

    None when the body may be read. A small body with a known key is always read: such a client may take a thread, and
    is refused there.
    """
    if length <= _SMALL_BYTES and authentication.is_known(environ, app.extensions["presente.api_keys"]):
        return None
    with app.request_context(environ):
        try:
            answer = app.preprocess_request()
        except Exception as error:  # noqa: BLE001  # answered as every error of a route
            answer = app.handle_user_exception(error)
        return None if answer is None else app.process_response(app.make_response(answer))


def refusal_of(app: Flask, environ: dict[str, Any], error: PresenteError) -> Response:
    """The answer to a request that was stopped by an error before the application saw it."""
    with app.request_context(environ):
        g.request_id, g.started = uuid.uuid4().hex, time.perf_counter()
        return app.process_response(app.make_response(app.handle_user_exception(error)))
