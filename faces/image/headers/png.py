"""PNG (ISO/IEC 15948): the header, and the chunks without texts, profiles and further frames."""

from __future__ import annotations

import zlib

from faces.image.headers.header import Header, too_costly
from faces.image.headers.orientation import orientation_in_exif, orientation_in_xmp

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_MOST_CHUNKS = 20_000
"""Encoders write at least 4 KB of a large picture into a chunk: 4,000 in 16 MB."""

_MOST_TEXT = 300_000
"""Bytes of an unpacked EXIF text: twice what EXIF in a JPEG may have, in hex."""

_RAW_EXIF = b"Raw profile type exif\0\0"
_XMP = b"XML:com.adobe.xmp\0\0\0"


def read_png(data: bytes) -> Header:
    """The header of a PNG file.

    Raises:
        PhotoRefused: ``too_costly``.
        ValueError, IndexError: it is damaged.
    """
    place, kept = len(SIGNATURE), [slice(0, len(SIGNATURE))]
    said: dict[bytes, int | None] = {}  # by the name of the chunk; only the first of a name is looked into
    if data[12:16] != b"IHDR":
        raise ValueError("no header")
    for _ in range(_MOST_CHUNKS):
        length, name = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        end = place + 12 + length
        if name in _NEEDED:
            if kept[-1].stop == place:
                kept[-1] = slice(kept[-1].start, end)
            else:
                kept.append(slice(place, end))
        elif name not in said and (name == b"eXIf" or data.startswith((_RAW_EXIF, _XMP), place + 8)):
            said[name] = _orientation(name, data[place + 8 : end - 4])
        place = end
        if name == b"IEND" or place >= len(data):
            break
    else:
        raise too_costly(f"it has more than {_MOST_CHUNKS:,} chunks")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    one_sample = data[25] in (0, 3)
    return Header(
        "PNG",
        width,
        height,
        held=(2 if data[24] == 16 else 1) if one_sample else 4,
        pixel_ns=60,
        byte_ns=2,
        orientation=said.get(b"eXIf") or said.get(b"zTXt") or said.get(b"iTXt") or 1,
        kept=tuple(kept),
    )


def _orientation(name: bytes, body: bytes) -> int | None:
    """The orientation that a chunk of metadata gives; None when it gives none."""
    if name == b"eXIf":
        return orientation_in_exif(body)
    if name == b"iTXt":
        return orientation_in_xmp(body)
    if name == b"zTXt":  # as ImageMagick wrote it: a name, a length, hex
        try:
            text = zlib.decompressobj().decompress(body[len(_RAW_EXIF) :], _MOST_TEXT)
            return orientation_in_exif(bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:])))
        except (zlib.error, ValueError):
            return None
    return None
