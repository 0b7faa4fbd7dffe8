"""``/v1/students``: enrol, read, list, change, delete."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, g, jsonify, request

from presente import bridge
from presente.keys import Role
from server import enrolment, replies, schemas
from server.auth import needs
from server.enrolling import Accepted
from server.routes.common import service
from server.sizes import PHOTOS, takes

bp = Blueprint("students", __name__, url_prefix="/v1/students")


@bp.post("")
@needs(Role.ADMIN)
@takes(PHOTOS)
def enrol() -> tuple[Response, int, dict[str, str]]:
    """A new student with one photo or more; searchable when the reply arrives."""
    photos, fields = schemas.photos_and_fields(
        request, ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "consentimiento")
    )
    accepted = enrolment.enrol(request, service(), fields, photos, "create", schemas.force_of(request))
    location = f"/v1/students/{quote(accepted.student.student.matricula, safe='')}"
    return _accepted(accepted), 201, {"Location": location}


@bp.post("/<matricula>/images")
@needs(Role.ADMIN)
@takes(PHOTOS)
def add_images(matricula: str) -> tuple[Response, int]:
    """More photos of a student."""
    photos, _ = schemas.photos_and_fields(request)
    return _accepted(enrolment.extend(request, service(), matricula, photos, schemas.force_of(request))), 201


def _accepted(accepted: Accepted) -> Response:
    return jsonify(
        {
            "request_id": g.request_id,
            "student": replies.student_json(accepted.student),
            "photos": [bridge.face_json(face) for face in accepted.faces],
            "warnings": [replies.warning_json(warning) for warning in accepted.warnings],
        }
    )


@bp.get("")
@needs(Role.ATTENDANCE)
def listing() -> Response:
    """Students in order of matricula, a page at a time."""
    parameters = schemas.Parameters(request)
    limit = int(parameters.number("limit", int, 1, 1000) or 100)
    found = service().gallery.store.students(
        clase=parameters.text("clase"),
        query=parameters.text("q"),
        after=parameters.as_given("cursor") or "",
        limit=limit + 1,
    )
    parameters.done()
    more = len(found) > limit
    return jsonify(
        {
            "students": [replies.student_json(stored) for stored in found[:limit]],
            "next_cursor": found[limit - 1].student.matricula if more else None,
        }
    )


@bp.get("/<matricula>")
@needs(Role.ATTENDANCE)
def read(matricula: str) -> Response:
    """One student."""
    return jsonify(replies.student_json(service().gallery.student(matricula)))


@bp.patch("/<matricula>")
@needs(Role.ADMIN)
def change(matricula: str) -> Response:
    """Change a student's fields."""
    changed = schemas.changed(service().gallery.student(matricula).student, request)
    return jsonify(replies.student_json(service().change(changed)))


@bp.delete("/<matricula>")
@needs(Role.ADMIN)
def erase(matricula: str) -> tuple[str, int]:
    """Erase a student: document, photos, templates, index, snapshots."""
    service().erase(matricula)
    return "", 204
