"""Following the change sequence of a MongoDB store while writes of several documents are under way."""

from __future__ import annotations

import numpy as np
from bson import Int64

from gallery.documents.mongo.attempts import MongoAttempts
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.sequence import MongoSequence, numbers, removals
from gallery.documents.values import Changes, Position


class MongoChangeQueries:
    """What a follower asks of the change sequence. Lets pymongo's errors through: the store translates them."""

    def __init__(self, connection: MongoConnection, sequence: MongoSequence, attempts: MongoAttempts) -> None:
        self._db = connection.db
        self._sequence = sequence
        self._attempts = attempts

    def position(self) -> Position:
        """The position of a follower that asks for it first and then reads all templates."""
        last = self._sequence.last()  # before the attempts: those that were under way then are among them
        return Position(last, tuple(sorted(self._attempts.under_way().items())))

    def moved_since(self, position: Position) -> bool:
        """Whether anything was reserved since, or a write that the position waits for is no longer under way."""
        return self._sequence.moved_since(position.change, [before + 1 for _, before in position.awaited])

    def changes(self, position: Position) -> Changes:
        """The changes since a position: those of writes that are over."""
        awaited = dict(position.awaited)
        there = self._sequence.since(position.low_water)
        # What an attempt reserves follows its announcement. One that is read as over is complete in what follows.
        under_way = {str(found["attempt"]): int(found["_id"]) - 1 for found in there if "writing" in found}
        reserved = [found for found in there if int(found["_id"]) > position.change or found.get("attempt") in awaited]
        over = [found for found in reserved if found.get("attempt") not in under_way]
        added = [number for found in over for number in numbers(found, "templates")]
        numbered = removals(over)
        gone = self._db.removals.find({"_id": {"$in": numbered}}) if numbered else ()
        removed = [int(template) for found in gone for template in found["templates"]]
        last = max([position.change, *(int(found["_id"]) + int(found["n"]) - 1 for found in reserved)])
        return Changes(
            Position(last, tuple(sorted(under_way.items()))),
            np.unique(np.array(added, dtype=np.int64)),
            np.unique(np.array(removed, dtype=np.int64)),
        )

    def removed_since(self, change: int) -> bool:
        """Whether any template was removed after a change."""
        return self._db.removals.find_one({"_id": {"$gt": Int64(change)}}, {"_id": 1}) is not None
