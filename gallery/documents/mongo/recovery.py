"""Writes of several documents in MongoDB as attempts: announced, ended, and undone or finished after a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import PyMongoError

from gallery.documents.mongo.attempts import Announced, Attempt, MongoAttempts
from gallery.documents.mongo.erasing import MongoEraser
from gallery.documents.mongo.sequence import MongoSequence, numbers, removals
from gallery.documents.mongo.shapes import ENDED
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
    def attempt(
        self, what: str, count: int = 1, students: int = 0, templates: int = 0, **about: Any
    ) -> Iterator[Attempt]:
        """Run the block as an attempt. What it writes is valid once the block has ended without an error.

        Args:
            what: what kind of write it is.
            count: how many numbers to reserve for it. Each attempt has at least one, so that followers notice it.
            students: how many of them, the first ones, are subject ids.
            templates: how many of them, the last ones, are template ids.
            about: what it takes to finish or undo it, beside the numbers that it reserves.
        """
        attempt = self._attempts.begin(what, count, students, templates, **about)
        try:
            yield attempt
        except BaseException:
            self._attempts.abandon(attempt)  # it counts as dead: if it cannot be undone now, then at the next chance
            if what != "merge":
                with suppress(PyMongoError):
                    self.recover(self._attempts.find(attempt.name))
            raise
        try:
            self._attempts.end(attempt)
        except StoreError:
            self._take_back(attempt)
            raise

    def _take_back(self, lost: Attempt) -> None:
        """Remove the templates of an attempt that another process ended: followers do not look for them any more."""
        reserved = self._sequence.of_attempt(lost.name, lost.numbers.start - 1)
        late = [Int64(number) for found in reserved for number in numbers(found, "templates")]
        if late:
            with self.attempt("photos") as attempt:
                self._eraser.drop_templates({"_id": {"$in": late}}, attempt.name)

    def recover(self, attempt: Announced | None) -> None:
        """Finish or undo an attempt that no process will finish. A merge must have been finished before."""
        if attempt is None:
            return
        reserved = self._sequence.of_attempt(attempt.name, attempt.before)
        for found in self._db.removals.find({"_id": {"$in": removals(reserved)}}):
            self._db.templates.delete_many({"_id": {"$in": found["templates"]}})
        if attempt.what == "remove":
            self._eraser.list_announced(attempt.about)
            self._eraser.erase(int(attempt.about["student"]), attempt.name)
        if attempt.what == "consent" and self._db.students.find_one({"subject": attempt.about["student"], **ENDED}):
            self._eraser.drop_templates({"student": attempt.about["student"]}, attempt.name)
        if attempt.what == "pack":  # the pack may have been changed since its first number was seen
            self._sequence.reserve(1, "pack", attempt.name)
        for subject in (number for found in reserved for number in numbers(found, "students")):
            # A student whom another attempt has made visible meanwhile belongs to that attempt.
            self._db.students.delete_one({"subject": Int64(subject), "enrolling": attempt.name})
            if self._db.students.find_one({"subject": Int64(subject)}, {"_id": 1}) is None:
                self._eraser.erase(subject, attempt.name)
        self._attempts.bury(attempt)
