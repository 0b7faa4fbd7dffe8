"""``/livez``, ``/readyz`` and ``/v1/status``."""

from __future__ import annotations

from flask import Blueprint

from server.access.permissions import Permission, needs
from server.error_codes import GALLERY
from server.responses.status import LiveReply, NotReadyReply, ReadyReply, StatusReply, ready_reply, status_reply
from server.routes.common import service, service_handle
from server.typed_routes import answers

bp = Blueprint("status", __name__)


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
    """Counts, pack, index, thresholds."""
    found = service()
    return status_reply(found.gallery.status(), found.clock, found.liveness, found.unknown_faces is not None)
