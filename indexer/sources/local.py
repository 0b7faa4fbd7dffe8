"""Local files that a source names: regular ones only, no more bytes than allowed, and none that a sheet may not reach.

A sheet is written by others than the person who runs the indexer: what it names must lie in the sheet's own folder, or
in one that the person allowed. Links are followed first, and what they lead to is what counts. Between that look and
the opening somebody may put a link in the way, so the file is opened from its folder downwards, one part of its path at
a time, and no link is followed then.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from presente.errors import PhotoRefused

_CAREFULLY = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""Should a pipe or a terminal take a file's place after all, opening it neither waits nor changes anything."""

_FOLDER = os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True, slots=True)
class FileRules:
    """Which files of a source are read.

    Attributes:
        max_bytes: larger files are refused, and not read.
        sheet_root: a folder in which the photos of a sheet may lie beside the sheet's own; None for none.
    """

    max_bytes: int = 16_000_000
    sheet_root: Path | None = None


DEFAULT_RULES = FileRules()


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file, wherever links lead.

    Raises:
        PhotoRefused: ``not_a_file``, ``too_many_bytes``.
        OSError: it is not there, or cannot be read.
    """
    with _translated(path):
        _check_regular(path.stat())
        handle = os.open(path, os.O_RDONLY | _CAREFULLY)
    return _read(handle, max_bytes)


def read_beneath(folder: Path, path: Path, rules: FileRules) -> bytes:
    """The bytes of a regular file that a sheet in ``folder`` names.

    Raises:
        PhotoRefused: ``outside_sheet_folder``, ``not_a_file``, ``too_many_bytes``.
        OSError: it is not there, or cannot be read.
    """
    with _translated(path):
        real = Path(os.path.realpath(path))
        allowed = [Path(os.path.realpath(each)) for each in (folder, rules.sheet_root) if each is not None]
    if real in allowed:
        raise _not_a_file()
    top = next((each for each in allowed if each in real.parents), None)
    if top is None:
        raise PhotoRefused(
            "outside_sheet_folder",
            "It lies outside of the sheet's folder.",
            "Put the photo beneath that folder; or set PRESENTE_SHEET_ROOT to a folder that holds both.",
        )
    with _opened(top, real.relative_to(top).parts[:-1]) as parent:
        _check_regular(os.stat(real.name, dir_fd=parent, follow_symlinks=False))
        handle = os.open(real.name, os.O_RDONLY | os.O_NOFOLLOW | _CAREFULLY, dir_fd=parent)
    return _read(handle, rules.max_bytes)


@contextmanager
def _opened(top: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A folder beneath another, by a descriptor, reached without following a link."""
    handle = os.open(top, _FOLDER)
    try:
        for part in parts:
            above, handle = handle, os.open(part, _FOLDER, dir_fd=handle)
            os.close(above)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """What no path can be, as an error of the operating system's, which others raise of paths that are too long."""
    try:
        yield
    except ValueError as exc:  # a NUL in it
        raise OSError(f"{str(path)!r} is no path") from exc


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
