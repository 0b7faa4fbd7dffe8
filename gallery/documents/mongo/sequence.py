"""The change sequence on MongoDB: one row of numbers for everything that has an id."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.mongo.shapes import Document


class MongoSequence:
    """Numbers that are reserved before they are used. Safe to use from several threads.

    A reservation is a document: ``_id`` is its first number, ``n`` how many there are; the first ``students`` of them
    are subjects, the last ``templates`` are templates, and ``attempt`` names the write that uses them.
    """

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._changes = db.changes
        newest = self._changes.find_one(sort=[("_id", -1)])
        self._next = 1 if newest is None else int(newest["_id"]) + int(newest["n"])
        self._lock = threading.Lock()

    def reserve(self, count: int, of: str, attempt: str = "", students: int = 0, templates: int = 0) -> range:
        """Take ``count`` consecutive numbers that nobody else gets, in a document of their own.

        A reservation's ``_id`` is its first number and the next one's is just past its last, so two that want the same
        numbers want the same ``_id``, and inserting it decides: the one thing that every server does atomically.
        """
        about = {"of": of, "attempt": attempt, "students": students, "templates": templates}
        with self._lock:
            while True:
                start = self._next
                reservation = {"_id": Int64(start), "n": count, "mark": uuid.uuid4().hex}
                try:
                    self._changes.insert_one(reservation | {name: value for name, value in about.items() if value})
                except DuplicateKeyError:
                    self._skip_taken()
                    continue
                self._next = start + count
                return range(start, start + count)

    def known(self) -> int:
        """A number that is reserved, and before every one that is still to be reserved. Asks nobody."""
        return self._next - 1

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
        """Whether anything was reserved after the end of a reservation.

        Not always just past it: others may have reserved past one that an election in a replica set took back.
        """
        return self._changes.find_one({"_id": {"$gt": Int64(number)}}, {"_id": 1}) is not None

    def since(self, number: int) -> list[Document]:
        """The reservations past the end of one, in order."""
        return list(self._changes.find({"_id": {"$gt": Int64(number)}}, {"mark": 0}).sort("_id", 1))

    def of_attempt(self, attempt: str, after: int) -> list[Document]:
        """What an attempt reserved; ``after`` as it was announced."""
        return [found for found in self.since(after) if found.get("attempt") == attempt]

    def _skip_taken(self) -> None:
        """Move on past the reservations that others made."""
        for taken in self.since(self._next - 1):
            self._next = int(taken["_id"]) + int(taken["n"])


def numbers(reservation: Mapping[str, Any], kind: str) -> range:
    """The numbers of a reservation that are ``students`` or ``templates``."""
    first, count = int(reservation["_id"]), int(reservation["n"])
    if kind == "students":
        return range(first, first + int(reservation.get("students", 0)))
    # Reservations of Presente 0.1 were of one kind each.
    templates = count if reservation.get("of") == "template" else int(reservation.get("templates", 0))
    return range(first + count - templates, first + count)


def removals(reservations: Iterable[Document]) -> list[Int64]:
    """The numbers of those that are removals."""
    return [Int64(found["_id"]) for found in reservations if found.get("of") == "removal"]
