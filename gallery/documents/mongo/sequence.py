"""The change sequence in MongoDB: one sequence of numbers for everything that has an id."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.foreign_documents import Document

UNDER_WAY: Document = {"writing.writer": {"$gt": ""}}
"""The filter for reservations that announce a write that is not over. It is written so that an index serves it."""


class MongoSequence:
    """Numbers that are reserved before they are used. Safe to use from several threads.

    A reservation is a document: ``_id`` is its first number, ``n`` how many numbers it has. The first ``students`` of
    them are subject ids, the last ``templates`` are template ids, and ``attempt`` names the write that uses them. The
    first reservation of a write announces it: :mod:`gallery.documents.mongo.attempts`.

    Attributes:
        pack_change: the last reservation for a change of the pack (``of`` is ``pack``) among those that this process
            has read, 0 when there is none. What was read of the pack holds until it moves.
    """

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self.pack_change = 0
        self._changes = db.changes
        newest = self._changes.find_one(sort=[("_id", -1)])
        self._next = 1 if newest is None else int(newest["_id"]) + int(newest["n"])
        self._lock = threading.Lock()

    def reserve(
        self,
        count: int,
        of: str,
        attempt: str = "",
        students: int = 0,
        templates: int = 0,
        writing: Mapping[str, Any] | None = None,
        whom: Sequence[int] = (),
    ) -> range:
        """Reserve ``count`` consecutive numbers, which no other caller gets. Every lower reservation is known then.

        The ``_id`` of a reservation is its first number, and the ``_id`` of the next one follows its last. So two
        callers who want the same numbers insert the same ``_id``, and one of them fails: inserting a document is the
        one thing that every server does atomically.

        Args:
            count: how many numbers.
            of: what they are for.
            attempt: the name of the write that uses them.
            students: how many of them, the first ones, are subject ids.
            templates: how many of them, the last ones, are template ids.
            writing: what announces the write.
            whom: subject ids of those from whom the write takes something, or to whom it gives that.
        """
        about: dict[str, Any] = {
            "of": of,
            "attempt": attempt,
            "students": students,
            "templates": templates,
            "writing": writing,
        }
        about["whom"] = [Int64(subject) for subject in whom]
        with self._lock:
            while True:
                start = self._next
                reservation = {"_id": Int64(start), "n": count, "mark": uuid.uuid4().hex}
                try:
                    self._changes.insert_one(reservation | {name: value for name, value in about.items() if value})
                except DuplicateKeyError:
                    self._skip_taken()
                    continue
                self._learn([{"_id": start, "n": count, "of": of}])
                return range(start, start + count)

    def last(self) -> int:
        """The last reserved number, 0 when there is none."""
        with self._lock:
            self._skip_taken()
            return self._next - 1

    def mark(self, number: int) -> str:
        """The random word of the reservation that ends with a number; empty when there is none."""
        found = self._changes.find_one({"_id": {"$lte": Int64(number)}}, sort=[("_id", -1)])
        if found is None or int(found["_id"]) + int(found["n"]) - 1 != number:
            return ""
        return str(found["mark"])

    def moved_since(self, number: int, announcements: Collection[int] = ()) -> bool:
        """Whether anything was reserved after a number, or a write is over that one of some reservations announced.

        There may be a gap after the number: an election in a replica set can take a reservation back while later ones
        stay.
        """
        which: Document = {"_id": {"$gt": Int64(number)}}
        if announcements:
            announced = {"$in": [Int64(first) for first in announcements]}
            which = {"$or": [which, {"_id": announced, "writing": {"$exists": False}}]}
        return self._changes.find_one(which, {"_id": 1}) is not None

    def since(self, number: int) -> list[Document]:
        """The reservations after a number, in order."""
        found = self._read(number)
        with self._lock:
            if number < self._next:
                self._learn(found)
        return found

    def _read(self, number: int) -> list[Document]:
        return list(self._changes.find({"_id": {"$gt": Int64(number)}}, {"mark": 0}).sort("_id", 1))

    def _learn(self, reservations: Iterable[Mapping[str, Any]]) -> None:
        """Continue after reservations, which come next or are known."""
        for found in reservations:
            self._next = max(self._next, int(found["_id"]) + int(found["n"]))
            if found.get("of") == "pack":
                self.pack_change = max(self.pack_change, int(found["_id"]))

    def of_attempt(self, attempt: str, after: int) -> list[Document]:
        """What an attempt reserved; ``after`` is the number that it announced."""
        return [found for found in self.since(after) if found.get("attempt") == attempt]

    def _skip_taken(self) -> None:
        """Continue after the reservations that other processes made."""
        self._learn(self._read(self._next - 1))


def numbers(reservation: Mapping[str, Any], kind: str) -> range:
    """Those numbers of a reservation that are subject ids (``students``) or template ids (``templates``)."""
    first, count = int(reservation["_id"]), int(reservation["n"])
    if kind == "students":
        return range(first, first + int(reservation.get("students", 0)))
    # A reservation of Presente 0.1 was for one kind of id.
    templates = count if reservation.get("of") == "template" else int(reservation.get("templates", 0))
    return range(first + count - templates, first + count)


def removals(reservations: Iterable[Document]) -> list[Int64]:
    """The numbers of the reservations that are for removals."""
    return [Int64(found["_id"]) for found in reservations if found.get("of") == "removal"]
