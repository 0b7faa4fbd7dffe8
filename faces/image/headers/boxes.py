"""Boxes of ISO base media files (ISO/IEC 14496-12), read in bounded time and written."""

from __future__ import annotations

from faces.image.headers.header import too_costly

MOST_BOXES = 4096
"""In one box. A phone's photo of 48 megapixels in tiles has 250 entries."""

Part = tuple[int, int]
"""Where a box's content begins in the file, and where it ends."""


def boxes_in(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """The boxes of a part of a file: the name of each, where its content begins, and where it ends.

    Raises:
        PhotoRefused: ``too_costly``.
        ValueError: it is damaged.
    """
    found = []
    while start + 8 <= end:
        size, name, content = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8], start + 8
        if size == 1:
            size, content = int.from_bytes(data[content : content + 8]), content + 8
        after = end if size == 0 else start + size
        if after < content or after > end:
            raise ValueError("a box that is cut short")
        found.append((name, content, after))
        if len(found) > MOST_BOXES:
            raise too_costly(f"it has more than {MOST_BOXES:,} boxes")
        start = after
    return found


def box(name: bytes, *content: bytes) -> bytes:
    """A box."""
    body = b"".join(content)
    return (8 + len(body)).to_bytes(4) + name + body


def full_box(name: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(name, bytes([version]), flags.to_bytes(3), *content)


class Numbers:
    """Reads whole numbers one after the other, big-endian. IndexError: the part ends before."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._place = start
        self._end = end

    def next(self, size: int) -> int:
        """The next number, of so many bytes; 0 when it has none."""
        return int.from_bytes(self.next_bytes(size))

    def next_bytes(self, size: int) -> bytes:
        """The next bytes."""
        if self._place + size > self._end:
            raise IndexError("no more numbers")
        self._place += size
        return self._data[self._place - size : self._place]
