"""Headers of image files, read from their bytes without decoding a pixel and without an image library.

Libraries read more than they need: thumbnails, profiles, texts and tags, which a file of some kilobytes can make
very costly. Here only size, kind of pixels, number of passes and orientation are read, in bounded time, and the parts
of the file that the decoder needs.
"""

from __future__ import annotations

from faces.image.headers.header import Header, unsupported
from faces.image.headers.heif import is_heif, read_heif
from faces.image.headers.jpeg import read_jpeg
from faces.image.headers.png import SIGNATURE, read_png
from faces.image.headers.pnm import read_pnm
from faces.image.headers.refused_formats import refused_format
from faces.image.headers.tiff import is_tiff, read_tiff
from faces.image.headers.webp import read_webp
from presente.errors import PhotoRefused

__all__ = ["ACCEPTED_FORMATS", "Header", "read_header"]

ACCEPTED_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF or TIFF"
"""For messages; binary PNM, which is accepted, too, is no format of photos that people send."""


def read_header(data: bytes) -> Header:
    """The header of a JPEG, PNG, WebP, HEIC, AVIF, TIFF or binary PNM file.

    Raises:
        PhotoRefused: ``not_an_image``, ``unsupported_format``, ``damaged_image``, ``too_costly``.
    """
    try:
        if data[:3] == b"\xff\xd8\xff":
            return read_jpeg(data)
        if data[:8] == SIGNATURE:
            return read_png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return read_webp(data)
        if data[:2] in (b"P4", b"P5", b"P6"):
            return read_pnm(data)
        if is_heif(data):
            return read_heif(data)
        if is_tiff(data):
            return read_tiff(data)
    except (IndexError, ValueError) as exc:
        raise PhotoRefused(
            "damaged_image", "The file's header is damaged or cut short.", "Send the whole file again."
        ) from exc
    name = refused_format(data)
    if name is None:
        raise PhotoRefused(
            "not_an_image", "These bytes are not an image.", "Send a JPEG, PNG, WebP, HEIC, AVIF or TIFF file."
        )
    raise unsupported(f"{name} files")
