"""The Flask application: routes, limits, request ids."""

from __future__ import annotations

import logging
import re
import time
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, current_app, g, request
from werkzeug.exceptions import MethodNotAllowed

from presente import logs
from presente.access_roles import AccessRole
from presente.errors import PresenteError
from presente.face_json import JsonObject
from presente.log_limits import rate_limited
from presente.stages import listen
from presente.struct_types import describe_types
from server import body_sizes, cors, errors, limits
from server.access.authentication import OPEN_TO_THIS_MACHINE, Authenticator
from server.access.authentication import Access as Access
from server.access.caller import NO_ONE
from server.access.login import LoginDesk
from server.access.permissions import goes_by_origin, permission_needed
from server.access.proxies import client_address
from server.access.register import AccessRegister
from server.access_log.recording import record_request
from server.events.hub import EventHub
from server.films.folder import FilmFolder
from server.legacy import files
from server.legacy import routes as legacy
from server.path_numbers import PathNumber
from server.requests.films import RECEIVED
from server.routes import access as access_routes
from server.routes import (
    access_log,
    api_description,
    attendance,
    classes,
    console,
    gallery_health,
    identify,
    imports,
    jobs,
    login,
    metrics,
    negatives,
    participations,
    privacy,
    receipts,
    session_events,
    sessions,
    statistics,
    status,
    student_photos,
    student_removal,
    students,
    unknowns,
)
from server.service import ServiceHandle
from server.shares import Shares
from server.telemetry import telemetry as observability
from server.telemetry.request_record import record_of
from server.telemetry.telemetry import Telemetry

log = logging.getLogger("presente.access")
sparingly = rate_limited(logging.getLogger("presente.access.strangers"))
"""For requests without a known key: a log of each would let strangers fill the disk."""

_SMALL_BYTES = 64 * 1024
_ENVELOPE_BYTES = 64 * 1024
"""Bytes of a form beside the film that it has."""
_REFUSED = frozenset({400, 401, 403, 408, 411, 413, 429})
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _Request(Request):
    """A request whose photos stay in memory, where its body is: a temporary file would leave them on the disk."""

    def _get_file_stream(self, *_: object, **__: object) -> BytesIO:
        return BytesIO()


