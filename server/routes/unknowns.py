"""``/v1/unknowns``: people who were seen and are not enrolled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, g, request

from gallery.documents.access_log import AccessAction
from gallery.documents.erasure_list import Cause
from server.access.permissions import Permission, needs
from server.access_log.concerned import enrolled, whether_asked
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import ENROLMENT, GALLERY, KEYED, PORTRAIT, SCOPED, WRITES
from server.idempotency import KeyedRequest
from server.operations import unknown_naming, unknown_people
from server.requests.photos import NoFields, SentPhotos
from server.requests.students import EnrolmentParameters, ErasureParameters
from server.requests.unknowns import (
    UnknownChanges,
    UnknownEnrolmentFields,
    UnknownJoinFields,
    UnknownListParameters,
    UnknownMergeFields,
    UnknownParameters,
    UnknownSplitFields,
)
from server.responses.unknowns import (
    ForgottenReply,
    NamedPersonReply,
    UnknownCardJson,
    UnknownListReply,
    UnknownPersonReply,
    forgotten_reply,
    named_person_reply,
    unknown_card_json,
    unknown_list_reply,
    unknown_person_reply,
)
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("unknowns", __name__, url_prefix="/v1/unknowns")

_ONE = GALLERY | SCOPED | {"unknown_person_not_found", "unknowns_off"}
_ERASED = _ONE | {"erasure_incomplete", "erasure_list_unwritable"}
_NAMED = (ENROLMENT - PORTRAIT) | KEYED | WRITES | _ERASED | {"face_not_found"}


def _person(asked: Mapping[str, Any], _: Any) -> str:
    """The card that the path names."""
    return f"unknown={asked['number']}"


def _face(asked: Mapping[str, Any], _: Any) -> str:
    return f"unknown={asked['number']} face={asked['face']}"


def _named(asked: Mapping[str, Any], reply: NamedPersonReply) -> str:
    return f"{_person(asked, reply)} photos={reply.photos}"


def _resembled(_: Mapping[str, Any], reply: UnknownListReply | UnknownPersonReply) -> Iterable[str]:
    """The students whom unknown people are said to resemble."""
    cards = reply.unknowns if isinstance(reply, UnknownListReply) else [reply.unknown]
    return [student.matricula for card in cards for student in card.resembles]


@bp.get("")
@needs(Permission.SEE_UNKNOWN)
@answers(UnknownListReply, refuses=GALLERY | SCOPED | {"invalid_cursor", "unknowns_off"})
@logged(
    AccessAction.READ,
    about=_resembled,
    detail=lambda asked, reply: f"{asked['parameters'].state} unknown people={len(reply.unknowns)}",
)
def listing(parameters: UnknownListParameters) -> UnknownListReply:
    """People who were seen and are not enrolled, a page at a time."""
    return unknown_list_reply(unknown_people.unknowns_page(service(), parameters), parameters)


@bp.get("/<int:number>")
@needs(Permission.SEE_UNKNOWN)
@answers(UnknownPersonReply, refuses=_ONE | {"invalid_cursor"})
@logged(AccessAction.READ, about=_resembled, detail=_person)
def read(number: int, parameters: UnknownParameters) -> UnknownPersonReply:
    """One of them, with a page of the faces."""
    return unknown_person_reply(unknown_people.unknown_person(service(), number, parameters), parameters)


@bp.get("/<int:number>/faces/<int:face>/picture")
@needs(Permission.SEE_UNKNOWN)
@answers({200: bytes}, streams="image/jpeg", refuses=_ONE | {"face_not_found"})
@logged(AccessAction.READ, detail=_face, of_stream=AccessAction.READ)
def picture(number: int, face: int) -> Response:
    """The picture of a face: the face, and what was around it."""
    made = Response(unknown_people.face_picture(service(), number, face), mimetype="image/jpeg")
    made.headers["Cache-Control"] = "private, no-store"  # no copy outlives an erasure
    made.headers["X-Content-Type-Options"] = "nosniff"
    return made


@bp.post("/<int:number>/enrol")
@needs(Permission.ENROL)
@answers(
    {201: NamedPersonReply},
    refuses=_NAMED | {"student_exists"},
    headers={"Location": "The address of the student."},
)
@logged(AccessAction.ENROLLED, about=enrolled, detail=_named)
def enrol(
    number: int, parameters: EnrolmentParameters, body: UnknownEnrolmentFields
) -> tuple[NamedPersonReply, dict[str, str]]:
    """Enrol an unknown person as a new student: the pictures become the photos."""
    named = unknown_naming.enrol(KeyedRequest.of(request), service(), number, body, parameters.force)
    location = f"/v1/students/{quote(named.student.student.matricula, safe='')}"
    return named_person_reply(g.request_id, named), {"Location": location}


@bp.post("/<int:number>/merge")
@needs(Permission.ENROL)
@answers(NamedPersonReply, refuses=_NAMED | {"student_not_found"})
@logged(AccessAction.PHOTOS_ADDED, about=enrolled, detail=_named)
def merge(number: int, parameters: EnrolmentParameters, body: UnknownMergeFields) -> NamedPersonReply:
    """Give the pictures of an unknown person to a student, whom they show."""
    named = unknown_naming.merge(KeyedRequest.of(request), service(), number, body, parameters.force)
    return named_person_reply(g.request_id, named)


@bp.post("/<int:number>/join")
@needs(Permission.MANAGE)
@answers(UnknownCardJson, refuses=_ONE | {"invalid_field", "same_unknown_person"})
@logged(
    AccessAction.UNKNOWN_CHANGED, detail=lambda asked, reply: f"{_person(asked, reply)} joined={asked['body'].other}"
)
def join(number: int, body: UnknownJoinFields) -> UnknownCardJson:
    """Make one card of two that show the same person."""
    return unknown_card_json(unknown_people.join(service(), number, body.other))


@bp.post("/<int:number>/split")
@needs(Permission.MANAGE)
@answers({201: UnknownCardJson}, refuses=_ONE | {"face_not_found", "invalid_faces"})
@logged(AccessAction.UNKNOWN_CHANGED, detail=lambda asked, reply: f"{_person(asked, reply)} split={reply.id}")
def split(number: int, body: UnknownSplitFields) -> UnknownCardJson:
    """Move faces that show another person to a card of their own, which is answered."""
    return unknown_card_json(unknown_people.split(service(), number, body.faces))


@bp.patch("/<int:number>")
@needs(Permission.MANAGE)
@answers(UnknownCardJson, refuses=_ONE)
@logged(AccessAction.UNKNOWN_CHANGED, detail=lambda asked, reply: f"{_person(asked, reply)} state={reply.state}")
def change(number: int, body: UnknownChanges) -> UnknownCardJson:
    """Say that a card is no one of the school, or that it is a card again; note a remark."""
    return unknown_card_json(unknown_people.change(service(), number, body))


@bp.delete("/<int:number>")
@needs(Permission.MANAGE)
@answers({204: None}, refuses=_ERASED)
@logged(
    AccessAction.UNKNOWN_ERASED,
    detail=lambda asked, reply: f"{_person(asked, reply)} {whether_asked(asked, reply)}".strip(),
)
def forget(number: int, parameters: ErasureParameters) -> None:
    """Erase an unknown person with all faces."""
    unknown_people.forget(service(), number, Cause(parameters.asked))


@bp.delete("/<int:number>/faces/<int:face>")
@needs(Permission.MANAGE)
@answers({204: None}, refuses=_ERASED | {"face_not_found"})
@logged(
    AccessAction.UNKNOWN_ERASED,
    detail=lambda asked, reply: f"{_face(asked, reply)} {whether_asked(asked, reply)}".strip(),
)
def forget_face(number: int, face: int, parameters: ErasureParameters) -> None:
    """Erase a face of an unknown person; with the last one the card goes."""
    unknown_people.forget_face(service(), number, face, Cause(parameters.asked))


@bp.post("/forget")
@needs(Permission.MANAGE)
@takes(PHOTOS)
@answers(
    ForgottenReply,
    refuses=GALLERY | SCOPED | PORTRAIT | {"erasure_incomplete", "erasure_list_unwritable", "one_photo_needed"},
)
@logged(AccessAction.UNKNOWN_ERASED, detail=lambda _, reply: f"by photo faces={reply.faces} asked")
def forget_by_photo(body: SentPhotos[NoFields]) -> ForgottenReply:
    """Erase what is kept of the person whom a photo shows, who asks for it; also where no one is kept any more."""
    return forgotten_reply(g.request_id, unknown_people.forget_by_photo(service(), body.one()))
