"""HEIF (ISO/IEC 23008-12) and AVIF: the picture that is shown, in HEVC or AV1, whole or as a grid of tiles.

The decoder gets a file that is written anew with this picture alone: no thumbnails, no depth, no transparency, no
metadata and no other pictures, whatever their number and size. Colour profiles are left out, as of other formats.

A picture is turned as ``irot`` and ``imir`` say. EXIF's orientation does not count in HEIF (annex A): phones write
both, and a reader that applies both turns the photo twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faces.image.headers import av1, hevc
from faces.image.headers.boxes import Numbers, Part, box, full_box
from faces.image.headers.coded_picture import CodedPicture, UnitCount
from faces.image.headers.header import Header, ImageFormat, too_costly, unsupported
from faces.image.headers.heif_items import Items, item_parts, read_items
from faces.image.headers.turning import orientation_after

_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"avif", b"avis", b"miaf"}
)
_MOST_TILES = 1024
"""A photo of 48 megapixels has 192 tiles of 512 x 512."""

_MOST_PIXELS_OVER = 4
"""How many times the picture's pixels the tiles may have: those at the edges reach beyond it."""

_MOST_FILES_OVER = 2
"""How many times the file's bytes the tiles may have: several may be one, as of a border."""

_LONGEST_CONFIG = 4096
"""Bytes of a decoder's configuration. Those of phones have about 110."""

_LONGEST_GRID = 12
_SMALL = 1_000_000
_ESSENTIAL = 0x80
_ROOM = 128
"""Pixels per side by which coded pictures are larger than what is shown of them: they consist of blocks of up to 64."""


@dataclass(frozen=True, slots=True)
class _Codec:
    """How the bitstreams of a kind of item are called and read."""

    kind: ImageFormat
    brand: bytes
    config: bytes
    pixel_ns: float
    """Per byte of a pixel's planes."""

    byte_ns: float


_CODECS = {
    b"hvc1": _Codec("HEIF", b"heic", b"hvcC", 24, 200),
    b"av01": _Codec("AVIF", b"avif", b"av1C", 26, 60),
}


@dataclass(frozen=True, slots=True)
class _Tile:
    """A coded picture: what is shown of it, its bytes in the file, its properties for the decoder."""

    width: int
    height: int
    coded: CodedPicture
    parts: list[Part]
    properties: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of its bitstream."""
        return sum(end - start for start, end in self.parts)


def is_heif(data: bytes) -> bool:
    """Whether bytes begin as a HEIF or AVIF file, be it a sequence."""
    end = min(int.from_bytes(data[:4]), 256)
    brands = {data[8:12], *(data[place : place + 4] for place in range(16, end, 4))}
    return data[4:8] == b"ftyp" and bool(brands & _BRANDS)


def read_heif(data: bytes) -> Header:
    """The header of a HEIF or AVIF file.

    Raises:
        PhotoRefused: ``too_costly``, ``unsupported_format``.
        ValueError, IndexError: it is damaged.
    """
    top = {name: (start, end) for name, start, end in reversed(_top_boxes(data))}
    if b"meta" not in top:
        if b"moov" in top:
            raise unsupported("HEIF and AVIF sequences without a still picture")
        raise ValueError("no picture")
    start, end = top[b"meta"]
    items = read_items(data, start + 4, end)
    kind = items.kinds.get(items.primary)
    grid = kind == b"grid"
    tile_ids = items.made_of if grid else [items.primary]
    kinds = {items.kinds.get(each) for each in tile_ids}
    if len(kinds) != 1:
        raise ValueError("a picture of no kind")
    (tile_kind,) = kinds
    if tile_kind not in _CODECS:
        named = (tile_kind or b"????").decode("latin-1")
        raise unsupported(f"HEIF pictures of the kind {named!r}")
    if len(tile_ids) > _MOST_TILES:
        raise too_costly(f"it has more than {_MOST_TILES:,} tiles")
    codec = _CODECS[tile_kind]
    places = {each: item_parts(items, each) for each in dict.fromkeys(tile_ids)}
    sizes = {each: sum(last - first for first, last in parts) for each, parts in places.items()}
    if sum(sizes[each] for each in tile_ids) > _MOST_FILES_OVER * len(data):
        raise too_costly("its tiles share their bytes")
    units = UnitCount()
    read = {each: _tile(data, items, each, parts, codec, units) for each, parts in places.items()}
    tiles = [read[each] for each in tile_ids]
    if grid:
        return _grid(data, items, codec, tiles)
    return _described(data, items, codec, tiles, (tiles[0].width, tiles[0].height), b"")


def _top_boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """The boxes of a file, of which the last may be cut short: the pictures' bytes are looked at later."""
    found: list[tuple[bytes, int, int]] = []
    place = 0
    while place + 8 <= len(data) and len(found) < 256:
        size = int.from_bytes(data[place : place + 4])
        content = place + (16 if size == 1 else 8)
        size = int.from_bytes(data[place + 8 : content]) if size == 1 else size or len(data) - place
        if size < content - place:
            raise ValueError("a box that is cut short")
        found.append((data[place + 4 : place + 8], content, min(place + size, len(data))))
        place += size
    return found


