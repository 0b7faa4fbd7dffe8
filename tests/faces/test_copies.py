"""Copies of one photo, whole and damaged."""

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from faces.image.copies import agreement, fault_beside, thumbnail
from faces.image.decode import decode
from faces.image.jpeg_damage import scan_start
from presente.errors import PhotoRefused
from tests.conftest import SAMPLE

PHOTOS = [path.read_bytes() for path in sorted((SAMPLE / "students").glob("*/*.jpg"))]


def changed(content: bytes, chance: random.Random) -> tuple[bytes, float]:
    """A photo with one byte changed that libjpeg decodes without an error, and the share of pixels that differ."""
    while True:
        damaged = bytearray(content)
        damaged[chance.randrange(scan_start(content), len(content) - 2)] ^= chance.randrange(1, 256)
        try:
            pixels = decode(bytes(damaged)).pixels.astype(np.int16)
        except PhotoRefused:
            continue
        return bytes(damaged), float((np.abs(pixels - decode(content).pixels) > 8).mean())


def test_of_two_copies_the_damaged_one_is_named() -> None:
    chance = random.Random(7)
    told = 0
    for content in PHOTOS[:40]:
        damaged, share = changed(content, chance)
        assert fault_beside(content, damaged) is None
        if share > 0.001:
            told += 1
            assert fault_beside(damaged, content)
    assert told > 15
    assert fault_beside(PHOTOS[0], PHOTOS[0]) is None and fault_beside(PHOTOS[0], b"no photo") is None


def test_of_two_damaged_copies_neither_is_better_for_being_so() -> None:
    content, chance = PHOTOS[0], random.Random(3)
    short = content[: len(content) // 2]
    assert fault_beside(short, short) is None
    assert fault_beside(short, content) and fault_beside(content, short) is None
    worse, _ = changed(content, chance)
    assert not (fault_beside(worse, short) and fault_beside(short, worse))


def again(content: bytes, quality: int, hidden: bool) -> bytes:
    image = Image.open(io.BytesIO(content)).convert("RGB")
    if hidden:
        ImageDraw.Draw(image).rectangle((10, 20, 10 + image.width // 3, 20 + image.height // 3), fill=(200, 0, 90))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.mark.parametrize("damage", ["cut", "saved anew", "hidden in part"])
def test_what_is_left_of_a_photo_looks_like_its_copy(damage: str) -> None:
    cells = np.array([thumbnail(content).cells for content in PHOTOS])  # type: ignore[union-attr]
    for number, content in enumerate(PHOTOS[:24]):
        left = content[: len(content) // 2] if damage == "cut" else again(content, 60, damage != "saved anew")
        found = thumbnail(left)
        assert found is not None and (found.rows < 16) == (damage == "cut")
        shares = agreement(found, cells)
        assert int(shares.argmax()) == number and shares[number] > 0.75
        assert shares[number] - np.delete(shares, number).max() > 0.1


def test_too_little_is_nothing() -> None:
    content = PHOTOS[0]
    assert thumbnail(content[: scan_start(content) + 200]) is None
    assert thumbnail(b"") is None and thumbnail(b"no photo") is None and thumbnail(content[:100]) is None
