"""JPEG (ITU T.81): the frame, how many scans, and the segments that the decoder needs."""

from __future__ import annotations

import re

from faces.image.headers.header import Header, too_costly
from faces.image.headers.orientation import orientation_in_exif, orientation_in_xmp

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The end of a scan's data. One byte FF only: "FF+" would try each of a million of them as a start."""

_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers that no length follows."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_NEEDED = frozenset({*range(0xC0, 0xE0), 0xEE})
"""Tables and frames, and APP14 (Adobe), which says how colours are stored; libjpeg looks at APP0 for that, too."""

_MOST_SEGMENTS = 4096
"""A 16 MB file of full APP segments has 250."""

_MOST_SCANS = 200
"""libjpeg's own script has 10, and 18 for CMYK; encoders that search for the smallest file stay below 100."""


def read_jpeg(data: bytes) -> Header:
    """The header of a JPEG file.

    Raises:
        PhotoRefused: ``too_costly``.
        ValueError, IndexError: it is damaged.
    """
    place, kept = 2, [slice(0, 2)]
    frame, progressive, exif, xmp = b"", False, b"", b""
    for _ in range(_MOST_SEGMENTS):
        marker, place = _next_marker(data, place)
        if marker in _ALONE:
            continue
        end = place + int.from_bytes(data[place : place + 2])
        if marker == 0xD9 or end < place + 2 or end > len(data):
            raise ValueError("no picture data")
        body = data[place + 2 : end]
        if marker in _FRAMES:
            frame, progressive = body, progressive or marker in _PROGRESSIVE
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif = exif or body[6:]
        elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            xmp = body
        if marker in _NEEDED or (marker == 0xE0 and body.startswith(b"JFIF")):
            kept.append(slice(place - 2, end))
        place = end
        if marker == 0xDA:
            break
    else:
        raise too_costly(f"it has more than {_MOST_SEGMENTS:,} segments")
    scans, end = _count_scans(data, place)
    kept.append(slice(place, end))
    several = progressive or scans > 1 or body[0] < frame[5]
    return _described(frame, several, scans, orientation_in_exif(exif) or orientation_in_xmp(xmp) or 1, kept)


def _next_marker(data: bytes, place: int) -> tuple[int, int]:
    """A marker's second byte, and where what follows it begins."""
    if data[place] != 0xFF:
        raise ValueError("no marker where one must be")
    if data[place + 1] == 0xFF:  # any number of FF may come before a marker
        found = _MARKER.search(data, place)
        if found is None:
            raise ValueError("no marker")
        place = found.start()
    return data[place + 1], place + 2


def _count_scans(data: bytes, place: int) -> tuple[int, int]:
    """How many scans there are from the first one's data on, and where the picture ends."""
    scans = 1
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(data, place)
        if found is None:
            return scans, len(data)
        marker, place = data[found.start() + 1], found.end()
        if marker == 0xD9:
            return scans, place
        if marker not in _ALONE:
            scans += marker == 0xDA
            place += int.from_bytes(data[place : place + 2])
        if scans > _MOST_SCANS:
            raise too_costly(f"it has more than {_MOST_SCANS} scans")
    raise too_costly(f"it has more than {_MOST_SEGMENTS:,} segments")


def _described(frame: bytes, several: bool, scans: int, orientation: int, kept: list[slice]) -> Header:
    height, width, count = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5]), frame[5]
    sampling = [(frame[7 + 3 * i] >> 4, frame[7 + 3 * i] & 15) for i in range(count)]
    across, down = max(wide for wide, _ in sampling), max(high for _, high in sampling)
    if not (across and down):
        raise ValueError("a component without samples")
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    blocks = units * sum(wide * high for wide, high in sampling)
    samples = sum(wide * high for wide, high in sampling) / (across * down)
    return Header(
        "JPEG",
        width,
        height,
        held=1 if count == 1 else 4,
        decoding_bytes=128 * blocks if several else 0,
        pixel_ns=8 + samples * (4 + (scans if several else 0)),
        byte_ns=30,
        orientation=orientation,
        kept=_merged(kept),
    )


def _merged(parts: list[slice]) -> tuple[slice, ...]:
    """Parts of a file, those that touch as one."""
    merged = parts[:1]
    for part in parts[1:]:
        if part.start == merged[-1].stop:
            merged[-1] = slice(merged[-1].start, part.stop)
        else:
            merged.append(part)
    return tuple(merged)
