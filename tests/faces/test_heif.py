"""HEIC and AVIF are read as JPEG is: the one picture, upright, within the same limits, and nothing else of the file."""

import io
import itertools
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pi_heif
import pytest
from PIL import Image, ImageOps

from benchmarks.costly_images import encoded, exif, gradient, plain
from benchmarks.fuzz_files import damaged_photo
from benchmarks.heif_files import (
    Item,
    box,
    boxes_of,
    full_box,
    grid_of,
    heif,
    iphone,
    mirrored,
    picture_of,
    size_box,
    turned,
)
from faces.embedder import FaceEmbedder
from faces.image.decode import ImageLimits, decode
from faces.image.headers import read_header
from faces.packs.model_pack import ModelPack
from presente.errors import PhotoRefused
from tests.conftest import ROOT, SAMPLE

PHOTOS = ROOT / "tests" / "faces" / "photos"
PLAIN, DEEP, IPHONE = ((PHOTOS / f"{name}.heic").read_bytes() for name in ("plain", "ten_bits", "iphone"))
SOURCE = np.asarray(Image.open(SAMPLE / "probes" / "A0178" / "1.jpg").convert("RGB")).astype(int)
TILE = picture_of(PLAIN)
WIDTH, HEIGHT = 246, 298
"""Of the tile."""

AVIF = encoded(Image.fromarray(SOURCE.astype(np.uint8)), "AVIF", quality=80)


def refusal(data: bytes, limits: ImageLimits | None = None) -> str:
    with pytest.raises(PhotoRefused) as caught:
        decode(data, limits)
    assert caught.value.what and caught.value.fix
    return caught.value.code


def whole(data: bytes) -> np.ndarray:
    """The picture as libheif alone makes it of the whole file."""
    image = pi_heif.open_heif(data)
    return np.array(np.asarray(image))


def like(one: Item, *properties: bytes) -> Item:
    return Item(one.kind, one.content, (*one.properties, *properties))


@pytest.mark.parametrize("data", [PLAIN, DEEP, IPHONE, AVIF], ids=["8 bits", "10 bits", "tiles", "avif"])
def test_the_photo_is_the_jpeg(data: bytes) -> None:
    photo = decode(data)
    assert photo.pixels.shape == SOURCE.shape
    assert abs(photo.pixels.astype(int) - SOURCE).mean() < 3
    assert photo.media_type == ("image/avif" if data is AVIF else "image/heic")


def test_a_phone_s_photo_is_turned_once_though_the_file_says_it_twice() -> None:
    header = read_header(IPHONE)
    assert (header.width, header.height, header.orientation) == (298, 245, 6)
    with_exif = iphone([TILE] * 2, 1, 2, (2 * WIDTH, HEIGHT), exif(0, 100, 6))
    other_exif = iphone([TILE] * 2, 1, 2, (2 * WIDTH, HEIGHT), exif(0, 100, 3))
    assert (decode(with_exif).pixels == decode(other_exif).pixels).all()
    assert (decode(with_exif).pixels == whole(with_exif)).all()


def test_exif_alone_does_not_turn_a_heic() -> None:
    metadata = Item(b"Exif", bytes(4) + exif(0, 100, 6), refers={b"cdsc": [1]})
    assert (decode(heif([TILE, metadata])).pixels == decode(heif([TILE])).pixels).all()


TURNS = [turned(quarters) for quarters in range(4)]
MIRRORS = [mirrored(0), mirrored(1)]


@pytest.mark.parametrize(
    "properties", [*itertools.product(TURNS), *itertools.product(TURNS, MIRRORS), *itertools.product(MIRRORS, TURNS)]
)
def test_turns_and_mirror_images_are_what_libheif_makes_of_them(properties: tuple[bytes, ...]) -> None:
    data = heif([like(TILE, *properties)])
    found, expected = decode(data).pixels, whole(data)
    assert found.shape == expected.shape
    assert abs(found.astype(int) - expected).mean() < 0.1  # libheif turns before it enlarges the colours' planes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_as_pillow_turns_it(orientation: int) -> None:
    made = Image.Exif()
    made[0x0112] = orientation
    data = encoded(gradient(90, 50), "AVIF", exif=made)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert (decode(data).pixels == expected).all()
    assert read_header(data).orientation == orientation


