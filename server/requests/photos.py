"""Photos of a request, and the fields beside them: a raw body, a form, or JSON with base64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from flask import Request
from msgspec import UNSET, Meta, Struct, UnsetType, inspect

from presente.errors import InvalidInput, PhotoRefused, listed, shown
from presente.face_json import JsonObject
from presente.text import from_base64
from server.requests import json_parser
from server.requests.fields import MAX_PHOTOS, Base64Photo, rules
from server.requests.json_body import json_object
from server.requests.validation import declared, typed

_Fields = TypeVar("_Fields", bound=Struct)

_IMAGE = "image"
_PHOTO_MEMBERS: list[tuple[str, Any, Any]] = [
    (_IMAGE, Base64Photo | UnsetType, UNSET),
    (
        "images",
        Annotated[
            list[Base64Photo] | UnsetType,
            Meta(
                description="Several photos, instead of one in image.", extra=rules(fix="Send a list of base64 texts.")
            ),
        ],
        UNSET,
    ),
]


class NoFields(JsonObject, frozen=True, kw_only=True):
    """Of a request that has nothing beside its photos."""


@dataclass(frozen=True, slots=True)
class SentPhotos(Generic[_Fields]):
    """The photos of a request, as their bytes, and the fields beside them."""

    photos: tuple[bytes, ...]
    fields: _Fields

    def several(self) -> tuple[bytes, ...]:
        """The photos of a request that takes one or more, in the order in which they were sent.

        Raises:
            InvalidInput: ``no_photos``.
        """
        if not self.photos:
            raise InvalidInput("no_photos", "No photo was sent.", "Send at least one, in the field image.")
        return self.photos

    def one(self) -> bytes:
        """The one photo of a request that takes one.

        Raises:
            InvalidInput: ``one_photo_needed``.
        """
        if len(self.photos) != 1:
            raise InvalidInput(
                "one_photo_needed", f"{len(self.photos)} photos were sent.", "Send one, in the field image."
            )
        return self.photos[0]


@cache
def json_type_of(fields: type[Struct]) -> type[Struct]:
    """What a request with photos is in JSON: ``image`` or ``images``, and the fields."""
    config = fields.__struct_config__
    made = msgspec.defstruct(
        "PhotosInJson" if fields is NoFields else f"{fields.__name__}AndPhotos",
        _PHOTO_MEMBERS,
        bases=(fields,),
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=config.forbid_unknown_fields,
    )
    made.__doc__ = "Photos as base64, and what stands beside them. One of image and images is needed."
    return made


def read_photos(request: Request, fields: type[_Fields]) -> SentPhotos[_Fields]:
    """The photos of a request and the fields beside them.

    A raw image body (then there are no fields), a multipart form with the field ``image`` once or more, or JSON with
    ``image`` or ``images`` as base64 or data URLs.

    Raises:
        InvalidInput: ``unsupported_media_type``, ``too_many_photos``, or what is wrong with the body or a field.
    """
    kind = request.mimetype
    if "chunked" in request.headers.get("Transfer-Encoding", ""):
        raise InvalidInput("length_required", "The body's length is not known.", "Send a Content-Length.")
    if kind == "application/json":
        sent = from_json(json_object(request, json_type_of(fields)), fields)
    elif kind == "multipart/form-data":
        sent = _from_form(request, fields)
    elif kind.startswith("image/") or kind in ("application/octet-stream", ""):
        sent = SentPhotos((_raw(request),), typed({}, fields))
    else:
        raise InvalidInput(
            "unsupported_media_type",
            f"A body of type {shown(kind)} is not understood.",
            "Say in Content-Type what it is: image/jpeg, image/heic or another image, a form, or JSON with base64.",
        )
    if len(sent.photos) > MAX_PHOTOS:
        raise InvalidInput(
            "too_many_photos", f"{len(sent.photos)} photos were sent.", f"Send at most {MAX_PHOTOS} at once."
        )
    return sent


def from_json(body: dict[str, Any], fields: type[_Fields]) -> SentPhotos[_Fields]:
    """The photos and fields of a JSON object."""
    made: Any = typed(body, json_type_of(fields))
    encoded = made.images if made.images is not UNSET else [] if made.image is UNSET else [made.image]
    beside = fields(**{name: getattr(made, name) for name in declared(fields)})
    return SentPhotos(tuple(map(decode_base64, encoded)), beside)


def _from_form(request: Request, fields: type[_Fields]) -> SentPhotos[_Fields]:
    known = declared(fields)
    unknown = {name or "" for name in (set(request.form) - known.keys()) | (set(request.files) - {_IMAGE})}
    if unknown:  # a part need not have a name
        raise InvalidInput(
            "unknown_field", f"There is no field {listed(unknown)} here.", f"Known: {', '.join((_IMAGE, *known))}."
        )
    twice = [name for name, values in request.form.lists() if len(values) > 1]
    if twice:
        raise InvalidInput("invalid_field", f"{listed(twice)} is there more than once.", "Send it once.")
    sent = {
        name: _from_json_text(text) if isinstance(known[name].type, inspect.StructType) else text
        for name, text in request.form.items()
    }
    return SentPhotos(tuple(file.read() for file in request.files.getlist(_IMAGE)), typed(sent, fields))


def _from_json_text(text: str) -> Any:
    """The object that a field of a form is, as JSON text; a text that is no JSON is left to its type's own check."""
    try:
        return json_parser.parse(text.encode("utf-8", "surrogatepass"))
    except InvalidInput:
        return text


def _raw(request: Request) -> bytes:
    body = request.get_data(cache=False)
    if not request.headers.get("Content-Type") and body[:1] in (b"{", b"[", b"-"):
        raise PhotoRefused(
            "not_an_image",
            "The request has no Content-Type, and its body is not an image.",
            "Say in Content-Type what it is: application/json, say, or multipart/form-data with its boundary.",
        )
    return body


def decode_base64(text: str) -> bytes:
    """Base64, plain or as a data URL, to bytes.

    The length is bounded by the field's type, before this.

    Raises:
        InvalidInput: ``invalid_base64``.
    """
    try:
        return from_base64(text.partition(",")[2] if text.startswith("data:") else text)
    except ValueError as exc:
        raise InvalidInput("invalid_base64", f"The image is not base64 ({exc}).", "Send base64 or a data URL.") from exc
