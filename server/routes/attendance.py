"""``/v1/attendance`` and ``/v1/participations``: who was in class, who took part."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from gallery.attendance.class_photo import ClassPhoto
from gallery.documents.attendance import StoredAttendance, StoredParticipation
from gallery.documents.request_keys import Claim
from presente.api_keys import AccessRole
from presente.recognition import digest_of
from server import attendance, threshold_policy
from server.auth import needs
from server.body_sizes import PHOTOS, takes
from server.idempotency import carried_out
from server.requests import parsing
from server.responses import attendance_json
from server.responses.streaming import streamed
from server.routes.common import service

bp = Blueprint("attendance", __name__, url_prefix="/v1")


@bp.post("/attendance")
@needs(AccessRole.ATTENDANCE)
@takes(PHOTOS)
def take() -> tuple[Response, int]:
    """Who of a class is in this photo? Or, without a photo, what a person says of one student."""
    parameters = parsing.Parameters(request)
    clase, fecha = attendance_json.class_and_date(parameters, service().clock)
    threshold = parameters.number("threshold", float, -1, 1)
    parameters.done()
    threshold_policy.check(request, service().gallery, threshold)
    said = attendance_json.by_hand(request)
    return _by_photo(clase, fecha, threshold) if said is None else _by_hand(clase, fecha, said)


def _by_photo(clase: str, fecha: str | None, threshold: float | None) -> tuple[Response, int]:
    photo = parsing.one_photo(request)

    def work(claim: Claim) -> attendance.ClassPhotoResult:
        lesson = ClassPhoto(
            clase, fecha or attendance_json.today_of(claim, service().clock), digest_of(photo), 0.0, claim
        )
        return attendance.take(service(), photo, lesson, threshold)

    said = {"photo": digest_of(photo)}
    taken = carried_out(request, service(), said, work, concerned=lambda taken: taken.subjects)
    return jsonify({"request_id": g.request_id, **attendance_json.roll_call_json(taken)}), 200


def _by_hand(clase: str, fecha: str | None, said: dict[str, Any]) -> tuple[Response, int]:
    student = service().gallery.student(attendance_json.short_text(said, "matricula", needed=True))
    status, note = attendance_json.status_of(said), attendance_json.short_text(said, "note")

    def work(claim: Claim) -> StoredAttendance:
        day = fecha or attendance_json.today_of(claim, service().clock)
        return service().attendance_log.record_by_hand(student.student.matricula, clase, day, status, note, claim)

    stored = carried_out(request, service(), said, work, about=[student.id])
    return jsonify(attendance_json.entry_json(stored, student.student)), 201


@bp.get("/attendance")
@needs(AccessRole.ATTENDANCE)
def listing() -> Response:
    """The attendance list, as JSON or as CSV."""
    parameters = parsing.Parameters(request)
    which = attendance_json.selection_of(parameters, service().gallery)
    history = parameters.choice("history", ("true", "false"), "false") == "true"
    form = parameters.choice("format", ("json", "csv"), _preferred())
    if form == "csv":
        parameters.done()
        lines = attendance_json.as_csv(attendance.attendance_lines(service(), which, history))
        return streamed(lines, "text/csv", **{"Content-Disposition": "attachment; filename=asistencia.csv"})
    limit, after = attendance_json.page_of(parameters)
    parameters.done()
    page = attendance.attendance_page(service(), which, history, after, limit)
    return jsonify(
        attendance=[attendance_json.line_json(line) for line in page.lines],
        present=service().attendance_log.store.count_present(which, history),
        next_cursor=attendance_json.cursor_of(page.next),
    )


def _preferred() -> str:
    best = request.accept_mimetypes.best_match(["application/json", "text/csv"])
    return "csv" if best == "text/csv" else "json"


@bp.patch("/attendance/<int:number>")
@needs(AccessRole.ATTENDANCE)
def resolve(number: int) -> Response:
    """A person confirms or rejects an entry."""
    said = parsing.json_body(request, ("status", "note"))
    status, note = attendance_json.status_of(said), attendance_json.short_text(said, "note")
    settled = carried_out(
        request,
        service(),
        said,
        lambda claim: service().attendance_log.resolve(number, status, note, claim),
        about=[service().attendance_log.entry(number).entry.subject or 0],
        concerned=lambda settled: [stored.entry.subject or 0 for stored in settled],
    )
    students = service().gallery.store.subjects([stored.entry.subject or 0 for stored in settled])
    return jsonify(
        entries=[attendance_json.entry_json(stored, students.get(stored.entry.subject or 0)) for stored in settled]
    )


@bp.post("/participations")
@needs(AccessRole.ATTENDANCE)
def took_part() -> tuple[Response, int]:
    """A student took part in class."""
    said = parsing.json_body(request, ("matricula", "clase", "fecha", "kind", "note"))
    student = service().gallery.student(attendance_json.short_text(said, "matricula", needed=True))
    matricula, own = student.student.matricula, student.student.clase
    clase = attendance_json.short_text(said, "clase", longest=200) or own
    fecha = attendance_json.past_date(attendance_json.short_text(said, "fecha") or None, service().clock)
    kind, note = attendance_json.short_text(said, "kind", longest=100), attendance_json.short_text(said, "note")

    def work(claim: Claim) -> StoredParticipation:
        day = fecha or attendance_json.today_of(claim, service().clock)
        return service().attendance_log.record_participation(matricula, clase, day, kind, note, claim)

    stored = carried_out(request, service(), said, work, about=[student.id])
    return jsonify(attendance_json.participation_json(stored, student.student)), 201


@bp.get("/participations")
@needs(AccessRole.ATTENDANCE)
def took_part_listing() -> Response:
    """The participations that count."""
    parameters = parsing.Parameters(request)
    which = attendance_json.selection_of(parameters, service().gallery)
    history = parameters.choice("history", ("true", "false"), "false") == "true"
    limit, after = attendance_json.page_of_numbers(parameters)
    parameters.done()
    found, following = attendance.participation_page(service(), which, history, after, limit)
    return jsonify(
        participations=[attendance_json.participation_json(stored, student) for student, stored in found],
        count=service().attendance_log.store.count_participations(which, history),
        next_cursor=None if following is None else str(following),
    )


@bp.delete("/participations/<int:number>")
@needs(AccessRole.ATTENDANCE)
def withdraw(number: int) -> tuple[str, int]:
    """A person says that a participation does not count."""
    service().attendance_log.withdraw(number, "")
    return "", 204
