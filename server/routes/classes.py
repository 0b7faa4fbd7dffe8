"""``/v1/classes``: classes and their timetables."""

from __future__ import annotations

from flask import Blueprint

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.declaration import logged
from server.error_codes import GALLERY, SCOPED
from server.operations.classes import classes_page, put_timetable
from server.requests.sessions import ClassListParameters, TimetableFields
from server.responses.sessions import ClassJson, ClassListReply, class_json, class_list_reply
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("classes", __name__, url_prefix="/v1/classes")


@bp.get("")
@needs(Permission.READ)
@answers(ClassListReply, refuses=GALLERY | {"invalid_cursor"})
@logged(AccessAction.READ)
def listing(parameters: ClassListParameters) -> ClassListReply:
    """The classes that the caller may see, in order of name."""
    return class_list_reply(classes_page(service(), parameters), parameters)


@bp.put("/<path:clase>/timetable")
@needs(Permission.RECORD)
@answers(ClassJson, refuses=GALLERY | SCOPED)
@logged(AccessAction.TIMETABLE_CHANGED)
def timetable(clase: str, body: TimetableFields) -> ClassJson:
    """Replace the timetable of a class; new sessions take their times from it."""
    return class_json(put_timetable(service(), clase, body.meetings))
