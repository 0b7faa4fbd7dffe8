"""The blueprint of the first system's routes, and how their errors are told."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from server.legacy.responses import legacy_problem, no_component
from server.responses.problem import Problem

bp = Blueprint("first_page", __name__)


@bp.after_request
def tell(response: Response) -> Response:
    """Say what is wrong also where that page looks for it."""
    if response.mimetype == "application/problem+json":
        problem = legacy_problem(msgspec.json.decode(response.get_data(), type=Problem))
        response.set_data(msgspec.json.encode(no_component(problem) if request.path == "/login" else problem))
    return response