def test_the_decoder_gets_one_picture_and_nothing_else() -> None:
    essence = read_header(IPHONE).essence(IPHONE)
    assert len(essence) < len(IPHONE) - 1500
    assert b"Exif" not in essence and b"auxC" not in essence and b"thmb" not in essence
    image = pi_heif.open_heif(essence)
    assert len(image) == 1 and not image.info["thumbnails"] and not image.info.get("aux")
    small = picture_of(encoded(plain(64, 64), "AVIF"))
    several = heif([small, picture_of(AVIF), *[small] * 50], primary=2, brand=b"avif")
    assert decode(several).pixels.shape == SOURCE.shape
    assert len(read_header(several).essence(several)) < len(AVIF) + 200


def test_transparency_is_a_picture_that_is_not_decoded() -> None:
    clear = encoded(Image.new("RGBA", (64, 64), (200, 30, 20, 0)), "AVIF")
    opaque = encoded(Image.new("RGB", (64, 64), (200, 30, 20)), "AVIF")
    assert len(read_header(clear).essence(clear)) <= len(opaque) + 30 < len(clear)
    assert abs(decode(clear).pixels.astype(int) - (200, 30, 20)).max() < 12


@pytest.mark.parametrize("in_tiles", [False, True])
def test_a_picture_that_is_larger_than_the_file_says_is_not_decoded(in_tiles: bool) -> None:
    large = picture_of((PHOTOS / "flat.heic").read_bytes())
    liar = Item(large.kind, large.content, (large.properties[0], size_box(100, 100)))
    grid = Item(b"grid", grid_of(1, 2, 200, 100), (size_box(200, 100),), True, {b"dimg": [2, 3]})
    with pytest.raises(PhotoRefused) as caught:
        read_header(heif([grid, liar, liar] if in_tiles else [liar]))  # nothing is decoded here
    assert caught.value.code == "damaged_image"
    wide = picture_of(encoded(plain(3000, 2000), "AVIF"))
    assert refusal(heif([Item(wide.kind, wide.content, (wide.properties[0], size_box(100, 100)))])) == "damaged_image"


def test_a_size_that_comes_later_in_the_bitstream_counts() -> None:
    config = boxes_of((PHOTOS / "flat.heic").read_bytes(), (b"meta", b"iprp", b"ipco", b"hvcC"))[0]
    start = config.index(b"\x42\x01")  # its sequence parameter set
    size = int.from_bytes(config[start - 2 : start])
    later = size.to_bytes(4) + config[start : start + size]
    with pytest.raises(PhotoRefused) as caught:
        read_header(heif([Item(TILE.kind, later + TILE.content, TILE.properties)]))
    assert caught.value.code == "damaged_image"


def test_pictures_beyond_the_limits_are_refused_by_their_headers() -> None:
    flat = (PHOTOS / "flat.heic").read_bytes()
    assert refusal(flat, ImageLimits(max_pixels=8_000_000)) == "too_many_pixels"
    assert refusal(heif([like(TILE)]), ImageLimits(min_side=250)) == "too_small"
    huge = Item(b"grid", grid_of(40, 40, 9000, 9000), (size_box(9000, 9000),), True, {b"dimg": list(range(2, 1602))})
    assert refusal(heif([huge, *[Item(TILE.kind, b"x", TILE.properties)] * 1600])) == "too_costly"
    assert refusal(encoded(plain(7000, 6000), "AVIF", speed=10)) == "too_many_pixels"


