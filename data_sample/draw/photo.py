"""The camera: exposure, colour of the light, blur, noise and JPEG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .look import Look


def develop(pixels: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
    """Turn a drawn picture (H, W, 3), float32, 0..1, into the photo, uint8, that `look` describes."""
    height, width = pixels.shape[:2]
    if look.dark > 0:
        x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None] * np.float32(np.cos(look.dark_angle))
        y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * np.float32(np.sin(look.dark_angle))
        edge = 1 / (1 + np.exp(-(x + y - np.float32(look.dark_offset)) / 0.07))
        pixels = pixels * (1 - np.float32(look.dark) * edge)[:, :, None]
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
    image = image.point(_curves(look))
    if look.blur > 0.15:
        image = image.filter(ImageFilter.GaussianBlur(look.blur))
    if look.noise > 0:
        image = _add_noise(image, look)
    if look.jpeg is not None:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=look.jpeg)
        image = Image.open(stream)
    return np.asarray(image, dtype=np.uint8)


def _curves(look: Look) -> list[int]:
    """Return the tone curves of red, green and blue, 256 entries each."""
    level = np.linspace(0, 1, 256)
    curves = [(level * look.gain * (1 + look.warmth * c)).clip(0, 1) ** look.gamma for c in (1.0, 0.1, -1.0)]
    return [int(v) for v in np.round(np.concatenate(curves) * 255)]


def _add_noise(image: Image.Image, look: Look) -> Image.Image:
    """Add sensor noise: mostly brightness, a little colour."""
    rng = np.random.default_rng([0x2015E, look.seed])
    pixels = np.asarray(image, dtype=np.float32)
    grain = rng.standard_normal((*pixels.shape[:2], 1), dtype=np.float32) * np.float32(look.noise)
    tint = np.array([1.0, 0.85, 1.1], dtype=np.float32)
    return Image.fromarray(np.clip(pixels + grain * tint, 0, 255).astype(np.uint8))
