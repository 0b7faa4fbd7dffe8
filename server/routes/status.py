"""``/livez``, ``/readyz``, ``/v1/status``, and the page at ``/``."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from presente.installation import SAMPLE
from server.access.permissions import Permission, needs
from server.error_codes import GALLERY
from server.responses.status import LiveReply, NotReadyReply, ReadyReply, StatusReply, ready_reply, status_reply
from server.routes.common import service, service_handle
from server.typed_routes import answers

bp = Blueprint("status", __name__)
_PAGE = Path(__file__).resolve().parent.parent / "page"


@bp.get("/livez")
@needs(Permission.OPEN)
@answers(LiveReply)
def live() -> LiveReply:
    """The process answers."""
    return LiveReply()


@bp.get("/readyz")
@needs(Permission.OPEN)
@answers({200: ReadyReply, 503: NotReadyReply})
def ready() -> ReadyReply | NotReadyReply:
    """200 while queries are answered; else what keeps them from it."""
    return ready_reply(service_handle().ready())


@bp.get("/v1/status")
@needs(Permission.STATUS)
@answers(StatusReply, refuses=GALLERY)
def status() -> StatusReply:
    """Counts, pack, index, threshold."""
    return status_reply(service().gallery.status(), service().clock)


@bp.get("/")
@needs(Permission.OPEN)
def page() -> Response:
    """What is running, and a form to try a photo."""
    return send_from_directory(_PAGE, "index.html")


@bp.get("/page/<path:name>")
@needs(Permission.OPEN)
def asset(name: str) -> Response:
    """The page's style and script; below ``sample/`` the drawn photos that it offers to try."""
    sample = name.startswith("sample/")
    return send_from_directory(SAMPLE / "groups" if sample else _PAGE, name.removeprefix("sample/") if sample else name)
