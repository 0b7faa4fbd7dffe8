"""What decoding a photo will cost, known from its header: memory and CPU time.

The constants were measured with Pillow 13 and libjpeg-turbo 3 (docs/adr/0021-decoding.md has the figures); each is on
the side of too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from faces.image.headers import Header
from faces.image.headers.model import too_costly

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


@dataclass(frozen=True, slots=True)
class Cost:
    """What decoding takes: at most ``peak_bytes`` while it lasts, of which the pixels' ``result_bytes`` remain, and
    about ``seconds`` of one core."""

    peak_bytes: int
    result_bytes: int
    seconds: float


def cost_of(header: Header, size: int, enough: int | None) -> Cost:
    """What decoding a file of ``size`` bytes takes; ``enough`` as :func:`faces.image.decode.decode` has it."""
    reduced = _reduction(header, enough)
    pixels = math.ceil(header.width / reduced) * math.ceil(header.height / reduced)
    result = _RESULT * pixels
    held = math.ceil(header.held * pixels)
    converting = strip_rows(header.width) * _CONVERTING * header.width
    peak = 2 * size + held + max(header.coefficients, result + converting)  # the one is freed before the other
    return Cost(peak + _FIXED_BYTES, result, (header.pixel_ns * header.pixels + header.byte_ns * size) * 1e-9)


def strip_rows(width: int) -> int:
    """Rows of a photo that are converted at once: whole copies of a large one would each be as large as it."""
    return max(_STRIP_ROWS, _STRIP_PIXELS // width)


def draft_size(width: int, height: int, enough: int | None) -> tuple[int, int] | None:
    """The size that libjpeg is asked for when ``enough`` pixels of the longest side do; None: the whole."""
    longest = max(width, height)
    if enough is None or longest < 2 * enough:
        return None
    share = enough / longest
    return math.ceil(width * share), math.ceil(height * share)


def _reduction(header: Header, enough: int | None) -> int:
    """By how much libjpeg shrinks a side: 1, 2, 4 or 8, as Pillow's ``draft`` chooses."""
    asked = draft_size(header.width, header.height, enough) if header.kind == "JPEG" else None
    if asked is None:
        return 1
    times = min(header.width // asked[0], header.height // asked[1])
    return next(each for each in (8, 4, 2, 1) if times >= each)


def check_proportion(header: Header, size: int) -> None:
    """Refuse a file that takes far longer than a picture of its size ever should.

    Raises:
        PhotoRefused: ``too_costly``.
    """
    seconds = cost_of(header, size, None).seconds
    if seconds > _ALLOWED_S + _ALLOWED_S_PER_PIXEL * header.pixels:
        raise too_costly(f"{seconds:.0f} seconds for {header.width} x {header.height} pixels")
