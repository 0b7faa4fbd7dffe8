"""Errors to RFC 9457 problem details. The status of an error is that of its code, else that of its class."""

from __future__ import annotations

import logging
import uuid
from http import HTTPStatus

import msgspec
from flask import Flask, Response, current_app, g, has_app_context
from werkzeug.exceptions import HTTPException

from presente.errors import (
    Busy,
    ConfigError,
    Conflict,
    FilmRefused,
    Forbidden,
    IndexDamaged,
    InvalidInput,
    NotFound,
    NotSupported,
    PackError,
    PhotoRefused,
    PresenteError,
    StoreError,
    Unauthorized,
    without_folders,
)
from server.error_codes import STATUS_OF
from server.responses.problem import Problem, problem_of

log = logging.getLogger(__name__)

_BY_CLASS: tuple[tuple[type[PresenteError], int], ...] = (
    (PhotoRefused, 422),
    (FilmRefused, 422),
    (InvalidInput, 400),
    (NotFound, 404),
    (Unauthorized, 401),
    (Forbidden, 403),
    (Conflict, 409),
    (Busy, 503),
    (NotSupported, 501),
    (StoreError, 503),
    (PackError, 503),
    (IndexDamaged, 503),
    (ConfigError, 500),
)
_EXPECTED = frozenset({"not_ready", "request_in_progress", "shards_missing", "video_not_supported"})
"""Codes of 500 and above that are no fault: the server is loading, another attempt is carried out, or something is not
built. The access log has them."""

_RETRY_AFTER_S = {429: "5", 503: "1"}


def status_of(error: PresenteError) -> int:
    """The HTTP status that an error becomes."""
    by_class = next((status for kind, status in _BY_CLASS if isinstance(error, kind)), 500)
    return STATUS_OF.get(error.code, by_class)


def problem_of_error(error: PresenteError, request_id: str) -> Problem:
    """The problem of an error, of a request or of one of its photos. A fault of the server's own is logged."""
    status = status_of(error)
    if status >= 500 and not isinstance(error, Busy) and error.code not in _EXPECTED and not _cut_off(request_id):
        # Where a pack does not match or a disk is full, the line says it all, and every request gets it.
        says_all = isinstance(error, PackError) or error.code == "no_room_for_film"
        log.error("%s %s", request_id, error, exc_info=None if says_all else error)
    detail = str(error) if status < 500 else without_folders(str(error))
    faults = error.faults if isinstance(error, PhotoRefused) else ()
    return problem_of(status, error.code, detail, request_id, error.field, faults)


def _cut_off(request_id: str) -> bool:
    """Whether the server has stopped under a request, which then fails for that; it is told in a line."""
    stopped = has_app_context() and current_app.extensions["presente"].stopped
    if stopped:
        log.info("%s cut off: the server stops", request_id)
    return bool(stopped)


def problem_bytes(status: int, code: str, detail: str) -> bytes:
    """A whole HTTP/1.1 response, for connections without a request to answer; the connection ends with it."""
    request_id = uuid.uuid4().hex
    body = msgspec.json.encode(problem_of(status, code, detail, request_id))
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        f"X-Request-Id: {request_id}",
        "Cache-Control: no-store",
        *([f"Retry-After: {_RETRY_AFTER_S[status]}"] if status in _RETRY_AFTER_S else []),
        "Connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def problem(status: int, code: str, detail: str, field: str = "") -> Response:
    """A problem as the response to the request that is being answered."""
    return _response(problem_of(status, code, detail, g.request_id, field))


def _response(found: Problem) -> Response:
    g.problem_code = found.code
    response = Response(msgspec.json.encode(found) + b"\n", found.status, content_type="application/problem+json")
    if found.status in _RETRY_AFTER_S:
        response.headers["Retry-After"] = _RETRY_AFTER_S[found.status]
    if found.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def install(app: Flask) -> None:
    """Answer every error of an app as a problem."""

    @app.errorhandler(PresenteError)
    def presente_error(error: PresenteError) -> Response:
        response = _response(problem_of_error(error, g.request_id))
        if isinstance(error, Busy) and error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        code = {413: "too_many_bytes"}.get(error.code or 500, error.name.lower().replace(" ", "_"))
        response = problem(error.code or 500, code, error.description or error.name)
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        if _cut_off(g.request_id):
            return problem(503, "not_ready", "The server stops, and had no time for this request. Ask again later.")
        log.error("%s unexpected", g.request_id, exc_info=error)
        return problem(
            500,
            "internal_error",
            "Something failed that should not. Report it with the request_id; the server's log has the details.",
        )
