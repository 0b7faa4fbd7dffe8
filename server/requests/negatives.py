"""What requests say of faces that are not a student's."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from presente.face_json import JsonObject
from server.requests.fields import DetailParameter


class NegativeParameters(JsonObject, frozen=True, kw_only=True):
    """Which face of a photo it is. The photo is read as an identification reads it."""

    face: Annotated[
        int, Meta(ge=1, le=10_000, description="Number of the face, from 1, in the order of an identification's faces.")
    ] = 1
    detail: DetailParameter = "auto"
