import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faces.image.decode import ImageLimits, decode
from presente.errors import PhotoRefused


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    gradient = np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3).astype(np.uint8)
    return Image.fromarray(gradient).convert(mode)


def refusal(data: bytes, limits: ImageLimits | None = None) -> str:
    with pytest.raises(PhotoRefused) as caught:
        decode(data, limits)
    assert caught.value.what and caught.value.fix
    return caught.value.code


def test_channels_come_out_red_green_blue() -> None:
    red = Image.new("RGB", (32, 32), (250, 20, 10))
    for kind in ("PNG", "JPEG", "WEBP", "PPM", "AVIF", "TIFF"):
        pixel = decode(encoded(red, kind)).pixels[16, 16]
        assert pixel[0] > 200 and pixel[2] < 60, kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "PPM", "AVIF", "TIFF"])
def test_media_type_is_read_from_the_bytes(kind: str) -> None:
    photo = decode(encoded(picture(), kind))
    assert photo.pixels.shape == (40, 60, 3)
    assert photo.pixels.dtype == np.uint8
    assert kind.lower() in photo.media_type or kind == "PPM"


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA"])
def test_other_modes_become_rgb(mode: str) -> None:
    photo = decode(encoded(picture(mode), "PNG"))
    assert photo.pixels.shape == (40, 60, 3)
    assert photo.pixels.max() > 200


def test_cmyk_keeps_its_colours() -> None:
    red = Image.new("RGB", (32, 32), (255, 0, 0)).convert("CMYK")
    pixel = decode(encoded(red, "JPEG", quality=95)).pixels[16, 16].astype(int)
    assert pixel[0] > 200 and pixel[1] < 70 and pixel[2] < 70


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    levels = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    pixels = decode(encoded(Image.fromarray(levels), "PNG")).pixels
    assert abs(int(pixels[16, 0, 0]) - 128) <= 2
    assert pixels[0, 0, 0] == 0 and pixels[-1, -1, 0] == 255


def test_transparency_is_put_on_white() -> None:
    clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    assert (decode(encoded(clear, "PNG")).pixels == 255).all()


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (60, 40), (0, 0, 0))
    image.paste((255, 0, 0), (0, 0, 60, 10))  # a red band on top of the stored picture
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after turning a quarter clockwise: the band is on the right
    pixels = decode(encoded(image, "JPEG", exif=exif, quality=95)).pixels
    assert pixels.shape == (60, 40, 3)
    assert pixels[30, 38, 0] > 200 and pixels[30, 2, 0] < 60


def test_refusals_by_what_the_bytes_are() -> None:
    assert refusal(b"") == "empty_image"
    assert refusal(b"hello, this is text") == "not_an_image"
    assert refusal(encoded(picture(), "GIF")) == "unsupported_format"
    assert refusal(encoded(picture(), "BMP")) == "unsupported_format"
    assert refusal(b"\x00\x00\x00\x18ftypheic" + bytes(64)) == "damaged_image"
    assert refusal(b"\x00\x00\x00\x18ftypisom" + bytes(64)) == "unsupported_format"
    assert refusal(b"%PDF-1.7 ...") == "unsupported_format"
    assert refusal(encoded(picture(size=(10, 100)), "PNG")) == "too_small"
    assert refusal(bytes(1001), ImageLimits(max_bytes=1000)) == "too_many_bytes"


def test_a_bomb_is_refused_by_its_header() -> None:
    bomb = encoded(Image.new("1", (10_000, 5_001)), "PNG")
    assert len(bomb) < 100_000
    assert refusal(bomb) == "too_many_pixels"
    huge = encoded(Image.new("1", (20_000, 20_000)), "PNG")
    assert refusal(huge) == "too_many_pixels"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_a_file_cut_short_is_damaged(kind: str) -> None:
    whole = encoded(picture(size=(200, 200)), kind)
    assert refusal(whole[: len(whole) * 2 // 3]) == "damaged_image"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8))
def test_no_damage_escapes_as_another_error(kind: str, damage: list[tuple[float, int]]) -> None:
    data = bytearray(encoded(picture(), kind))
    for place, value in damage:
        data[int(place * (len(data) - 1))] = value
    try:
        assert decode(bytes(data)).pixels.ndim == 3
    except PhotoRefused as refused:
        assert refused.code
