"""``/v1/privacy``: what is held, and where consents stand."""

from __future__ import annotations

from flask import Blueprint

from gallery.documents.access_log import AccessAction
from gallery.privacy.report import privacy_report
from server.access.permissions import Permission, needs
from server.access_log.declaration import logged
from server.error_codes import GALLERY
from server.requests.students import PrivacyParameters
from server.responses.privacy import PrivacyReply, privacy_reply
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("privacy", __name__, url_prefix="/v1/privacy")


@bp.get("")
@needs(Permission.MANAGE)
@answers(PrivacyReply, refuses=GALLERY)
@logged(AccessAction.READ, detail=lambda asked, _: "privacy report" + " with names" * asked["parameters"].names)
def report(parameters: PrivacyParameters) -> PrivacyReply:
    """What is held about whom, why, and until when: numbers, and names where they are asked for."""
    made = privacy_report(service().gallery.whole, service().policy, service().clock, parameters.names)
    return privacy_reply(made, service().policy)
