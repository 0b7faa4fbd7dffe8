"""``/v1/identify``, ``/v1/search``, ``/v1/verify``: questions that change nothing."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from gallery.documents.access_log import AccessAction
from server import threshold_policy
from server.access.permissions import Permission, needs
from server.access_log.concerned import (
    in_reply,
    nearest,
    problem_of_all,
    problem_of_photo,
    recognised,
    recognised_in_photo,
)
from server.access_log.declaration import logged
from server.access_log.recording import recorded_when_sent
from server.body_sizes import EMBEDDINGS, PHOTOS, takes
from server.error_codes import GALLERY, JUDGED, PORTRAIT, SCOPED
from server.operations import identification as operations
from server.requests.identification import (
    JSON_LINES,
    IdentifyParameters,
    Probes,
    SearchParameters,
    VerifyFields,
    VerifyParameters,
    wants_lines,
)
from server.requests.photos import NoFields, SentPhotos
from server.responses import identification as responses
from server.responses.streaming import json_lines, streamed
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("identify", __name__, url_prefix="/v1")


@bp.post("/identify")
@needs(Permission.ASK)
@takes(PHOTOS)
@answers(
    responses.IdentifyReply | responses.IdentifyPhotosReply,
    streams=JSON_LINES,
    streamed_line=responses.IdentifiedPhotoReply,
    refuses=GALLERY | SCOPED | JUDGED | {"no_photos", "threshold_too_low"},
)
@logged(AccessAction.IDENTIFIED, about=recognised, of_stream=None, outcome=problem_of_all)
def identify(
    parameters: IdentifyParameters, body: SentPhotos[NoFields]
) -> responses.IdentifyReply | responses.IdentifyPhotosReply | Response:
    """Who is in this photo? Or in each of several photos."""
    query, photos = parameters.query(), body.several()
    threshold_policy.check(request, service().gallery, query.threshold, query.clase, query.cohort)
    about = g.request_id, service().embedder.pack.name
    if wants_lines(request):
        answered = operations.identify_each(service(), photos, query)
        replies = responses.identified_photo_replies(*about, answered)
        recorded = recorded_when_sent(
            service(), AccessAction.IDENTIFIED, replies, recognised_in_photo, problem_of_photo
        )
        return streamed(json_lines(recorded), JSON_LINES)
    if len(photos) > 1:
        answered = operations.identify_each(service(), photos, query.among(len(photos)))
        return responses.identify_photos_reply(*about, answered)
    return responses.identify_reply(*about, service().identify(photos[0], query))


@bp.post("/search")
@needs(Permission.ASK)
@takes(EMBEDDINGS)
@answers(
    responses.SearchReply,
    refuses=GALLERY | SCOPED | {"dimension_mismatch", "invalid_embeddings", "invalid_npy", "not_finite"},
)
@logged(AccessAction.SEARCHED, about=nearest)
def search(parameters: SearchParameters, body: Probes) -> responses.SearchReply:
    """The nearest people of many embeddings."""
    found = operations.search(service(), parameters, body)
    return responses.search_reply(g.request_id, service().embedder.pack.name, found)


@bp.post("/verify")
@needs(Permission.ASK)
@takes(PHOTOS)
@answers(
    responses.VerifyReply,
    refuses=GALLERY
    | SCOPED
    | JUDGED
    | PORTRAIT
    | {"missing_field", "one_photo_needed", "student_not_found", "threshold_too_low"},
)
@logged(AccessAction.VERIFIED, about=in_reply)
def verify(parameters: VerifyParameters, body: SentPhotos[VerifyFields]) -> responses.VerifyReply:
    """Are the photo and the student of this matricula the same person?"""
    threshold_policy.check(request, service().gallery.whole, parameters.threshold)
    matricula, found = operations.verify(service(), parameters, body)
    return responses.verify_reply(g.request_id, service().embedder.pack.name, matricula, found)