def create_app(
    service_handle: ServiceHandle,
    max_body_bytes: int,
    access: Access = OPEN_TO_THIS_MACHINE,
    register: AccessRegister | None = None,
    telemetry: Telemetry | None = None,
    request_limits: limits.RequestLimits | None = None,
    first_page: Path | None = None,
    films: FilmFolder | None = None,
) -> Flask:
    """Build the application.

    Args:
        service_handle: gives the service once it is loaded.
        max_body_bytes: larger request bodies are refused with 413 before they are read.
        access: who may use it.
        register: knows the keys and accounts of the store, once it follows the store.
        telemetry: what is told of its requests; None: one of its own.
        request_limits: how often; None for without limits.
        first_page: the folder of the first system's page; None for none.
        films: where uploaded films lie; None: none can be uploaded.
    """
    telemetry = telemetry or Telemetry(service_handle)
    app = Flask("presente", static_folder=None)
    app.request_class = _Request
    # The form's limit holds for photos, too: the parser counts what it has read of a part and cannot hand on yet, which
    # is the whole of a photo without a line break. A body has room for more than four of them.
    app.config.update(MAX_CONTENT_LENGTH=max_body_bytes, MAX_FORM_MEMORY_SIZE=max(max_body_bytes // 4, 1_000_000))
    app.extensions["presente"] = service_handle
    app.extensions["presente.first_page"] = first_page and first_page.resolve()
    app.extensions["presente.films"] = films
    app.extensions["presente.events"] = EventHub()
    register = register or AccessRegister()
    authenticator = Authenticator(access, register)
    app.extensions["presente.authenticator"] = authenticator
    app.extensions["presente.shares"] = shares = Shares(access.proxies)
    request_counts = request_limits or limits.open_limits(None, None, "memory", has_keys=False)
    delays = request_counts.login_delays()
    app.extensions["presente.login_desk"] = LoginDesk(register, authenticator.sessions, delays)
    observability.install(app, telemetry)
    app.url_map.converters["int"] = PathNumber
    app.url_map.merge_slashes = False  # else the answer to // is the address again
    people = (students, imports, student_photos, student_removal, negatives, unknowns)
    meetings = (attendance, sessions, session_events, classes, participations, statistics)
    operators = (status, metrics, login, access_routes, access_log, jobs, gallery_health)
    for room in (console, api_description, *operators, identify, privacy, receipts, *people, *meetings, legacy, files):
        app.register_blueprint(room.bp)
    errors.install(app)
    describe_types(JsonObject)

    @app.before_request
    def begin() -> Response | None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        _begin_telling()
        try:
            if not access.protects:  # then a client must be on this machine
                cors.check_host(request)
            cors.check_origin(request, access.origins)
            if (answer := cors.preflight(request)) is not None:
                return answer
            needed = permission_needed(app, request.endpoint or _endpoint_of_another_method(request))
            g.caller, g.login = authenticator.check(request, needed, _comes_from_own_page(app))
        finally:  # who is refused is counted, too, and so is a browser that asks what its page may send
            if limits.counts(request):
                limits.check(request, request_counts, _who_counts(authenticator, request))
        shares.begin(request.environ, g.caller)
        most_on_disk = films.most_bytes + _ENVELOPE_BYTES if films else max_body_bytes
        body_sizes.check(request, body_sizes.of(app, request.endpoint), max_body_bytes, most_on_disk)
        return None

    @app.after_request
    def end(response: Response) -> Response:
        response = record_request(app, service_handle, response)
        response.headers["X-Request-Id"] = g.request_id
        limits.tell(response)
        cors.allow_reading(response, request, access.origins)
        _tell_of(response, telemetry)
        return response

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        if (film := request.environ.get(RECEIVED)) is not None:
            film.close()
        listen(None)
        logs.about_request(None)

    return app


def _comes_from_own_page(app: Flask) -> bool:
    """Whether the browser says that a page of this server sends the request, to a route for which that is enough."""
    return goes_by_origin(app, request.endpoint) and request.headers.get("Origin") in cors.own_origins(request)


def _who_counts(authenticator: Authenticator, request: Request) -> limits.Who:
    """Whom a request counts for: its caller; of a stranger the browser, if someone has logged in there, or the address.

    A server that asks for no key has one caller, but a page of another site is not it.
    """
    caller = g.get("caller", NO_ONE)
    if caller.role is AccessRole.NONE:
        caller = authenticator.counted_as(request)
    return limits.who(caller, authenticator.device(request), client_address(request, authenticator.access.proxies))


def _endpoint_of_another_method(request: Request) -> str | None:
    """The endpoint that a path has for another method: a caller who may use it is told which methods there are."""
    error = request.routing_exception
    if not isinstance(error, MethodNotAllowed) or not error.valid_methods:
        return None
    endpoint: str = current_app.create_url_adapter(request).match(method=next(iter(error.valid_methods)))[0]  # type: ignore[union-attr]
    return endpoint


def _begin_telling() -> None:
    """Let the log and the telemetry know which request it is that this thread answers."""
    listen(record_of(request.environ).tell)
    logs.about_request({"request_id": g.request_id, "method": request.method, "route": _route()})


def _tell_of(response: Response, telemetry: Telemetry) -> None:
    """Log, count and trace a request that has an answer."""
    # Never the path, the query string or a name: a log must not outlive a student's deletion.
    record, role, route = record_of(request.environ), g.get("caller", NO_ONE).role, _route()
    took_ms = (time.perf_counter() - record.begun) * 1000
    strangers = role is AccessRole.NONE or response.status_code in _REFUSED
    (sparingly if strangers else log).info(
        "%s %s %s %d %.1f ms",
        g.request_id,
        request.method,
        route or "-",
        response.status_code,
        took_ms,
        extra=logs.fields(status=response.status_code, duration_ms=round(took_ms, 1), role=str(role)),
    )
    telemetry.answered(
        record,
        request.method,
        route,
        response.status_code,
        str(role),
        dict(request.headers) if telemetry.tracing else {},
    )


def _route() -> str | None:
    """The rule of the route that takes the request, such as ``/v1/students/<matricula>``; None without one."""
    return None if request.url_rule is None else request.url_rule.rule


def takes_film(app: Flask, environ: dict[str, Any]) -> bool:
    """Whether the body of a request is a film, which is written to disk."""
    with app.request_context(environ):
        return body_sizes.of(app, request.endpoint).on_disk


def refusal(app: Flask, environ: dict[str, Any], length: int) -> Response | None:
    """The answer to a request that its head alone decides, before its body of ``length`` bytes is read.

    None when the body may be read. A small body with a known key is always read: such a client may take a thread, and
    is refused there.
    """
    if length <= _SMALL_BYTES and app.extensions["presente.authenticator"].is_known(environ):
        return None
    with app.request_context(environ):
        try:
            answer = app.preprocess_request()
        except Exception as error:  # noqa: BLE001  # answered as every error of a route
            answer = app.handle_user_exception(error)
        return None if answer is None else app.process_response(app.make_response(answer))


def asks_store(app: Flask, environ: dict[str, Any], length: int) -> bool:
    """Whether :func:`refusal` asks the store, for which the event loop must not wait. That of a film always does."""
    return length > _SMALL_BYTES and bool(app.extensions["presente.authenticator"].asks_store(environ))


def refusal_of(app: Flask, environ: dict[str, Any], error: PresenteError) -> Response:
    """The answer to a request that was stopped by an error before the application saw it."""
    with app.request_context(environ):
        g.request_id = uuid.uuid4().hex
        _begin_telling()
        return app.process_response(app.make_response(app.handle_user_exception(error)))
