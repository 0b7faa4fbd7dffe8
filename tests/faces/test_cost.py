"""The cost of a photo is known before any pixel is decoded; photos that cost far too much are refused."""

import io
import os
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from benchmarks import costly_images
from benchmarks.costly_images import chunk, encoded, exif, gradient, jpeg_with, plain, png, repeated_scans
from benchmarks.heif_files import Item, grid_of, heif, picture_of, size_box, turned
from faces.image.decode import ImageLimits, decode, expected_cost
from faces.image.headers import read_header
from faces.image.jpeg_damage import scan_damage
from presente.errors import PhotoRefused
from tests import programs
from tests.conftest import ROOT, SAMPLE

PHOTOS = ROOT / "tests" / "faces" / "photos"


def refusal(data: bytes) -> str:
    with pytest.raises(PhotoRefused) as caught:
        decode(data)
    assert caught.value.what and caught.value.fix
    return caught.value.code


@pytest.mark.parametrize(("side", "times"), [(6000, 120), (3000, 180), (64, 1000)])
def test_scans_beyond_all_proportion_are_refused(side: int, times: int) -> None:
    data = repeated_scans(side, side, times)
    assert len(data) < 300_000
    assert refusal(data) == "too_costly"


def test_scans_behind_a_false_end_are_counted() -> None:
    data = repeated_scans(3000, 3000, 180)
    first = data.index(b"\xff\xda")
    first = data.index(b"\xff\xc4", first)  # the tables between two scans
    assert refusal(data[:first] + b"\xff\xfe\0\x06\xff\xd9\xff\xd9" + data[first:]) == "too_costly"


def test_scans_of_other_pictures_in_the_file_are_not_counted() -> None:
    small = encoded(plain(32, 32), "JPEG")
    data = jpeg_with(b"\xe2" + small * 20) + small * 200
    assert decode(data).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"progressive": True, "subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_what_encoders_write_is_accepted_up_to_the_limit(options: dict[str, object], mode: str) -> None:
    data = encoded(Image.new(mode, (7300, 5400)), "JPEG", **options)
    cost = expected_cost(data)
    assert cost.seconds < 7 and cost.result_bytes == 3 * 7300 * 5400
    assert expected_cost(data, enough=1280).peak_bytes < cost.peak_bytes


@pytest.mark.parametrize("magic", [b"P1", b"P2", b"P3"])
def test_plain_text_pnm_is_refused(magic: bytes) -> None:
    with pytest.raises(PhotoRefused) as caught:
        decode(magic + b"\n32 32\n255\n" + b"1 " * 3072)
    assert caught.value.code == "unsupported_format"
    assert "PNM" in caught.value.what and "Convert" in caught.value.fix


def test_pnm_that_is_rescaled_in_python_is_refused_when_it_is_large() -> None:
    assert refusal(b"P5 2000 2000 254\n" + bytes(4_000_000)) == "too_costly"
    assert decode(b"P5 200 200 254\n" + bytes(40_000)).pixels.shape == (200, 200, 3)
    assert decode(b"P5 2000 2000 255\n" + bytes(4_000_000)).pixels.shape == (2000, 2000, 3)


def test_a_long_comment_of_pnm_is_not_read() -> None:
    assert refusal(b"P5 #" + b"a" * 5_000_000 + b"\n32 32 255\n" + bytes(1024)) == "damaged_image"


PACKED = zlib.compress(bytes(900_000), 9)


@pytest.mark.parametrize(
    "data",
    [
        png(*[chunk(b"iCCP", b"x\0\0" + PACKED)] * 1000),
        png(*[chunk(b"zTXt", b"x\0\0" + PACKED)] * 1000),
        png(after=chunk(b"iTXt", b"x\0\1\0\0\0" + PACKED) * 1000),
        png(*[chunk(b"zTXt", b"Raw profile type exif\0\0" + PACKED)] * 1000),
        png(chunk(b"acTL", b"\0\0\x03\xe8\0\0\0\0"), after=chunk(b"fdAT", bytes(40)) * 1000),
        png(chunk(b"eXIf", exif(5000, 400_000, 1))),
        jpeg_with(*[b"\xe1Exif\0\0" + exif(2000, 64_000, 1)] * 20, image=gradient(32, 32)),
        jpeg_with(*[b"\xe2" + bytes(65_000)] * 100, image=gradient(32, 32)),
    ],
    ids=["iccp", "ztxt", "itxt", "raw exif", "apng", "exif in png", "exif in jpeg", "profile in jpeg"],
)
def test_metadata_never_reaches_the_decoder(data: bytes) -> None:
    assert len(read_header(data).essence(data)) < 4000 < len(data)
    assert decode(data).pixels.shape == (32, 32, 3)


