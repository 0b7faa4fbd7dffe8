"""What stands behind a picture is no part of the photo; the picture stays whole."""

import io

import numpy as np
import pytest
from PIL import Image

from faces.image.decode import decode
from faces.image.picture_end import without_tail
from tests.conftest import SAMPLE

PIXELS = np.random.default_rng(1).integers(0, 255, (120, 90, 3), dtype=np.uint8)
KINDS = [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})]


def encoded(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("tail", [b"\0", bytes(10_000), b"\xff\xd8\xff\xe0\xff\xd9", encoded("JPEG"), encoded("PNG")])
def test_a_tail_is_cut_off_and_the_picture_is_the_same(kind: str, options: dict[str, object], tail: bytes) -> None:
    whole = encoded(kind, **options)
    assert without_tail(whole) == whole
    cut = without_tail(whole + tail)
    assert cut == whole and (decode(cut).pixels == decode(whole + tail).pixels).all()


def test_the_sample_s_photos_and_what_is_cut_short_or_no_photo_stay_as_they_are() -> None:
    for path in sorted(SAMPLE.rglob("*.jpg")):
        assert without_tail(path.read_bytes()) == path.read_bytes(), path
    for data in (b"", b"no photo", encoded("JPEG")[:-40], encoded("PNG")[:-40], encoded("WEBP")[:-40], encoded("TIFF")):
        assert without_tail(data) == data
