"""``/v1/students/<matricula>/negatives``: "not this person", and taking that back."""

from __future__ import annotations

from flask import Blueprint

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_path
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import GALLERY, SCOPED
from server.operations.negatives import negatives_of, say_not_this_person, take_back_negative
from server.requests.negatives import NegativeParameters
from server.requests.photos import NoFields, SentPhotos
from server.responses.negatives import (
    NegativeListReply,
    SaidNegativeReply,
    negative_list_reply,
    said_negative_reply,
)
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("negatives", __name__, url_prefix="/v1/students/<matricula>/negatives")


@bp.post("")
@needs(Permission.RECORD)
@takes(PHOTOS)
@answers(
    {201: SaidNegativeReply},
    refuses=GALLERY | SCOPED | {"face_not_found", "one_photo_needed", "photo_is_enrolled", "student_not_found"},
)
@logged(AccessAction.TOLD_APART, about=in_path)
def say(matricula: str, parameters: NegativeParameters, body: SentPhotos[NoFields]) -> SaidNegativeReply:
    """A person says that a face of a photo is not this student: faces like it are not taken for the student again."""
    return said_negative_reply(say_not_this_person(service(), matricula, body.one(), parameters))


@bp.get("")
@needs(Permission.RECORD)
@answers(NegativeListReply, refuses=GALLERY | SCOPED | {"student_not_found"})
@logged(AccessAction.READ, about=in_path, detail=lambda _, reply: f"negatives={len(reply.negatives)}")
def listing(matricula: str) -> NegativeListReply:
    """The faces of which a person said that they are not this student."""
    return negative_list_reply(*negatives_of(service(), matricula))


@bp.delete("/<int:number>")
@needs(Permission.RECORD)
@answers({204: None}, refuses=GALLERY | SCOPED | {"negative_not_found", "student_not_found"})
@logged(AccessAction.TOLD_APART, about=in_path, detail=lambda _, __: "taken back")
def take_back(matricula: str, number: int) -> None:
    """Take back that a face is not this student."""
    take_back_negative(service(), matricula, number)
