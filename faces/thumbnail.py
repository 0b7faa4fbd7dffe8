"""Thumbnails of faces, for reports."""

from __future__ import annotations

import io

from PIL import Image

from faces.alignment import SIZE
from faces.embedder import FaceEmbedder
from faces.image.decode import RGB
from presente.errors import PhotoRefused

_QUALITY = 85


def face_thumbnail(data: bytes, embedder: FaceEmbedder) -> bytes:
    """The face that enrolment would take, aligned as the recogniser sees it, as a JPEG of 112 x 112 pixels.

    When enrolment refuses the photo it is the whole photo, scaled down.

    Raises:
        PhotoRefused: the bytes cannot be decoded, with the codes of :func:`faces.image.decode.decode`.
    """
    with embedder.opened(data) as photo:
        try:
            return _jpeg(embedder.portrait(photo).crop)
        except PhotoRefused:
            return _jpeg(photo.pixels)


def _jpeg(pixels: RGB) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIZE, SIZE))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
