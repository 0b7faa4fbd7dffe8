"""Writes about unknown people in MongoDB: one at a time, each announced before its first document is written.

An announcement is a document in ``unknown_writes``. Its ``_id`` is the number after that of the newest one, so of two
processes that announce a write at once one fails, and waits. A write whose process is dead is finished or undone by the
process that comes next, which announces the same write under the next number first.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from gallery.documents.mongo.attempts import Announced, MongoAttempts
from presente.errors import Busy, StoreError

WRITES = "unknown_writes"
"""The collection of the announcements; it is empty while no one writes."""
_LOOK_S = 0.005
_LONGEST_S = 20.0
"""How long a write waits for others."""
Write = Mapping[str, Any]
"""What it takes to finish or undo a write; ``kind`` says what it does."""


Say = Callable[..., Write]
"""Announces, as keywords, what it takes to finish or undo a write, before its first document is written."""


@dataclass(frozen=True, slots=True)
class _Mine:
    number: int
    name: str
    write: Write


class UnknownWrites:
    """The announcements of one store object. Safe to use from several threads. Lets pymongo's errors through."""

    def __init__(self, db: Database[dict[str, Any]], attempts: MongoAttempts, finish: Callable[[Write], None]) -> None:
        """``finish`` finishes or undoes a write that was cut off anywhere. It can be repeated, and does nothing where
        nothing was said yet of what that takes."""
        self._writes = db[WRITES]
        self._attempts = attempts
        self._finish = finish
        self._turn = threading.Lock()  # the threads of this process wait for each other here

    @contextmanager
    def write(self, kind: str) -> Iterator[Say]:
        """Run the block while no other write is under way.

        Raises:
            Busy: ``busy``.
            StoreError: ``lease_lost``.
        """
        with self._turn:
            mine = self._announce({"kind": kind})
            said: dict[str, Any] = {"kind": kind}

            def say(**about: Any) -> Write:
                said.update(about)
                self._writes.update_one({"_id": mine.number, "name": mine.name}, {"$set": {"write": said}})
                return said

            try:
                yield say
            except BaseException:
                with suppress(PyMongoError):  # otherwise it is done when the next write begins
                    self._finish(said)
                    self._end(mine)
                raise
            if not self._end(mine):
                self._finish_again(said)
                raise StoreError(
                    "lease_lost",
                    "The database did not hear from this process for too long, and another process may have undone "
                    "what it wrote.",
                    "Send the request again.",
                )

    def recover(self) -> None:
        """Finish or undo the write of a dead process, if there is one."""
        with self._turn:
            newest = self._newest()
            if newest is not None and not self._attempts.holder_lives(newest):
                self._end(self._announce({"kind": "none"}))

    def dead(self) -> list[Announced]:
        """The write of a dead process, if there is one."""
        newest = self._newest()
        if newest is None or self._attempts.is_own(newest) or self._attempts.holder_lives(newest):
            return []
        return [Announced(int(newest["_id"]), newest["name"], f"unknown people: {newest['write']['kind']}", newest)]

    def is_moving(self) -> bool:
        """Whether a write is under way that may change which faces there are, or which group they are in."""
        newest = self._newest()
        return newest is not None and newest["write"]["kind"] != "see"

    def _announce(self, write: Write) -> _Mine:
        """Announce a write once no other one is under way; what dead processes left is finished or undone first."""
        deadline = time.monotonic() + _LONGEST_S
        while True:
            newest = self._newest()
            if newest is None:
                mine = self._insert(1, write)
                if mine is not None:
                    return mine
            elif not self._attempts.holder_lives(newest):
                self._take_over(newest)
            elif time.monotonic() > deadline:
                raise Busy("busy", "Other programs write about unknown people without end.", "Try again later.")
            else:
                time.sleep(_LOOK_S)

    def _take_over(self, dead: Mapping[str, Any]) -> None:
        mine = self._insert(int(dead["_id"]) + 1, dead["write"])
        if mine is None:
            return
        if self._writes.find_one({"_id": dead["_id"], "name": dead["name"]}, {"_id": 1}) is not None:
            self._finish(dead["write"])
            self._writes.delete_many({"_id": {"$lte": dead["_id"]}})  # before our own: who comes next sees it is over
        self._end(mine)

    def _finish_again(self, write: Write) -> None:
        """Finish or undo a write that another process ended, as far as it was written afterwards."""
        mine = self._announce(write)
        self._finish(write)
        self._end(mine)

    def _newest(self) -> dict[str, Any] | None:
        return self._writes.find_one(sort=[("_id", -1)])

    def _insert(self, number: int, write: Write) -> _Mine | None:
        name = uuid.uuid4().hex
        try:
            self._writes.insert_one({"_id": number, "name": name, **self._attempts.as_holder(), "write": dict(write)})
        except DuplicateKeyError:
            return None
        return _Mine(number, name, write)

    def _end(self, mine: _Mine) -> bool:
        """Take an announcement back; False when it was another process that did."""
        return self._writes.delete_one({"_id": mine.number, "name": mine.name}).deleted_count > 0