def _grid(data: bytes, items: Items, codec: _Codec, tiles: Sequence[_Tile]) -> Header:
    """The header of a picture in tiles."""
    said = b""
    for start, end in item_parts(items, items.primary):
        said += data[start : min(end, start + _LONGEST_GRID - len(said))]
    numbers = Numbers(said, 0, len(said))
    numbers.next(1)
    size = 4 if numbers.next(1) & 1 else 2
    rows, columns = numbers.next(1) + 1, numbers.next(1) + 1
    width, height = numbers.next(size), numbers.next(size)
    first = tiles[0]
    if rows * columns != len(tiles) or any((each.width, each.height) != (first.width, first.height) for each in tiles):
        raise ValueError("tiles that do not make a grid")
    if first.width * columns < width or first.height * rows < height:
        raise ValueError("tiles that do not cover the picture")
    return _described(data, items, codec, tiles, (width, height), said)


def _tile(data: bytes, items: Items, item: int, parts: list[Part], codec: _Codec, units: UnitCount) -> _Tile:
    """A coded picture of a file, whose bytes lie in these parts."""
    config, extent = items.property_of(item, codec.config), items.property_of(item, b"ispe")
    if config is None or extent is None:
        raise ValueError("a picture without a size")
    if config[1] - config[0] > _LONGEST_CONFIG:
        raise too_costly(f"its decoder's configuration has more than {_LONGEST_CONFIG:,} bytes")
    numbers = Numbers(data, extent[0] + 4, extent[1])
    width, height = numbers.next(4), numbers.next(4)
    bitstream = b"".join(data[start:end] for start, end in parts)
    read = hevc.coded_picture if codec.kind == "HEIF" else av1.coded_picture
    coded = read(data[slice(*config)], bitstream, units)
    if coded.width > width + _ROOM or coded.height > height + _ROOM or not width or not height:
        raise ValueError(f"it says two sizes, {width} x {height} and {coded.width} x {coded.height}")
    kept = [box(codec.config, data[slice(*config)]), full_box(b"ispe", width.to_bytes(4), height.to_bytes(4))]
    for name, start, end in items.properties[item]:
        if (name == b"colr" and data[start : start + 4] == b"nclx") or name == b"pixi":
            kept.append(box(name, data[start : min(end, start + 32)]))
    return _Tile(width, height, coded, parts, tuple(kept))


def _described(
    data: bytes, items: Items, codec: _Codec, tiles: Sequence[_Tile], size: tuple[int, int], grid: bytes
) -> Header:
    pixels = max(size[0] * size[1], 1)
    decoded = sum(each.coded.width * each.coded.height * each.coded.count for each in tiles)
    if decoded > _MOST_PIXELS_OVER * pixels + _SMALL * tiles[0].coded.count:
        raise too_costly(f"its tiles have {decoded:,} pixels, the picture {pixels:,}")
    total = sum(each.size for each in tiles)
    coded = CodedPicture.largest([each.coded for each in tiles], max(each.coded.count for each in tiles))
    held, meanwhile = _held(codec, coded, pixels, bool(grid))
    shown, orientation = _transformed(data, items, size)
    return Header(
        codec.kind,
        *size,
        held=held,
        decoding_bytes=meanwhile,
        pixel_ns=codec.pixel_ns * coded.plane_bytes * decoded / pixels,
        byte_ns=codec.byte_ns * max(1.0, total / len(data)),
        orientation=orientation,
        shown=shown,
        kept=_file(codec, tiles, size, grid),
    )


