"""TIFF: the first page is read as a JPEG is; what Pillow cannot read, or costs too much, is refused by the header."""

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

from benchmarks.costly_images import encoded, gradient, plain, repeated_scans
from benchmarks.fuzz_files import damaged_photo
from faces.image.decode import ImageLimits, decode, expected_cost
from faces.image.headers import read_header
from presente.errors import PhotoRefused
from tests.conftest import SAMPLE

PHOTO = Image.open(SAMPLE / "probes" / "A0178" / "1.jpg").convert("RGB")
SOURCE = np.asarray(PHOTO).astype(int)


def tiff(image: Image.Image = PHOTO, compression: str | None = None, **tags: object) -> bytes:
    made = {int(name.removeprefix("tag")): value for name, value in tags.items()}
    return encoded(image, "TIFF", compression=compression, tiffinfo=made)


def made_by_hand(entries: dict[int, tuple[int, tuple[int, ...]]], pixels: bytes, order: str = "<") -> bytes:
    """A TIFF of these tags: kind and values. The pixels begin at 8; arrays lie behind the directory."""
    sizes = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4)}
    start = 8 + len(pixels)
    directory, behind = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, values) in sorted(entries.items()):
        form, _ = sizes[kind]
        packed = struct.pack(f"{order}{len(values)}{form}", *values)
        if len(packed) > 4:
            place = start + 2 + 12 * len(entries) + 4 + len(behind)
            behind += packed
            packed = struct.pack(f"{order}I", place)
        directory += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + pixels + directory + bytes(4) + behind


def grey_page(width: int = 64, height: int = 64, **changed: tuple[int, tuple[int, ...]] | None) -> bytes:
    """A grey picture in one strip, some of whose tags are others or missing."""
    entries: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (4, (width,)), 257: (4, (height,)), 258: (3, (8,)), 259: (3, (1,)), 262: (3, (1,)),
        273: (4, (8,)), 277: (3, (1,)), 278: (4, (height,)), 279: (4, (64 * 64,)),
    }  # fmt: skip
    for name, entry in changed.items():
        tag = int(name.removeprefix("tag"))
        entries.pop(tag, None)
        if entry is not None:
            entries[tag] = entry
    return made_by_hand(entries, bytes(range(64)) * 64)


