"""Colours as (red, green, blue) integers in 0..255."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]

SKIN: tuple[Colour, ...] = (
    (247, 214, 188), (241, 202, 170), (234, 189, 153), (224, 172, 134), (206, 152, 112),
    (182, 127, 90), (154, 102, 71), (124, 80, 57), (98, 63, 47),
)  # fmt: skip
"""Skin tones from light to dark."""

HAIR: tuple[Colour, ...] = (
    (30, 26, 28), (46, 34, 30), (66, 44, 32), (92, 62, 42), (120, 74, 46), (138, 66, 42),
    (178, 92, 48), (160, 124, 80), (212, 176, 116), (150, 150, 154), (206, 204, 200),
    (104, 62, 128), (46, 98, 128),
)  # fmt: skip
"""Hair colours; the last two are dyed."""

HAIR_WEIGHTS: tuple[float, ...] = (5, 5, 4.5, 4, 2.5, 1.4, 1.2, 1.8, 1.6, 1.0, 0.6, 0.35, 0.35)

IRIS: tuple[Colour, ...] = (
    (62, 40, 28), (92, 58, 34), (124, 82, 42), (112, 112, 62), (84, 122, 84), (78, 116, 152),
    (110, 128, 140),
)  # fmt: skip

IRIS_WEIGHTS: tuple[float, ...] = (5, 5, 3, 1.6, 1.4, 1.6, 1.2)

CLOTH: tuple[Colour, ...] = (
    (38, 50, 84), (196, 62, 58), (236, 232, 224), (52, 60, 66), (64, 128, 112), (228, 176, 72),
    (120, 92, 150), (92, 148, 196), (150, 172, 116), (206, 128, 144), (98, 74, 60), (30, 30, 34),
)  # fmt: skip

WALL: tuple[Colour, ...] = (
    (226, 224, 218), (198, 210, 220), (214, 204, 186), (176, 190, 178), (222, 206, 206),
    (150, 162, 176), (120, 130, 126), (236, 226, 200), (92, 104, 122), (190, 170, 150),
    (168, 136, 120), (70, 76, 84),
)  # fmt: skip


def mix(first: Sequence[float], second: Sequence[float], amount: float) -> Colour:
    """Return `first` moved towards `second` by `amount` in 0..1."""
    r, g, b = (round(x + (y - x) * amount) for x, y in zip(first, second, strict=True))
    return _clip(r, g, b)


def scale(colour: Sequence[float], factor: float) -> Colour:
    """Return the colour made darker (factor < 1) or lighter (factor > 1)."""
    r, g, b = (round(x * factor) for x in colour)
    return _clip(r, g, b)


def along(palette: Sequence[Colour], where: float) -> Colour:
    """Return the colour at `where` (0..1) on a palette taken as a continuous scale."""
    place = min(max(where, 0.0), 1.0) * (len(palette) - 1)
    index = min(int(place), len(palette) - 2)
    return mix(palette[index], palette[index + 1], place - index)


def jitter(colour: Sequence[float], rng: np.random.Generator, spread: float) -> Colour:
    """Return the colour with each channel moved by normal noise of `spread` levels."""
    r, g, b = (round(x + float(d)) for x, d in zip(colour, rng.normal(0, spread, 3), strict=True))
    return _clip(r, g, b)


def pick(palette: Sequence[Colour], rng: np.random.Generator, weights: Sequence[float] | None = None) -> Colour:
    """Return one colour of a palette, drawn with the given weights."""
    share = None if weights is None else np.asarray(weights, dtype=float) / float(sum(weights))
    return palette[int(rng.choice(len(palette), p=share))]


def _clip(r: int, g: int, b: int) -> Colour:
    return (min(max(r, 0), 255), min(max(g, 0), 255), min(max(b, 0), 255))
