"""``/v1/access-log``: who did what, when, and about whom."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_parameters, which_list
from server.access_log.declaration import logged
from server.error_codes import GALLERY
from server.operations.access_log import access_log_page, all_lines
from server.requests.access_log import AccessLogParameters, access_filter
from server.requests.attendance import list_format
from server.responses.access_log import AccessLogReply, access_log_csv, access_log_reply
from server.responses.streaming import streamed
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("access_log", __name__, url_prefix="/v1/access-log")


@bp.get("")
@needs(Permission.ADMINISTER)
@answers(AccessLogReply, streams="text/csv", refuses=GALLERY | {"invalid_cursor", "student_not_found"})
@logged(AccessAction.LOG_READ, about=in_parameters, detail=which_list)
def listing(parameters: AccessLogParameters) -> AccessLogReply | Response:
    """The access log, as JSON or as CSV, oldest lines first."""
    which = access_filter(parameters, service().gallery, service().clock)
    if list_format(parameters, request) == "csv":
        lines = access_log_csv(all_lines(service(), which))
        return streamed(lines, "text/csv", **{"Content-Disposition": "attachment; filename=accesos.csv"})
    page = access_log_page(service(), which, int(parameters.cursor or 0), parameters.page_size)
    return access_log_reply(page)
