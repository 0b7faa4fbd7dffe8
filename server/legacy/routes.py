"""``/upload``, ``/get-students``, ``/save_all_images``: what the first React page calls, as it calls it."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_fields
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import ENROLMENT, GALLERY, KEYED, PHOTO, WRITES
from server.idempotency import KeyedRequest
from server.legacy.requests import UploadedStudent
from server.legacy.responses import (
    SavedReply,
    StudentDocument,
    UploadReply,
    legacy_problem,
    saved_reply,
    student_document,
)
from server.operations import enrol_once
from server.responses.problem import Problem
from server.responses.streaming import json_list, streamed
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("first_page", __name__)


@bp.post("/upload")
@needs(Permission.MANAGE)
@takes(PHOTOS)
@answers(UploadReply, refuses=GALLERY | ENROLMENT | KEYED | WRITES | PHOTO)
@logged(AccessAction.ENROLLED, about=in_fields)
def upload(body: UploadedStudent) -> UploadReply:
    """Enrol a student, or add a photo to one; identifiable when the reply arrives."""
    enrol_once.enrol(KeyedRequest.of(request), service(), body.fields, body.photos, "put")
    return UploadReply()


@bp.get("/get-students")
@needs(Permission.READ)
@answers(list[StudentDocument], streams="application/json", refuses=GALLERY)
@logged(AccessAction.READ)
def get_students() -> Response:
    """All student documents."""
    return streamed(json_list(map(student_document, service().everyone())), "application/json")


@bp.post("/save_all_images")
@needs(Permission.MANAGE)
@answers(SavedReply, refuses=GALLERY | {"export_unwritable"})
@logged(AccessAction.EXPORTED)
def save_all_images() -> SavedReply:
    """Write every stored photo into the export folder: the setting's, whatever the request says."""
    return saved_reply(service().save_photos())


@bp.after_request
def tell(response: Response) -> Response:
    """Say what is wrong also where that page looks for it."""
    if response.mimetype == "application/problem+json":
        problem = msgspec.json.decode(response.get_data(), type=Problem)
        response.set_data(msgspec.json.encode(legacy_problem(problem)))
    return response
