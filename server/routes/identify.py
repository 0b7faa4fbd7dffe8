"""``/v1/identify``, ``/v1/search``, ``/v1/verify``: questions that change nothing."""

from __future__ import annotations

from flask import Blueprint, g, request

from gallery.documents.access_log import AccessAction
from server import threshold_policy
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_reply, nearest, recognised
from server.access_log.declaration import logged
from server.body_sizes import EMBEDDINGS, PHOTOS, takes
from server.operations import identification as operations
from server.requests.identification import IdentifyParameters, Probes, SearchParameters, VerifyFields, VerifyParameters
from server.requests.photos import NoFields, SentPhotos
from server.responses import identification as responses
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("identify", __name__, url_prefix="/v1")


@bp.post("/identify")
@needs(Permission.ASK)
@takes(PHOTOS)
@answers(responses.IdentifyReply)
@logged(AccessAction.IDENTIFIED, about=recognised)
def identify(parameters: IdentifyParameters, body: SentPhotos[NoFields]) -> responses.IdentifyReply:
    """Who is in this photo?"""
    query = parameters.query()
    threshold_policy.check(request, service().gallery, query.threshold, query.clase, query.cohort)
    found = service().identify(body.one(), query)
    return responses.identify_reply(g.request_id, service().embedder.pack.name, found)


@bp.post("/search")
@needs(Permission.ASK)
@takes(EMBEDDINGS)
@answers(responses.SearchReply)
@logged(AccessAction.SEARCHED, about=nearest)
def search(parameters: SearchParameters, body: Probes) -> responses.SearchReply:
    """The nearest people of many embeddings."""
    found = operations.search(service(), parameters, body)
    return responses.search_reply(g.request_id, service().embedder.pack.name, found)


@bp.post("/verify")
@needs(Permission.ASK)
@takes(PHOTOS)
@answers(responses.VerifyReply)
@logged(AccessAction.VERIFIED, about=in_reply)
def verify(parameters: VerifyParameters, body: SentPhotos[VerifyFields]) -> responses.VerifyReply:
    """Are the photo and the student of this matricula the same person?"""
    threshold_policy.check(request, service().gallery, parameters.threshold)
    matricula, found = operations.verify(service(), parameters, body)
    return responses.verify_reply(g.request_id, service().embedder.pack.name, matricula, found)
