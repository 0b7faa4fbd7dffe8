"""The open files of a published generation, for overwriting the rows of people who are erased.

A generation never changes, with this exception: a row of an erased person is overwritten in place. That needs no space
on the disk, works on files that were deleted and are still mapped, and is seen by every process that maps the files.
``struck.npy`` has one byte per row and tells which rows were overwritten. After the first one, the checksums of vectors
and codes do not match any more.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.protocol import VectorIndex
from gallery.index.sealed_files import MemoryFile, PlainFile, SealedFile, StoredFile
from presente.sealing import Cipher

ERASED_ROWS = "struck.npy"
CLEAR, SEALED = ("vectors.npy", "codes.faiss"), ("vectors.sealed", "codes.sealed")
"""What the files of vectors and codes are called."""


class GenerationFiles:
    """The open files of one generation. Safe to use from several threads and processes."""

    def __init__(
        self,
        folder: Path,
        vectors: NDArray[np.float32],
        opened: MemoryFile | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        """Open the files of a generation that exist, for writing.

        A file that must not be written is an error only when it has to be written.

        Args:
            folder: the generation's folder.
            vectors: the generation's vectors, float32 (n, d).
            opened: of a sealed generation, the memory that ``vectors`` are in.
            cipher: of a sealed generation, what opens its files.
        """
        self.folder = folder
        self._count, self._row = len(vectors), vectors.shape[1] * 4
        self._opened, self._cipher = opened, cipher
        self._vectors, self._codes = CLEAR if cipher is None else SEALED
        self._handles: dict[str, int] = {}
        self._refused: dict[str, OSError] = {}
        for name in (self._vectors, self._codes, ERASED_ROWS):
            try:
                self._handles[name] = os.open(folder / name, os.O_RDWR)
            except OSError as exc:
                if name == self._vectors or not isinstance(exc, FileNotFoundError):
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
        erased = PlainFile(self._erased_rows_file())
        with locked(self._handles[self._vectors]):
            for row in map(int, rows):
                erased.write(b"\1", erased.size - self._count + row)
            erased.sync()  # first: from now on the checksums do not match
            vectors = self._file(self._vectors)
            for file in (vectors,) if self._opened is None else (vectors, PlainFile(self._opened.handle)):
                start = file.size - self._count * self._row
                for row in map(int, rows):
                    file.write(bytes(self._row), start + row * self._row)
            vectors.sync()
            if self._codes in self._handles:
                codes = self._file(self._codes)
                index.forget_in_file(codes, rows)
                codes.sync()

    def _file(self, name: str) -> StoredFile:
        handle = self._handles[name]
        return PlainFile(handle) if self._cipher is None else SealedFile(handle, self._cipher)

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


@contextmanager
def locked(handle: int, shared: bool = False) -> Iterator[None]:
    """Exclude other processes that overwrite rows: neighbouring rows may share a byte of codes, or a chunk."""
    fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
