"""``/v1/students``: enrol, read, list, change, delete."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from flask import Blueprint, Response, g, request

from gallery.documents.access_log import AccessAction
from gallery.documents.erasure_list import Cause
from server.access.permissions import Permission, needs
from server.access_log.concerned import enrolled, in_path, in_reply, lookalikes_named, whether_asked, which_list
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import ENROLMENT, ERASES, GALLERY, KEYED, SCOPED, WRITES
from server.idempotency import KeyedRequest
from server.operations import enrol_once
from server.operations.personal_data import archive, personal_data
from server.operations.student_lists import students_page
from server.requests.photos import NoFields, SentPhotos
from server.requests.students import (
    EnrolmentFields,
    EnrolmentParameters,
    ErasureParameters,
    PersonalDataParameters,
    StudentChanges,
    StudentListParameters,
    changed_student,
)
from server.responses.personal_data import PersonalDataReply, personal_data_reply
from server.responses.privacy import RECEIPT_HEADER, WithdrawalReply, with_receipt, withdrawal_reply
from server.responses.streaming import streamed
from server.responses.students import (
    EnrolmentReply,
    LookalikesReply,
    StudentJson,
    StudentListReply,
    enrolment_reply,
    lookalikes_reply,
    student_json,
    student_list_reply,
)
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("students", __name__, url_prefix="/v1/students")


@bp.post("")
@needs(Permission.ENROL)
@takes(PHOTOS)
@answers(
    {201: EnrolmentReply},
    refuses=GALLERY | SCOPED | ENROLMENT | KEYED | WRITES | {"student_exists"},
    headers={"Location": "The address of the student."},
)
@logged(AccessAction.ENROLLED, about=enrolled)
def enrol(parameters: EnrolmentParameters, body: SentPhotos[EnrolmentFields]) -> tuple[EnrolmentReply, dict[str, str]]:
    """A new student with one photo or more; searchable when the reply arrives."""
    sent = KeyedRequest.of(request)
    accepted = enrol_once.enrol(sent, service(), body.fields, body.photos, "create", parameters.force)
    location = f"/v1/students/{quote(accepted.student.student.matricula, safe='')}"
    return enrolment_reply(g.request_id, accepted), {"Location": location}


@bp.post("/<matricula>/images")
@needs(Permission.ADD_PHOTOS)
@takes(PHOTOS)
@answers(
    {201: EnrolmentReply},
    refuses=GALLERY
    | SCOPED
    | ENROLMENT
    | KEYED
    | WRITES
    | {"force_not_allowed", "no_room_for_photos", "own_photos_not_allowed", "student_not_found"},
)
@logged(AccessAction.PHOTOS_ADDED, about=enrolled)
def add_images(matricula: str, parameters: EnrolmentParameters, body: SentPhotos[NoFields]) -> EnrolmentReply:
    """More photos of a student."""
    accepted = enrol_once.add_photos(KeyedRequest.of(request), service(), matricula, body.photos, parameters.force)
    return enrolment_reply(g.request_id, accepted)


@bp.get("")
@needs(Permission.READ)
@answers(StudentListReply, refuses=GALLERY | SCOPED | {"class_not_found", "invalid_cursor"})
@logged(AccessAction.READ, detail=which_list)
def listing(parameters: StudentListParameters) -> StudentListReply:
    """Students in the order asked for, a page at a time."""
    found = students_page(service().gallery, parameters)
    return student_list_reply(found, parameters)


@bp.get("/<matricula>")
@needs(Permission.READ)
@answers(StudentJson, refuses=GALLERY | SCOPED | {"student_not_found"})
@logged(AccessAction.READ, about=in_reply)
def read(matricula: str) -> StudentJson:
    """One student."""
    return student_json(service().gallery.student(matricula))


@bp.get("/<matricula>/data")
@needs(Permission.OWN_DATA)
@answers(PersonalDataReply, also_streams=["application/zip"], refuses=GALLERY | SCOPED | {"student_not_found"})
@logged(AccessAction.DATA_EXPORTED, about=in_path, detail=lambda asked, _: asked["parameters"].format)
def data(matricula: str, parameters: PersonalDataParameters) -> PersonalDataReply | Response:
    """Everything that is held about a student: as JSON, or as an archive with the photos."""
    found = personal_data(service(), matricula)
    reply = personal_data_reply(found)
    if parameters.format == "json":
        return reply
    described = msgspec.json.format(msgspec.json.encode(reply), indent=2)
    made = streamed(archive(service(), found, described), "application/zip")
    made.headers["Cache-Control"] = "private, no-store"
    made.headers["Content-Disposition"] = "attachment; filename=data.zip"
    return made


@bp.get("/<matricula>/lookalikes")
@needs(Permission.MANAGE)
@answers(LookalikesReply, refuses=GALLERY | SCOPED | {"student_not_found"})
@logged(AccessAction.READ, about=lookalikes_named, detail=lambda _, __: "lookalikes")
def lookalikes(matricula: str) -> LookalikesReply:
    """Other students whom the stored photos of a student clearly show: they may be one person."""
    return lookalikes_reply(service().gallery.named(matricula), service().lookalikes(matricula))


@bp.patch("/<matricula>")
@needs(Permission.MANAGE)
@answers(StudentJson, refuses=GALLERY | SCOPED | {"consent_withdrawn", "invalid_student", "student_not_found"})
@logged(AccessAction.CHANGED, about=in_reply)
def change(matricula: str, body: StudentChanges) -> StudentJson:
    """Change a student's fields."""
    changed = changed_student(service().gallery.student(matricula).student, body, service().clock.today())
    return student_json(service().change(changed))


@bp.delete("/<matricula>")
@needs(Permission.MANAGE)
@answers({204: None}, refuses=GALLERY | SCOPED | ERASES | {"student_not_found"}, headers=RECEIPT_HEADER)
@logged(AccessAction.ERASED, about=in_path, detail=whether_asked)
def erase(matricula: str, parameters: ErasureParameters) -> tuple[None, dict[str, str]]:
    """Erase a student: document, photos, templates, index, snapshots."""
    return None, with_receipt(service().erase(matricula, Cause(parameters.asked)))


@bp.post("/<matricula>/consent/withdraw")
@needs(Permission.OWN_DATA)
@answers(WithdrawalReply, refuses=GALLERY | SCOPED | ERASES | {"student_not_found"})
@logged(AccessAction.CONSENT_ENDED, about=in_path)
def withdraw_consent(matricula: str) -> WithdrawalReply:
    """Withdraw a consent: no one recognises the student any more, and everything is erased after some days."""
    return withdrawal_reply(service().withdraw_consent(matricula), service().policy.withdrawal_days)
