"""``/v1/identify``, ``/v1/search``, ``/v1/verify``: questions that change nothing."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, request

from presente import recognition
from presente.api_keys import AccessRole
from presente.errors import InvalidInput
from server import threshold_policy
from server.auth import needs
from server.body_sizes import EMBEDDINGS, PHOTOS, takes
from server.requests import parsing
from server.routes.common import service

bp = Blueprint("identify", __name__, url_prefix="/v1")


@bp.post("/identify")
@needs(AccessRole.ATTENDANCE)
@takes(PHOTOS)
def identify() -> Response:
    """Who is in this photo?"""
    query = parsing.identify_query(request)
    threshold_policy.check(request, service().gallery, query.threshold, query.clase, query.cohort)
    found = service().identify(parsing.one_photo(request), query)
    return jsonify(
        {
            "request_id": g.request_id,
            "pack": service().embedder.pack.name,
            "threshold": found.limit.threshold,
            "threshold_source": found.limit.source,
            "faces": recognition.identified_json(found),
            "timings_ms": found.timings_ms,
        }
    )


@bp.post("/search")
@needs(AccessRole.ATTENDANCE)
@takes(EMBEDDINGS)
def search() -> Response:
    """The nearest people of many embeddings."""
    parameters = parsing.Parameters(request)
    k = parsing.k_of(parameters)
    clase, cohort = parameters.text("clase"), parameters.choice("cohort", ("true", "false"), "false") == "true"
    parameters.done()
    rows, k = parsing.probes(request, k)
    results = service().search(rows, k, clase, cohort)
    limit = service().gallery.operating_point(None, clase, cohort)
    return jsonify(
        {
            "request_id": g.request_id,
            "pack": service().embedder.pack.name,
            "results": [[recognition.candidate_json(candidate, limit) for candidate in found] for found in results],
        }
    )


@bp.post("/verify")
@needs(AccessRole.ATTENDANCE)
@takes(PHOTOS)
def verify() -> Response:
    """Are the photo and the student of this matricula the same person?"""
    parameters = parsing.Parameters(request)
    in_query, threshold = parameters.text("matricula"), parameters.number("threshold", float, -1, 1)
    parameters.done()
    threshold_policy.check(request, service().gallery, threshold)
    photos, fields = parsing.photos_and_fields(request, ("matricula",))
    matricula = fields.get("matricula", in_query)
    if len(photos) != 1 or not matricula:
        raise InvalidInput(
            "missing_field",
            "One photo and a matricula are needed.",
            "Send the photo in the field image and the matricula beside it or in the query.",
        )
    found = service().verify(photos[0], matricula, threshold)
    return jsonify(
        {
            "request_id": g.request_id,
            "pack": service().embedder.pack.name,
            "matricula": matricula,
            "same_person": found.same_person,
            "threshold": found.threshold,
            "score": found.score,
            "face": recognition.face_json(found.face),
        }
    )
