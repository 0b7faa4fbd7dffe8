"""The items of a HEIF file (ISO/IEC 23008-12): which there are, where their bytes lie, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass

from faces.image.headers.boxes import MOST_BOXES, Numbers, Part, boxes_in
from faces.image.headers.header import too_costly, unsupported

_MOST_EXTENTS = 4096
_IN_FILE, _IN_IDAT = 0, 1
Property = tuple[bytes, int, int]
"""The name of a property, and where its content lies."""


@dataclass(frozen=True, slots=True)
class Items:
    """What the ``meta`` box says of the items, by their ids; ``primary`` is the id of the picture that is shown."""

    primary: int
    kinds: dict[int, bytes]
    places: dict[int, list[Part]]
    properties: dict[int, list[Property]]
    made_of: list[int]
    """The items that the primary one is made of, in their order; none when it is no derived picture."""

    def property_of(self, item: int, name: bytes) -> Part | None:
        """Where a property's content lies; None when the item does not have it."""
        return next(((start, end) for each, start, end in self.properties.get(item, []) if each == name), None)


def read_items(data: bytes, start: int, end: int) -> Items:
    """The items of the ``meta`` box with this content (after its version and flags).

    Raises:
        PhotoRefused: ``too_costly``, ``unsupported_format``.
        ValueError, IndexError: it is damaged.
    """
    parts = {name: (first, last) for name, first, last in reversed(boxes_in(data, start, end))}
    if not {b"pitm", b"iinf", b"iloc", b"iprp"} <= parts.keys():
        raise ValueError("a box is missing")
    numbers = Numbers(data, *parts[b"pitm"])
    primary = numbers.next(4 if _version(numbers) else 2)
    made_of = _made_of(data, parts[b"iref"], primary) if b"iref" in parts else []
    places = _places(data, parts[b"iloc"], parts.get(b"idat", (0, 0)))
    return Items(primary, _kinds(data, parts[b"iinf"]), places, _properties(data, parts[b"iprp"]), made_of)


def _version(numbers: Numbers) -> int:
    version = numbers.next(1)
    numbers.next(3)
    return version


def _kinds(data: bytes, part: Part) -> dict[int, bytes]:
    """The kind of each item (``iinf``)."""
    numbers = Numbers(data, *part)
    first = part[0] + (8 if _version(numbers) else 6)
    kinds: dict[int, bytes] = {}
    for name, start, end in boxes_in(data, first, part[1]):
        entry = Numbers(data, start, end)
        if name == b"infe" and (version := _version(entry)) >= 2:
            item = entry.next(2 if version == 2 else 4)
            entry.next(2)
            kinds[item] = entry.next_bytes(4)
    return kinds


def _made_of(data: bytes, part: Part, primary: int) -> list[int]:
    """What a derived picture is made of: its first ``dimg`` in ``iref``. No other list is read."""
    width = 4 if _version(Numbers(data, *part)) else 2
    for name, start, end in boxes_in(data, part[0] + 4, part[1]):
        if name == b"dimg":
            numbers = Numbers(data, start, end)
            if numbers.next(width) == primary:
                return [numbers.next(width) for _ in range(numbers.next(2))]
    return []


def _places(data: bytes, part: Part, idat: Part) -> dict[int, list[Part]]:
    """Where the bytes of each item lie in the file (``iloc``)."""
    numbers = Numbers(data, *part)
    version = _version(numbers)
    sizes = numbers.next(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    count = numbers.next(4 if version == 2 else 2)
    if count > MOST_BOXES:
        raise too_costly(f"it has more than {MOST_BOXES:,} items")
    places: dict[int, list[Part]] = {}
    extents = 0
    for _ in range(count):
        item = numbers.next(4 if version == 2 else 2)
        method = numbers.next(2) & 15 if version else _IN_FILE
        elsewhere = numbers.next(2)
        start = numbers.next(base) + (idat[0] if method == _IN_IDAT else 0)
        limit = idat[1] if method == _IN_IDAT else len(data)
        found = []
        pieces = numbers.next(2)
        if (extents := extents + pieces) > _MOST_EXTENTS:
            raise too_costly(f"it lies in more than {_MOST_EXTENTS:,} pieces")
        for _ in range(pieces):
            if version:
                numbers.next(index)
            begin = start + numbers.next(offset)
            size = numbers.next(length)
            found.append((begin, min(begin + size, limit) if size else limit))
        if not elsewhere and method in (_IN_FILE, _IN_IDAT):
            places.setdefault(item, found)
    return places


def _properties(data: bytes, part: Part) -> dict[int, list[Property]]:
    """The properties of each item in the order in which they apply (``iprp``)."""
    inside = boxes_in(data, *part)
    shared: list[Property] = []
    for name, start, end in inside:
        if name == b"ipco":
            shared = boxes_in(data, start, end)
    of_items: dict[int, list[Property]] = {}
    total = 0
    for name, start, end in inside:
        if name != b"ipma":
            continue
        numbers = Numbers(data, start, end)
        version = numbers.next(1)
        wide = 2 if numbers.next(3) & 1 else 1
        count = numbers.next(4)
        if (total := total + count) > MOST_BOXES:
            raise too_costly(f"it has properties of more than {MOST_BOXES:,} items")
        for _ in range(count):
            item = numbers.next(4 if version else 2)
            indexes = [numbers.next(wide) & (0x7FFF if wide == 2 else 0x7F) for _ in range(numbers.next(1))]
            if max(indexes, default=0) > len(shared):
                raise ValueError("a property that is not there")
            of_items.setdefault(item, [shared[each - 1] for each in indexes if each])
    return of_items


def item_parts(items: Items, item: int) -> list[Part]:
    """Where an item's bytes lie.

    Raises:
        PhotoRefused: ``unsupported_format``: not in this file.
        ValueError: it has none.
    """
    if item not in items.places:
        raise unsupported("HEIF pictures whose parts lie elsewhere than in the file")
    parts = items.places[item]
    if not parts or any(start >= end for start, end in parts):
        raise ValueError("an item without bytes")
    return parts
