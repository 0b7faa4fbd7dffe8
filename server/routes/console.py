"""The console at ``/``: pages for teachers and admins, which ask the API as every client does."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from presente.installation import SAMPLE
from server.access.permissions import Permission, needs

bp = Blueprint("console", __name__)
_FILES = Path(__file__).resolve().parent.parent / "console"
_SERVED = frozenset({".css", ".js", ".svg"})
_BUILD = "build"


@bp.get("/")
@needs(Permission.OPEN)
def console() -> Response:
    """The one page. Which of its parts is shown stands behind ``#``, and so in no log of a server."""
    return send_from_directory(_FILES, "index.html")


@bp.get("/console/<path:name>")
@needs(Permission.OPEN)
def asset(name: str) -> Response:
    """The console's style and scripts; below ``sample/`` the drawn photos that it offers to try."""
    if name.startswith("sample/"):
        return send_from_directory(SAMPLE / "groups", name.removeprefix("sample/"))
    path = Path(name)
    if path.suffix not in _SERVED or path.parts[0] == _BUILD:
        name = ""  # is no file, and so not found
    return send_from_directory(_FILES, name)
