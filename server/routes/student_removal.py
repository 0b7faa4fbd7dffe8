"""``/v1/students/<matricula>/merge`` and ``.../erasure``: two students who are one, and what an erasure takes."""

from __future__ import annotations

from flask import Blueprint

from gallery.documents.access_log import AccessAction
from gallery.removal_preview import holdings_of
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_path, merged
from server.access_log.declaration import logged
from server.error_codes import ERASES, GALLERY, SCOPED
from server.operations.student_merging import merge as merge_students
from server.requests.students import MergeFields, MergeParameters
from server.responses.student_removal import ErasurePreviewReply, MergeReply, erasure_preview_reply, merge_reply
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("student_removal", __name__, url_prefix="/v1/students")


@bp.get("/<matricula>/erasure")
@needs(Permission.MANAGE)
@answers(ErasurePreviewReply, refuses=GALLERY | SCOPED | {"student_not_found"})
@logged(AccessAction.READ, about=in_path, detail=lambda _, __: "erasure preview")
def erasure(matricula: str) -> ErasurePreviewReply:
    """What erasing a student would erase; nothing is changed."""
    return erasure_preview_reply(holdings_of(service().gallery, matricula))


@bp.post("/<matricula>/merge")
@needs(Permission.MANAGE)
@answers(
    MergeReply,
    refuses=GALLERY | SCOPED | ERASES | {"consent_withdrawn", "same_student", "student_not_found"},
)
@logged(AccessAction.MERGED, about=merged, detail=lambda _, reply: "dry run" if reply.dry_run else "")
def merge(matricula: str, parameters: MergeParameters, body: MergeFields) -> MergeReply:
    """Merge a student into another who is the same person; with dry_run only say what that does."""
    return merge_reply(merge_students(service(), matricula, body.into, parameters.dry_run), parameters.dry_run)
