"""``/upload``, ``/get-students``, ``/save_all_images``: what the first React page calls, as it calls it."""

from __future__ import annotations

import json

from flask import Blueprint, Response, jsonify, request

from presente.api_keys import AccessRole
from server import enrolment
from server.auth import needs
from server.body_sizes import PHOTOS, takes
from server.legacy import shapes
from server.responses import streaming
from server.routes.common import service

bp = Blueprint("first_page", __name__)


@bp.post("/upload")
@needs(AccessRole.ADMIN)
@takes(PHOTOS)
def upload() -> Response:
    """Enrol a student, or add a photo to one; identifiable when the reply arrives."""
    photos, fields = shapes.uploaded(request)
    enrolment.enrol(request, service(), fields, photos, "put")
    return jsonify(message="Image uploaded successfully")


@bp.get("/get-students")
@needs(AccessRole.ATTENDANCE)
def get_students() -> Response:
    """All student documents."""
    return streaming.streamed(streaming.json_list(map(shapes.document_json, service().everyone())), "application/json")


@bp.post("/save_all_images")
@needs(AccessRole.ADMIN)
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
