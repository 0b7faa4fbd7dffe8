"""The orientation of a picture: EXIF's tag 0x0112 (CIPA DC-008), read alone.

Libraries load every tag: 5,000 tags that all point to the same megabyte become 5 GB.
"""

from __future__ import annotations

import re
import struct

_TAG = 0x0112
_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")


def orientation_in_exif(exif: bytes) -> int | None:
    """The orientation, 1 to 8, that a block of EXIF (a TIFF header and its first directory) gives."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(f"{order}HHI", exif, entry)
            if tag == _TAG:
                form = {1: "B", 3: "H", 4: "I"}.get(kind)
                if form is None or values != 1:
                    return None
                (value,) = struct.unpack_from(order + form, exif, entry + 8)
                return int(value) if 1 <= value <= 8 else None
    except struct.error:  # it ends before the tag
        return None
    return None


def orientation_in_xmp(xmp: bytes) -> int | None:
    """The orientation, 1 to 8, that a packet of XMP gives."""
    found = _XMP.search(xmp)
    return int(found[1]) if found else None
