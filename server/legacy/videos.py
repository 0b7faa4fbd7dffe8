"""``/upload-assistance``, ``/upload-parti``: what the first system read from recordings. Not here yet."""

from __future__ import annotations

from flask import request

from gallery.documents.access_log import AccessAction
from presente.errors import NotSupported
from server.access.permissions import Permission, accepts_own_page, needs
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.legacy.blueprint import bp
from server.legacy.responses import UploadReply
from server.typed_routes import answers

_RECORDINGS = frozenset({"first_page.upload_assistance", "first_page.upload_parti"})


@bp.before_request
def refuse_recordings() -> None:
    """Refuse a recording by its head: it may be long, and would be read for nothing."""
    if request.endpoint in _RECORDINGS:
        raise NotSupported(
            "video_not_supported",
            "Presente reads no recordings yet.",
            "Send photos of the class to a session, and record participations one by one.",
        )


@bp.post("/upload-assistance")
@needs(Permission.RECORD)
@accepts_own_page
@takes(PHOTOS)
@answers(UploadReply, refuses={"video_not_supported"})
@logged(AccessAction.ATTENDANCE_TAKEN)
def upload_assistance() -> UploadReply:
    """Not supported yet: attendance from a recording."""
    raise NotImplementedError


@bp.post("/upload-parti")
@needs(Permission.RECORD)
@accepts_own_page
@takes(PHOTOS)
@answers(UploadReply, refuses={"video_not_supported"})
@logged(AccessAction.PARTICIPATION_RECORDED)
def upload_parti() -> UploadReply:
    """Not supported yet: participations from a recording."""
    raise NotImplementedError