def test_what_takes_too_long_is_refused_by_the_header() -> None:
    flat = picture_of((PHOTOS / "flat.heic").read_bytes())
    corner = Item(b"grid", grid_of(1, 1, 100, 100), (size_box(100, 100),), True, {b"dimg": [2]})
    assert refusal(heif([corner, flat])) == "too_costly"  # 8 megapixels for 100 x 100
    many = Item(TILE.kind, TILE.content * 20, TILE.properties)
    assert refusal(heif([many])) == "too_costly"  # 20 pictures instead of one
    units = Item(TILE.kind, b"\0\0\0\3\x4e\1\0" * 20_000 + TILE.content, TILE.properties)
    assert refusal(heif([units])) == "too_costly"
    shared = Item(b"grid", grid_of(30, 30, 1000, 1000), (size_box(1000, 1000),), True, {b"dimg": [2] * 900})
    assert refusal(heif([shared, TILE])) == "too_costly"  # 900 times the same bytes
    entries = [Item(b"mime", b"x")] * 5000
    assert refusal(heif([TILE, *entries])) == "too_costly"
    crowded = box(b"ftyp", b"heic" + bytes(4) + b"heic") + full_box(b"meta", box(b"free", b"") * 9000)
    assert refusal(crowded) == "too_costly"


def tiles(made: list[Item], ids: list[int] | None = None, filling: int = 0, repeats: int = 1) -> bytes:
    """A file of a row of tiles, cut to 240 x 290 pixels per tile."""
    numbers = ids or list(range(2, 2 + len(made)))
    size = (240 * len(numbers), 290)
    said = grid_of(1, len(numbers), *size) + bytes(filling)
    grid = Item(b"grid", said, (size_box(*size),), refers={b"dimg": numbers}, repeats=repeats)
    return heif([grid, *made])


def header_refusal(data: bytes) -> str:
    with pytest.raises(PhotoRefused) as caught:
        read_header(data)
    return caught.value.code


def test_bytes_that_are_named_many_times_are_not_put_together() -> None:
    whole_file = Item(TILE.kind, bytes(20_000), TILE.properties, repeats=4000)
    assert header_refusal(heif([whole_file])) == "too_costly"  # damaged, too: its units would have been read
    few = Item(TILE.kind, bytes(20_000), TILE.properties, repeats=4)
    assert header_refusal(tiles([few, few])) == "too_costly"  # 8 times what there is, 4 times in each
    damaged = Item(TILE.kind, b"\0\0\0\3\x4e\1\0" * 1000, TILE.properties)
    assert header_refusal(tiles([damaged], [2] * 20)) == "too_costly"
    twice = tiles([TILE], [2, 2])
    assert read_header(twice).essence(twice).count(TILE.content) == 2


def test_of_a_grid_s_bytes_the_beginning_is_read() -> None:
    once, often = tiles([TILE, TILE]), tiles([TILE, TILE], filling=20_000, repeats=4000)
    tracemalloc.start()
    header = read_header(often)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000  # all of them have 80 MB
    assert header.essence(often) == read_header(once).essence(once)


@pytest.mark.parametrize(("file", "unit"), [(PLAIN, b"\0\0\0\3\x4e\1\0"), (AVIF, b"\x7a\0")], ids=["heic", "avif"])
def test_the_units_of_all_tiles_count_together(file: bytes, unit: bytes) -> None:
    one = picture_of(file)
    many = Item(one.kind, unit * 4000 + one.content, one.properties)
    assert read_header(tiles([many] * 4)).width == 4 * 240
    assert header_refusal(tiles([many] * 5)) == "too_costly"


def test_a_decoder_s_configuration_is_short() -> None:
    content, others = TILE.properties[0][8:], TILE.properties[1:]
    long = Item(TILE.kind, TILE.content, (box(b"hvcC", content + bytes(5000)), *others))
    assert header_refusal(heif([long])) == "too_costly"
    array = b"\x27" + (900).to_bytes(2) + b"\0\2\x4e\1" * 900
    crowded = box(b"hvcC", content[:22] + bytes([content[22] + 1]) + content[23:] + array)
    many = Item(TILE.kind, TILE.content, (crowded, *others))
    assert read_header(tiles([many] * 10)).width == 10 * 240
    assert header_refusal(tiles([many] * 20)) == "too_costly"


