"""Writes of several documents in MongoDB as attempts: announced, ended, and undone or finished after a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import PyMongoError

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.attempts import MongoAttempts
from gallery.documents.mongo.erasing import MongoEraser
from gallery.documents.mongo.sequence import MongoSequence, numbers, removals
from presente.errors import StoreError


class MongoRecovery:
    """Runs writes as attempts, and recovers those that failed. Lets pymongo's errors through."""

    def __init__(
        self, db: Database[dict[str, Any]], sequence: MongoSequence, attempts: MongoAttempts, eraser: MongoEraser
    ) -> None:
        self._db = db
        self._sequence = sequence
        self._attempts = attempts
        self._eraser = eraser

    @contextmanager
    def attempt(self, what: str, **about: Any) -> Iterator[str]:
        """Run the block as an attempt; its name. What it writes is valid once the block has ended without an error.

        Args:
            what: what kind of write it is.
            about: what it takes to finish or undo it, beside the numbers that it reserves.
        """
        after = self._sequence.known()
        name = self._attempts.begin(what, after, **about)
        try:
            yield name
        except BaseException:
            self._attempts.abandon(name)  # it counts as dead: if it cannot be undone now, then at the next chance
            if what != "merge":
                with suppress(PyMongoError):
                    self.recover(self._db.writing.find_one({"_id": name}))
            raise
        try:
            self._attempts.end(name)
        except StoreError:
            self._take_back(name, after)
            raise

    def _take_back(self, name: str, after: int) -> None:
        """Remove the templates of an attempt that another process ended: followers do not look for them any more."""
        late = [number for found in self._sequence.of_attempt(name, after) for number in numbers(found, "templates")]
        if late:
            with self.attempt("photos") as attempt:
                self._eraser.drop_templates({"_id": {"$in": [Int64(number) for number in late]}}, attempt)

    def recover(self, attempt: Document | None) -> None:
        """Finish or undo an attempt that no process will finish. A merge must have been finished before."""
        if attempt is None:
            return
        reserved = self._sequence.of_attempt(attempt["_id"], int(attempt["after"]))
        for found in self._db.removals.find({"_id": {"$in": removals(reserved)}}):
            self._db.templates.delete_many({"_id": {"$in": found["templates"]}})
        if attempt["what"] == "remove":
            self._eraser.erase(int(attempt["student"]), attempt["_id"])
        for subject in (number for found in reserved for number in numbers(found, "students")):
            # A student whom another attempt has made visible meanwhile belongs to that attempt.
            self._db.students.delete_one({"subject": Int64(subject), "enrolling": attempt["_id"]})
            if self._db.students.find_one({"subject": Int64(subject)}, {"_id": 1}) is None:
                self._eraser.erase(subject, attempt["_id"])
        self._attempts.bury(attempt)