def refused(data: bytes, limits: ImageLimits | None = None) -> PhotoRefused:
    with pytest.raises(PhotoRefused) as caught:
        decode(data, limits)
    assert caught.value.what and caught.value.fix
    return caught.value


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "YCbCr", "L"])
def test_the_photo_is_the_jpeg(mode: str, compression: str | None) -> None:
    photo = decode(tiff(PHOTO.convert(mode), compression))
    expected = SOURCE if mode != "L" else np.asarray(PHOTO.convert("L").convert("RGB")).astype(int)
    assert photo.media_type == "image/tiff" and photo.pixels.shape == SOURCE.shape
    assert abs(photo.pixels.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("mode", ["P", "1", "I;16"])
def test_other_modes_become_rgb(mode: str) -> None:
    grey = PHOTO.convert("L")
    made = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else PHOTO.convert(mode)
    pixels = decode(tiff(made)).pixels
    if mode == "I;16":
        assert (pixels[..., 0] == np.asarray(grey)).all()
    else:
        assert (pixels == np.asarray(made.convert("RGB"))).all()


def test_sixteen_bits_of_colour_are_scaled() -> None:
    samples = (SOURCE[:64, :64] * 257).astype("<u2")
    colour = {258: (3, (16, 16, 16)), 262: (3, (2,)), 277: (3, (3,)), 279: (4, (samples.nbytes,))}
    entries = {256: (4, (64,)), 257: (4, (64,)), 259: (3, (1,)), 273: (4, (8,)), 278: (4, (64,))} | colour
    assert (decode(made_by_hand(entries, samples.tobytes())).pixels == SOURCE[:64, :64]).all()


def test_both_orders_of_bytes_and_tiles_are_read() -> None:
    little = decode(grey_page()).pixels
    assert (little[..., 0] == np.arange(64)).all()
    tags: dict[int, tuple[int, tuple[int, ...]]]
    tags = {256: (3, (64,)), 257: (3, (64,)), 258: (3, (8,)), 262: (3, (1,)), 322: (3, (32,)), 323: (3, (64,))}
    tags |= {324: (4, (8, 8 + 32 * 64)), 325: (4, (32 * 64,) * 2)}
    halves = bytes(range(32)) * 64 + bytes(range(32, 64)) * 64
    assert (decode(made_by_hand(tags, halves, ">")).pixels == little).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_orientation_is_what_a_jpeg_s_is(orientation: int, compression: str | None) -> None:
    made = Image.Exif()
    made[0x0112] = orientation
    image = gradient(333, 210)
    expected = decode(encoded(image, "PNG", exif=made)).pixels
    assert (decode(tiff(image, compression, tag274=orientation)).pixels == expected).all()


def test_the_first_page_counts_and_metadata_do_not_reach_the_decoder() -> None:
    pages = encoded(PHOTO, "TIFF", save_all=True, append_images=[plain(32, 32)] * 3, tiffinfo={270: "x" * 100_000})
    assert (decode(pages).pixels == SOURCE).all()
    essence = read_header(pages).essence(pages)
    with Image.open(io.BytesIO(essence)) as opened:
        assert getattr(opened, "n_frames", 1) == 1 and 270 not in opened.getexif()


UNSUPPORTED = {
    "BigTIFF": b"II+\0" + bytes(60),
    "floats": tiff(PHOTO.convert("F")),
    "zstd": tiff(compression="zstd"),
    "fax": tiff(PHOTO.convert("1"), "group4"),
    "old JPEG": grey_page(tag259=(3, (6,))),
    "a raw file": grey_page(tag50706=(1, (1, 4, 0, 0))),
    "a preview": grey_page(tag254=(4, (1,))),
    "what a sensor saw": grey_page(tag262=(3, (32803,))),
    "Lab": grey_page(tag262=(3, (8,)), tag277=(3, (3,)), tag258=(3, (8, 8, 8))),
    "signed numbers": grey_page(tag339=(3, (2,))),
    "six inks": grey_page(tag277=(3, (6,))),
    "samples of several sizes": grey_page(tag258=(3, (5, 6, 5)), tag277=(3, (3,)), tag262=(3, (2,))),
    "what Pillow does not know": grey_page(tag277=(3, (2,)), tag258=(3, (8, 8)), tag262=(3, (3,))),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_what_cannot_be_read_is_refused_by_name(kind: str) -> None:
    error = refused(UNSUPPORTED[kind])
    assert error.code == "unsupported_format" and "JPEG" in error.fix


COSTLY = {
    "a tile that is larger than the picture": grey_page(
        tag273=None, tag279=None, tag322=(4, (60_000,)), tag323=(4, (60_000,)), tag324=(4, (8,)), tag325=(4, (4096,))
    ),
    "a million strips": grey_page(64, 1_000_000, tag278=(4, (1,))),
    "more tags than any program writes": b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65_535),
    "a thousand sizes of samples": grey_page(tag258=(3, (8,) * 1000)),
    "tables of a megabyte": grey_page(tag347=(1, (0,) * 1_000_000)),
}


def test_scans_of_a_jpeg_inside_are_counted() -> None:
    jpeg = repeated_scans(2000, 1500, 200)
    tags: dict[int, tuple[int, tuple[int, ...]]]
    tags = {256: (4, (2000,)), 257: (4, (1500,)), 258: (3, (8, 8, 8)), 259: (3, (7,)), 262: (3, (6,)), 277: (3, (3,))}
    tags |= {273: (4, (8,)), 278: (4, (1500,)), 279: (4, (len(jpeg),)), 530: (3, (2, 2))}
    assert refused(made_by_hand(tags, jpeg)).code == "too_costly"
    assert expected_cost(tiff(gradient(2000, 1500), "jpeg")).seconds < 0.5


@pytest.mark.parametrize("kind", COSTLY)
def test_what_costs_too_much_is_refused_by_the_header(kind: str) -> None:
    assert refused(COSTLY[kind]).code == "too_costly"


DAMAGED = {
    "no size": grey_page(tag256=None),
    "no pixels": grey_page(0, 64),
    "strips beyond the end": grey_page(tag273=(4, (10_000,))),
    "too few strips": grey_page(64, 640, tag278=(4, (64,))),
    "strips that share their bytes": grey_page(
        64, 6400, tag278=(4, (64,)), tag273=(4, (8,) * 100), tag279=(4, (4096,) * 100)
    ),
    "cut short": tiff(compression="tiff_lzw")[:-200],
    "a directory beyond the end": b"II*\0\xff\xff\xff\0" + bytes(100),
    "no directory": b"II*\0",
    "a size that is a text": grey_page().replace(struct.pack("<HH", 256, 4), struct.pack("<HH", 256, 2)),
    "values beyond the end": grey_page(tag320=(3, (0,) * 768)).replace(
        struct.pack("<HHI", 320, 3, 768), struct.pack("<HHI", 320, 3, 9000)
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_called_damage(kind: str) -> None:
    assert refused(DAMAGED[kind]).code == "damaged_image"


def test_a_bomb_is_refused_by_its_header() -> None:
    bomb = tiff(Image.new("1", (10_000, 5_001)), "tiff_lzw")
    assert len(bomb) < 100_000 and refused(bomb).code == "too_many_pixels"
    grown = bytearray(tiff(plain(64, 64), "tiff_adobe_deflate"))
    place = max(grown.find(struct.pack("<HH", 256, kind)) for kind in (3, 4))
    grown[place + 8 : place + 12] = struct.pack("<I", 30_000)
    assert refused(bytes(grown), ImageLimits(max_pixels=1_000_000)).code == "too_many_pixels"


def test_one_strip_of_the_whole_is_counted() -> None:
    one, many = (tiff(gradient(2000, 1000), "tiff_lzw", tag278=rows) for rows in (1000, 10))
    assert expected_cost(one).peak_bytes > expected_cost(many).peak_bytes + 2.8 * 2000 * 1000


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg", "packbits"])
def test_no_damage_escapes_as_another_error(compression: str | None) -> None:
    data = tiff(PHOTO.resize((120, 100)), compression)
    rng = random.Random(5)
    codes = set()
    for number in range(300):
        changed = data[: number * len(data) // 60] if number < 60 else damaged_photo(rng, data)
        try:
            assert decode(changed, ImageLimits(max_pixels=1_000_000)).pixels.ndim == 3
        except PhotoRefused as error:
            codes.add(error.code)
    assert "damaged_image" in codes
