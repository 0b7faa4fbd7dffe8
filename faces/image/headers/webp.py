"""WebP (RFC 9649): the canvas, and the orientation."""

from __future__ import annotations

from faces.image.headers.header import Header, too_costly
from faces.image.headers.orientation import orientation_in_exif, orientation_in_xmp

_MOST_CHUNKS = 20_000
_HELD = 15.0
"""Bytes per pixel: libwebp's canvas, the one before it, the frame, Pillow's copy and picture."""


def read_webp(data: bytes) -> Header:
    """The header of a WebP file.

    Raises:
        PhotoRefused: ``too_costly``.
        ValueError, IndexError: it is damaged.
    """
    width, height = _size(data)
    exif = xmp = b""
    place = 12
    for _ in range(_MOST_CHUNKS):
        name, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if name == b"EXIF":
            exif = data[place + 8 : place + 8 + length]
        elif name == b"XMP ":
            xmp = data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
        if place + 8 > len(data):
            break
    else:
        raise too_costly(f"it has more than {_MOST_CHUNKS:,} chunks")
    orientation = orientation_in_exif(exif) or orientation_in_xmp(xmp) or 1
    return Header("WEBP", width, height, held=_HELD, pixel_ns=65, byte_ns=10, orientation=orientation)


def _size(data: bytes) -> tuple[int, int]:
    name = data[12:16]
    if name == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if name == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise ValueError("no picture")
