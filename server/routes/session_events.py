"""``/v1/sessions/ID/events``: what happens in a session, as it happens."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.concerned import of_session
from server.access_log.declaration import logged
from server.error_codes import GALLERY
from server.events.hub import EventHub
from server.routes.common import service
from server.typed_routes import answers

LISTENER = "presente.listener"
"""Where the environment of a request has who listens; the front goes on with the stream."""
bp = Blueprint("session_events", __name__, url_prefix="/v1/sessions")
_BEGIN = b"retry: 2000\n: what was before stands in GET /v1/sessions/ID\n\n"


@bp.get("/<int:number>/events")
@needs(Permission.READ)
@answers(str, streams="text/event-stream", refuses=GALLERY | {"session_not_found"})
@logged(AccessAction.READ, detail=of_session, of_stream=AccessAction.READ)
def events(number: int) -> Response:
    """Entries, participations, photos, films and changes of a session as server-sent events.

    The stream ends after two minutes, and is asked for again. It begins with what comes then.
    """
    hub: EventHub = current_app.extensions["presente.events"]
    caller = g.caller
    listener = hub.listener(
        service(), number, caller.name, caller.may(Permission.RECORD), names_callers=not caller.matricula
    )
    request.environ[LISTENER] = listener
    headers = {"Cache-Control": "private, no-store", "X-Accel-Buffering": "no"}
    return Response(iter([_BEGIN]), content_type="text/event-stream", headers=headers)
