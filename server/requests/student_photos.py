"""What requests say of the photos of a student, and of a photo that may become one."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from presente.face_json import JsonObject
from server.requests.fields import DetailParameter

PictureSize = Literal["full", "thumbnail"]
Purpose = Literal["enrolment"]


class PictureParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a stored photo."""

    size: Annotated[
        PictureSize, Meta(description="All of its pixels, or a small copy of at most 320 pixels per side.")
    ] = "full"


class PhotoCheckParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a photo's check."""

    purpose: Annotated[Purpose, Meta(description="What the photo is for.")] = "enrolment"
    detail: DetailParameter = "portrait"
