"""``/v1/students/<matricula>/images`` and ``/v1/photos/check``: stored photos, and advice before one is taken."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from gallery.documents.access_log import AccessAction
from gallery.documents.erasure_list import Cause
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_path, moved, whether_asked
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import ERASES, GALLERY, PHOTO, SCOPED
from server.operations.student_photos import checked_photo, described_photos, picture
from server.requests.jobs import MovePhotoFields
from server.requests.photos import NoFields, SentPhotos
from server.requests.student_photos import PhotoCheckParameters, PictureParameters
from server.requests.students import ErasureParameters
from server.responses.privacy import RECEIPT_HEADER, with_receipt
from server.responses.student_photos import (
    PhotoCheckReply,
    StudentPhotosReply,
    photo_check_reply,
    student_photos_reply,
)
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("student_photos", __name__, url_prefix="/v1")
_JPEG = "image/jpeg"


@bp.get("/students/<matricula>/images")
@needs(Permission.SEE_PHOTOS)
@answers(StudentPhotosReply, refuses=GALLERY | SCOPED | {"student_not_found"})
@logged(AccessAction.READ, about=in_path, detail=lambda _, reply: f"photos={len(reply.photos)}")
def images(matricula: str) -> StudentPhotosReply:
    """The stored photos of a student, and how good each is."""
    return student_photos_reply(service().gallery.named(matricula), described_photos(service(), matricula))


@bp.get("/students/<matricula>/images/<image>")
@needs(Permission.SEE_PHOTOS)
@answers(
    {200: bytes, 304: None},
    streams=_JPEG,
    refuses=GALLERY | SCOPED | PHOTO | {"photo_not_found", "student_not_found"},
    headers={"ETag": "Of the picture: it is another one for another size."},
)
@logged(AccessAction.READ, about=in_path, detail=lambda _, __: "photo", of_stream=AccessAction.READ)
def image(matricula: str, image: str, parameters: PictureParameters) -> Response:
    """A stored photo as a JPEG, whole or small."""
    made = Response(picture(service(), matricula, image, parameters.size), mimetype=_JPEG)
    made.headers["Cache-Control"] = "private, no-store"  # no copy outlives an erasure
    made.headers["X-Content-Type-Options"] = "nosniff"
    made.set_etag(f"{image}-{parameters.size}")
    made.make_conditional(request)
    made.headers.pop("Date", None)  # the front says it of every reply
    return made


@bp.delete("/students/<matricula>/images/<image>")
@needs(Permission.MANAGE)
@answers(
    {204: None}, refuses=GALLERY | SCOPED | ERASES | {"photo_not_found", "student_not_found"}, headers=RECEIPT_HEADER
)
@logged(
    AccessAction.PHOTOS_ERASED, about=in_path, detail=lambda asked, _: f"photos=1 {whether_asked(asked, _)}".strip()
)
def erase_image(matricula: str, image: str, parameters: ErasureParameters) -> tuple[None, dict[str, str]]:
    """Erase a photo of a student, its template, and copies; the student stays."""
    receipt = service().erase_photo(matricula, image, Cause(parameters.asked))
    return None, with_receipt(receipt)


@bp.post("/students/<matricula>/images/<image>/move")
@needs(Permission.MANAGE)
@answers(
    {204: None},
    refuses=GALLERY | SCOPED | ERASES | {"consent_withdrawn", "photo_not_found", "same_student", "student_not_found"},
)
@logged(AccessAction.PHOTOS_MOVED, about=moved, detail=lambda _, __: "photos=1")
def move_image(matricula: str, image: str, body: MovePhotoFields) -> None:
    """Give a photo of a student, with its template, to another student, whom it shows."""
    service().move_photo(matricula, image, body.to)


@bp.post("/photos/check")
@needs(Permission.ADD_PHOTOS)
@takes(PHOTOS)
@answers(PhotoCheckReply, refuses=GALLERY | SCOPED | {"one_photo_needed", "own_photos_not_allowed"})
@logged(AccessAction.READ, detail=lambda _, __: "photo check")
def check(parameters: PhotoCheckParameters, body: SentPhotos[NoFields]) -> PhotoCheckReply:
    """What to tell a person before a photo is taken; nothing is stored, and no one is looked for."""
    return photo_check_reply(g.request_id, checked_photo(service(), body.one(), parameters))
