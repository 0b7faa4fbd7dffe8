"""Small image files that are costly to decode, made by code."""

import functools
import io
import re
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture of one colour."""
    return Image.new(mode, (width, height), (120, 90, 60) if mode == "RGB" else 120)


def gradient(width: int, height: int) -> Image.Image:
    """A picture that changes slowly."""
    line = np.linspace(0, 255, width, dtype=np.float32)[None, :, None]
    column = np.linspace(0, 60, height, dtype=np.float32)[:, None, None]
    return Image.fromarray(np.broadcast_to(line / 2 + column, (height, width, 3)).astype(np.uint8))


def repeated_scans(width: int, height: int, times: int) -> bytes:
    """A progressive JPEG whose last scan is there so many times more."""
    whole = encoded(plain(width, height), "JPEG", progressive=True)
    last = [found.start() for found in re.finditer(b"\xff\xda", whole)][-1]
    return whole[:-2] + whole[last:-2] * times + b"\xff\xd9"


@functools.cache
def webp(side: int = 6320) -> bytes:
    """A large square of one colour as a few bytes of WebP."""
    return encoded(plain(side, side), "WEBP", lossless=True)


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*before: bytes, after: bytes = b"", side: int = 32) -> bytes:
    """A PNG with further chunks before and after its picture data."""
    rows = (b"\0" + bytes(range(96)) * (side // 32)) * side
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    picture = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + picture + after + chunk(b"IEND", b"")


def exif(tags: int, size: int, orientation: int = 6) -> bytes:
    """EXIF of so many tags that all point to nearly all of it."""
    body = bytearray(b"II*\0\x08\0\0\0" + struct.pack("<H", tags + 1))
    body += struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    for tag in range(tags):
        body += struct.pack("<HHII", 0x9000 + tag, 7, size - 12 * tags - 100, 12 * tags + 100)
    return bytes(body) + bytes(size - len(body))


def jpeg_with(*segments: bytes, image: Image.Image | None = None) -> bytes:
    """A JPEG without JFIF and with these segments (marker and body) in front."""
    whole = encoded(image or gradient(64, 48), "JPEG")
    assert whole[2:4] == b"\xff\xe0"
    rest = whole[4 + int.from_bytes(whole[4:6]) :]
    made = (b"\xff" + each[:1] + struct.pack(">H", len(each) + 1) + each[1:] for each in segments)
    return b"\xff\xd8" + b"".join(made) + rest


def all_kinds() -> dict[str, bytes]:
    """One file of each kind, by description; all are within the limit on bytes."""
    noise = np.random.default_rng(1).integers(0, 255, (500, 800, 3), dtype=np.uint8)
    large = Image.fromarray(noise).resize((8000, 5000))
    rows = 1200
    return {
        "JPEG with 1,000 scans": repeated_scans(3000, 3000, 1000),
        "JPEG with 90 scans": repeated_scans(1500, 1500, 90),
        "plain WebP of 6,320 x 6,320": webp(),
        "plain AVIF of 6,320 x 6,320": encoded(plain(6320, 6320), "AVIF", speed=10),
        "deflated TIFF of 6,320 x 6,320": encoded(plain(6320, 6320), "TIFF", compression="tiff_adobe_deflate"),
        "PPM in text": b"P3 1200 %d 255\n" % rows + b"120 90 60 " * (1200 * rows),
        "PNG of 40 megapixels": encoded(plain(8000, 5000), "PNG"),
        "JPEG of 40 megapixels": encoded(large, "JPEG", quality=80),
        "EXIF of 5,000 tags": jpeg_with(b"\xe1Exif\0\0" + exif(5000, 60_100)),
    }
