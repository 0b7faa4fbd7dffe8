"""Reads CelebA's lists: per line a photo's name and whole numbers, separated by spaces or commas.

The originals are text (``identity_CelebA.txt``), Kaggle's are ``.csv``. Up to two header lines come first: a count,
the names of the columns, or both.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from presente.errors import InvalidInput
from presente.files import printable_path

_FOLDERS = ("", "Anno", "Eval")
_NAME = re.compile(r"[\w-][\w.-]{0,60}\.(jpg|jpeg|png)", re.IGNORECASE | re.ASCII)
_HEADER_LINES = 2


@dataclass(frozen=True, slots=True)
class PhotoList:
    """One list.

    Attributes:
        path: its file.
        names: bytes (n,), names of photos.
        numbers: int64 (n, k), the numbers of each photo.
    """

    path: Path
    names: NDArray[np.bytes_]
    numbers: NDArray[np.int64]

    def rows_of(self, names: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """The list's row of each name.

        Raises:
            InvalidInput: ``incomplete_list``, naming the first photo that is not in the list.
        """
        if np.array_equal(names, self.names):
            return np.arange(len(names))
        order = np.argsort(self.names, kind="stable")
        places = np.minimum(np.searchsorted(self.names, names, sorter=order), len(order) - 1)
        rows: NDArray[np.int64] = order[places]
        missing = np.flatnonzero(self.names[rows] != names)
        if len(missing):
            raise InvalidInput(
                "incomplete_list",
                f"{printable_path(self.path)} does not name {names[missing[0]].decode()} "
                f"and {len(missing) - 1:,} more photos.",
                "Take the lists of one download.",
            )
        return rows


def find_list(root: Path, stem: str) -> Path | None:
    """Where a list is: in the root, or in the download's ``Anno`` or ``Eval``; ``.txt`` before ``.csv``; or None."""
    places = (root / folder / f"{stem}{suffix}" for folder in _FOLDERS for suffix in (".txt", ".csv"))
    return next((path for path in places if path.is_file()), None)


def require_list(root: Path, stem: str, columns: int) -> PhotoList:
    """Find a list, which must be there, and read it.

    Raises:
        InvalidInput: ``missing_list``, ``unreadable_list``, ``malformed_list`` naming the line.
    """
    path = find_list(root, stem)
    if path is None:
        raise InvalidInput(
            "missing_list",
            f"{printable_path(root)} has no {stem}.txt (or .csv), nor do its folders Anno and Eval.",
            "It comes with CelebA: http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (identities: on request to its "
            "authors, or in the download's Anno folder).",
        )
    return read_list(path, columns)


def read_list(path: Path, columns: int) -> PhotoList:
    """Read a list with ``columns`` whole numbers after each name.

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
                if not values or (line <= _HEADER_LINES and _is_header(values)):
                    continue
                names.append(_parse_entry(path, line, values, columns, numbers))
                lines.append(line)
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(
            "unreadable_list", f"{printable_path(path)} cannot be read ({exc}).", "Download it again."
        ) from exc
    if not names:
        raise InvalidInput("malformed_list", f"{printable_path(path)} names no photos.", "Download it again.")
    table = np.frombuffer(numbers, dtype=np.int64).reshape(len(names), columns)
    found = PhotoList(path, np.array(names, dtype=np.bytes_), table)
    _check_distinct(found, lines)
    return found


def _is_header(values: list[str]) -> bool:
    """Whether a line is a count of photos, or names of columns."""
    return (len(values) == 1 and values[0].isdecimal()) or all(re.fullmatch("[A-Za-z_]+", value) for value in values)


def _parse_entry(path: Path, line: int, values: list[str], columns: int, numbers: array[int]) -> bytes:
    """The photo's name; its numbers are appended to ``numbers``."""
    try:
        if len(values) != columns + 1 or not _NAME.fullmatch(values[0]):
            raise ValueError
        numbers.extend([int(value) for value in values[1:]])
    except (ValueError, OverflowError) as exc:
        raise InvalidInput(
            "malformed_list",
            f"{printable_path(path)}, line {line}: {' '.join(values)[:80]!r} is not a photo with {columns} whole number"
            f"{'s' if columns > 1 else ''}.",
            "Download the list again.",
        ) from exc
    return values[0].encode()


def _check_distinct(found: PhotoList, lines: array[int]) -> None:
    order = np.argsort(found.names, kind="stable")
    repeated = np.flatnonzero(found.names[order[1:]] == found.names[order[:-1]])
    if len(repeated):
        first, second = (lines[order[repeated[0] + offset]] for offset in (0, 1))
        raise InvalidInput(
            "malformed_list",
            f"{printable_path(found.path)}: lines {first} and {second} both have "
            f"{found.names[order[repeated[0]]].decode()}.",
            "Each photo may be listed once.",
        )
