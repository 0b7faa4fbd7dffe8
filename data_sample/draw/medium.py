"""What a photo of a person looks like on a screen or on paper: borders, lifted blacks, moire, glare, halftone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from . import colour

Kind = Literal["phone", "screen", "paper", "print"]
"""How a photo is presented: on a phone that is held up, on a screen that fills the frame, on paper that is held up, or
as a print that fills the frame."""

KINDS: tuple[Kind, ...] = get_args(Kind)
HELD: tuple[Kind, ...] = ("phone", "paper")
LIT: tuple[Kind, ...] = ("phone", "screen")

_FINEST = 2.2
"""Pixels of the finest pattern: a finer one would be none in a photo."""

Pixels = NDArray[np.float32]
"""A picture (H, W, 3), float32, 0..1."""


@dataclass(frozen=True)
class Surface:
    """A flat thing with a photo on it.

    Attributes:
        colour: (H, W, 3), float32, 0..1.
        alpha: (H, W, 1), float32, 0..1: 0 outside rounded corners.
        shows: where the photo lies on it: x1, y1, x2, y2 in its pixels.
    """

    colour: Pixels
    alpha: NDArray[np.float32]
    shows: tuple[int, int, int, int]


def make_surface(photo: NDArray[np.uint8], kind: Kind, rng: np.random.Generator) -> Surface:
    """Put a photo (H, W, 3) on a screen or on paper, with the border of what is held up."""
    shown = np.asarray(photo.astype(np.float32) / 255, np.float32)
    shown = _on_screen(shown, rng) if kind in LIT else _on_paper(shown, rng)
    if kind == "phone":
        return _phone(shown, rng)
    if kind == "paper":
        return _paper(shown, rng)
    height, width = shown.shape[:2]
    return Surface(shown, np.ones((height, width, 1), np.float32), (0, 0, width, height))


def blank_surface(width: int, height: int, kind: Kind, rng: np.random.Generator) -> Surface:
    """A phone's back or a sheet of notes: something that is held up and shows no one."""
    if kind == "phone":
        tone = np.full((height, width, 3), np.array(colour.pick(colour.CLOTH, rng)) / 255, np.float32)
        return _rounded(tone, 0.12, (0, 0, width, height))
    image = Image.new("RGB", (width, height), colour.jitter((240, 240, 236), rng, 5))
    draw = ImageDraw.Draw(image)
    for y in range(height // 8, height - height // 10, max(3, height // 16)):
        end = width * float(rng.uniform(0.5, 0.9))
        draw.line((0.1 * width, y, end, y), fill=(90, 94, 110), width=max(1, height // 120))
    return Surface(
        np.asarray(np.asarray(image, np.float32) / 255, np.float32),
        np.ones((height, width, 1), np.float32),
        (0, 0, width, height),
    )


def texture(kind: Kind, width: int, height: int, face: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """What a camera adds where it sees a screen or a print: factors (H, W, 3) about 1.

    Of a screen it is moire and bands, of paper halftone and grain. They are as coarse as the face on it is large, which
    has `face` pixels across in the photo that is taken.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    if kind in LIT:
        return _moire(x, y, face, rng)
    period, angle = max(_FINEST, float(rng.uniform(0.05, 0.14)) * face), float(rng.uniform(0.6, 1.0))
    strength = float(rng.uniform(0.03, 0.12))
    u = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period)
    v = (y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / period)
    dots = np.cos(u) * np.cos(v)
    grain = rng.normal(0, rng.uniform(0.0, 0.025), (height, width)).astype(np.float32)
    return np.repeat((1 + strength * dots + grain)[:, :, None], 3, axis=2).astype(np.float32)


def glare(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Light (H, W, 1) that a glass reflects: a lamp's spot, or a bright band; often none."""
    light = np.zeros((height, width), np.float32)
    if rng.random() < 0.65:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        cx, cy = float(rng.uniform(-0.1, 1.1)) * width, float(rng.uniform(-0.1, 1.1)) * height
        angle, strength = float(rng.uniform(0, np.pi)), float(rng.uniform(0.08, 0.45))
        across = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        along = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        wide = float(rng.uniform(0.06, 0.3)) * width
        long = wide * float(rng.choice([1.0, 1.6, 12.0]))
        light = strength * np.exp(-((across / wide) ** 2) - (along / long) ** 2)
    return light[:, :, None].astype(np.float32)


def bent(surface: Surface, rng: np.random.Generator) -> tuple[Surface, float]:
    """Paper that hangs through: each column a little lower towards the middle or the sides, and shaded.

    Returns:
        The surface, and by how much of its height the middle is moved down.
    """
    height, width = surface.colour.shape[:2]
    x = np.linspace(-1, 1, width)
    sag = float(rng.uniform(-0.05, 0.05))
    shift = np.rint(sag * height * (1 - x**2)).astype(int)
    rows = np.arange(height)[:, None] - shift[None]
    inside = (rows >= 0) & (rows < height)
    columns = np.arange(width)[None]
    picked = np.clip(rows, 0, height - 1)
    shade = 1 + float(rng.uniform(-0.14, 0.14)) * x + float(rng.uniform(-0.1, 0.1)) * (1 - x**2)
    moved = surface.colour[picked, columns] * shade[None, :, None].astype(np.float32)
    alpha = surface.alpha[picked, columns] * inside[:, :, None]
    return Surface(moved.astype(np.float32), alpha.astype(np.float32), surface.shows), sag


def _on_screen(photo: Pixels, rng: np.random.Generator) -> Pixels:
    lift, contrast = float(rng.uniform(0.015, 0.09)), float(rng.uniform(0.72, 1.0))
    tint = np.array([1 - rng.uniform(0, 0.09), 1.0, 1 + rng.uniform(0, 0.1)], np.float32)
    shown = lift + photo ** np.float32(rng.uniform(0.85, 1.2)) * np.float32(contrast * rng.uniform(0.85, 1.25)) * tint
    return np.asarray(np.clip(shown, 0, 1), np.float32)


def _on_paper(photo: Pixels, rng: np.random.Generator) -> Pixels:
    grey = photo.mean(axis=2, keepdims=True)
    faded = photo + (grey - photo) * np.float32(rng.uniform(0.05, 0.4))
    if rng.random() < 0.12:  # a printer without colours
        faded = np.repeat(grey, 3, axis=2)
    low, high = float(rng.uniform(0.06, 0.2)), float(rng.uniform(0.8, 0.95))
    warm = np.array([1.0, 1 - rng.uniform(0, 0.05), 1 - rng.uniform(0, 0.12)], np.float32)
    return np.asarray((low + (high - low) * faded) * warm, np.float32)


def _phone(shown: Pixels, rng: np.random.Generator) -> Surface:
    """A photo between the dark bars of a phone's screen, and its frame around."""
    height, width = shown.shape[:2]
    side = max(2, round(width * float(rng.uniform(0.03, 0.08))))
    ends = [round(width * float(rng.uniform(0.05, 0.35))) for _ in range(2)]
    frame = np.array(colour.jitter((26, 27, 30) if rng.random() < 0.8 else (206, 208, 210), rng, 6), np.float32) / 255
    whole = np.empty((height + sum(ends), width + 2 * side, 3), np.float32)
    whole[:] = frame
    bar = np.float32(rng.choice([0.02, 0.05, 0.95])) * np.ones(3, np.float32)
    inner = max(1, side // 2)
    whole[inner:-inner, inner:-inner] = bar
    whole[ends[0] : ends[0] + height, side : side + width] = shown
    return _rounded(whole, float(rng.uniform(0.04, 0.13)), (side, ends[0], side + width, ends[0] + height))


def _paper(shown: Pixels, rng: np.random.Generator) -> Surface:
    """A photo with the white of the paper around; sometimes without, cut along the photo's edge."""
    height, width = shown.shape[:2]
    left, right, top, bottom = (round(width * float(rng.uniform(0.03, 0.22)) * (rng.random() > 0.12)) for _ in range(4))
    white = np.array(colour.jitter((243, 241, 236), rng, 4), np.float32) / 255
    whole = np.empty((height + top + bottom, width + left + right, 3), np.float32)
    whole[:] = white
    whole[top : top + height, left : left + width] = shown
    alpha = np.ones((*whole.shape[:2], 1), np.float32)
    return Surface(whole, alpha, (left, top, left + width, top + height))


def _rounded(whole: Pixels, radius: float, shows: tuple[int, int, int, int]) -> Surface:
    height, width = whole.shape[:2]
    mask = Image.new("L", (2 * width, 2 * height), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 2 * width - 1, 2 * height - 1), 2 * radius * width, fill=255)
    alpha = np.asarray(np.asarray(mask.reduce(2), np.float32)[:, :, None] / 255, np.float32)
    return Surface(whole, alpha, shows)


def _moire(
    x: NDArray[np.float32], y: NDArray[np.float32], face: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    factors = np.ones((*x.shape, 3), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        period = max(_FINEST, float(np.exp(rng.uniform(np.log(0.05), np.log(0.3)))) * face)
        angle = float(rng.uniform(0, np.pi))
        strength, curve = float(rng.uniform(0.03, 0.1)), float(rng.normal(0, 0.05)) / face
        phase = (x * np.cos(angle) + y * np.sin(angle)) / period + curve * (x * x + y * y) / period
        for channel, offset in enumerate(rng.uniform(0, 0.35, 3)):
            factors[:, :, channel] += strength * np.sin(2 * np.pi * (phase + offset))
    if rng.random() < 0.3:
        band = float(rng.uniform(0.3, 1.5)) * face
        factors += (float(rng.uniform(0.02, 0.08)) * np.sin(2 * np.pi * y / band + rng.uniform(0, 6)))[:, :, None]
    return factors


def softened(surface: Surface, radius: float) -> Surface:
    """A surface that the camera does not focus on."""
    if radius <= 0.2:
        return surface
    image = Image.fromarray((np.clip(surface.colour, 0, 1) * 255).astype(np.uint8))
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
    return Surface(np.asarray(blurred, np.float32), surface.alpha, surface.shows)
