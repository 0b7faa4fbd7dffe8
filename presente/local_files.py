"""Reads local files that a source names: regular files only, within a size, and only those that a sheet may reach.

The person who runs the indexer may not be the author of a sheet. So the files that a sheet names must lie in the
sheet's own folder, or in a folder that the settings allow. Links are followed first; the file that they lead to counts.
Someone could replace a folder by a link between that check and the opening. So the file is opened from its folder
downwards, one part of its path at a time, without following any link.

A sheet and a disk may spell one name in two ways: macOS separates letters and accents, Windows writes ``\\`` between
folders and does not tell ``A.JPG`` from ``a.jpg``. A file that is not there as it is written is looked for so.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from presente.errors import PhotoRefused
from presente.text import tidy

_FILE_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""If a pipe or a terminal takes the file's place after the check, opening it neither waits nor changes anything."""

_FOLDER_FLAGS = os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True, slots=True)
class FileRules:
    """Which files of a source are read.

    Attributes:
        max_bytes: larger files are refused without being read.
        sheet_root: a folder in which the photos of a sheet may lie, besides the sheet's own folder; None for none.
    """

    max_bytes: int = 16_000_000
    sheet_root: Path | None = None


DEFAULT_RULES = FileRules()

_PHOTO_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jfif",
        ".png",
        ".webp",
        ".pgm",
        ".ppm",
        ".pnm",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".heic",
        ".heif",
        ".hif",
        ".avif",
        ".jxl",
        "",
    }
)


def has_photo_suffix(path: Path) -> bool:
    """Whether a file's name is that of a photo."""
    return path.suffix.lower() in _PHOTO_SUFFIXES


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file. Links are followed, wherever they lead.

    Raises:
        PhotoRefused: ``not_a_file``, ``too_many_bytes``.
        OSError: the file is missing, or cannot be read.
    """
    with _impossible_paths_as_os_errors(path):
        _check_regular(path.stat())
        handle = os.open(path, os.O_RDONLY | _FILE_FLAGS)
    return _read(handle, max_bytes)


def read_file_below(folder: Path, path: Path, rules: FileRules) -> bytes:
    """The bytes of a regular file that a sheet in ``folder`` names; it must lie below ``folder`` or the sheet root.

    Raises:
        PhotoRefused: ``outside_sheet_folder``, ``not_a_file``, ``too_many_bytes``.
        OSError: the file is missing, or cannot be read.
    """
    with _impossible_paths_as_os_errors(path):
        real = Path(os.path.realpath(_as_on_disk(folder, path)))
        allowed = [Path(os.path.realpath(each)) for each in (folder, rules.sheet_root) if each is not None]
    if real in allowed:
        raise _not_a_file()
    top = next((each for each in allowed if each in real.parents), None)
    if top is None:
        raise PhotoRefused(
            "outside_sheet_folder",
            "It lies outside the sheet's folder.",
            "Put the photo below that folder, or set PRESENTE_SHEET_ROOT to a folder that holds both.",
        )
    with _open_folder(top, real.relative_to(top).parts[:-1]) as parent:
        _check_regular(os.stat(real.name, dir_fd=parent, follow_symlinks=False))
        handle = os.open(real.name, os.O_RDONLY | os.O_NOFOLLOW | _FILE_FLAGS, dir_fd=parent)
    return _read(handle, rules.max_bytes)


def _as_on_disk(folder: Path, path: Path) -> Path:
    """A path below ``folder`` as the disk spells it; the path itself when it exists, or when no one file is meant."""
    if os.path.lexists(path) or not path.is_relative_to(folder):
        return path
    parts = str(path.relative_to(folder)).replace("\\", "/").split("/")
    here = folder
    for part in parts:
        if not os.path.lexists(here / part):
            names = _names_in(str(here), _changed(here)).get(_plain(part), ())
            if len(names) != 1:
                return path
            part = names[0]
        here /= part
    return here


def _changed(folder: Path) -> int:
    """When a folder changed last; 0 when it cannot be told."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=16)
def _names_in(folder: str, changed: int) -> Mapping[str, Sequence[str]]:  # noqa: ARG001
    """The names in a folder by their plain form. ``changed``, when the folder did, keeps old lists from being used."""
    names = defaultdict(list)
    try:
        for path in Path(folder).iterdir():
            names[_plain(path.name)].append(path.name)
    except OSError:
        return {}
    return dict(names)


def _plain(name: str) -> str:
    """A name in one form, whatever its case, its spaces and the way in which its accents are written."""
    return tidy(tidy(name).casefold())


@contextmanager
def _open_folder(top: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of a folder below ``top``, reached without following a link."""
    handle = os.open(top, _FOLDER_FLAGS)
    try:
        for part in parts:
            above, handle = handle, os.open(part, _FOLDER_FLAGS, dir_fd=handle)
            os.close(above)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _impossible_paths_as_os_errors(path: Path) -> Iterator[None]:
    """Raise ``OSError`` for a path that cannot exist, as the operating system does for one that is too long."""
    try:
        yield
    except ValueError as exc:  # the path holds a NUL
        raise OSError(f"{str(path)!r} is not a path") from exc


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _not_a_file()


def _not_a_file() -> PhotoRefused:
    return PhotoRefused("not_a_file", "It is a folder, a device or a pipe, not a file.", "Name the photo's own file.")


def _read(handle: int, max_bytes: int) -> bytes:
    with open(handle, "rb", closefd=True) as stream:
        status = os.fstat(handle)
        _check_regular(status)
        content = b"" if status.st_size > max_bytes else stream.read(max_bytes + 1)
    if status.st_size > max_bytes or len(content) > max_bytes:
        raise PhotoRefused("too_many_bytes", f"The file has more than {max_bytes:,} bytes.", "Save a smaller JPEG.")
    return content
