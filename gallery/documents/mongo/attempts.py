"""Writes that are under way on MongoDB, and whether the processes behind them still live.

A write of several documents is an *attempt*: one document in ``writing``, there from before the first of them until
after the last. A follower of the change sequence waits for the attempts that are under way. An attempt whose process is
dead is undone or finished by the process that meets it.

A process is dead when it is gone, which the same machine can see, or when its lease has run out: it renews a document
in ``writers`` as long as it lives. The server's clock stamps the renewals and the server's clock judges them, so that
the clocks of the machines need not agree.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from gallery.documents.mongo.shapes import Document
from presente.errors import StoreError

log = logging.getLogger(__name__)

LEASE_S = 60.0
"""How long a process that does not renew its lease is taken to live: several renewals may fail, and the clocks of the
members of a replica set may differ by some seconds."""
_RENEWALS = 6
"""Renewals per lease."""


class MongoAttempts:
    """The attempts of one store object, and those of others as far as they can be seen. Safe to use from several
    threads. Lets pymongo's errors through: the store translates them."""

    def __init__(self, db: Database[dict[str, Any]], lease_s: float = LEASE_S) -> None:
        self._db = db
        self._lease_s = lease_s
        self._writer = uuid.uuid4().hex
        self._process = {"place": _place(), "pid": os.getpid(), "started": _started(os.getpid())}
        self._active: set[str] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._renewer: threading.Thread | None = None
        self._renewed_at = 0.0

    def begin(self, what: str, after: int, **about: Any) -> str:
        """Announce an attempt, before its first write; its name.

        Args:
            what: what is done, for who has to finish or undo it.
            after: a number of the change sequence before every one that the attempt will use.
            about: what else it takes to finish or undo it.
        """
        self._hold_lease()
        name = uuid.uuid4().hex
        self._active.add(name)
        try:
            marker = {"_id": name, "writer": self._writer, **self._process, "what": what, "after": after, **about}
            self._db.writing.insert_one(marker)
        except BaseException:
            self._active.discard(name)
            raise
        return name

    def check(self) -> None:
        """Refuse to go on when the lease may have run out: another process may be undoing what this one does.

        Raises:
            StoreError: ``lease_lost``.
        """
        if _monotonic() - self._renewed_at > self._lease_s / 2:
            self._renew()
        if _monotonic() - self._renewed_at > self._lease_s / 2:
            raise _lost()

    def end(self, name: str) -> None:
        """Say that an attempt is over: all of it is written. From here on followers see it.

        Raises:
            StoreError: ``lease_lost`` when another process took this one for dead and ended the attempt.
        """
        try:
            ours = self._db.writing.delete_one({"_id": name}).deleted_count
        finally:  # no answer, then it may still be there: nobody goes on with it, so that whoever recovers ends it
            self._active.discard(name)
        if not ours:
            raise _lost()

    def abandon(self, name: str) -> None:
        """Leave a failed attempt to the next recovery, by this process or another."""
        self._active.discard(name)

    def under_way(self) -> dict[str, int]:
        """The attempts of all processes that are not over, and the number that each one's come after."""
        return {str(found["_id"]): int(found["after"]) for found in self._db.writing.find({}, {"after": 1})}

    def dead(self) -> list[Document]:
        """The attempts whose processes are dead."""
        return [found for found in list(self._db.writing.find()) if not self._lives(found)]

    def lives(self, name: str) -> bool:
        """Whether an attempt is under way in a process that lives."""
        found = self._db.writing.find_one({"_id": name})
        return found is not None and self._lives(found)

    def bury(self, attempt: Document) -> None:
        """Say that a dead process's attempt is finished or undone."""
        self._db.writing.delete_one({"_id": attempt["_id"]})
        if attempt["writer"] != self._writer and not self._db.writing.find_one({"writer": attempt["writer"]}):
            self._db.writers.delete_one({"_id": attempt["writer"]})

    def close(self) -> None:
        """Give the lease back. What was abandoned is dead from here on, for everyone."""
        self._closing.set()
        if self._renewer is not None:
            self._renewer.join()
            try:
                self._db.writers.delete_one({"_id": self._writer})
            except PyMongoError as error:
                log.warning("the lease of this process runs out by itself (%s)", error)

    def _lives(self, attempt: Document) -> bool:
        if attempt["writer"] == self._writer:
            return attempt["_id"] in self._active
        if attempt["place"] == self._process["place"] and not _runs(int(attempt["pid"]), attempt["started"]):
            return False
        lease = self._db.writers.find_one({"_id": attempt["writer"]})
        return lease is not None and self._now() - lease["renewed"] < timedelta(seconds=self._lease_s)

    def _now(self) -> datetime:
        """The server's clock."""
        now: datetime = self._db.client.admin.command("hello")["localTime"]
        return now

    def _hold_lease(self) -> None:
        with self._lock:
            if self._renewer is None:
                self._renew()
                self._renewer = threading.Thread(target=self._keep_renewing, name="lease", daemon=True)
                self._renewer.start()

    def _renew(self) -> None:
        asked = _monotonic()
        # A lease that others took for run out is simply taken anew: what they undid is seen at the attempt's end.
        self._db.writers.update_one(
            {"_id": self._writer}, {"$currentDate": {"renewed": True}, "$set": self._process}, upsert=True
        )
        self._renewed_at = asked

    def _keep_renewing(self) -> None:
        while not self._closing.wait(self._lease_s / _RENEWALS):
            try:
                self._renew()
            except PyMongoError as error:  # a server that is away has no one who takes us for dead either
                log.info("the lease was not renewed (%s)", error)


def _lost() -> StoreError:
    return StoreError(
        "lease_lost",
        "The database did not hear of this process for too long, and another one may have undone what it was writing.",
        "Send the request again.",
    )


def _monotonic() -> float:
    """Seconds that also pass while the machine sleeps, where the system can say."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _place() -> str:
    """Where a process id means something: a boot of a machine and, on Linux, a namespace of processes in it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode()}"


def _started(pid: int) -> int | None:
    """When a process started, in ticks since the boot; None where the system does not say. -1 when it is gone, or dead
    and only not yet waited for."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return -1 if Path("/proc/self/stat").exists() else None
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return -1 if state in ("Z", "X") else int(fields[18])


def _runs(pid: int, started: object) -> bool:
    """Whether the process that had an id then still has it."""
    now = _started(pid)
    if now is not None:
        return now == started
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
