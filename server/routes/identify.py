"""``/v1/identify``, ``/v1/search``, ``/v1/verify``: questions that change nothing."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, request

from presente import bridge
from presente.errors import InvalidInput
from presente.keys import Role
from server import schemas, thresholds
from server.auth import needs
from server.routes.common import service
from server.sizes import EMBEDDINGS, PHOTOS, takes

bp = Blueprint("identify", __name__, url_prefix="/v1")


@bp.post("/identify")
@needs(Role.ATTENDANCE)
@takes(PHOTOS)
def identify() -> Response:
    """Who is in this photo?"""
    query = schemas.identify_query(request)
    thresholds.check(request, service().gallery, query.threshold, query.clase, query.cohort)
    found = service().identify(schemas.one_photo(request), query)
    return jsonify(
        {
            "request_id": g.request_id,
            "pack": service().embedder.pack.name,
            "threshold": found.limit.threshold,
            "threshold_source": found.limit.source,
            "faces": bridge.identified_json(found),
            "timings_ms": found.timings_ms,
        }
    )


@bp.post("/search")
@needs(Role.ATTENDANCE)
@takes(EMBEDDINGS)
def search() -> Response:
    """The nearest people of many embeddings."""
    parameters = schemas.Parameters(request)
    k = schemas.k_of(parameters)
    clase, cohort = parameters.text("clase"), parameters.choice("cohort", ("true", "false"), "false") == "true"
    parameters.done()
    rows, k = schemas.probes(request, k)
    results = service().search(rows, k, clase, cohort)
    limit = service().gallery.limit(None, clase, cohort)
    return jsonify(
        {
            "request_id": g.request_id,
            "pack": service().embedder.pack.name,
            "results": [[bridge.candidate_json(candidate, limit) for candidate in found] for found in results],
        }
    )


@bp.post("/verify")
@needs(Role.ATTENDANCE)
@takes(PHOTOS)
def verify() -> Response:
    """Are the photo and the student of this matricula the same person?"""
    parameters = schemas.Parameters(request)
    in_query, threshold = parameters.text("matricula"), parameters.number("threshold", float, -1, 1)
    parameters.done()
    thresholds.check(request, service().gallery, threshold)
    photos, fields = schemas.photos_and_fields(request, ("matricula",))
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
            "face": bridge.face_json(found.face),
        }
    )
