"""``/v1/participations``: who took part."""

from __future__ import annotations

from flask import Blueprint, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_parameters, in_reply, of_participation, which_list
from server.access_log.declaration import logged
from server.error_codes import GALLERY, KEYED, SCOPED
from server.idempotency import KeyedRequest
from server.operations.participations import participation_page, record_participation
from server.requests.attendance import ParticipationListParameters, ParticipationStatement, entry_filter
from server.requests.cursors import number_place
from server.requests.json_body import json_value
from server.responses.participations import (
    ParticipationJson,
    ParticipationListReply,
    participation_json,
    participation_list_reply,
)
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("participations", __name__, url_prefix="/v1/participations")


@bp.post("")
@needs(Permission.RECORD)
@answers({201: ParticipationJson}, refuses=GALLERY | SCOPED | KEYED | {"student_not_found"})
@logged(AccessAction.PARTICIPATION_RECORDED, about=in_reply)
def record(body: ParticipationStatement) -> ParticipationJson:
    """A student took part in class."""
    return participation_json(*record_participation(KeyedRequest.of(request), service(), json_value(request), body))


@bp.get("")
@needs(Permission.READ)
@answers(ParticipationListReply, refuses=GALLERY | SCOPED | {"class_not_found", "invalid_cursor", "student_not_found"})
@logged(AccessAction.READ, about=in_parameters, detail=which_list)
def listing(parameters: ParticipationListParameters) -> ParticipationListReply:
    """The participations that count."""
    which, after = entry_filter(parameters, service().gallery), number_place(parameters)
    found = participation_page(service(), which, parameters.history, after, parameters.limit)
    return participation_list_reply(found, parameters)


@bp.delete("/<int:number>")
@needs(Permission.RECORD)
@answers({204: None}, refuses=GALLERY | SCOPED | {"entry_not_found"})
@logged(AccessAction.PARTICIPATION_WITHDRAWN, about=of_participation)
def withdraw(number: int) -> None:
    """A person says that a participation does not count."""
    service().attendance_log.withdraw(number, "")