def _held(codec: _Codec, coded: CodedPicture, pixels: int, in_tiles: bool) -> tuple[float, int]:
    """Bytes that are held beside the result: per pixel to the end, and in addition while the file is decoded.

    libheif holds the planes twice, for HEVC predicts from pictures, and then converts them; of tiles it holds one, and
    the planes that they are put together in. libavif keeps its planes.
    """
    colours, largest = 3 if coded.colour else 1, coded.width * coded.height
    if codec.kind == "AVIF":
        return coded.plane_bytes + colours + 1.5, int(coded.plane_bytes * largest) if in_tiles else 0
    if in_tiles:
        return colours + 0.5, int(coded.plane_bytes * (pixels + 2 * largest))
    return colours + 2.0, int((2 * coded.plane_bytes - 1.5) * pixels)


def _transformed(data: bytes, items: Items, size: tuple[int, int]) -> tuple[tuple[int, int, int, int] | None, int]:
    """The part of the picture that is shown (``clap``), and EXIF's number for how it is turned."""
    shown, orientation = None, 1
    for name, start, end in items.properties.get(items.primary, []):
        if name == b"clap":
            if orientation != 1:
                raise ValueError("it is cut after it was turned")
            shown = _aperture(Numbers(data, start, end), size)
        elif name in (b"irot", b"imir"):
            orientation = orientation_after(orientation, name, data[start : start + 1][0])
    return shown, orientation


def _aperture(numbers: Numbers, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of a clean aperture: widths and offsets of the middle, as fractions."""
    values = [int.from_bytes(numbers.next_bytes(4), signed=True) for _ in range(8)]
    if min(values[1::2]) < 1:
        raise ValueError("a fraction of nothing")
    width, height = values[0] // values[1], values[2] // values[3]
    left = (size[0] - width) / 2 + values[4] / values[5]
    top = (size[1] - height) / 2 + values[6] / values[7]
    if not (0 <= left <= size[0] - width and 0 <= top <= size[1] - height):
        raise ValueError("it shows more than there is")
    return int(left), int(top), width, height


def _file(codec: _Codec, tiles: Sequence[_Tile], size: tuple[int, int], grid: bytes) -> tuple[slice | bytes, ...]:
    """A file with this picture alone: the first item is the grid, if it is one; the tiles follow."""
    shared: dict[bytes, int] = {}

    def known(properties: Sequence[bytes]) -> bytes:
        numbers = [shared.setdefault(each, len(shared) + 1) for each in properties]
        essential = [_ESSENTIAL if each[4:8] == codec.config else 0 for each in properties]
        return bytes([len(properties), *(number | bit for number, bit in zip(numbers, essential, strict=True))])

    extent = full_box(b"ispe", size[0].to_bytes(4), size[1].to_bytes(4))
    own = [tuple(each for each in tiles[0].properties if each[4:8] != codec.config and each[4:8] != b"ispe")]
    of_items = [known((extent, *own[0]))] if grid else []
    of_items += [known(each.properties) for each in tiles]
    if len(shared) > 127:
        raise too_costly("its tiles have more than 127 kinds of properties")
    kinds = [b"grid"] * bool(grid) + [b"hvc1" if codec.kind == "HEIF" else b"av01"] * len(tiles)
    sizes = [len(grid)] * bool(grid) + [each.size for each in tiles]
    ids = [number.to_bytes(2) for number in range(1, len(kinds) + 1)]
    hidden = [False] + [True] * (len(kinds) - 1)  # what a grid is made of is no picture of its own
    entries = [
        full_box(b"infe", item, bytes(2), kind, b"\0", version=2, flags=flag)
        for item, kind, flag in zip(ids, kinds, hidden, strict=True)
    ]
    head = box(b"ftyp", codec.brand, bytes(4), b"mif1", b"miaf", codec.brand)

    def meta(first: int) -> bytes:
        starts = [first + sum(sizes[:number]) for number in range(len(sizes))]
        places = [
            item + bytes(2) + b"\0\1" + start.to_bytes(4) + length.to_bytes(4)
            for item, start, length in zip(ids, starts, sizes, strict=True)
        ]
        made_of = box(b"dimg", ids[0], len(tiles).to_bytes(2), *ids[1:])
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", ids[0]),
            full_box(b"iloc", b"\x44\0", len(ids).to_bytes(2), *places),
            full_box(b"iinf", len(ids).to_bytes(2), *entries),
            full_box(b"iref", made_of) if grid else b"",
            box(
                b"iprp",
                box(b"ipco", *shared),
                full_box(b"ipma", len(ids).to_bytes(4), *(i + p for i, p in zip(ids, of_items, strict=True))),
            ),
        )

    first = len(head) + len(meta(0)) + 8
    front = head + meta(first) + (8 + sum(sizes)).to_bytes(4) + b"mdat" + grid
    return (front, *(slice(*part) for each in tiles for part in each.parts))
