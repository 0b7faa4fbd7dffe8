"""``/upload``, ``/get-students``, ``/save_all_images``: what the first React page calls, as it calls it."""

from __future__ import annotations

import json

from flask import Blueprint, Response, jsonify, request

from presente.keys import Role
from server import enrolment, first_page, streams
from server.auth import needs
from server.routes.common import service
from server.sizes import PHOTOS, takes

bp = Blueprint("first_page", __name__)


@bp.post("/upload")
@needs(Role.ADMIN)
@takes(PHOTOS)
def upload() -> Response:
    """Enrol a student, or add a photo to one; identifiable when the reply arrives."""
    photos, fields = first_page.uploaded(request)
    enrolment.enrol(request, service(), fields, photos, "put")
    return jsonify(message="Image uploaded successfully")


@bp.get("/get-students")
@needs(Role.ATTENDANCE)
def get_students() -> Response:
    """All student documents."""
    return streams.streamed(streams.json_list(map(first_page.document_json, service().everyone())), "application/json")


@bp.post("/save_all_images")
@needs(Role.ADMIN)
def save_all_images() -> Response:
    """Write every stored photo into the export folder: the setting's, whatever the request says."""
    done = service().save_photos()
    return jsonify(message="All images saved successfully", saved=done.saved, skipped=done.skipped)


@bp.after_request
def tell(response: Response) -> Response:
    """Say what is wrong also where that page looks for it."""
    if response.mimetype == "application/problem+json":
        problem = response.get_json()
        response.set_data(json.dumps({**problem, "message": problem["detail"], "error": problem["detail"]}))
    return response
