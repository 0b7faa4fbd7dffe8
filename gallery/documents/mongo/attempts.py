"""Writes that are under way in MongoDB, and whether the processes behind them are alive.

A write of several documents is an *attempt*. The document that reserves its first numbers announces it: it has the
field ``writing`` from before the first write until after the last. So a reader of the change sequence sees in the same
document which numbers are used and whether the write is over. Followers wait for the attempts that are under way. An
attempt of a dead process is undone or finished by the first process that finds it.

A process is dead when it no longer exists, which processes on the same machine can see, or when its lease has expired.
A living process renews its lease, a document in ``writers``. The server's clock stamps the renewals and decides whether
they are too old, so that the machines' clocks need not agree.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import PyMongoError

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.sequence import UNDER_WAY, MongoSequence
from presente.errors import StoreError

log = logging.getLogger(__name__)

LEASE_S = 60.0
"""How long a lease lasts: several renewals may fail, and the clocks of the members of a replica set may differ by some
seconds."""
_RENEWALS = 6
"""Renewals per lease."""
_OVER: Document = {"$unset": {"writing": ""}}
"""What ends an attempt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write of this process that is under way: its name, and the numbers that its announcement reserved."""

    name: str
    numbers: range


@dataclass(frozen=True, slots=True)
class Announced:
    """What the announcement of an attempt says.

    Attributes:
        number: the first number that it reserved.
        name: the attempt's name.
        what: what kind of write it is.
        about: the process, and what it takes to finish or undo the write.
    """

    number: int
    name: str
    what: str
    about: Mapping[str, Any]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Announced:
        """From a document of the change sequence that has ``writing``."""
        return cls(int(document["_id"]), str(document["attempt"]), str(document["of"]), document["writing"])

    @property
    def before(self) -> int:
        """A number below all that the attempt reserved. Schema 2 announced a write before it reserved anything."""
        return int(self.about.get("after", self.number - 1))


class MongoAttempts:
    """The attempts of one store object, and what can be known of others'. Safe to use from several threads.

    Lets pymongo's errors through: the store translates them.

    Attributes:
        lease_s: how long a lease lasts.
    """

    def __init__(self, db: Database[dict[str, Any]], sequence: MongoSequence, lease_s: float = LEASE_S) -> None:
        self._db = db
        self._sequence = sequence
        self.lease_s = lease_s
        self._writer = uuid.uuid4().hex
        self._process: dict[str, Any] = {"place": _place(), "pid": os.getpid(), "started": _started(os.getpid())}
        self._active: set[str] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._renewer: threading.Thread | None = None
        self._renewed_at = 0.0

    def begin(self, what: str, count: int = 1, students: int = 0, templates: int = 0, **about: Any) -> Attempt:
        """Announce an attempt, before its first write, and reserve its first numbers in the same step.

        Args:
            what: what kind of write it is, for the process that may have to finish or undo it.
            count: how many numbers to reserve.
            students: how many of them, the first ones, are subject ids.
            templates: how many of them, the last ones, are template ids.
            about: what else is needed to finish or undo it. Subject ids ``student`` and ``into`` are of those from whom
                something is taken, or to whom it is given; they stay noted when the write is over.
        """
        self._hold_lease()
        name = uuid.uuid4().hex
        writing = {"writer": self._writer, **self._process, **about}
        self._active.add(name)
        try:
            whom = sorted({int(about[field]) for field in ("student", "into") if field in about})
            return Attempt(name, self._sequence.reserve(count, what, name, students, templates, writing, whom))
        except BaseException:
            self._active.discard(name)
            raise

    def check(self) -> None:
        """Refuse to continue when the lease may have expired: another process may be undoing this attempt.

        Raises:
            StoreError: ``lease_lost``.
        """
        if _monotonic() - self._renewed_at > self.lease_s / 2:
            self._renew()
        if _monotonic() - self._renewed_at > self.lease_s / 2:
            raise _lost()

    def end(self, attempt: Attempt) -> None:
        """Announce that an attempt is over: everything is written, and followers see it from now on.

        Raises:
            StoreError: ``lease_lost`` when another process considered this one dead and ended the attempt.
        """
        try:
            # Not every server does this atomically. If another process ends the attempt at the same moment, both may
            # succeed. That is harmless: everything had been written when either of them looked.
            which = {"_id": Int64(attempt.numbers.start), "writing.writer": self._writer}
            ours = self._db.changes.update_one(which, _OVER).matched_count
        finally:  # if there was no answer, it may still be announced: recovery ends it
            self._active.discard(attempt.name)
        if not ours:
            raise _lost()

    def abandon(self, attempt: Attempt) -> None:
        """Leave a failed attempt to the next recovery, by this process or another."""
        self._active.discard(attempt.name)

    def under_way(self) -> dict[str, int]:
        """The attempts of all processes that are not over, each with a number below all that it uses."""
        return {found.name: found.before for found in self._announced({})}

    def dead(self) -> list[Announced]:
        """The attempts whose processes are dead."""
        return [found for found in self._announced({}) if not self._lives(found.name, found.about)]

    def living_writers(self) -> int:
        """How many other processes have written and live."""
        leases = list(self._db.writers.find({"_id": {"$ne": self._writer}}))
        return sum(self._lives("", {**lease, "writer": lease["_id"]}) for lease in leases)

    def find(self, name: str) -> Announced | None:
        """An attempt that is under way, by its name."""
        return next(iter(self._announced({"attempt": name})), None)

    def lives(self, name: str) -> bool:
        """Whether an attempt is under way in a living process."""
        found = self.find(name)
        return found is not None and self._lives(found.name, found.about)

    def as_holder(self) -> dict[str, Any]:
        """This process, as :meth:`holder_lives` of another one understands it. Its lease is held from now on."""
        self._hold_lease()
        return {"writer": self._writer, **self._process}

    def holder_lives(self, holder: Mapping[str, Any]) -> bool:
        """Whether the process of a document with :meth:`as_holder` lives, and its store is open."""
        return not self.is_own(holder) and self._lives("", holder)

    def is_own(self, holder: Mapping[str, Any]) -> bool:
        """Whether a document with :meth:`as_holder` is of this store object."""
        return bool(holder["writer"] == self._writer)

    def bury(self, attempt: Announced) -> None:
        """End an attempt that was finished or undone, and remove the lease of its dead process."""
        self._db.changes.update_one({"_id": Int64(attempt.number)}, _OVER)
        writer = attempt.about["writer"]
        if writer != self._writer and not self._announced({"writing.writer": writer}):
            self._db.writers.delete_one({"_id": writer})

    def take_over(self, earlier: Document) -> None:
        """Announce again, as it is done now, what a process announced in ``writing`` as schema 2 had it.

        Raises:
            StoreError: ``store_unavailable`` while that process lives: two versions cannot write at once.
        """
        name, what = str(earlier["_id"]), str(earlier["what"])
        about = {field: value for field, value in earlier.items() if field not in ("_id", "what")}
        if self._lives(name, about):
            raise StoreError(
                "store_unavailable",
                "A process of an earlier version is writing to the database.",
                "Stop every process of the earlier version, wait a minute, and start again.",
            )
        self._sequence.reserve(1, what, name, writing=about)

    def _announced(self, which: Document) -> list[Announced]:
        return [Announced.of(found) for found in self._db.changes.find({**UNDER_WAY, **which}).sort("_id", 1)]

    def close(self) -> None:
        """Give the lease back. Abandoned attempts count as dead from now on, for every process."""
        self._closing.set()
        if self._renewer is not None:
            self._renewer.join()
            try:
                self._db.writers.delete_one({"_id": self._writer})
            except PyMongoError as error:
                log.warning("the lease of this process was not given back and expires by itself (%s)", error)

    def _lives(self, name: str, about: Mapping[str, Any]) -> bool:
        if about["writer"] == self._writer:
            return name in self._active
        if about["place"] == self._process["place"] and not _runs(int(about["pid"]), about["started"]):
            return False
        lease = self._db.writers.find_one({"_id": about["writer"]})
        return lease is not None and self._now() - lease["renewed"] < timedelta(seconds=self.lease_s)

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
        # A lease that others considered expired is simply renewed: the end of the attempt shows that it was undone.
        self._db.writers.update_one(
            {"_id": self._writer}, {"$currentDate": {"renewed": True}, "$set": self._process}, upsert=True
        )
        self._renewed_at = asked

    def _keep_renewing(self) -> None:
        while not self._closing.wait(self.lease_s / _RENEWALS):
            try:
                self._renew()
            except PyMongoError as error:  # while the server is away, no other process can consider this one dead
                log.info("the lease was not renewed (%s)", error)


def _lost() -> StoreError:
    return StoreError(
        "lease_lost",
        "The database did not hear from this process for too long, and another process may have undone what it wrote.",
        "Send the request again.",
    )


def _monotonic() -> float:
    """Seconds; where the system supports it, they also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _place() -> str:
    """Where a process id is valid: the boot of a machine and, on Linux, the process namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode()}"


def _started(pid: int) -> int | None:
    """When a process started, in ticks since the boot; -1 when it does not exist or is a zombie; None where the system
    does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return -1 if Path("/proc/self/stat").exists() else None
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return -1 if state in ("Z", "X") else int(fields[18])


def _runs(pid: int, started: object) -> bool:
    """Whether the process that had this id and start time still runs."""
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
