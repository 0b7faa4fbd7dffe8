"""CelebA's lists: a photo's name and whole numbers a line, separated by spaces or commas, below up to two head lines.

The originals are text (``identity_CelebA.txt``), Kaggle's are ``.csv``; some begin with a count, some with column
names, some with both.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.sources.protocol import readable
from presente.errors import InvalidInput

_FOLDERS = ("", "Anno", "Eval")
_NAME = re.compile(r"[\w-][\w.-]{0,60}\.(jpg|jpeg|png)", re.IGNORECASE | re.ASCII)
_HEAD_LINES = 2


@dataclass(frozen=True, slots=True)
class PhotoList:
    """One list: ``names`` (n,) of photos, as bytes, and ``numbers`` int64 (n, k) that belong to them."""

    path: Path
    names: NDArray[np.bytes_]
    numbers: NDArray[np.int64]

    def rows_of(self, names: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """The list's row of each name.

        Raises:
            InvalidInput: ``incomplete_list``, naming the first photo that the list has not.
        """
        if np.array_equal(names, self.names):
            return np.arange(len(names))
        order = np.argsort(self.names, kind="stable")
        places = np.minimum(np.searchsorted(self.names, names, sorter=order), len(order) - 1)
        rows: NDArray[np.int64] = order[places]
        absent = np.flatnonzero(self.names[rows] != names)
        if len(absent):
            raise InvalidInput(
                "incomplete_list",
                f"{readable(self.path)} does not name {names[absent[0]].decode()} and {len(absent) - 1:,} more photos.",
                "Take the lists of one download.",
            )
        return rows


def find_list(root: Path, stem: str) -> Path | None:
    """Where a list is: in the root, or in the download's ``Anno`` or ``Eval``; text before commas."""
    places = (root / folder / f"{stem}{suffix}" for folder in _FOLDERS for suffix in (".txt", ".csv"))
    return next((path for path in places if path.is_file()), None)


def needed_list(root: Path, stem: str, columns: int) -> PhotoList:
    """Find a list and read it.

    Raises:
        InvalidInput: ``missing_list``, ``unreadable_list``, ``malformed_list`` naming the line.
    """
    path = find_list(root, stem)
    if path is None:
        raise InvalidInput(
            "missing_list",
            f"{readable(root)} has no {stem}.txt (or .csv), nor have its folders Anno and Eval.",
            "It comes with CelebA: http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (identities: on request to its "
            "authors, or in the download's Anno folder).",
        )
    return read_list(path, columns)


def read_list(path: Path, columns: int) -> PhotoList:
    """Read a list with ``columns`` whole numbers behind each name.

    Raises:
        InvalidInput: ``unreadable_list``, ``malformed_list`` naming the line.
    """
    names: list[bytes] = []
    numbers = array("q")
    lines = array("q")
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for line, text in enumerate(stream, start=1):
                values = text.replace(",", " ").split()
                if not values or (line <= _HEAD_LINES and _is_head(values)):
                    continue
                names.append(_entry(path, line, values, columns, numbers))
                lines.append(line)
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(
            "unreadable_list", f"{readable(path)} cannot be read ({exc}).", "Download it again."
        ) from exc
    if not names:
        raise InvalidInput("malformed_list", f"{readable(path)} names no photos.", "Download it again.")
    table = np.frombuffer(numbers, dtype=np.int64).reshape(len(names), columns)
    found = PhotoList(path, np.array(names, dtype=np.bytes_), table)
    _check_distinct(found, lines)
    return found


def _is_head(values: list[str]) -> bool:
    """Whether a line is a count of photos, or names of columns."""
    return (len(values) == 1 and values[0].isdecimal()) or all(re.fullmatch("[A-Za-z_]+", value) for value in values)


def _entry(path: Path, line: int, values: list[str], columns: int, numbers: array[int]) -> bytes:
    """The photo's name; its numbers are put behind those that are there."""
    try:
        if len(values) != columns + 1 or not _NAME.fullmatch(values[0]):
            raise ValueError
        numbers.extend([int(value) for value in values[1:]])
    except (ValueError, OverflowError) as exc:
        raise InvalidInput(
            "malformed_list",
            f"{readable(path)}, line {line}: {' '.join(values)[:80]!r} is no photo with {columns} whole number"
            f"{'s' if columns > 1 else ''}.",
            "Download the list again.",
        ) from exc
    return values[0].encode()


def _check_distinct(found: PhotoList, lines: array[int]) -> None:
    order = np.argsort(found.names, kind="stable")
    again = np.flatnonzero(found.names[order[1:]] == found.names[order[:-1]])
    if len(again):
        first, second = (lines[order[again[0] + offset]] for offset in (0, 1))
        raise InvalidInput(
            "malformed_list",
            f"{readable(found.path)}: lines {first} and {second} both have {found.names[order[again[0]]].decode()}.",
            "Each photo may be listed once.",
        )
