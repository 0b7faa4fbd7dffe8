"""Things that are nearly faces: bare ovals, heads from behind, buttons and wheels in pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from . import colour


def draw_decoys(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the picture (H, W, 3), float32, 0..1, with some decoys drawn over it."""
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for _ in range(int(rng.integers(1, 7))):
        size = float(np.exp(rng.uniform(np.log(0.06), np.log(0.6)))) * width
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        (_blank, _behind, _pair, _lines)[int(rng.integers(4))](draw, rng, x, y, size)
    return np.asarray(image, dtype=np.float32) * np.float32(1 / 255)


def _oval(draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float, tone: colour.Colour) -> None:
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=tone)


def _blank(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """Draw a head of skin and hair with no features at all, or a bare arm or hand of skin."""
    skin = colour.along(colour.SKIN, float(rng.random()))
    rx = size / 2
    if rng.random() < 0.6:
        _oval(draw, x, y - 0.2 * rx, 1.1 * rx, 1.25 * rx, colour.pick(colour.HAIR, rng))
    _oval(draw, x, y + 0.2 * rx, rx, rx * float(rng.uniform(0.9, 1.4)), skin)


def _behind(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """Draw a person seen from behind."""
    rx, skin = size / 2, colour.along(colour.SKIN, float(rng.random()))
    cloth, hair = colour.pick(colour.CLOTH, rng), colour.pick(colour.HAIR, rng)
    draw.rectangle((x - 0.5 * rx, y, x + 0.5 * rx, y + 2 * rx), fill=skin)
    draw.rounded_rectangle((x - 1.9 * rx, y + 1.6 * rx, x + 1.9 * rx, y + 5 * rx), radius=0.6 * rx, fill=cloth)
    _oval(draw, x - rx, y + 0.2 * rx, 0.15 * rx, 0.3 * rx, skin)
    _oval(draw, x + rx, y + 0.2 * rx, 0.15 * rx, 0.3 * rx, skin)
    _oval(draw, x, y, rx, rx * 1.3, hair)


def _pair(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """Draw two discs side by side (wheels, buttons, lamps)."""
    r = size * float(rng.uniform(0.06, 0.2))
    tone, inner = colour.pick(colour.CLOTH, rng), colour.pick(colour.WALL, rng)
    for side in (-1, 1):
        _oval(draw, x + side * size * 0.25, y, r, r, tone)
        _oval(draw, x + side * size * 0.25, y, r * 0.5, r * 0.5, inner)


def _lines(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """Draw a panel with a few dark lines."""
    draw.rectangle((x, y, x + size, y + size * 1.2), fill=colour.along(colour.SKIN, float(rng.random())))
    for _ in range(int(rng.integers(1, 6))):
        at = rng.uniform(0, 1, 4) * size
        draw.line((x + at[0], y + at[1], x + at[2], y + at[3]), fill=(40, 30, 30), width=max(1, int(size * 0.03)))
