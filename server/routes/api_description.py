"""``/openapi.json``: the description of the API; ``/docs``: a page that shows it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, send_from_directory
from werkzeug.exceptions import NotFound

from server.access.permissions import Permission, needs
from server.openapi.document import describe
from server.typed_routes import answers

bp = Blueprint("api_description", __name__)
_PAGE = Path(__file__).resolve().parent.parent / "docs_page"
_SWAGGER = {"swagger-ui.css": "css", "swagger-ui-bundle.js": "js"}
"""The files of Swagger UI that the page needs, and the folders of the wheel in which they are."""
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Swagger UI sets styles of elements; every other rule is that of all pages."""


@bp.get("/openapi.json")
@needs(Permission.OPEN)
@answers(dict[str, Any], streams="application/json")
def document() -> Response:
    """This description."""
    described: bytes | None = current_app.extensions.get("presente.openapi")
    if described is None:  # made once, when it is first asked for
        described = msgspec.json.encode(describe(current_app))
        current_app.extensions["presente.openapi"] = described
    return Response(described, content_type="application/json")


@bp.get("/docs")
@needs(Permission.OPEN)
def page() -> Response:
    """The description as a page, on which requests can be tried."""
    return _with_policy(send_from_directory(_PAGE, "index.html"))


@bp.get("/docs/<name>")
@needs(Permission.OPEN)
def asset(name: str) -> Response:
    """The page's files; Swagger UI's come from its wheel."""
    folder = _swagger() / _SWAGGER[name] if name in _SWAGGER else _PAGE
    return send_from_directory(folder, name, max_age=None)


@cache
def _swagger() -> Path:
    """Where the wheel of Swagger UI's files is. Its own module is not imported: it would ask for a framework."""
    found = find_spec("flask_openapi3_swagger")
    if found is None or found.origin is None:
        raise NotFound("Swagger UI is not installed here: pip install flask-openapi3-swagger --no-deps.")
    return Path(found.origin).parent / "templates" / "swagger"


def _with_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    return response
