"""The first system's page itself: its build, in the folder ``PRESENTE_FIRST_PAGE``, below ``/first/``."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, current_app, redirect, send_from_directory
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from server.access.permissions import Permission, needs

bp = Blueprint("first_page_files", __name__)
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""React's builds have small scripts and styles inside their pages. No request goes to another origin."""
_PAGE_NAMES = ("{}", "{}.html", "{}/index.html")
"""Where the page of an address is in what ``next build`` exports."""


@bp.get("/first")
@needs(Permission.OPEN)
def entrance() -> Response:
    """The page's address, below which its own are."""
    return redirect("/first/", 308)  # type: ignore[return-value]


@bp.get("/first/")
@needs(Permission.OPEN)
def page() -> Response:
    """The page."""
    return _file("index.html")


@bp.get("/first/<path:name>")
@needs(Permission.OPEN)
def asset(name: str) -> Response:
    """The page's files."""
    return _file(name)


@bp.get("/_next/<path:name>")
@needs(Permission.OPEN)
def built(name: str) -> Response:
    """The page's scripts and styles, where a build without a base path looks for them."""
    return _file(f"_next/{name}")


def _file(name: str) -> Response:
    folder: Path | None = current_app.extensions["presente.first_page"]
    if folder is None:
        raise NotFound("This server has no first page: PRESENTE_FIRST_PAGE names the folder of its build.")
    for pattern in _PAGE_NAMES:
        found = safe_join(str(folder), pattern.format(name.rstrip("/")))
        if found is not None and Path(found).is_file():
            response = send_from_directory(folder, pattern.format(name.rstrip("/")))
            response.headers["Content-Security-Policy"] = _POLICY
            return response
    raise NotFound("The first page has no such file.")
