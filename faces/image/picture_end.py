"""Where the picture in a file ends: what stands behind it is no part of the photo."""

from __future__ import annotations

from faces.image.headers import read_header
from presente.errors import PhotoRefused


def without_tail(data: bytes) -> bytes:
    """A file without the bytes behind its picture: a phone's film, a second picture, anything at all.

    That is known of JPEG, PNG and WebP. Other files, and what is no photo, stay as they are.
    """
    try:
        header = read_header(data)
    except PhotoRefused:
        return data
    last = header.kept[-1]
    if header.kind in ("JPEG", "PNG") and isinstance(last, slice):
        return data[: last.stop]
    if header.kind == "WEBP":
        return data[: 8 + int.from_bytes(data[4:8], "little")]
    return data
