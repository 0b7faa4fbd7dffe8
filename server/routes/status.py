"""``/livez``, ``/readyz``, ``/v1/status``, and the page at ``/``."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, jsonify, send_from_directory

from presente.api_keys import AccessRole
from server.auth import needs
from server.readiness import READY
from server.responses.gallery_json import status_json
from server.routes.common import holder, service

bp = Blueprint("status", __name__)
_PAGE = Path(__file__).resolve().parent.parent / "page"


@bp.get("/livez")
@needs(AccessRole.OPEN)
def live() -> Response:
    """The process answers."""
    return jsonify(status="alive")


@bp.get("/readyz")
@needs(AccessRole.OPEN)
def ready() -> tuple[Response, int]:
    """200 while queries are answered; else what keeps them from it."""
    found = holder().ready()
    return jsonify(found.as_dict()), 200 if found == READY else 503


@bp.get("/v1/status")
@needs(AccessRole.ATTENDANCE)
def status() -> Response:
    """Counts, pack, index, threshold."""
    return jsonify(status_json(service().gallery.status(), service().clock))


@bp.get("/")
@needs(AccessRole.OPEN)
def page() -> Response:
    """What is running, and a form to try a photo."""
    return send_from_directory(_PAGE, "index.html")


@bp.get("/page/<path:name>")
@needs(AccessRole.OPEN)
def asset(name: str) -> Response:
    """The page's style and script."""
    return send_from_directory(_PAGE, name)
