"""The open files of a published generation, for overwriting the rows of people who are erased.

A generation never changes, with this exception: a row of an erased person is overwritten in place. That needs no space
on the disk, works on files that were deleted and are still mapped, and is seen by every process that maps the files.
``struck.npy`` has one byte per row and tells which rows were overwritten. After the first one, the checksums of vectors
and codes do not match any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.protocol import VectorIndex

ERASED_ROWS = "struck.npy"
_VECTORS, _CODES = "vectors.npy", "codes.faiss"


class GenerationFiles:
    """The open files of one generation. Safe to use from several threads and processes."""

    def __init__(self, folder: Path, vectors: NDArray[np.float32]) -> None:
        """Open the files of a generation that exist, for writing.

        A file that must not be written is an error only when it has to be written.

        Args:
            folder: the generation's folder.
            vectors: the generation's vectors, float32 (n, d).
        """
        self.folder = folder
        self._count, self._row = len(vectors), vectors.shape[1] * 4
        self._handles: dict[str, int] = {}
        self._refused: dict[str, OSError] = {}
        for name in (_VECTORS, _CODES, ERASED_ROWS):
            try:
                self._handles[name] = os.open(folder / name, os.O_RDWR)
            except OSError as exc:
                if name == _VECTORS or not isinstance(exc, FileNotFoundError):
                    self._refused[name] = exc

    def __del__(self) -> None:
        """Close the files once no search uses them any more."""
        for handle in self._handles.values():
            os.close(handle)

    def overwrite(self, rows: NDArray[np.int64], index: VectorIndex) -> None:
        """Overwrite rows, int64 (m,), and what ``index`` has of them in its file. It is on disk when this returns.

        Raises:
            OSError: a file cannot be written; the call can be repeated.
        """
        if not len(rows) or not self._count:
            return
        for error in self._refused.values():
            raise error
        vectors = self._handles[_VECTORS]
        erased = self._erased_rows_file()
        with _locked(vectors):
            for row in map(int, rows):
                _write(erased, b"\1", os.fstat(erased).st_size - self._count + row)
            os.fsync(erased)  # first: from now on the checksums do not match
            start = os.fstat(vectors).st_size - self._count * self._row
            for row in map(int, rows):
                _write(vectors, bytes(self._row), start + row * self._row)
            os.fsync(vectors)
            if _CODES in self._handles:
                index.forget_in_file(self._handles[_CODES], rows)
                os.fsync(self._handles[_CODES])

    def _erased_rows_file(self) -> int:
        """The file that tells which rows were overwritten. Generations of an earlier version get it now."""
        if ERASED_ROWS not in self._handles:
            write_erased_rows(self.folder, self._count)
            self._handles[ERASED_ROWS] = os.open(self.folder / ERASED_ROWS, os.O_RDWR)
        return self._handles[ERASED_ROWS]


def write_erased_rows(folder: Path, count: int) -> None:
    """Write the file that tells which of ``count`` rows were overwritten: none."""
    with (folder / ERASED_ROWS).open("wb") as stream:
        np.save(stream, np.zeros(count, dtype=bool))


def read_erased_rows(folder: Path) -> NDArray[np.int64]:
    """The rows of a generation that were overwritten, int64.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    try:
        return np.flatnonzero(np.load(folder / ERASED_ROWS, mmap_mode="r", allow_pickle=False))
    except FileNotFoundError:
        return np.empty(0, dtype=np.int64)


def mapped_array(path: Path) -> NDArray[Any]:
    """The array in a file, mapped unless it is empty, without numpy's file object around it."""
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty")
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _write(handle: int, content: bytes, start: int) -> None:
    if os.pwrite(handle, content, start) != len(content):
        raise OSError(errno.EIO, "a row was written only in part")


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Exclude other processes that overwrite rows: the codes of neighbouring rows may share a byte."""
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
