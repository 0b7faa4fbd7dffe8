"""``/v1/attendance`` and ``/v1/participations``: who was in class, who took part."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, request

from presente.keys import Role
from server import attendance, books, schemas
from server.auth import needs
from server.routes.common import service

bp = Blueprint("attendance", __name__, url_prefix="/v1")


@bp.post("/attendance")
@needs(Role.ATTENDANCE)
def take() -> tuple[Response, int]:
    """Who of a class is in this photo? Or, without a photo, what a person says of one student."""
    parameters = schemas.Parameters(request)
    lesson = books.lesson_of(request, parameters, service().clock)
    threshold = parameters.number("threshold", float, -1, 1)
    parameters.done()
    said = books.by_hand(request)
    if said is None:
        taken = attendance.take(service(), schemas.one_photo(request), lesson, threshold)
        return jsonify({"request_id": g.request_id, **books.roll_call_json(taken)}), 200
    matricula = books.short_text(said, "matricula", needed=True)
    stored = service().register.say(
        matricula, lesson.clase, lesson.fecha, books.status_of(said), books.short_text(said, "note"), lesson.request
    )
    return jsonify(books.entry_json(stored, service().gallery.student(matricula).student)), 201


@bp.get("/attendance")
@needs(Role.ATTENDANCE)
def listing() -> Response:
    """The attendance list, as JSON or as CSV."""
    parameters = schemas.Parameters(request)
    which = books.selection_of(parameters, service().gallery)
    history = parameters.choice("history", ("true", "false"), "false") == "true"
    form = parameters.choice("format", ("json", "csv"), _preferred())
    parameters.done()
    lines = attendance.attendance_list(service(), which, history)
    if form == "csv":
        attached = {"Content-Disposition": "attachment; filename=asistencia.csv"}
        return Response(books.as_csv(lines), mimetype="text/csv", headers=attached)
    present = sum(line.status == "present" for line in lines)
    return jsonify(attendance=[books.line_json(line) for line in lines], present=present)


def _preferred() -> str:
    best = request.accept_mimetypes.best_match(["application/json", "text/csv"])
    return "csv" if best == "text/csv" else "json"


@bp.patch("/attendance/<int:number>")
@needs(Role.ATTENDANCE)
def settle(number: int) -> Response:
    """A person confirms or rejects an entry."""
    said = schemas.json_body(request, ("status", "note"))
    settled = service().register.settle(
        number, books.status_of(said), books.short_text(said, "note"), books.idempotency_key(request)
    )
    students = service().gallery.store.subjects([stored.entry.subject or 0 for stored in settled])
    return jsonify(entries=[books.entry_json(stored, students.get(stored.entry.subject or 0)) for stored in settled])


@bp.post("/participations")
@needs(Role.ATTENDANCE)
def took_part() -> tuple[Response, int]:
    """A student took part in class."""
    said = schemas.json_body(request, ("matricula", "clase", "fecha", "kind", "note"))
    student = service().gallery.student(books.short_text(said, "matricula", needed=True)).student
    stored = service().register.took_part(
        student.matricula,
        books.short_text(said, "clase", longest=200) or student.clase,
        books.past_date(books.short_text(said, "fecha") or None, service().clock),
        books.short_text(said, "kind", longest=100),
        books.short_text(said, "note"),
        books.idempotency_key(request),
    )
    return jsonify(books.participation_json(stored, student)), 201


@bp.get("/participations")
@needs(Role.ATTENDANCE)
def took_part_listing() -> Response:
    """The participations that count."""
    parameters = schemas.Parameters(request)
    which = books.selection_of(parameters, service().gallery)
    history = parameters.choice("history", ("true", "false"), "false") == "true"
    parameters.done()
    found = attendance.participation_list(service(), which, history)
    return jsonify(
        participations=[books.participation_json(stored, student) for student, stored in found], count=len(found)
    )


@bp.delete("/participations/<int:number>")
@needs(Role.ATTENDANCE)
def withdraw(number: int) -> tuple[str, int]:
    """A person says that a participation does not count."""
    service().register.withdraw(number, "")
    return "", 204
