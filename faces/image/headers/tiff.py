"""TIFF 6.0: the first page. The decoder gets a directory that is written anew, with what the pixels need and no more.

Raw files of cameras are TIFF, too: their first page is a preview or what the sensor saw, and they are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from faces.image.headers.header import Header, too_costly, unsupported

_MOST_ENTRIES = 512
_MOST_STRIPS = 65_536
_MOST_SAMPLES = 5
"""Four of CMYK, and transparency."""

_LONGEST = 70_000
"""Bytes of any other value: tables of JPEG, a palette."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_FORMS = {1: "B", 3: "H", 4: "I"}
"""By the kind of a value: its bytes, and how a whole number is unpacked."""

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS = 254, 256, 257, 258, 259, 262
_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _COUNTS, _PLANES = 273, 274, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _FORMAT, _DNG = 322, 323, 324, 325, 339, 50706
_NEEDED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, 266, _OFFSETS, _SAMPLES, _ROWS, _COUNTS, _PLANES, 317, 320}
    | {_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, 338, _FORMAT, 347, 530, 531, 532}
)
_ARRAYS = frozenset({_OFFSETS, _COUNTS, _TILE_OFFSETS, _TILE_COUNTS})

_CODECS = {1: (5, 1), 5: (10, 15), 7: (8, 30), 8: (12, 15), 32773: (8, 5), 32946: (12, 15)}
"""By the compression (none, LZW, JPEG, deflate, PackBits, deflate): nanoseconds per byte of the pixels and of the file.
Fax is not accepted: its pictures are black and white, and libtiff prints a line per row that is wrong."""

_JPEG, _SCAN = 7, b"\xff\xda"
"""The compression, and the marker of each scan of the JPEGs in strips; a progressive one has several."""

_WHITE_IS_ZERO, _YCBCR = 0, 6
_ACCEPTED = frozenset({_WHITE_IS_ZERO, 1, 2, 3, 5, _YCBCR})
"""Grey, RGB, a palette, CMYK, YCbCr."""


@dataclass(frozen=True, slots=True)
class _Directory:
    """The first directory: where in the file each entry lies, and of a value of numbers what it is."""

    data: bytes
    order: Literal["<", ">"]
    entries: dict[int, int]

    def numbers(self, tag: int, most: int = _MOST_SAMPLES) -> tuple[int, ...]:
        """The numbers of a tag; none when it is not there.

        Raises:
            PhotoRefused: ``too_costly``: there are more than ``most``.
            ValueError: they are no whole numbers, or lie outside of the file.
        """
        if tag not in self.entries:
            return ()
        _, kind, count = struct.unpack_from(f"{self.order}HHI", self.data, self.entries[tag])
        if count > most:
            raise too_costly(f"it has {count:,} values where {most:,} suffice")
        if kind not in _FORMS:
            raise ValueError("values of another kind")
        place = self.entries[tag] + 8
        if count * _SIZES[kind] > 4:
            (place,) = struct.unpack_from(f"{self.order}I", self.data, place)
        return struct.unpack_from(f"{self.order}{count}{_FORMS[kind]}", self.data, place)

    def number(self, tag: int, otherwise: int | None = None) -> int:
        """The first number of a tag.

        Raises:
            ValueError: it has none, and there is no other to take.
        """
        found = self.numbers(tag)
        if not found and otherwise is None:
            raise ValueError(f"no tag {tag}")
        return found[0] if found else otherwise or 0


