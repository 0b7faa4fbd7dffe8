"""HEIF files put together box by box (ISO/IEC 23008-12): as phones write them, and as nobody should."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


def box(name: bytes, body: bytes) -> bytes:
    """A box."""
    return struct.pack(">I4s", 8 + len(body), name) + body


def full_box(name: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags) + body)


@dataclass(frozen=True)
class Item:
    """An item: its kind, its bytes, its properties as whole boxes. ``inside``: its bytes lie in ``idat``."""

    kind: bytes
    content: bytes
    properties: Sequence[bytes] = ()
    inside: bool = False
    refers: Mapping[bytes, Sequence[int]] = field(default_factory=dict)
    """Ids of other items, by the name of the reference: ``dimg``, ``thmb``, ``auxl``, ``cdsc``."""

    repeats: int = 1
    """How often its bytes are named as a piece of it."""


def size_box(width: int, height: int) -> bytes:
    """An ``ispe``."""
    return full_box(b"ispe", struct.pack(">II", width, height))


def turned(quarters: int) -> bytes:
    """An ``irot``: by so many quarters against the clock."""
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """An ``imir``: 0 exchanges top and bottom, 1 left and right."""
    return box(b"imir", bytes([axis]))


def grid_of(rows: int, columns: int, width: int, height: int) -> bytes:
    """The bytes of a ``grid`` item."""
    return struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)


def heif(items: Sequence[Item], primary: int = 1, brand: bytes = b"heic", further: bytes = b"") -> bytes:
    """A file of items, numbered from 1; ``further``: boxes between the head and the pictures' bytes."""
    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand) + further
    empty = _meta(items, primary, 0)
    content = b"".join(item.content for item in items if not item.inside)
    return head + _meta(items, primary, len(head) + len(empty) + 8) + box(b"mdat", content)


def _meta(items: Sequence[Item], primary: int, start: int) -> bytes:
    properties: dict[bytes, int] = {}
    idat, places, of_items, entries, references = b"", b"", b"", b"", b""
    for number, item in enumerate(items, start=1):
        offset = len(idat) if item.inside else start
        places += struct.pack(">HHHH", number, item.inside, 0, item.repeats)
        places += struct.pack(">II", offset, len(item.content)) * item.repeats
        if item.inside:
            idat += item.content
        else:
            start += len(item.content)
        indexes = [properties.setdefault(each, len(properties) + 1) for each in item.properties]
        if indexes:
            of_items += struct.pack(f">HB{len(indexes)}H", number, len(indexes), *(0x8000 | each for each in indexes))
        entries += full_box(b"infe", struct.pack(">HH4sx", number, 0, item.kind), version=2)
        for name, others in item.refers.items():
            references += box(name, struct.pack(f">HH{len(others)}H", number, len(others), *others))
    with_properties = sum(bool(item.properties) for item in items)
    body = full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
    body += full_box(b"pitm", struct.pack(">H", primary))
    body += full_box(b"iloc", struct.pack(">HH", 0x4400, len(items)) + places, version=1)
    body += full_box(b"iinf", struct.pack(">H", len(items)) + entries)
    body += full_box(b"iref", references) if references else b""
    associations = full_box(b"ipma", struct.pack(">I", with_properties) + of_items, flags=1)
    body += box(b"iprp", box(b"ipco", b"".join(properties)) + associations)
    return full_box(b"meta", body + (box(b"idat", idat) if idat else b""))


def boxes_of(data: bytes, path: Sequence[bytes]) -> list[bytes]:
    """The bodies of the boxes at a path of names; ``meta`` has a version before its boxes."""
    found, place = [], 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + size]
        if name == path[0]:
            found += [body] if len(path) == 1 else boxes_of(body[4:] if name == b"meta" else body, path[1:])
        place += size
    return found


def picture_of(data: bytes) -> Item:
    """The only item of a simple HEIC or AVIF file, as an item for another file; a cut (``clap``) is left out."""
    properties = (b"meta", b"iprp", b"ipco")
    for kind, config in ((b"hvc1", b"hvcC"), (b"av01", b"av1C")):
        if boxes_of(data, (*properties, config)):
            kept = (config, b"ispe", b"pixi", b"colr")
            made = [box(name, body) for name in kept for body in boxes_of(data, (*properties, name))]
            return Item(kind, boxes_of(data, (b"mdat",))[0], made)
    raise ValueError("no picture")


def iphone(tiles: Sequence[Item], rows: int, columns: int, size: tuple[int, int], exif: bytes = b"") -> bytes:
    """A file as an iPhone writes it, held upright: a lying grid, ``irot``, EXIF that agrees, a preview, depth."""
    numbers = list(range(2, 2 + len(tiles)))
    grid = Item(b"grid", grid_of(rows, columns, *size), (size_box(*size), turned(3)), True, {b"dimg": numbers})
    small = Item(tiles[0].kind, tiles[0].content, tiles[0].properties, refers={b"thmb": [1]})
    auxiliary = full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:2\0")
    depth = Item(tiles[0].kind, tiles[0].content, (*tiles[0].properties, auxiliary), refers={b"auxl": [1]})
    metadata = Item(b"Exif", struct.pack(">I", 6) + b"Exif\0\0" + exif, refers={b"cdsc": [1]})
    return heif([grid, *tiles, small, depth, metadata])
