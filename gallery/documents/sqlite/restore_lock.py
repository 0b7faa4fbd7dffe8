"""Who restores a backup into a SQLite file: one process at a time, by a lock that ends with the process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gallery.documents.backup_protocol import restore_busy


class RestoreLock:
    """A lock on a file beside the store's, which is there only while a restore runs."""

    def __init__(self, path: Path) -> None:
        """The lock of the store in a file."""
        self._path = path.with_name(f"{path.name}-restore")
        self._handle: int | None = None

    def take(self) -> None:
        """Hold the lock until :meth:`release`.

        Raises:
            Busy: ``restore_busy``.
        """
        while self._handle is None:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_there(handle):
                    self._handle = handle
            except BlockingIOError as exc:
                raise restore_busy() from exc
            finally:
                if self._handle is None:
                    os.close(handle)

    def _is_there(self, handle: int) -> bool:
        """Whether the file that is locked was not deleted by the one who held it before."""
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back, and delete the file."""
        if self._handle is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None