def is_tiff(data: bytes) -> bool:
    """Whether bytes begin as a TIFF file does, other than a BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*")


def read_tiff(data: bytes) -> Header:
    """The header of a TIFF file.

    Raises:
        PhotoRefused: ``too_costly``, ``unsupported_format``.
        ValueError, IndexError: it is damaged.
    """
    try:
        return _described(_first_directory(data))
    except struct.error as exc:
        raise ValueError("it is cut short") from exc


def _first_directory(data: bytes) -> _Directory:
    order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    if count > _MOST_ENTRIES:
        raise too_costly(f"it has more than {_MOST_ENTRIES} tags")
    entries: dict[int, int] = {}
    for place in range(start + 2, start + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(f"{order}H", data, place)
        entries.setdefault(tag, place)
    struct.unpack_from("12x" * count, data, start + 2)
    return _Directory(data, order, entries)


def _described(page: _Directory) -> Header:
    samples = page.number(_SAMPLES, 1)
    compression, colours = page.number(_COMPRESSION, 1), page.number(_COLOURS)
    bits = set(page.numbers(_BITS)) or {1}
    if _DNG in page.entries or page.number(_SUBFILE, 0) & 1:
        raise unsupported("Raw files of cameras")
    if compression not in _CODECS:
        raise unsupported(f"TIFF files with the compression {compression}")
    if colours not in _ACCEPTED or not 1 <= samples <= _MOST_SAMPLES or bits - {1, 2, 4, 8, 16} or len(bits) > 1:
        raise unsupported(f"TIFF files of this kind (colours {colours}, {samples} samples of {sorted(bits)} bits)")
    (depth,) = bits
    if set(page.numbers(_FORMAT)) - {1} or (colours == _WHITE_IS_ZERO and depth == 16):
        raise unsupported("TIFF files with numbers of this kind")
    width, height = page.number(_WIDTH), page.number(_HEIGHT)
    if not (width and height):
        raise ValueError("a picture without pixels")
    block, padded = _blocks(page, width, height)
    pixel_ns, byte_ns = _CODECS[compression]
    over = padded / (width * height)
    scans = page.data.count(_SCAN) / (padded / block) if compression == _JPEG else 1.0
    bytes_per_pixel = samples * depth / 8 if colours != _YCBCR else 4
    return Header(
        "TIFF",
        width,
        height,
        held=_picture_bytes(samples, depth) + bytes_per_pixel * block / (width * height),
        pixel_ns=5 + over * (pixel_ns * max(1.0, bytes_per_pixel) + samples * max(0.0, scans - 1)),
        byte_ns=byte_ns,
        orientation=_orientation(page),
        kept=_file(page),
    )


def _picture_bytes(samples: int, depth: int) -> int:
    """Bytes per pixel of Pillow's picture."""
    if samples > 1:
        return 4
    return 2 if depth == 16 else 1


def _orientation(page: _Directory) -> int:
    given = page.number(_ORIENTATION, 1)
    return given if 1 <= given <= 8 else 1


def _blocks(page: _Directory, width: int, height: int) -> tuple[int, int]:
    """Pixels of a strip or tile, and of all together.

    Raises:
        PhotoRefused: ``too_costly``: there are more than the picture needs, or they share their bytes.
        ValueError: there are fewer.
    """
    tiled = _TILE_WIDTH in page.entries
    across, down = (page.number(_TILE_WIDTH), page.number(_TILE_HEIGHT)) if tiled else (width, 0)
    down = down if tiled else min(page.number(_ROWS, height), height)
    if not (across and down):
        raise ValueError("tiles without pixels")
    planes = page.number(_SAMPLES, 1) if page.number(_PLANES, 1) == 2 else 1
    needed = -(-width // across) * -(-height // down) * planes
    if needed > _MOST_STRIPS:
        raise too_costly(f"it has more than {_MOST_STRIPS:,} strips")
    offsets = page.numbers(_TILE_OFFSETS if tiled else _OFFSETS, _MOST_STRIPS)
    counts = page.numbers(_TILE_COUNTS if tiled else _COUNTS, _MOST_STRIPS)
    if min(len(offsets), len(counts)) < needed:
        raise ValueError("a strip is missing")
    if sum(counts) > 2 * len(page.data) or any(o + c > len(page.data) for o, c in zip(offsets, counts, strict=False)):
        raise ValueError("strips beyond the end of the file")
    padded = across * down * needed // planes
    if padded > 2 * width * height + 1_000_000:
        raise too_costly(f"its tiles have {padded:,} pixels, the picture {width * height:,}")
    return across * down, padded


def _file(page: _Directory) -> tuple[slice | bytes, ...]:
    """The file with another directory at its end, which has only what is needed, at the places where it lies."""
    data = page.data
    kept = sorted(tag for tag in page.entries if tag in _NEEDED)
    total = 0
    for tag in kept:
        _, kind, count, place = struct.unpack_from(f"{page.order}HHII", data, page.entries[tag])
        size = count * _SIZES.get(kind, len(data))
        if tag not in _ARRAYS and size > _LONGEST:
            raise too_costly(f"tag {tag} has {count:,} values")
        total += size if size > 4 else 0
        if total > len(data) or (size > 4 and place + size > len(data)):
            raise ValueError("values beyond the end of the file")
    start = len(data) + len(data) % 2
    pack: Callable[..., bytes] = struct.pack
    entries = b"".join(data[place : place + 12] for place in (page.entries[tag] for tag in kept))
    directory = pack(f"{page.order}H", len(kept)) + entries + bytes(4)
    return data[:4] + pack(f"{page.order}I", start), slice(8, None), bytes(start - len(data)) + directory
