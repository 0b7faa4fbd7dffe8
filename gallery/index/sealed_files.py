"""Files of a generation that are sealed on disk, and opened into memory that is not written to disk.

A sealed file begins with 8 bytes that tell its form and 16 random bytes that tell it from others. Chunks of the plain
file follow, each sealed and bound to the file, to its place, and to whether it is the last. Any of them can be replaced
in place.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import sys
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from presente.errors import IndexDamaged, StoreError
from presente.sealing import OVERHEAD, Cipher

INDEX_KEY = "index"
"""What the key of an index's files is derived for."""
_FORM = b"PSEAL-1\n"
_ID_BYTES = 16
_HEADER = len(_FORM) + _ID_BYTES
_CHUNK = 256 * 1024
"""Bytes of the plain file per chunk. Overwriting a row seals one chunk again, or two."""
_DONTDUMP = 16


class StoredFile(Protocol):
    """A file of which bytes are read and written at any place."""

    @property
    def size(self) -> int:
        """Bytes of its content."""

    def read(self, count: int, start: int) -> bytes:
        """Some bytes of its content. Raises ``OSError``."""

    def write(self, content: bytes, start: int) -> None:
        """Overwrite some bytes. Raises ``OSError``."""

    def sync(self) -> None:
        """Flush it to disk. Raises ``OSError``."""


