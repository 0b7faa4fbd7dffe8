"""Whether a SQLite file and the write-ahead log beside it belong together.

SQLite replays a log with valid checksums over any file that has the matching name. If a backup was restored while the
log of the newer file stayed behind, the result is a mixture of the two. SQLite's format does not say which file a log
continues. So each of our transactions writes a mark into the file's header, on page 1, in the field that belongs to the
application (``PRAGMA application_id``): 16 random bits, and the 16 random bits of the transaction before. The log
contains page 1 of each of its transactions. It belongs to a file whose mark is the mark of one of these transactions,
or is the one that the first of them names as its predecessor. A log that does not belong passes by chance once in
65,000 times.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from presente.errors import StoreError

_HEADER, _FRAME = 32, 24
_MAGIC = (0x377F0682, 0x377F0683)
_MARK_AT = 68
_BITS = 16
_ATTEMPTS, _WAIT_S = 20, 0.05
_FRAMES_AT_ONCE = 1024


def mark_transaction(db: sqlite3.Connection) -> None:
    """Write a mark for the transaction that has just begun."""
    before = (int(db.execute("PRAGMA application_id").fetchone()[0]) & 0xFFFFFFFF) >> _BITS
    own = 1 + secrets.randbelow((1 << _BITS) - 1)
    mark = own << _BITS | before
    db.execute(f"PRAGMA application_id = {mark - (1 << 32) if mark >> 31 else mark}")


def refuse_stale_log(path: Path) -> None:
    """Refuse a file beside the log of another state of it. Call it before SQLite opens the file and replays the log.

    Raises:
        StoreError: ``stale_log``.
    """
    previous: tuple[object, ...] | None = None
    for _ in range(_ATTEMPTS):
        mismatch = _mismatch(path)
        if mismatch is None:
            return
        if mismatch == previous:  # unchanged: no other process is emptying the log at this moment
            raise StoreError(
                "stale_log",
                f"{path}-wal is not the log of {path}, but of another state of it: a backup was restored, and the log "
                "stayed behind. Together they would be a mixture of both.",
                f"To have the backup's state, delete {path.name}-wal and {path.name}-shm and keep {path.name}; "
                "otherwise put back the file that the log belongs to.",
            )
        previous = mismatch
        time.sleep(_WAIT_S)


def _mismatch(path: Path) -> tuple[object, ...] | None:
    """The headers, size and marks of a file and of a log that does not belong to it; None if it belongs."""
    header = _read(path, 100)
    log_path = path.with_name(f"{path.name}-wal")
    log_header = _read(log_path, _HEADER)
    marks = _marks(log_path, log_header)
    if not marks:
        return None
    mark = int.from_bytes(header[_MARK_AT : _MARK_AT + 4], "big") if len(header) == 100 else None
    if mark is not None and (mark in marks or marks[0] & ((1 << _BITS) - 1) == mark >> _BITS):
        return None
    return header, log_header, log_path.stat().st_size, tuple(marks)


def _read(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except FileNotFoundError:
        return b""


def _marks(path: Path, header: bytes) -> list[int]:
    """The mark of each transaction in a log, in order. Frames of an earlier use of the log have other salts."""
    if len(header) < _HEADER or int.from_bytes(header[:4], "big") not in _MAGIC:
        return []
    found: list[int] = []
    for frames in _frames(path, _FRAME + int.from_bytes(header[8:12], "big")):
        ours = (frames[:, 8:16] == np.frombuffer(header[16:24], dtype=np.uint8)).all(axis=1)
        ours &= np.logical_and.accumulate(ours)
        first = ours & (np.ascontiguousarray(frames[:, :4]).view(">u4")[:, 0] == 1)
        kept = np.ascontiguousarray(frames[first][:, _FRAME + _MARK_AT : _FRAME + _MARK_AT + 4])
        found += [int(mark) for mark in kept.view(">u4")[:, 0]]
        if not ours.all():
            break
    return found


def _frames(path: Path, size: int) -> Iterator[NDArray[np.uint8]]:
    """The whole frames of a log, uint8 (n, size), some at a time.

    They are read and not mapped: another process may empty the log meanwhile, and who reads a map past the end of its
    file is killed.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(_HEADER)
            while whole := (read := stream.read(_FRAMES_AT_ONCE * size))[: len(read) // size * size]:
                yield np.frombuffer(whole, dtype=np.uint8).reshape(-1, size)
    except FileNotFoundError:
        return
