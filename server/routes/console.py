"""The console at ``/``: pages for teachers and admins, which ask the API as every client does."""

from __future__ import annotations

import gzip
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from flask import Blueprint, Response, request, send_file, send_from_directory
from werkzeug.security import safe_join

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
    place = safe_join(str(_FILES), name)
    if place is None or not Path(place).is_file() or not request.accept_encodings["gzip"]:
        return send_from_directory(_FILES, name)
    about = Path(place).stat()
    content = BytesIO(_packed(place, about.st_mtime_ns))
    response = send_file(
        content, download_name=path.name, etag=f"{about.st_mtime_ns}-{about.st_size}-gzip", last_modified=about.st_mtime
    )
    response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=256)
def _packed(place: str, _: int) -> bytes:
    """A file as it is sent over slow networks; the second argument tells one state of it from others."""
    return gzip.compress(Path(place).read_bytes(), mtime=0)
