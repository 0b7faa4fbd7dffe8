"""Compares answers with what their routes declare: every member, no other, and every type."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from server.app import create_app
from server.error_codes import STATUS_OF
from server.legacy.responses import LegacyProblem
from server.openapi.route_errors import codes_of
from server.responses.problem import Problem
from server.service import ServiceHandle
from server.typed_routes import kinds_of, types_of

FILES = frozenset({"api_description.asset", "api_description.page", "console.asset", "console.console"}) | {
    f"first_page_files.{name}" for name in ("asset", "built", "entrance", "page")
}
"""Endpoints that answer with files, which no type describes."""
_ANY_APP = create_app(ServiceHandle(), 1)


def undeclared(app: Flask, method: str, path: str, status: int, kind: str, body: bytes) -> str:
    """What is wrong with an answer, by its route's declaration; empty when nothing is."""
    kind = kind.partition(";")[0]
    try:
        endpoint, in_path = app.url_map.bind("localhost").match(
            unquote(urlsplit(path).path) or "/", "GET" if method == "HEAD" else method
        )
    except HTTPException:
        endpoint, in_path = "", {}
    except ValueError:  # an address that cannot be split
        return ""
    ours = not endpoint or endpoint in _ANY_APP.view_functions  # a test may add a route of its own
    if method in ("HEAD", "OPTIONS") or endpoint in FILES or not ours:
        return ""
    if kind == "application/problem+json":
        misfit = _misfit(body, LegacyProblem if endpoint.startswith("first_page.") else Problem)
        return misfit or (_undeclared_code(app, endpoint, status, body, bool(in_path)) if endpoint else "")
    types = types_of(app, endpoint) if endpoint else None
    if types is None or types.replies is None or status not in types.replies:
        return f"{method} {path} does not declare the status {status}"
    declared = types.replies[status]
    if declared is None:
        return f"{method} {path} answers {status} with a body" if body else ""
    if kind == types.streams and types.streamed_line is not None:
        return next(filter(None, (_misfit(line, types.streamed_line) for line in body.splitlines())), "")
    if kind == types.streams != "application/json" or kind in types.also_streams:
        return ""
    wrong = [_misfit(body, each) for each in kinds_of(declared)]
    if kind == "application/json":
        return "" if "" in wrong else wrong[0]
    return f"{method} {path} answers with {kind}"


def _undeclared_code(app: Flask, endpoint: str, status: int, body: bytes, in_path: bool) -> str:
    code = msgspec.json.decode(body)["code"]
    if STATUS_OF.get(code) != status:
        return f"{endpoint}: {code} is {STATUS_OF.get(code)} in server/error_codes.py, and was {status}"
    declared = codes_of(app, endpoint, ["a parameter"] if in_path else ())
    return "" if code in declared else f"{endpoint} does not declare the code {code}: @answers(refuses=...)"


def undeclared_anywhere(method: str, path: str, status: int, kind: str, body: bytes) -> str:
    """The same of a server that runs elsewhere."""
    return undeclared(_ANY_APP, method, path, status, kind, body)


def _misfit(body: bytes, declared: Any) -> str:
    try:
        msgspec.json.decode(body, type=declared, strict=True)
    except msgspec.MsgspecError as exc:
        return f"{getattr(declared, '__name__', declared)}: {exc} {body[:300]!r}"
    return ""


class CheckedClient(FlaskClient):
    """A test client that fails where an answer is not as its route declares it."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        reply = super().open(*args, **kwargs)
        streamed, body = reply.is_streamed, reply.get_data()
        if streamed:
            reply.response = iter([body])
        path, kind = reply.request.environ["REQUEST_URI"], reply.content_type or ""
        wrong = undeclared(self.application, reply.request.method, path, reply.status_code, kind, body)
        assert not wrong, wrong
        return reply
