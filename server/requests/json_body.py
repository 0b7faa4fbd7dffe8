"""Bodies of JSON to declared types."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import Request, current_app, g
from msgspec import Struct

from presente.errors import InvalidInput
from server import body_sizes
from server.requests import json_parser
from server.requests.validation import declared, typed

_Body = TypeVar("_Body", bound=Struct)


def read_json(request: Request, kind: type[_Body]) -> _Body:
    """The JSON object of a request as a declared type. Members that are not known are refused, or passed over where the
    type says so.

    Raises:
        InvalidInput: ``invalid_json``, ``unknown_field``, or the code of a field.
    """
    body = json_object(request, kind)
    if not kind.__struct_config__.forbid_unknown_fields:
        body = {name: body[name] for name in declared(kind) if name in body}
    return typed(body, kind)


def json_object(request: Request, kind: type[Struct], any_type: bool = False) -> dict[str, Any]:
    """The JSON object of a request, whatever its members; ``any_type``: whatever the Content-Type says.

    Raises:
        InvalidInput: ``invalid_json``.
    """
    if not any_type and not request.is_json:
        given = request.headers.get("Content-Type")
        what = "The request has no Content-Type" if given is None else "The request's Content-Type is not JSON's"
        raise InvalidInput("invalid_json", f"{what}.", "Send JSON, and the header Content-Type: application/json.")
    body = json_value(request)
    if not isinstance(body, dict):
        members = ", ".join(declared(kind))
        raise InvalidInput("invalid_json", "The body is not a JSON object.", f"Send one with {members}.")
    return body


def json_value(request: Request) -> Any:
    """The value that the body is in JSON, whatever its Content-Type says; parsed once per request.

    Raises:
        InvalidInput: ``invalid_json``.
    """
    if "json_value" not in g:
        allowed = body_sizes.of(current_app, request.endpoint)
        g.json_value = json_parser.parse(request.get_data(cache=False), allowed.values)
    return g.json_value