@pytest.mark.parametrize("item", [1, 2], ids=["another list", "list of another picture"])
def test_only_the_first_list_of_the_primary_picture_s_tiles_is_read(item: int) -> None:
    data = tiles([TILE, TILE])
    plainly = read_header(data).essence(data)
    further = tiles([TILE, TILE, Item(b"grid", b"", refers={b"dimg": [7, 7]})], [2, 3])
    said = b"dimg" + b"".join(number.to_bytes(2) for number in (4, 2, 7, 7))
    assert further.count(said) == 1
    lying = further.replace(said, b"dimg" + item.to_bytes(2) + b"\xff\xff" + said[8:])
    assert read_header(lying).essence(lying) == plainly


def test_other_kinds_of_heif_are_refused_by_name() -> None:
    for kind in (b"avc1", b"jpeg", b"iovl", b"iden", b"unci"):
        with pytest.raises(PhotoRefused) as caught:
            decode(heif([Item(kind, TILE.content, TILE.properties)]))
        assert caught.value.code == "unsupported_format" and kind.decode() in caught.value.what
    sequence = box(b"ftyp", b"hevc" + bytes(4) + b"msf1hevc") + box(b"moov", bytes(99))
    with pytest.raises(PhotoRefused) as caught:
        decode(sequence)
    assert caught.value.code == "unsupported_format" and "sequences" in caught.value.what
    assert refusal(box(b"ftyp", b"isom" + bytes(4) + b"mp42") + box(b"moov", bytes(99))) == "unsupported_format"


def test_a_sequence_with_a_still_picture_gives_that() -> None:
    moving = encoded(plain(64, 48), "AVIF", save_all=True, append_images=[gradient(64, 48)] * 3)
    assert (decode(moving).pixels == decode(encoded(plain(64, 48), "AVIF")).pixels).all()


def test_a_cut_is_applied_before_the_turn() -> None:
    cut = box(b"clap", b"".join(n.to_bytes(4, signed=True) for n in (200, 1, 100, 1, -20, 1, 30, 2)))
    plainly = decode(heif([TILE])).pixels
    assert (decode(heif([like(TILE, cut)])).pixels == plainly[114:214, 3:203]).all()
    assert (decode(heif([like(TILE, cut, turned(1))])).pixels == np.rot90(plainly[114:214, 3:203])).all()
    beyond = box(b"clap", b"".join(n.to_bytes(4, signed=True) for n in (200, 1, 100, 1, 99, 1, 0, 1)))
    for wrong in (beyond, box(b"clap", bytes(32)), box(b"clap", b"")):
        assert refusal(heif([like(TILE, wrong)])) == "damaged_image"


@pytest.mark.parametrize("data", [PLAIN, DEEP, IPHONE, AVIF], ids=["8 bits", "10 bits", "tiles", "avif"])
def test_no_damage_escapes_as_another_error(data: bytes) -> None:
    rng = random.Random(len(data))
    codes = set()
    for number in range(300):
        changed = data[: number * len(data) // 60] if number < 60 else damaged_photo(rng, data)
        try:
            assert decode(changed, ImageLimits(max_pixels=1_000_000)).pixels.ndim == 3
        except PhotoRefused as refused:
            codes.add(refused.code)
    assert "damaged_image" in codes


@pytest.mark.real
@pytest.mark.parametrize("kind", ["AVIF", "TIFF"])
def test_a_photo_s_format_does_not_change_its_template(real_pack: ModelPack, real_faces: Path, kind: str) -> None:
    embedder = FaceEmbedder(real_pack)
    for path in sorted((real_faces / "lfw").rglob("*.jpg"))[:3]:
        with Image.open(path) as image:
            other = encoded(image.convert("RGB"), kind)
        one, two = (embedder.embed_portrait(data)[1].template for data in (path.read_bytes(), other))
        assert float(one @ two) > 0.99


def test_heic_gives_the_template_of_the_jpeg(embedder: FaceEmbedder) -> None:
    jpeg = (SAMPLE / "probes" / "A0178" / "1.jpg").read_bytes()
    one = embedder.embed_portrait(jpeg)[1].template
    for data in (PLAIN, DEEP, IPHONE, AVIF):
        assert float(one @ embedder.embed_portrait(data)[1].template) > 0.98
