"""The change sequence on MongoDB: one row of numbers for everything that has an id."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

_LATE_S = 60.0
"""How long a number that was reserved may take to be used; a live writer gives up earlier (the socket's time-out)."""


class MongoSequence:
    """Numbers that are reserved before they are used. Safe to use from several threads.

    A follower may see a later number first. The ones that it missed are remembered for a while and asked for again.
    """

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._changes = db.changes
        newest = self._changes.find_one(sort=[("_id", -1)])
        self._next = 1 if newest is None else int(newest["_id"]) + int(newest["n"])
        self._lock = threading.Lock()
        self._late: dict[int, float] = {}

    def reserve(self, count: int, of: str) -> range:
        """Take ``count`` consecutive numbers that nobody else gets, in a document of their own.

        A reservation's ``_id`` is its first number and the next one's is just past its last, so two that want the same
        numbers want the same ``_id``, and inserting it decides: the one thing that every server does atomically.
        """
        with self._lock:
            while True:
                start = self._next
                try:
                    self._changes.insert_one({"_id": Int64(start), "n": count, "of": of, "mark": uuid.uuid4().hex})
                except DuplicateKeyError:
                    self._skip_taken()
                    continue
                self._next = start + count
                return range(start, start + count)

    def last(self) -> int:
        """The last number that is reserved, 0 when none is."""
        with self._lock:
            self._skip_taken()
            return self._next - 1

    def mark(self, number: int) -> str:
        """The random word of the reservation that ends with a number; empty when none does."""
        found = self._changes.find_one({"_id": {"$lte": Int64(number)}}, sort=[("_id", -1)])
        if found is None or int(found["_id"]) + int(found["n"]) - 1 != number:
            return ""
        return str(found["mark"])

    def goes_on_after(self, number: int) -> bool:
        """Whether anything was reserved after the end of a reservation, or a number before it is still awaited."""
        return bool(self._late) or self._changes.find_one({"_id": Int64(number + 1)}, {"_id": 1}) is not None

    def late(self) -> list[int]:
        """Numbers that were reserved and not used when they were last asked for."""
        return list(self._late)

    def remember_late(self, numbered: Mapping[str, Any], used: set[int]) -> None:
        """Await the numbers of templates and removals in a range (a filter on ``_id``) that are not used yet."""
        now = time.monotonic()
        awaited = dict(self._late)
        for found in self._changes.find({**numbered, "of": {"$in": ["template", "removal"]}}):
            first = int(found["_id"])
            awaited.update(dict.fromkeys(range(first, first + int(found["n"])), now))
        self._late = {number: at for number, at in awaited.items() if number not in used and now - at < _LATE_S}

    def _skip_taken(self) -> None:
        """Move on past the reservations that others made."""
        while (taken := self._changes.find_one({"_id": Int64(self._next)})) is not None:
            self._next += int(taken["n"])
