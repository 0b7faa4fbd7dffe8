"""Bytes to an RGB array: the only place where a photo is decoded, and the only place that knows colour order.

Everything downstream of :func:`decode` holds RGB uint8 arrays of shape (height, width, 3) with the EXIF orientation
already applied.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from presente.errors import PhotoRefused

RGB = NDArray[np.uint8]
"""A decoded photo: uint8, shape (height, width, 3), channels in the order red, green, blue."""

_ACCEPTED = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "PPM": "image/x-portable-anymap",
}
ACCEPTED_SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".pgm", ".ppm", ".pnm"})


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before any pixel is decoded: ``max_bytes`` of the file, ``max_pixels`` of the picture."""

    max_bytes: int = 16_000_000
    max_pixels: int = 40_000_000
    min_side: int = 16


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo and what its bytes turned out to be.

    ``pixels`` is uint8 RGB of shape (height, width, 3), upright; ``media_type`` is the real one, read from the bytes;
    ``reduction`` is how many pixels of the file became one of ``pixels``, along a side: 1 when all were decoded.
    """

    pixels: RGB
    media_type: str
    reduction: float = 1.0


def decode(data: bytes, limits: ImageLimits | None = None, enough: int | None = None) -> Photo:
    """Decode a JPEG, PNG, WebP or PNM file into an upright RGB photo.

    CMYK, palette, 16-bit, grey and transparent pictures are converted; transparency is put on white. Of an animation
    the first frame is taken.

    Args:
        data: the file.
        limits: what is refused.
        enough: a longest side, in pixels, that will do: a JPEG that is at least twice as large is decoded in a half,
            a quarter or an eighth of its pixels a side, by libjpeg itself, and never in fewer than that.

    Raises:
        PhotoRefused: ``empty_image``, ``too_many_bytes``, ``not_an_image``, ``unsupported_format``,
            ``too_many_pixels``, ``too_small`` or ``damaged_image``.
    """
    limits = limits or ImageLimits()
    if not data:
        raise PhotoRefused("empty_image", "The photo has no bytes.", "Send the content of an image file.")
    if len(data) > limits.max_bytes:
        raise PhotoRefused(
            "too_many_bytes",
            f"The photo has {len(data):,} bytes, the limit is {limits.max_bytes:,}.",
            "Send a smaller JPEG.",
        )
    image = _open(data, limits)
    longest = max(image.size)
    try:
        if enough is not None and longest >= 2 * enough and image.format in ("JPEG", "MPO"):
            share = enough / longest
            image.draft(image.mode, (math.ceil(image.width * share), math.ceil(image.height * share)))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        pixels = _to_rgb(image)
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        struct.error,
        zlib.error,
    ) as exc:
        raise PhotoRefused(
            "damaged_image", f"The {image.format} file is damaged or cut short ({exc}).", "Send the whole file again."
        ) from exc
    return Photo(pixels, _ACCEPTED[image.format or ""], longest / max(pixels.shape[:2]))


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    """Read the header only, and refuse by what it says."""
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "PPM"))
    except Image.DecompressionBombError as exc:
        raise _too_many_pixels(str(exc), limits) from exc
    except UnidentifiedImageError as exc:
        name = sniff(data)
        if name is None:
            raise PhotoRefused(
                "not_an_image", "These bytes are not an image.", "Send a JPEG, PNG or WebP file."
            ) from exc
        raise PhotoRefused(
            "unsupported_format", f"{name} files are not accepted.", "Convert the photo to JPEG, PNG or WebP."
        ) from exc
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as exc:
        raise PhotoRefused(
            "damaged_image", f"The file's header is damaged ({exc}).", "Send the whole file again."
        ) from exc
    width, height = image.size
    if width * height > limits.max_pixels:
        raise _too_many_pixels(f"{width} x {height} pixels", limits)
    if min(width, height) < limits.min_side:
        raise PhotoRefused(
            "too_small",
            f"The photo is {width} x {height} pixels.",
            f"Send one of at least {limits.min_side} pixels a side.",
        )
    return image


def _too_many_pixels(what: str, limits: ImageLimits) -> PhotoRefused:
    return PhotoRefused(
        "too_many_pixels",
        f"The photo is too large: {what}, the limit is {limits.max_pixels:,} pixels.",
        "Scale it down before sending it.",
    )


def _to_rgb(image: Image.Image) -> RGB:
    """Any Pillow mode to RGB uint8, without the clipping that ``convert`` does to 16-bit pictures."""
    if image.mode.startswith("I"):  # 16-bit samples; PNM files with a smaller maxval are rescaled to that by Pillow
        grey = np.asarray(image)
        level = (grey >> 8 if int(grey.max(initial=0)) > 255 else grey).astype(np.uint8)
        return np.repeat(level[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture, mask=picture.getchannel("A"))
        image = white
    return np.array(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"%PDF", "PDF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftyphevc", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypmsf1", "HEIC"),
    (4, b"ftypavif", "AVIF"),
    (0, b"\x00\x00\x01\x00", "ICO"),
    (4, b"ftyp", "Video"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
)


def sniff(data: bytes) -> str | None:
    """The name of a well-known format that is not accepted, by its first bytes, else None."""
    for offset, magic, name in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return name
    return None
