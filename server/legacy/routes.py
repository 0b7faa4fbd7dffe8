"""``/upload``, ``/get-students``, ``/save_all_images``: what the first system's page calls, as it calls it."""

from __future__ import annotations

from flask import Response, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, accepts_own_page, needs
from server.access_log.concerned import in_fields
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import ENROLMENT, GALLERY, KEYED, PHOTO, WRITES
from server.idempotency import KeyedRequest
from server.legacy import charts, login, videos
from server.legacy.blueprint import bp as bp
from server.legacy.requests import UploadedStudent
from server.legacy.responses import (
    SavedReply,
    StudentDocument,
    UploadReply,
    saved_reply,
    student_document,
)
from server.operations import enrol_once
from server.responses.streaming import json_list, streamed
from server.routes.common import service
from server.typed_routes import answers

OTHERS = (charts, login, videos)
"""The modules whose routes are declared beside these."""


@bp.post("/upload")
@needs(Permission.MANAGE)
@accepts_own_page
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
@accepts_own_page
@answers(SavedReply, refuses=GALLERY | {"export_unwritable"})
@logged(AccessAction.EXPORTED)
def save_all_images() -> SavedReply:
    """Write every stored photo into the export folder: the setting's, whatever the request says."""
    return saved_reply(service().save_photos())
