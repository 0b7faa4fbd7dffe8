"""The codes with which a route can refuse a request, derived from what the route declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_origin

import msgspec
from flask import Flask

from server import error_codes
from server.access.permissions import Permission, permission_needed
from server.openapi.body_media import forms_of
from server.requests.body_forms import FileForm, RawBody
from server.requests.parameters import NoParameters
from server.requests.photos import SentPhotos, json_type_of
from server.requests.validation import codes_of_fields
from server.typed_routes import types_of

_OF_JSON = frozenset({"invalid_json"})
_OF_PHOTOS = frozenset({"too_many_photos", "unsupported_media_type"})


def codes_of(app: Flask, endpoint: str, in_path: Iterable[str] = ()) -> frozenset[str]:
    """Every code that an endpoint can answer with.

    Args:
        app: whose endpoint it is.
        endpoint: its name.
        in_path: the names of the parameters in its path.
    """
    types = types_of(app, endpoint)
    found = error_codes.ALWAYS | types.refuses | codes_of_fields(types.parameters or NoParameters, in_query=True)
    if permission_needed(app, endpoint) is not Permission.OPEN:
        found |= error_codes.KEYS
    for form in forms_of(types):
        found |= _of_form(form)
    return found | {"not_found"} if list(in_path) else found


def _of_form(form: Any) -> frozenset[str]:
    if isinstance(form, (FileForm, RawBody)):
        return frozenset()
    if get_origin(form) is SentPhotos:
        (fields,) = get_args(form)
        return _OF_JSON | _OF_PHOTOS | error_codes.PHOTO | codes_of_fields(json_type_of(fields))
    assert issubclass(form, msgspec.Struct)
    return _OF_JSON | codes_of_fields(form)


def statuses(codes: Iterable[str]) -> dict[int, list[str]]:
    """Codes by their status, both in order."""
    found: dict[int, list[str]] = {}
    for code in sorted(codes):
        found.setdefault(error_codes.STATUS_OF[code], []).append(code)
    return dict(sorted(found.items()))
