"""Errors as RFC 9457 problem details. The one table that decides an error's HTTP status is here."""

from __future__ import annotations

import logging

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from presente.errors import (
    Busy,
    ConfigError,
    Conflict,
    Forbidden,
    IndexDamaged,
    InvalidInput,
    NotFound,
    PackError,
    PhotoRefused,
    PresenteError,
    StoreError,
    Unauthorized,
)

log = logging.getLogger(__name__)

_BY_CODE = {
    "too_many_bytes": 413,
    "unsupported_format": 415,
    "unsupported_media_type": 415,
    "not_an_image": 415,
    "length_required": 411,
    "empty_image": 400,
    "index_unwritable": 507,
    "export_unwritable": 507,
}
_BY_CLASS: tuple[tuple[type[PresenteError], int], ...] = (
    (PhotoRefused, 422),
    (InvalidInput, 400),
    (NotFound, 404),
    (Unauthorized, 401),
    (Forbidden, 403),
    (Conflict, 409),
    (Busy, 503),
    (StoreError, 503),
    (PackError, 503),
    (IndexDamaged, 503),
    (ConfigError, 500),
)


def status_of(error: PresenteError) -> int:
    """The HTTP status that an error becomes."""
    by_class = next((status for kind, status in _BY_CLASS if isinstance(error, kind)), 500)
    return _BY_CODE.get(error.code, by_class)


def problem(status: int, code: str, detail: str) -> Response:
    """A problem+json response: a stable ``code``, what was wrong with this request and what to do, the request's id."""
    response = jsonify(
        {
            "type": "about:blank",
            "title": code.replace("_", " ").capitalize(),
            "status": status,
            "detail": detail,
            "code": code,
            "request_id": g.request_id,
        }
    )
    response.status_code = status
    response.content_type = "application/problem+json"
    if status == 503:
        response.headers["Retry-After"] = "1"
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in (401, 403, 411, 413) and (request.content_length or "Transfer-Encoding" in request.headers):
        response.headers["Connection"] = "close"  # the rest of the body is never read
    return response


def install(app: Flask) -> None:
    """Answer every error of an app as a problem."""

    @app.errorhandler(PresenteError)
    def presente_error(error: PresenteError) -> Response:
        status = status_of(error)
        if isinstance(error, Busy):  # the access line says it: no trace per request of whoever sends too many
            return problem(status, error.code, str(error))
        if status >= 500:
            log.error("%s %s", g.request_id, error, exc_info=error)
        return problem(status, error.code, str(error))

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
        log.error("%s unexpected", g.request_id, exc_info=error)
        return problem(
            500,
            "internal_error",
            "Something failed that should not. Report it with the request_id; the server's log has the details.",
        )
