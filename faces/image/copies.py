"""Copies of photos, some of them damaged: which two show the same photo, and which of the two is whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faces.image.decode import ImageLimits, decode
from faces.image.jpeg_damage import scan_damage
from presente.errors import PhotoRefused

_SIDE = 16
_ALIKE = 12
"""Grey levels by which two cells may differ and still show the same."""

_NEEDED = 0.25
"""The share of a photo's rows that must be left for a comparison."""

_JUMP = 4
"""Levels by which neighbouring pixels of the difference of two copies must differ: only one copy has an edge there."""

_CLEARLY = 0.1
_EOI = b"\xff\xd9"
_ENOUGH = 1024
"""Pixels of the longest side that are compared."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A photo, or what is left of it: grey cells uint8 (16, 16), of which the first ``rows`` rows are known."""

    cells: NDArray[np.uint8]
    rows: int


def thumbnail(data: bytes, limits: ImageLimits | None = None) -> Thumbnail | None:
    """The part of a photo that is not damaged; None when that is too little to compare."""
    for content in (data, data + _EOI):  # Pillow refuses a file that ends too early, libjpeg decodes its beginning
        try:
            pixels = decode(content, limits, enough=_SIDE * 8).pixels
        except PhotoRefused:
            continue
        grey = Image.fromarray(pixels).convert("L")
        levels = np.asarray(grey)
        changing = np.flatnonzero((levels[1:] != levels[:-1]).any(axis=1))  # below what there is, all rows are the same
        rows = round((int(changing[-1]) + 2 if len(changing) else 0) / len(levels) * _SIDE)
        if rows < _NEEDED * _SIDE:
            return None
        return Thumbnail(np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX)), rows)
    return None


def agreement(one: Thumbnail, others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The share of a photo's known cells that look the same in each of n others, uint8 (n, 16, 16): float64 (n,)."""
    known = one.cells[: one.rows].astype(np.int16)
    return np.asarray((np.abs(others[:, : one.rows].astype(np.int16) - known) <= _ALIKE).mean(axis=(1, 2)))


def fault_beside(data: bytes, other: bytes) -> str | None:
    """Why ``data`` is the damaged one of two copies of one photo.

    Returns:
        the reason; None when ``data`` is whole as far as can be seen, or ``other`` no better.
    """
    own, theirs = scan_damage(data), scan_damage(other)
    if (own is None) != (theirs is None):
        return own
    try:
        one, two = (decode(each, enough=_ENOUGH).pixels.astype(np.int16) for each in (data, other))
    except PhotoRefused:
        return None
    if one.shape == two.shape and _rougher(one, two) > _CLEARLY:
        return "it has edges that the copy does not have"
    return None


def _rougher(one: NDArray[np.int16], two: NDArray[np.int16]) -> float:
    """How much steeper the first is, from -1 to 1, where the difference of the two has an edge.

    Damage of a JPEG shifts shades from some block on: at the border the damaged copy has an edge and the whole one has
    none. Black and white pixels are left out, because their shades may be clipped.
    """
    clipped = (np.minimum(one, two) <= 1) | (np.maximum(one, two) >= 254)
    steeper = total = 0
    for axis in (0, 1):
        steps = [np.abs(np.diff(image, axis=axis)) for image in (one, two, one - two)]
        after, before = (clipped[1:], clipped[:-1]) if axis == 0 else (clipped[:, 1:], clipped[:, :-1])
        where = (steps[2] > _JUMP) & ~after & ~before
        first, second, jumps = (int(step[where].sum(dtype=np.int64)) for step in steps)
        steeper, total = steeper + first - second, total + jumps
    return steeper / total if total else 0.0
