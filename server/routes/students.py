"""``/v1/students``: enrol, read, list, change, delete."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, g, jsonify, request

from presente import recognition
from presente.api_keys import AccessRole
from server import enrolment
from server.auth import needs
from server.body_sizes import PHOTOS, takes
from server.enroller import Accepted
from server.requests import parsing
from server.responses import gallery_json
from server.routes.common import service

bp = Blueprint("students", __name__, url_prefix="/v1/students")


@bp.post("")
@needs(AccessRole.ADMIN)
@takes(PHOTOS)
def enrol() -> tuple[Response, int, dict[str, str]]:
    """A new student with one photo or more; searchable when the reply arrives."""
    photos, fields = parsing.photos_and_fields(
        request, ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "consentimiento")
    )
    accepted = enrolment.enrol(request, service(), fields, photos, "create", parsing.force_of(request))
    location = f"/v1/students/{quote(accepted.student.student.matricula, safe='')}"
    return _accepted(accepted), 201, {"Location": location}


@bp.post("/<matricula>/images")
@needs(AccessRole.ADMIN)
@takes(PHOTOS)
def add_images(matricula: str) -> tuple[Response, int]:
    """More photos of a student."""
    photos, _ = parsing.photos_and_fields(request)
    return _accepted(enrolment.extend(request, service(), matricula, photos, parsing.force_of(request))), 201


def _accepted(accepted: Accepted) -> Response:
    return jsonify(
        {
            "request_id": g.request_id,
            "student": gallery_json.student_json(accepted.student),
            "photos": [recognition.face_json(face) for face in accepted.faces],
            "warnings": [gallery_json.warning_json(warning) for warning in accepted.warnings],
        }
    )


@bp.get("")
@needs(AccessRole.ATTENDANCE)
def listing() -> Response:
    """Students in order of matricula, a page at a time."""
    parameters = parsing.Parameters(request)
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
            "students": [gallery_json.student_json(stored) for stored in found[:limit]],
            "next_cursor": found[limit - 1].student.matricula if more else None,
        }
    )


@bp.get("/<matricula>")
@needs(AccessRole.ATTENDANCE)
def read(matricula: str) -> Response:
    """One student."""
    return jsonify(gallery_json.student_json(service().gallery.student(matricula)))


@bp.patch("/<matricula>")
@needs(AccessRole.ADMIN)
def change(matricula: str) -> Response:
    """Change a student's fields."""
    changed = parsing.changed(service().gallery.student(matricula).student, request)
    return jsonify(gallery_json.student_json(service().change(changed)))


@bp.delete("/<matricula>")
@needs(AccessRole.ADMIN)
def erase(matricula: str) -> tuple[str, int]:
    """Erase a student: document, photos, templates, index, snapshots."""
    service().erase(matricula)
    return "", 204
