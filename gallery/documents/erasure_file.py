"""A file that every erasure is appended to before it is acknowledged: a machine may be lost after its last backup.

Each line is an entry of a list and the identity of the store, which a store that is restored keeps.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gallery.documents.erasure_list import Erasure, ErasureList
from presente.errors import Conflict, InvalidInput, NotFound, StoreError
from presente.files import sync_folder


class ErasureFile:
    """A text file with one entry of an erasure list per line. Several processes may append to it."""

    def __init__(self, path: Path, store: str) -> None:
        """The file at a path, which need not exist, of the store with an identity."""
        self._path = path
        self._store = store
        self._lock = threading.Lock()
        self._seen = 0  # up to which number of the store's list it is known to have everything

    def check(self) -> None:
        """Refuse a file that no erasure could be appended to.

        Raises:
            Conflict: ``foreign_erasure_list``.
            InvalidInput: ``invalid_erasure_list``, ``erasure_list_unreadable``.
        """
        if self._path.exists():
            read_entries(self._path, self._store)

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
            except (OSError, InvalidInput, Conflict) as exc:
                why = exc.strerror if isinstance(exc, OSError) else exc.what
                raise StoreError(
                    "erasure_list_unwritable",
                    f"It was erased here, and {self._path} cannot be written ({why}).",
                    "Correct PRESENTE_ERASURE_LIST or the disk; the next erasure writes what is missing.",
                ) from exc
            self._seen = entries[-1].number

    def _append(self, entries: list[Erasure]) -> None:
        is_new = not self._path.exists()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as file:
            there = {entry.mark for entry in read_entries(self._path, self._store)}
            end = os.lseek(file, 0, os.SEEK_END)
            cut_off = end > 0 and os.pread(file, 1, end - 1) != b"\n"  # by a power cut, within a line
            lines = "".join(_line(entry, self._store) for entry in entries if entry.mark not in there)
            content = ("\n" * cut_off + lines).encode()
            while content:
                content = content[os.write(file, content) :]
            os.fsync(file)
        if is_new:
            sync_folder(self._path.parent)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
        try:
            _check_plain(file)
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def read_entries(path: Path, store: str) -> list[Erasure]:
    """The entries of a store's file, in the order in which they were appended.

    A line that was cut off by a power cut is passed over: its erasure was not acknowledged, and was written again.

    Args:
        path: the file.
        store: the identity of the store.

    Raises:
        NotFound: ``erasure_list_missing``.
        Conflict: ``foreign_erasure_list``: an entry is of another store.
        InvalidInput: ``invalid_erasure_list``, ``erasure_list_unreadable``.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(file, encoding="utf-8", errors="replace") as stream:
            _check_plain(file)
            whole = [line for line in stream.read().split("\n") if line.strip()]
    except FileNotFoundError as exc:
        raise NotFound(
            "erasure_list_missing",
            f"There is no erasure list {path}: who was erased since the backup would not be known.",
            "Put the file there, or leave PRESENTE_ERASURE_LIST empty if there never was one.",
        ) from exc
    except OSError as exc:
        raise InvalidInput(
            "erasure_list_unreadable", f"{path} cannot be read ({exc.strerror}).", "Name the file of an erasure list."
        ) from exc
    entries = []
    for line in whole:
        if line.endswith("}"):
            entries.append(Erasure.from_json(line))
            if json.loads(line).get("store") != store:
                raise Conflict(
                    "foreign_erasure_list",
                    f"{path} has erasures of another store, in which the same numbers stand for other people.",
                    "Name the file of this store in PRESENTE_ERASURE_LIST, or a new one.",
                )
    return entries


def _line(entry: Erasure, store: str) -> str:
    return json.dumps({**json.loads(entry.to_json()), "store": store}, separators=(",", ":")) + "\n"


def _check_plain(file: int) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError(errno.EINVAL, "it is no plain file")
