"""Damage that libjpeg decodes without an error: the codes of the JPEG do not add up."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from faces.image.decode import decode
from faces.image.jpeg_damage import scan_damage, scan_start
from presente.errors import PhotoRefused
from tests.conftest import SAMPLE

PHOTOS = [path.read_bytes() for path in sorted((SAMPLE / "students").glob("*/1.jpg"))[:8]]


def saved(mode: str = "RGB", size: tuple[int, int] = (75, 50), **options: object) -> bytes:
    """A photo saved again, as other programs do it."""
    out = io.BytesIO()
    Image.open(io.BytesIO(PHOTOS[0])).convert(mode).resize(size).save(out, "JPEG", **options)
    return out.getvalue()


WRITTEN = [
    saved("L"),
    saved("CMYK"),
    saved(subsampling=0, quality=100),
    saved(subsampling=1, optimize=True),
    saved(size=(16, 16), quality=5),
    saved(size=(333, 97), restart_marker_blocks=5),
    saved(size=(160, 160), restart_marker_rows=1, exif=b"Exif\0\0" + bytes(3000)),
]


@pytest.mark.parametrize("content", [*PHOTOS, *WRITTEN])
def test_nothing_is_said_against_a_whole_photo(content: bytes) -> None:
    assert scan_damage(content) is None
    assert content[:2] == b"\xff\xd8" and 0 < scan_start(content) < len(content)


@pytest.mark.parametrize("content", [*PHOTOS[:2], *(content for content in WRITTEN if len(content) > 1500)])
def test_picture_data_that_end_early_go_on_or_are_interrupted(content: bytes) -> None:
    start = scan_start(content)
    for share in (0.1, 0.5, 0.9):
        cut = content[: start + int(share * (len(content) - start))].rstrip(b"\xff")
        assert "end" in str(scan_damage(cut)) and scan_damage(cut + b"\xff\xd9") is not None
    assert scan_damage(content[:-2] + b"\x12" * 9 + b"\xff\xd9") is not None
    middle = (start + len(content)) // 2
    assert "interrupted" in str(scan_damage(content[:middle] + b"\xff\xc1" + content[middle + 2 :]))


def test_most_damage_that_shows_is_found() -> None:
    chance = random.Random(11)
    shown = found = 0
    for content in PHOTOS * 6:
        whole = decode(content).pixels.astype(np.int16)
        damaged = bytearray(content)
        damaged[chance.randrange(scan_start(content), len(content) - 2)] ^= chance.randrange(1, 256)
        try:
            pixels = decode(bytes(damaged)).pixels
        except PhotoRefused:
            continue
        if (np.abs(pixels - whole) > 8).mean() > 0.02:
            shown, found = shown + 1, found + (scan_damage(bytes(damaged)) is not None)
    assert shown > 15 and found > 0.7 * shown


def test_other_files_are_left_to_their_decoders() -> None:
    png = io.BytesIO()
    Image.new("RGB", (20, 20)).save(png, "PNG")
    assert [scan_damage(content) for content in (b"", b"\xff\xd8", b"no photo", png.getvalue())] == [None] * 4
    assert scan_damage(saved(progressive=True)) is None and scan_start(b"no photo") == 0


def test_whatever_the_bytes_are_nothing_is_raised() -> None:
    chance = random.Random(5)
    for content in WRITTEN * 40:
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(min(700, len(content)))] = chance.randrange(256)
        scan_damage(bytes(damaged[: chance.randrange(len(damaged))]))
        scan_damage(bytes(damaged))
        assert 0 <= scan_start(bytes(damaged)) <= len(damaged)
