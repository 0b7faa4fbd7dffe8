"""One at a time in a folder: among the threads of this process, and among all servers that share the folder."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from types import TracebackType

LOCK = ".lock"


class FolderLock:
    """Held by one thread of one process; the same thread may take it again. It ends with the process.

    A file is locked, not the folder: that works on a shared folder (NFS 4), too. While the folder does not exist or
    cannot be written, only the threads of this process exclude each other: no other process can change it either.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = threading.RLock()
        self._depth = 0
        self._handle = -1

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock; False when it is not to wait and another one holds it."""
        if not self._thread.acquire(blocking=blocking):
            return False
        locked = False
        try:
            locked = self._depth > 0 or self._lock_file(blocking)
        finally:
            if locked:
                self._depth += 1
            else:
                self._thread.release()
        return locked

    def release(self) -> None:
        """Give it back."""
        self._depth -= 1
        if self._depth == 0 and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self._thread.release()

    def __enter__(self) -> None:
        """Take the lock."""
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.release()

    def _lock_file(self, blocking: bool) -> bool:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # whoever changes something meets the error, and names the folder
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            return False
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return True