@pytest.mark.parametrize(
    "data",
    [
        png(*[chunk(b"abCd", b"")] * 30_000),
        png(after=chunk(b"IDAT", b"") * 30_000),
        jpeg_with(*[b"\xfe"] * 10_000),
        jpeg_with()[:-2] + b"\xff\xfe\0\2" * 10_000 + b"\xff\xd9",
        jpeg_with(*[b"\xc4\x00" + bytes(16)] * 10_000),
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x1f\0\0\x1f\0\0" + b"ANMF\0\0\0\0" * 30_000,
    ],
    ids=["png", "idat", "jpeg", "jpeg after the scan", "tables", "webp"],
)
def test_more_parts_than_any_encoder_writes_are_refused(data: bytes) -> None:
    assert refusal(data) == "too_costly"


def test_a_run_of_fill_bytes_is_gone_over_once() -> None:
    whole = jpeg_with()
    start = whole.index(b"\xff\xda") + 14
    fill = b"\xff" * 3_000_000  # a search that starts at each byte would take hours
    assert read_header(whole[:start] + fill + b"\0" + whole[start:]).width == 64
    assert read_header(whole[:2] + fill + whole[2:]).width == 64
    assert scan_damage(whole[:start] + fill + b"\0" + whole[start:]) is not None
    assert scan_damage(whole[:-2] + b"\xff\xff\xff" + whole[-2:]) is None