class PlainFile:
    """A file in the clear, or in memory, by a descriptor that is open for reading and writing; it stays open."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @property
    def size(self) -> int:
        return os.fstat(self._handle).st_size

    def read(self, count: int, start: int) -> bytes:
        return os.pread(self._handle, count, start)

    def write(self, content: bytes, start: int) -> None:
        if os.pwrite(self._handle, content, start) != len(content):
            raise OSError(errno.EIO, "a row was written only in part")

    def sync(self) -> None:
        os.fsync(self._handle)


class SealedFile:
    """A sealed file, by a descriptor that is open for reading and writing; it stays open."""

    def __init__(self, handle: int, cipher: Cipher) -> None:
        """Read what tells the file from others.

        Raises:
            OSError: it is no sealed file.
        """
        self._handle = handle
        self._cipher = cipher
        header = os.pread(handle, _HEADER, 0)
        if len(header) != _HEADER or not header.startswith(_FORM):
            raise OSError(errno.EBADMSG, "it is not a sealed file")
        self._id = header[len(_FORM) :].hex()

    @property
    def size(self) -> int:
        sealed = os.fstat(self._handle).st_size - _HEADER
        return sealed - self._chunks * OVERHEAD

    @property
    def _chunks(self) -> int:
        return max(1, -(-(os.fstat(self._handle).st_size - _HEADER) // (_CHUNK + OVERHEAD)))

    def read(self, count: int, start: int) -> bytes:
        first, end = start // _CHUNK, -(-(start + count) // _CHUNK)
        content = b"".join(self._chunk(number) for number in range(first, min(end, self._chunks)))
        return content[start - first * _CHUNK : start - first * _CHUNK + count]

    def write(self, content: bytes, start: int) -> None:
        if start + len(content) > self.size:
            raise OSError(errno.EINVAL, "it would grow")
        done = 0
        while done < len(content):
            number, at = divmod(start + done, _CHUNK)
            chunk = bytearray(self._chunk(number))
            part = content[done : done + len(chunk) - at]
            chunk[at : at + len(part)] = part
            sealed = self._cipher.seal(bytes(chunk), self._about(number))
            if os.pwrite(self._handle, sealed, _place(number)) != len(sealed):
                raise OSError(errno.EIO, "a row was written only in part")
            done += len(part)

    def sync(self) -> None:
        os.fsync(self._handle)

    def open_into(self, handle: int) -> None:
        """Write the plain content into another file.

        Raises:
            OSError: a chunk was changed, moved, or sealed with another key.
        """
        os.truncate(handle, self.size)
        if not self.size:
            return
        with mmap.mmap(handle, self.size) as target, memoryview(target) as whole:
            sealed = bytearray(_CHUNK + OVERHEAD)
            for number in range(self._chunks):
                with memoryview(sealed) as buffer:
                    got = os.preadv(self._handle, [buffer], _place(number))
                    start = number * _CHUNK
                    with buffer[:got] as found, whole[start : start + got - OVERHEAD] as room:
                        self._cipher_open(found, number, room)

    def _cipher_open(self, found: memoryview, number: int, room: memoryview) -> None:
        try:
            self._cipher.unseal_into(found, self._about(number), room)
        except StoreError as exc:
            raise OSError(errno.EBADMSG, exc.what) from exc

    def _chunk(self, number: int) -> bytes:
        try:
            stored = os.pread(self._handle, _CHUNK + OVERHEAD, _place(number))
            return self._cipher.unseal(stored, self._about(number))
        except StoreError as exc:
            raise OSError(errno.EBADMSG, exc.what) from exc

    def _about(self, number: int) -> str:
        return _about(self._id, number, number == self._chunks - 1)


def _about(file: str, number: int, is_last: bool) -> str:
    return f"chunk {number} of index file {file}{', the last' if is_last else ''}"


def _place(number: int) -> int:
    return _HEADER + number * (_CHUNK + OVERHEAD)


def seal_file(source: Path, target: Path, cipher: Cipher) -> None:
    """Write a sealed copy of a file.

    Raises:
        OSError: the disk refuses.
    """
    file = os.urandom(_ID_BYTES)
    with source.open("rb") as plain, target.open("wb") as stream:
        stream.write(_FORM + file)
        number, chunk = 0, plain.read(_CHUNK)
        while True:
            following = plain.read(_CHUNK)
            stream.write(cipher.seal(chunk, _about(file.hex(), number, not following)))
            if not following:
                return
            number, chunk = number + 1, following


def can_open() -> bool:
    """Whether this system has files in memory, which sealed files are opened into."""
    return hasattr(os, "memfd_create")


class MemoryFile:
    """A file in memory, which has a path as long as the object lives.

    Attributes:
        handle: its descriptor.
    """

    def __init__(self, name: str) -> None:
        """An empty file.

        Raises:
            IndexDamaged: ``index_damaged`` where the system has no such files.
        """
        if not can_open():
            raise IndexDamaged("index_damaged", "The index is sealed, and this system cannot open it into memory.")
        self.handle = os.memfd_create(name)

    @property
    def path(self) -> Path:
        """A path by which this process opens it."""
        return Path(f"/proc/self/fd/{self.handle}")

    def __del__(self) -> None:
        """Give the memory back once nothing maps it any more."""
        if "handle" in self.__dict__:
            os.close(self.handle)


def open_sealed(path: Path, cipher: Cipher) -> MemoryFile:
    """The content of a sealed file, in memory.

    Raises:
        OSError: it cannot be read, or a chunk of it cannot be opened.
        IndexDamaged: as :class:`MemoryFile`.
    """
    memory = MemoryFile(path.stem)
    handle = os.open(path, os.O_RDONLY)
    try:
        SealedFile(handle, cipher).open_into(memory.handle)
    finally:
        os.close(handle)
    return memory


def lock_in_memory(array: NDArray[Any]) -> bool:
    """Keep an array out of the swap, and out of dumps of a crashed process; False when the system refuses.

    Linux allows as much as ``RLIMIT_MEMLOCK`` says.
    """
    if not array.nbytes or not sys.platform.startswith("linux"):
        return not array.nbytes
    library = ctypes.CDLL(None, use_errno=True)
    page = mmap.PAGESIZE
    start = array.ctypes.data // page * page
    size = array.ctypes.data + array.nbytes - start
    library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _DONTDUMP)
    return bool(library.mlock(ctypes.c_void_p(start), ctypes.c_size_t(size)) == 0)
