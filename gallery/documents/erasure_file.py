"""A file that every erasure is appended to before it is acknowledged: a machine may be lost after its last backup."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gallery.documents.erasure_list import Erasure, ErasureList
from presente.errors import StoreError
from presente.files import sync_folder


class ErasureFile:
    """A text file with one entry of an erasure list per line. Several processes may append to it."""

    def __init__(self, path: Path) -> None:
        """The file at a path; it need not exist."""
        self._path = path
        self._lock = threading.Lock()
        self._seen = 0  # up to which number of the store's list it is known to have everything

    def keep_up(self, erasures: ErasureList) -> None:
        """Append what a store's list has and the file does not; it is on disk when this returns.

        Raises:
            StoreError: ``erasure_list_unwritable``; a later call tries again.
        """
        with self._lock:
            entries = erasures.entries(self._seen)
            if not entries:
                return
            try:
                self._append(entries)
            except OSError as exc:
                raise StoreError(
                    "erasure_list_unwritable",
                    f"It was erased here, and {self._path} cannot be written ({exc.strerror}).",
                    "Correct PRESENTE_ERASURE_LIST or the disk; the next erasure writes what is missing.",
                ) from exc
            self._seen = entries[-1].number

    def _append(self, entries: list[Erasure]) -> None:
        is_new = not self._path.exists()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as file:
            there = {entry.mark for entry in read_entries(self._path)}
            end = os.lseek(file, 0, os.SEEK_END)
            cut_off = end > 0 and os.pread(file, 1, end - 1) != b"\n"  # by a power cut, within a line
            lines = "".join(entry.to_json() + "\n" for entry in entries if entry.mark not in there)
            content = ("\n" * cut_off + lines).encode()
            while content:
                content = content[os.write(file, content) :]
            os.fsync(file)
        if is_new:
            sync_folder(self._path.parent)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def read_entries(path: Path) -> list[Erasure]:
    """The entries of a file, in the order in which they were appended; none when there is no file.

    A line that was cut off by a power cut is passed over: its erasure was not acknowledged, and was written again.

    Raises:
        InvalidInput: ``invalid_erasure_list``.
        OSError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    whole = [line for line in text.split("\n") if line.strip()]
    return [Erasure.from_json(line) for line in whole if line.endswith("}")]