def upright(data: bytes) -> np.ndarray:
    """The same, decoded by Pillow alone."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation_is_what_pillow_makes_of_it(kind: str, orientation: int) -> None:
    made = Image.Exif()
    made[0x010F], made[0x0112] = "a camera", orientation
    data = encoded(gradient(333, 210), kind, exif=made)
    assert (decode(data).pixels == upright(data)).all()


def test_orientation_in_xmp_counts_where_exif_has_none() -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    in_jpeg = encoded(gradient(90, 50), "JPEG", xmp=xmp)
    in_webp = encoded(gradient(90, 50), "WEBP", xmp=xmp)
    in_png = png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp), side=64)
    for data in (in_jpeg, in_webp, in_png):
        assert (decode(data).pixels == upright(data)).all()
        assert read_header(data).orientation == 8


def test_orientation_in_a_raw_profile_counts() -> None:
    told = exif(0, 100, 6).hex()
    profile = f"\nexif\n{len(told) // 2:8}\n{told}\n".encode()
    data = png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)), side=64)
    assert read_header(data).orientation == 6
    assert (decode(data).pixels == upright(data)).all()


def test_ordinary_photos_are_decoded_as_before() -> None:
    for path in sorted(SAMPLE.rglob("*.jpg"))[::9]:
        data = path.read_bytes()
        assert (decode(data).pixels == upright(data)).all(), path


def test_a_file_that_says_two_sizes_is_damaged() -> None:
    data = bytearray(encoded(plain(100, 100), "WEBP", lossless=True, exif=Image.Exif().tobytes()))
    assert data[12:16] == b"VP8X"
    data[24:27] = (31).to_bytes(3, "little")
    assert refusal(bytes(data)) == "damaged_image"


KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": ("RGB", "JPEG", {}),
    "progressive": ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
    "cmyk": ("CMYK", "JPEG", {"progressive": True}),
    "grey": ("L", "JPEG", {}),
    "png": ("RGBA", "PNG", {"compress_level": 1}),
    "webp": ("RGB", "WEBP", {"lossless": True, "method": 0}),
    "lossy": ("RGBA", "WEBP", {"method": 0}),
    "ppm": ("RGB", "PPM", {}),
    "avif": ("RGB", "AVIF", {"speed": 10}),
    "avif in full colour": ("RGB", "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
    "grey avif": ("L", "AVIF", {"speed": 10, "subsampling": "4:0:0"}),
    "tiff": ("RGB", "TIFF", {}),
    "tiff in one strip": ("RGB", "TIFF", {"compression": "tiff_lzw", "tiffinfo": {278: 2400}}),
    "deflated tiff": ("RGBA", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "jpeg in tiff": ("RGB", "TIFF", {"compression": "jpeg"}),
    "ycbcr in tiff": ("YCbCr", "TIFF", {"compression": "tiff_lzw"}),
    "grey tiff": ("L", "TIFF", {"compression": "packbits"}),
}
HEIC = ("flat", "flat_444", "flat_ten_bits", "tiles")
"""Photos of tests/faces/photos that are as large as the others, and one of tiles."""

PEAK = """
import sys
from pathlib import Path
from benchmarks.heif_files import Item, grid_of, heif, picture_of, size_box, turned
from faces.image.decode import ImageLimits, decode, expected_cost
limits = ImageLimits(max_bytes=10**9)
def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))
small, data = (Path(name).read_bytes() for name in sys.argv[1:])
decode(small, limits)
before = status("VmRSS")
decode(data, limits)
print(status("VmHWM") - before, expected_cost(data, limits).peak_bytes)
"""


def measured(small: bytes, large: bytes, folder: Path) -> tuple[int, int]:
    """Bytes that a process grows by while it decodes the large file, and what the estimate says."""
    for name, data in (("small", small), ("large", large)):
        (folder / name).write_bytes(data)
    done = programs.run(["-c", PEAK, folder / "small", folder / "large"], ROOT, os.environ)
    taken, said = map(int, done.stdout.split())
    return taken, said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured as Linux tells it")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_no_more_memory_is_taken_than_was_said(kind: str, orientation: int, tmp_path: Path) -> None:
    mode, form, options = KINDS[kind]
    made = Image.Exif()
    made[0x0112] = orientation
    turned: dict[str, Any] = {} if form in ("PPM", "TIFF") else {"exif": made}
    if form == "TIFF":
        options = options | {"tiffinfo": options.get("tiffinfo", {}) | {0x0112: orientation}}
    small, large = (
        encoded(gradient(*size).convert(mode), form, **options, **turned) for size in ((64, 64), (3600, 2400))
    )
    taken, said = measured(small, large, tmp_path)
    assert 0.4 * said < taken < said


def heic_in_tiles() -> bytes:
    tile = picture_of((PHOTOS / "plain.heic").read_bytes())
    tiles = [tile] * (15 * 9)  # of 246 x 298
    items = range(2, 2 + len(tiles))
    grid = Item(b"grid", grid_of(9, 15, 3600, 2400), (size_box(3600, 2400), turned(3)), True, {b"dimg": list(items)})
    return heif([grid, *tiles])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured as Linux tells it")
@pytest.mark.parametrize("kind", HEIC)
def test_no_more_memory_is_taken_for_heic_than_was_said(kind: str, tmp_path: Path) -> None:
    large = heic_in_tiles() if kind == "tiles" else (PHOTOS / f"{kind}.heic").read_bytes()
    assert decode(large).pixels.size == 3 * 3600 * 2400
    taken, said = measured((PHOTOS / "plain.heic").read_bytes(), large, tmp_path)
    assert 0.4 * said < taken < said


def test_how_large_is_too_large_is_for_the_limits_alone() -> None:
    large = encoded(Image.new("1", (14_000, 13_000)), "PNG")  # Pillow by itself refuses 180 million pixels
    assert refusal(large) == "too_many_pixels"
    assert decode(large, ImageLimits(max_pixels=200_000_000)).pixels.shape == (13_000, 14_000, 3)


def test_a_webp_of_some_bytes_has_the_cost_of_its_canvas() -> None:
    data = costly_images.webp()
    assert len(data) < 3000
    assert expected_cost(data, ImageLimits()).peak_bytes > 15 * 6320 * 6320
