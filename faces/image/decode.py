"""Bytes to an RGB array. Photos are decoded nowhere else, and no other module knows the order of colours in a file.

Everything downstream of :func:`decode` holds RGB uint8 arrays of shape (height, width, 3) with the EXIF orientation
already applied.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from faces.image.cost import Cost, cost_of, draft_size, refuse_too_costly, strip_rows
from faces.image.headers import Header, read_header
from faces.image.headers.header import unsupported
from presente.errors import PhotoRefused

Image.MAX_IMAGE_PIXELS = None  # ImageLimits sets the limit instead
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # photos are decoded at once, each by one core

RGB = NDArray[np.uint8]
"""A decoded photo: uint8, shape (height, width, 3), channels in the order red, green, blue."""

_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "PPM": "image/x-portable-anymap",
    "HEIF": "image/heic",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
}
ACCEPTED_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".pgm", ".ppm", ".pnm"}
    | {".heic", ".heif", ".hif", ".avif", ".tif", ".tiff"}
)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits beyond which a photo is refused before any pixel is decoded: bytes of the file, pixels of the picture."""

    max_bytes: int = 16_000_000
    max_pixels: int = 40_000_000
    min_side: int = 16


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A decoded photo.

    Attributes:
        pixels: uint8 RGB of shape (height, width, 3), upright.
        media_type: read from the bytes.
        size: height and width of the whole photo, upright; they are those of ``pixels`` when all were decoded.
    """

    pixels: RGB
    media_type: str
    size: tuple[int, int]

    @property
    def reduction(self) -> float:
        """The number of the file's pixels per pixel of ``pixels``, along a side: 1 when all were decoded."""
        return float(max(self.size) / max(self.pixels.shape[:2]))


def empty(height: int, width: int) -> RGB:
    """A new array for a photo."""
    return np.empty((height, width, 3), dtype=np.uint8)


def expected_cost(data: bytes, limits: ImageLimits | None = None, enough: int | None = None) -> Cost:
    """The cost of :func:`decode`, estimated without decoding.

    Raises:
        PhotoRefused: as :func:`decode`, except for damage past the header.
    """
    return cost_of(_accepted_header(data, limits or ImageLimits()), len(data), enough)


def decode(
    data: bytes,
    limits: ImageLimits | None = None,
    enough: int | None = None,
    allocate: Callable[[int, int], RGB] = empty,
) -> DecodedPhoto:
    """Decode a JPEG, PNG, WebP, HEIC, AVIF, TIFF or binary PNM file into an upright RGB photo.

    CMYK, palette, 16-bit, grey and transparent pictures are converted; transparent pixels become white, but for those
    of HEIC and AVIF, whose transparency is a picture of its own. Of an animation the first frame is taken, of several
    pictures or pages the one that is shown first.

    Args:
        data: the file.
        limits: which photos are refused.
        enough: a longest side, in pixels, that suffices: libjpeg decodes a JPEG that is at least twice as large in a
            half, a quarter or an eighth of its pixels per side, and never in fewer than ``enough``.
        allocate: makes the array for the pixels, from its height and width.

    Raises:
        PhotoRefused: ``empty_image``, ``too_many_bytes``, ``not_an_image``, ``unsupported_format``,
            ``too_many_pixels``, ``too_small``, ``too_costly`` or ``damaged_image``.
    """
    header = _accepted_header(data, limits or ImageLimits())
    try:
        rows = _heif_rows(header, data) if header.kind == "HEIF" else _pillow_rows(header, data, enough)
        pixels = _upright_rgb(rows, header, allocate)
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        RuntimeError,
        struct.error,
        zlib.error,
    ) as exc:
        if header.kind == "TIFF" and isinstance(exc, UnidentifiedImageError):
            raise unsupported("TIFF files with pixels of this kind") from exc
        why = "" if isinstance(exc, UnidentifiedImageError) else f" ({exc})"  # which names an object, not a reason
        raise PhotoRefused(
            "damaged_image", f"The {header.kind} file is damaged or cut short{why}.", "Send the whole file again."
        ) from exc
    width, height = header.window[2:]
    size = (width, height) if header.orientation >= 5 else (height, width)
    return DecodedPhoto(pixels, _MEDIA_TYPES[header.kind], size)


