"""Digests of files, files that are replaced at once, and folders that are flushed or erased completely."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

PART = ".part"
"""What the name of a file ends with that is not written to its end."""


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def erase_folder(folder: Path) -> None:
    """Delete a folder with everything in it, also what other processes add meanwhile. It may be missing."""
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:  # another process erases it at the same time
            continue
        except OSError as exc:
            if exc.errno != errno.ENOTEMPTY:
                raise


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(target: Path, content: bytes) -> None:
    """Write a file in place of another one, which a power cut leaves whole.

    Raises:
        OSError: the disk refuses; the other one stays.
    """
    staged = target.with_name(f"{target.name}{PART}")
    with staged.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    staged.replace(target)
    sync_folder(target.parent)


def printable_path(path: Path) -> str:
    """A path as text that can be printed and stored, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
