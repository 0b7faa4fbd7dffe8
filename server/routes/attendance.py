"""``/v1/attendance``: who was in class."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from gallery.documents.access_log import AccessAction
from server import threshold_policy
from server.access.permissions import Permission, needs
from server.access_log.concerned import attendance, in_parameters, of_entries, which_list
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import GALLERY, JUDGED, KEYED, SCOPED
from server.idempotency import KeyedRequest
from server.operations.attendance_entries import record_by_hand, resolve_entry
from server.operations.attendance_lists import attendance_lines, attendance_page
from server.operations.class_photos import take_attendance
from server.operations.school_dates import past_date
from server.requests.attendance import (
    AttendanceListParameters,
    AttendanceParameters,
    AttendanceStatement,
    AttendanceSubmission,
    Resolution,
    entry_filter,
    list_format,
)
from server.requests.cursors import attendance_place
from server.requests.fields import LONGEST_PAGE
from server.requests.json_body import json_value
from server.responses.attendance import (
    AttendanceEntryJson,
    AttendanceListReply,
    ClassPhotoReply,
    ResolvedReply,
    attendance_list_reply,
    class_photo_reply,
    entry_json,
    resolved_reply,
)
from server.responses.attendance_csv import as_csv
from server.responses.streaming import streamed
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("attendance", __name__, url_prefix="/v1/attendance")


@bp.post("")
@needs(Permission.RECORD)
@takes(PHOTOS)
@answers(
    {200: ClassPhotoReply, 201: AttendanceEntryJson},
    refuses=GALLERY
    | SCOPED
    | KEYED
    | JUDGED
    | {"class_not_found", "one_photo_needed", "student_not_found", "threshold_too_low"},
)
@logged(AccessAction.ATTENDANCE_TAKEN, about=attendance)
def take(parameters: AttendanceParameters, body: AttendanceSubmission) -> ClassPhotoReply | AttendanceEntryJson:
    """Who of a class is in this photo? Or, without a photo, what a person says of one student."""
    threshold_policy.check(request, service().gallery.whole, parameters.threshold)
    fecha = past_date(parameters.fecha, service().clock)
    if body.statement is None:
        return _by_photo(parameters, fecha, body.photo)
    return _by_hand(parameters, fecha, body.statement)


def _by_photo(parameters: AttendanceParameters, fecha: str | None, photo: bytes) -> ClassPhotoReply:
    taken = take_attendance(KeyedRequest.of(request), service(), photo, parameters, fecha)
    return class_photo_reply(g.request_id, taken)


def _by_hand(
    parameters: AttendanceParameters, fecha: str | None, statement: AttendanceStatement
) -> AttendanceEntryJson:
    about = statement.matricula, parameters.clase, fecha
    asked = json_value(request)
    return entry_json(
        *record_by_hand(KeyedRequest.of(request), service(), asked, about, statement.status, statement.note)
    )


@bp.get("")
@needs(Permission.READ)
@answers(
    AttendanceListReply,
    streams="text/csv",
    refuses=GALLERY | SCOPED | {"class_not_found", "invalid_cursor", "student_not_found"},
)
@logged(AccessAction.READ, about=in_parameters, detail=which_list)
def listing(parameters: AttendanceListParameters) -> AttendanceListReply | Response:
    """The attendance list, as JSON or as CSV."""
    which, history = entry_filter(parameters, service().gallery), parameters.history
    if list_format(parameters, request) == "csv":
        lines = as_csv(attendance_lines(service(), which, history))
        return streamed(lines, "text/csv", **{"Content-Disposition": "attachment; filename=asistencia.csv"})
    after, limit = attendance_place(parameters), parameters.limit or LONGEST_PAGE
    return attendance_list_reply(attendance_page(service(), which, history, after, limit), parameters)


@bp.patch("/<int:number>")
@needs(Permission.RECORD)
@answers(ResolvedReply, refuses=GALLERY | SCOPED | KEYED | {"entry_not_found", "session_closed", "student_not_found"})
@logged(AccessAction.ATTENDANCE_CORRECTED, about=of_entries)
def resolve(number: int, body: Resolution) -> ResolvedReply:
    """A person confirms or rejects an entry."""
    asked = json_value(request)
    return resolved_reply(resolve_entry(KeyedRequest.of(request), service(), asked, number, body.status, body.note))
