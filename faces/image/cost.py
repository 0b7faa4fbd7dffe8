"""The cost of decoding a photo, in memory and CPU time, estimated from its header.

The constants were measured with Pillow 13, libjpeg-turbo 3, libheif 1.23 and dav1d 1.5 (docs/adr/0021-decoding.md and
docs/adr/0026-formats.md have the figures), and rounded up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from faces.image.headers import Header
from faces.image.headers.header import too_costly

_RESULT = 3
"""Bytes per pixel of an RGB array."""

_STRIP_ROWS = 16
_STRIP_PIXELS = 131_072

_CONVERTING = 16
"""Bytes per pixel of a strip while it is converted."""

_FIXED_BYTES = 4_000_000
_ALLOWED_S = 1.0
_ALLOWED_S_PER_PIXEL = 150e-9
"""Three times what the slowest ordinary photo takes, and a second for small ones."""

_ALLOWED_S_PER_VIDEO_PIXEL = 300e-9
"""Of HEVC and AV1, which take several times what a JPEG takes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of decoding: at most ``peak_bytes`` meanwhile, of which the pixels' ``result_bytes`` remain, and about
    ``seconds`` of one core."""

    peak_bytes: int
    result_bytes: int
    seconds: float


def cost_of(header: Header, size: int, enough: int | None) -> Cost:
    """The cost of decoding a file of ``size`` bytes; ``enough`` as for :func:`faces.image.decode.decode`."""
    reduced = _reduction(header, enough)
    pixels = math.ceil(header.width / reduced) * math.ceil(header.height / reduced)
    result = _RESULT * pixels
    held = math.ceil(header.held * pixels)
    converting = strip_rows(header.width) * _CONVERTING * header.width
    peak = 2 * size + held + max(header.decoding_bytes, result + converting)  # the one is freed before the other
    return Cost(peak + _FIXED_BYTES, result, (header.pixel_ns * header.pixels + header.byte_ns * size) * 1e-9)


def strip_rows(width: int) -> int:
    """Rows of a photo that are converted at once: whole copies of a large one would each be as large as it."""
    return max(_STRIP_ROWS, _STRIP_PIXELS // width)


def draft_size(width: int, height: int, enough: int | None) -> tuple[int, int] | None:
    """The size to ask libjpeg for when ``enough`` pixels of the longest side suffice; None: all pixels."""
    longest = max(width, height)
    if enough is None or longest < 2 * enough:
        return None
    share = enough / longest
    return math.ceil(width * share), math.ceil(height * share)


def _reduction(header: Header, enough: int | None) -> int:
    """The divisor by which libjpeg shrinks each side: 1, 2, 4 or 8, as Pillow's ``draft`` chooses."""
    asked = draft_size(header.width, header.height, enough) if header.kind == "JPEG" else None
    if asked is None:
        return 1
    times = min(header.width // asked[0], header.height // asked[1])
    return next(each for each in (8, 4, 2, 1) if times >= each)


def refuse_too_costly(header: Header, size: int) -> None:
    """Refuse a file that takes far longer to decode than ordinary pictures of its size.

    Raises:
        PhotoRefused: ``too_costly``.
    """
    seconds = cost_of(header, size, None).seconds
    per_pixel = _ALLOWED_S_PER_VIDEO_PIXEL if header.kind in ("HEIF", "AVIF") else _ALLOWED_S_PER_PIXEL
    if seconds > _ALLOWED_S + per_pixel * header.pixels:
        raise too_costly(f"{seconds:.0f} seconds for {header.width} x {header.height} pixels")