def _accepted_header(data: bytes, limits: ImageLimits) -> Header:
    """Read the header only, and refuse photos that it shows to be unsuitable."""
    if not data:
        raise PhotoRefused("empty_image", "The photo has no bytes.", "Send the content of an image file.")
    if len(data) > limits.max_bytes:
        raise PhotoRefused(
            "too_many_bytes",
            f"The photo has {len(data):,} bytes, the limit is {limits.max_bytes:,}.",
            "Send a smaller JPEG.",
        )
    header = read_header(data)
    if header.pixels > limits.max_pixels:
        raise PhotoRefused(
            "too_many_pixels",
            f"The photo is too large: {header.width} x {header.height} pixels, the limit is {limits.max_pixels:,}.",
            "Scale it down before sending it.",
        )
    _, _, width, height = header.window
    if min(width, height) < limits.min_side:
        raise PhotoRefused(
            "too_small",
            f"The photo is {width} x {height} pixels.",
            f"Send one of at least {limits.min_side} pixels per side.",
        )
    refuse_too_costly(header, len(data))
    return header


@dataclass(frozen=True, slots=True)
class _StoredRows:
    """A picture as the file stores it: its size, and a function that gives some of its rows, (rows, width, 1 or 3)."""

    width: int
    height: int
    between: Callable[[int, int], NDArray[np.uint8]]


def _pillow_rows(header: Header, data: bytes, enough: int | None) -> _StoredRows:
    """A picture that Pillow decodes."""
    image = Image.open(io.BytesIO(header.essence(data)), formats=(header.kind,))
    if image.size != (header.width, header.height):
        raise ValueError("it says two sizes")
    smaller = draft_size(header.width, header.height, enough) if header.kind == "JPEG" else None
    if smaller is not None:
        image.draft(image.mode, smaller)
    image.load()
    grey16 = image.mode.startswith("I")  # 16-bit samples, or what Pillow rescales a PNM's other ranges to
    wide = grey16 and int(image.getextrema()[1]) > 255  # type: ignore[arg-type]  # of one channel they are two numbers

    def between(top: int, bottom: int) -> NDArray[np.uint8]:
        strip = image.crop((0, top, image.width, bottom))
        strip.info = image.info
        return _grey16(strip, wide) if grey16 else _to_rgb(strip)

    return _StoredRows(*image.size, between)


def _heif_rows(header: Header, data: bytes) -> _StoredRows:
    """A picture in HEVC, which libheif decodes in one thread, into 8 bits per sample."""
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    image = pi_heif.open_heif(header.essence(data), convert_hdr_to_8bit=True)
    if image.size != (header.width, header.height) or image.mode not in ("RGB", "L"):
        raise ValueError("it says two sizes, or colours of no kind")
    samples = np.asarray(image)
    if samples.shape[:2] != (header.height, header.width):
        raise ValueError("it says two sizes")
    pixels = samples.reshape(header.height, header.width, -1)

    def between(top: int, bottom: int, _owner: object = image) -> NDArray[np.uint8]:
        return pixels[top:bottom]  # the library's own memory, which goes when the image does

    return _StoredRows(header.width, header.height, between)


def _upright_rgb(rows: _StoredRows, header: Header, allocate: Callable[[int, int], RGB]) -> RGB:
    """A stored picture as RGB uint8, turned as EXIF says, without a copy of the whole."""
    left, first, width, height = header.shown or (0, 0, rows.width, rows.height)
    pixels = allocate(*((width, height) if header.orientation >= 5 else (height, width)))
    lying = _as_stored(pixels, header.orientation)
    count = strip_rows(width)
    for top in range(0, height, count):
        bottom = min(top + count, height)
        lying[top:bottom] = rows.between(first + top, first + bottom)[:, left : left + width]
    return pixels


def _as_stored(pixels: RGB, orientation: int) -> RGB:
    """A view of an upright picture's array in which its pixels lie as the file stores them."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels


def _grey16(image: Image.Image, wide: bool) -> NDArray[np.uint8]:
    """Grey levels (height, width, 1); ``convert`` would clip 16-bit pictures."""
    grey = np.asarray(image)
    return (grey >> 8 if wide else grey).astype(np.uint8)[:, :, None]


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture, mask=picture.getchannel("A"))
        image = white
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
