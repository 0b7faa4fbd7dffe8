"""What was uploaded for an import: a sheet, and photos by the paths that the sheet may name them by.

Nothing is written under a name that was sent: photos are kept by their SHA-256. So no path leads out of the folder.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from presente.errors import InvalidInput, listed, shown
from presente.student_sheets.bounds import BOUNDS
from presente.student_sheets.table import SHEET_SUFFIXES
from presente.text import tidy

MOST_FILES = 1000
"""Files of one import: as many as a form may have."""
MOST_BYTES = 400_000_000
"""Bytes of all files of one import, unpacked."""
_SHEET_SUFFIXES = tuple(suffix for suffix in SHEET_SUFFIXES if suffix != ".txt")


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file: its path as it was sent, below the top of what was sent, with ``/``; and its bytes."""

    path: str
    content: bytes


def checked_path(name: str) -> str:
    """A path that was sent, in its plain form.

    Raises:
        InvalidInput: ``invalid_archive``: it leads out of the folder.
    """
    path = posixpath.normpath(name.replace("\\", "/"))
    if not name or "\0" in name or path.startswith(("/", "..")) or path == "." or path[1:2] == ":":
        raise InvalidInput(
            "invalid_archive", f"A file is called {shown(name)}.", "Name files by paths below the sheet's folder."
        )
    return path


def unpacked(content: bytes, most_per_file: int) -> Iterator[UploadedFile]:
    """The files of a .zip, each unpacked when it is asked for, and no more of it than the bounds allow.

    Raises:
        InvalidInput: ``invalid_archive``, ``too_many_bytes``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            yield from _members(package, most_per_file)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as exc:
        raise InvalidInput(
            "invalid_archive", f"The .zip cannot be unpacked ({exc}).", "Make it again, without a password."
        ) from exc


def _members(package: zipfile.ZipFile, most_per_file: int) -> Iterator[UploadedFile]:
    members = [each for each in package.infolist() if not each.is_dir()]
    if len(members) > MOST_FILES:
        raise InvalidInput("invalid_archive", f"The .zip has {len(members)} files.", f"Send at most {MOST_FILES}.")
    left = MOST_BYTES
    for member in members:
        path = checked_path(member.filename)
        if path.startswith("__MACOSX/") or posixpath.basename(path).startswith("."):
            continue
        most = min(left, BOUNDS.bytes if is_sheet(path) else most_per_file)
        with package.open(member) as stream:  # what the directory says of the size is not believed
            content = stream.read(most + 1)
        if len(content) > most:
            raise InvalidInput(
                "too_many_bytes", f"{shown(path)} of the .zip has more than {most:,} bytes.", "Send smaller photos."
            )
        left -= len(content)
        yield UploadedFile(path, content)


def only_sheet(paths: Iterable[str]) -> str:
    """The one path that is a sheet's.

    Raises:
        InvalidInput: ``no_sheet``, ``several_sheets``.
    """
    sheets = [path for path in paths if is_sheet(path)]
    if not sheets:
        raise InvalidInput("no_sheet", "There is no .csv or .xlsx sheet.", "Send one beside the photos.")
    if len(sheets) > 1:
        raise InvalidInput("several_sheets", f"There are {len(sheets)} sheets: {listed(sheets)}.", "Send one.")
    return sheets[0]


def is_sheet(path: str) -> bool:
    """Whether a file's name is that of a sheet."""
    return path.lower().endswith(_SHEET_SUFFIXES)


class PhotoPaths:
    """Finds the file that a sheet names: by its path from the sheet, else by its name where only one file has it.

    Browsers leave out the folder of a file that a person chooses. Case, spaces and the spelling of accents play no
    part: disks and sheets differ in them.
    """

    def __init__(self, sheet: str, files: Iterable[tuple[str, str]]) -> None:
        """``sheet`` is the sheet's path; ``files`` are path and SHA-256 of each other file."""
        self._folder = posixpath.dirname(sheet)
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, set[str]] = {}
        for path, digest in files:
            self._by_path[_plain(path)] = digest
            self._by_name.setdefault(_plain(posixpath.basename(path)), set()).add(digest)

    def find(self, place: str) -> tuple[str, str]:
        """SHA-256 of the file and no problem, or no file and the problem's code."""
        asked = place.replace("\\", "/")
        path = posixpath.normpath(posixpath.join(self._folder, asked))
        if asked.startswith("/") or asked[1:2] == ":" or path.startswith(".."):
            return "", "outside_sheet_folder"
        found = self._by_path.get(_plain(path))
        if found is None:
            same_name = self._by_name.get(_plain(posixpath.basename(path)), set())
            found = next(iter(same_name)) if len(same_name) == 1 else None
        return (found, "") if found else ("", "photo_missing")


def _plain(path: str) -> str:
    return tidy(tidy(path).casefold())
