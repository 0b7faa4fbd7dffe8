"""The connections to one SQLite file: a pool, transactions, and emptying the write-ahead log after an erasure."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gallery.documents.seals import StoreSeals
from gallery.documents.sqlite.data_keys import StoreConnection
from gallery.documents.sqlite.stale_log import mark_transaction
from presente.errors import StoreError
from presente.text import searchable

_BUSY_S = 30.0
"""How long a statement waits for a lock of another process."""
_CHECKPOINT_S = 2.0
"""How long emptying the log waits for readers."""


class SqliteConnections:
    """Connections to one file. Safe to use from several threads.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[StoreConnection] = []
        self._lock = threading.Lock()
        self._writer = threading.RLock()  # the threads of this process wait for each other here, in order
        # Counts erasures. It starts at 1, for those of a process that was killed before the log was empty.
        self._erasures = 1
        self._emptied_up_to = 0  # how many of these erasures the log no longer contains
        self._was_busy = False
        self._closed = False
        self._seals: StoreSeals | None = None

    def connect(self) -> StoreConnection:
        """Open a new connection with the settings that every connection has."""
        db = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, factory=StoreConnection
        )
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # an acknowledged enrolment survives a power cut
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only unlinked
            db.create_function("searchable", 1, searchable, deterministic=True)
            db.use(self._seals)
        except BaseException:
            db.close()
            raise
        return db

    def use(self, seals: StoreSeals | None) -> None:
        """Seal and open with a store key from now on. No connection may be in use."""
        with self._lock:
            self._seals = seals
            for db in self._idle:
                db.use(seals)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that no one else uses inside the block: an idle one, or a new one.

        Raises:
            StoreError: ``store_unavailable``, for every error of SQLite inside the block.
        """
        try:
            with self._lock:
                db = self._idle.pop() if self._idle else None
            if db is None:
                db = self.connect()
            failed = False
            try:
                yield db
            except sqlite3.Error as exc:
                failed = True
                if db.broken is not None:
                    raise db.broken from exc
                raise
            finally:
                self._give_back(db, failed)
        except sqlite3.Error as exc:
            raise StoreError(
                "store_unavailable",
                f"{self.path} cannot be used ({exc}).",
                "Check that the disk is not full and that the file is a gallery.",
            ) from exc

    def _give_back(self, db: StoreConnection, failed: bool) -> None:
        """Keep a connection for the next caller, or close it.

        A connection that failed, or that is inside a transaction, whose lock would block every other writer, is closed,
        which rolls back. So is every connection once the pool is closed.
        """
        with self._lock:
            if not (failed or db.in_transaction or self._closed):
                self._idle.append(db)
                return
        db.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end of the block, rolled back if the block raises."""
        with self._writer, self.reading() as db:
            try:
                db.execute("BEGIN IMMEDIATE")  # may wait; a Ctrl-C pressed meanwhile is raised once it has begun
                mark_transaction(db)
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every connection; those in use are closed when they are given back."""
        with self._lock:
            self._closed = True
            for db in self._idle:
                db.close()
            self._idle.clear()

    # -- emptying the log -------------------------------------------------------------------------------------------

    def finish_erasing(self) -> None:
        """Empty the write-ahead log if it may still contain something that was erased.

        Raises:
            StoreError: ``erasure_incomplete`` when a reader prevents it.
        """
        if self._emptied_up_to < self._erasures and not self.empty_log():
            raise StoreError(
                "erasure_incomplete",
                f"{self.path}-wal still contains what was removed: another program is reading the store.",
                "The log is emptied at the next chance, for example by the same request again.",
            )

    def empty_log_after_erasure(self) -> None:
        """Empty the log after an erasure. If that fails, :meth:`finish_erasing` reports it."""
        with self._lock:
            self._erasures += 1
            own = self._erasures
        with self._writer:  # the thread that had it before may have emptied our erasure, too
            if self._emptied_up_to < own:
                self.empty_log()

    def empty_log(self) -> bool:
        """Write the log into the file and truncate the log, which contains what was erased.

        False when a reader inside a transaction prevents it.
        """
        wait_s = 0.1 if self._was_busy else _CHECKPOINT_S  # writers wait as long as we do: only once
        with self._writer, self.reading() as db:
            erasures = self._erasures
            db.execute(f"PRAGMA busy_timeout = {int(1000 * wait_s)}")
            try:
                busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                db.execute(f"PRAGMA busy_timeout = {int(1000 * _BUSY_S)}")
            self._was_busy = bool(busy)
            if not busy:
                self._emptied_up_to = erasures
        return not busy
