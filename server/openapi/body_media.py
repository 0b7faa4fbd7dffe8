"""Request bodies as OpenAPI describes them: each form of a body with its media types and schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_origin

import msgspec

from server.requests.body_forms import BodyForms, FileForm, RawBody
from server.requests.fields import MAX_PHOTOS
from server.requests.photos import SentPhotos, json_type_of
from server.requests.validation import declared
from server.typed_routes import RouteTypes

RAW_PHOTOS = (
    *("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif", "image/tiff"),
    "application/octet-stream",
)
"""Media types of a photo that is the body. The bytes decide what it is; clients that are generated send the last."""

JsonSchema = dict[str, Any]
SchemaOf = Callable[[Any], JsonSchema]


def forms_of(types: RouteTypes) -> BodyForms:
    """The forms in which a route takes a body; none when it reads none."""
    if types.body is None:
        return ()
    forms: BodyForms = getattr(types.body, "FORMS", (types.body,))
    return forms


def request_body(types: RouteTypes, schema_of: SchemaOf) -> JsonSchema | None:
    """The body of a route; None when it reads none.

    Args:
        types: of the route.
        schema_of: gives the schema of a type.
    """
    forms = forms_of(types)
    if not forms:
        return None
    content: dict[str, JsonSchema] = {}
    for form in forms:
        for media_type, found in _media(form, schema_of).items():
            there = content.get(media_type)
            content[media_type] = found if there is None else {"schema": {"anyOf": [there["schema"], found["schema"]]}}
    return {"required": True, "content": content}


def _media(form: Any, schema_of: SchemaOf) -> dict[str, JsonSchema]:
    if isinstance(form, RawBody):
        return {form.media_type: {"schema": _bytes(form.description, form.least)}}
    if isinstance(form, FileForm):
        parts = {form.name: _bytes(form.description, 1)}
        whole = {"type": "object", "properties": parts, "required": [form.name], "additionalProperties": False}
        return {"multipart/form-data": {"schema": whole}}
    if get_origin(form) is SentPhotos:
        (fields,) = get_args(form)
        return _photo_media(fields, schema_of)
    return {"application/json": {"schema": schema_of(form)}}


def _bytes(description: str, least: int) -> JsonSchema:
    bounded: JsonSchema = {"minLength": least} if least else {}
    return {"type": "string", "format": "binary", "description": description, **bounded}


def _photo_media(fields: type[msgspec.Struct], schema_of: SchemaOf) -> dict[str, JsonSchema]:
    """A photo as the body, where nothing has to stand beside it; a form; JSON."""
    raw: JsonSchema = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
    needed = _required(fields)
    content = {} if needed else dict.fromkeys(RAW_PHOTOS, raw)
    form: JsonSchema = {
        "type": "object",
        "properties": {
            "image": {
                "type": "array",
                "items": {"type": "string", "format": "binary"},
                "minItems": 1,
                "maxItems": MAX_PHOTOS,
                "description": "A photo; the field is there once per photo.",
            },
            **{name: _in_form(name, fields) for name in declared(fields)},
        },
        "required": ["image", *needed],
        "additionalProperties": False,
    }
    return {
        **content,
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": schema_of(json_type_of(fields))},  # a reference: generators read no more
    }


def _in_form(name: str, fields: type[msgspec.Struct]) -> JsonSchema:
    """A field of a form: text; an object is JSON text."""
    (_reference,), components = msgspec.json.schema_components([fields])
    schema: JsonSchema = components[fields.__name__]["properties"][name]
    if "$ref" in schema or "$ref" in str(schema.get("anyOf", "")):
        return {
            "type": "string",
            "description": schema.get("description", "JSON text."),
            "contentMediaType": "application/json",
        }
    return {key: value for key, value in schema.items() if key != "default"}


def _required(fields: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(fields) if field.required]
