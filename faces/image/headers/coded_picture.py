"""What a bitstream of HEVC or AV1 says of the picture that it codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from faces.image.headers.header import too_costly

_MOST_PICTURES = 8
"""A still picture is one; a layered AVIF has up to four."""

_MOST_UNITS = 16_384
"""Of a file. A photo in slices of one row of blocks has some hundred, one in 1,024 tiles has five per tile."""


class UnitCount:
    """Counts the units of all bitstreams of a file, those in the decoders' configurations included."""

    def __init__(self) -> None:
        self._found = 0

    def add(self) -> None:
        """One more. PhotoRefused: ``too_costly``."""
        self._found += 1
        if self._found > _MOST_UNITS:
            raise too_costly(f"it has more than {_MOST_UNITS:,} units")


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """A coded picture: pixels of a row, rows, samples of colour per pixel (0 for a grey one, 0.5 for 4:2:0, 2 for
    4:4:4), whether samples have more than 8 bits, and how many pictures the bitstream has instead of one."""

    width: int
    height: int
    colour: float
    deep: bool
    count: int = 1

    @classmethod
    def largest(cls, said: Sequence[CodedPicture], count: int) -> CodedPicture:
        """The largest of several, of which a bitstream has ``count``.

        Raises:
            PhotoRefused: ``too_costly``.
            ValueError: there is none.
        """
        if not said or count < 1:
            raise ValueError("no picture")
        if count > _MOST_PICTURES:
            raise too_costly(f"it has {count:,} pictures instead of one")
        chosen = max(said, key=lambda each: each.width * each.height)
        return replace(
            chosen,
            width=max(each.width for each in said),
            height=max(each.height for each in said),
            colour=max(each.colour for each in said),
            deep=any(each.deep for each in said),
            count=count,
        )

    @property
    def plane_bytes(self) -> float:
        """Bytes per pixel of its planes."""
        return (1 + self.colour) * (2 if self.deep else 1)
