"""Draws the background behind people: walls, shelves, windows, lights out of focus, plain texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from . import colour
from .colour import Colour

Pixels = NDArray[np.float32]
"""A picture (H, W, 3), float32, 0..1."""


def draw_background(kind: str, seed: int, width: int, height: int) -> Pixels:
    """Return a background of one of look.BACKGROUNDS."""
    rng = np.random.default_rng([0xBAC6, seed])
    wall = colour.jitter(colour.pick(colour.WALL, rng), rng, 10)
    image = Image.new("RGB", (width, height), wall)
    draw = ImageDraw.Draw(image)
    if kind == "gradient":
        return _gradient(rng, wall, width, height)
    if kind == "texture":
        return _texture(rng, wall, width, height)
    if kind == "bokeh":
        _bokeh(draw, rng, wall, width, height)
        image = image.filter(ImageFilter.BoxBlur(width * 0.02))
    elif kind == "stripes":
        _stripes(draw, rng, wall, width, height)
    elif kind == "shelf":
        _shelf(draw, rng, wall, width, height)
    elif kind == "window":
        _window(draw, rng, wall, width, height)
    elif kind == "shapes":
        _shapes(draw, rng, width, height)
    elif kind == "board":
        _board(draw, rng, width, height)
    pixels = np.asarray(image, dtype=np.float32) * np.float32(1 / 255)
    fall = np.linspace(1.0 + rng.uniform(-0.1, 0.12), 1.0 - rng.uniform(-0.05, 0.15), height, dtype=np.float32)
    return pixels * fall[:, None, None]


def _gradient(rng: np.random.Generator, wall: Colour, width: int, height: int) -> Pixels:
    other = colour.jitter(colour.pick(colour.WALL, rng), rng, 16)
    ends = np.array([[wall, other], [colour.jitter(wall, rng, 20), colour.scale(other, 0.8)]], dtype=np.float32) / 255
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    top = ends[0, 0] * (1 - x) + ends[0, 1] * x
    low = ends[1, 0] * (1 - x) + ends[1, 1] * x
    return np.asarray(top * (1 - y) + low * y, dtype=np.float32)


def _texture(rng: np.random.Generator, wall: Colour, width: int, height: int) -> Pixels:
    cells = int(rng.integers(4, 40))
    noise = np.clip(128 + rng.normal(0, 20, (cells, cells, 3)), 0, 255)
    if rng.random() < 0.9:
        noise[:, :, 1:] = noise[:, :, :1]
    grown = Image.fromarray(noise.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    tint = np.array(wall, dtype=np.float32) / 255
    return np.asarray(np.clip(tint * (np.asarray(grown, dtype=np.float32) / 128), 0, 1), dtype=np.float32)


def _bokeh(draw: ImageDraw.ImageDraw, rng: np.random.Generator, wall: Colour, width: int, height: int) -> None:
    draw.rectangle((0, 0, width, height), fill=colour.scale(wall, 0.55))
    for _ in range(int(rng.integers(12, 30))):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.02, 0.12) * width
        tone = colour.mix(wall, colour.jitter((250, 220, 170), rng, 40), float(rng.uniform(0.1, 0.7)))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tone)


def _stripes(draw: ImageDraw.ImageDraw, rng: np.random.Generator, wall: Colour, width: int, height: int) -> None:
    other = colour.mix(wall, colour.pick(colour.WALL, rng), 0.6)
    step = float(rng.uniform(0.05, 0.2)) * width
    slant = float(rng.uniform(-0.6, 0.6)) * height
    for k in range(-8, int(width / step) + 9, 2):
        x = k * step
        draw.polygon([(x, 0), (x + step, 0), (x + step + slant, height), (x + slant, height)], fill=other)


def _shelf(draw: ImageDraw.ImageDraw, rng: np.random.Generator, wall: Colour, width: int, height: int) -> None:
    draw.rectangle((0, 0, width, height), fill=(96, 70, 50))
    rows = int(rng.integers(2, 5))
    for k in range(rows):
        low, x = (k + 1) * height / rows - 0.02 * height, 0.0
        while x < width:
            w = float(rng.uniform(0.02, 0.06)) * width
            top = low - float(rng.uniform(0.6, 0.88)) * height / rows
            draw.rectangle(
                (x, top, x + w, low),
                fill=colour.jitter(colour.mix(colour.pick(colour.CLOTH, rng), wall, 0.3), rng, 18),
            )
            x += w + 1


def _window(draw: ImageDraw.ImageDraw, rng: np.random.Generator, wall: Colour, width: int, height: int) -> None:
    x0, y0 = rng.uniform(-0.2, 0.5) * width, rng.uniform(-0.2, 0.2) * height
    x1, y1 = x0 + rng.uniform(0.3, 0.7) * width, y0 + rng.uniform(0.4, 0.8) * height
    draw.rectangle((x0 - 6, y0 - 6, x1 + 6, y1 + 6), fill=colour.scale(wall, 0.7))
    draw.rectangle((x0, y0, x1, y1), fill=colour.jitter((196, 222, 240), rng, 12))
    hill = y0 + 0.7 * (y1 - y0)
    draw.rectangle((x0, hill, x1, y1), fill=colour.jitter((120, 160, 104), rng, 14))
    bar = colour.scale(wall, 0.8)
    draw.rectangle(((x0 + x1) / 2 - 3, y0, (x0 + x1) / 2 + 3, y1), fill=bar)
    draw.rectangle((x0, (y0 + y1) / 2 - 3, x1, (y0 + y1) / 2 + 3), fill=bar)


def _shapes(draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    for _ in range(int(rng.integers(5, 16))):
        x, y = rng.uniform(-0.2, 1.0) * width, rng.uniform(-0.2, 1.0) * height
        w, h = rng.uniform(0.05, 0.5) * width, rng.uniform(0.05, 0.5) * height
        tone = colour.jitter(colour.pick(colour.WALL + colour.CLOTH, rng), rng, 16)
        if rng.random() < 0.5:
            draw.rectangle((x, y, x + w, y + h), fill=tone)
        else:
            draw.ellipse((x, y, x + w, y + h), fill=tone)


def _board(draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    tone = ((40, 78, 66), (244, 245, 246), (46, 52, 58))[int(rng.integers(3))]
    ink = (225, 232, 226) if sum(tone) < 400 else (70, 84, 130)
    draw.rectangle(
        (0.04 * width, 0.05 * height, 0.96 * width, 0.7 * height), fill=tone, outline=(150, 112, 74), width=3
    )
    for k in range(int(rng.integers(2, 7))):
        y = (0.1 + 0.09 * k) * height
        x = float(rng.uniform(0.07, 0.5)) * width
        for _ in range(int(rng.integers(2, 9))):
            w = float(rng.uniform(0.01, 0.07)) * width
            draw.line((x, y, x + w, y + float(rng.uniform(-3, 3))), fill=ink, width=2)
            x += w + 5
