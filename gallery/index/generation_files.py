"""The files of a published generation, held open to overwrite the rows of people who are erased.

A generation never changes, but for this: a row that may no longer be anywhere is overwritten where it is. That needs no
room on the disk, works on files that were deleted and are still mapped, and is seen by every process that maps them.
``struck.npy`` has one byte per row and marks such rows. After the first mark the checksums no longer hold.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.protocol import VectorIndex

STRUCK = "struck.npy"
_VECTORS, _CODES = "vectors.npy", "codes.faiss"


class GenerationFiles:
    """The open files of one generation. Safe to use from several threads and processes."""

    def __init__(self, folder: Path, vectors: NDArray[np.float32]) -> None:
        """Open what is there of a generation with these float32 (n, d) vectors.

        A file that may not be written is an error only once it has to be.
        """
        self.folder = folder
        self._count, self._row = len(vectors), vectors.shape[1] * 4
        self._handles: dict[str, int] = {}
        self._refused: dict[str, OSError] = {}
        for name in (_VECTORS, _CODES, STRUCK):
            try:
                self._handles[name] = os.open(folder / name, os.O_RDWR)
            except OSError as exc:
                if name == _VECTORS or not isinstance(exc, FileNotFoundError):
                    self._refused[name] = exc

    def __del__(self) -> None:
        """Close the files, once nothing maps them for a search any more."""
        for handle in self._handles.values():
            os.close(handle)

    def overwrite(self, rows: NDArray[np.int64], index: VectorIndex) -> None:
        """Overwrite rows, int64 (m,), and what ``index`` keeps of them in its file; on disk when this returns.

        Raises:
            OSError: a file cannot be written; all of it can be done again.
        """
        if not len(rows) or not self._count:
            return
        for error in self._refused.values():
            raise error
        vectors = self._handles[_VECTORS]
        struck = self._marks()
        with _locked(vectors):
            for row in map(int, rows):
                _write(struck, b"\1", os.fstat(struck).st_size - self._count + row)
            os.fsync(struck)  # first of all: the checksums no longer hold
            start = os.fstat(vectors).st_size - self._count * self._row
            for row in map(int, rows):
                _write(vectors, bytes(self._row), start + row * self._row)
            os.fsync(vectors)
            if _CODES in self._handles:
                index.forget_in_file(self._handles[_CODES], rows)
                os.fsync(self._handles[_CODES])

    def _marks(self) -> int:
        """The file of marks; a generation that an earlier version published gets one now."""
        if STRUCK not in self._handles:
            write_marks(self.folder, self._count)
            self._handles[STRUCK] = os.open(self.folder / STRUCK, os.O_RDWR)
        return self._handles[STRUCK]


def write_marks(folder: Path, count: int) -> None:
    """Write the file of marks of a generation of which no row is struck out."""
    with (folder / STRUCK).open("wb") as stream:
        np.save(stream, np.zeros(count, dtype=bool))


def struck_rows(folder: Path) -> NDArray[np.int64]:
    """Which rows of a generation were overwritten, int64.

    Raises:
        OSError, ValueError: its marks cannot be read.
    """
    try:
        return np.flatnonzero(np.load(folder / STRUCK, mmap_mode="r", allow_pickle=False))
    except FileNotFoundError:
        return np.empty(0, dtype=np.int64)


def _write(handle: int, content: bytes, start: int) -> None:
    if os.pwrite(handle, content, start) != len(content):
        raise OSError(errno.EIO, "a row was written in part only")


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Alone among the processes that overwrite rows: neighbours may share a byte."""
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
