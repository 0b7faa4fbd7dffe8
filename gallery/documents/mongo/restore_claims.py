"""Who restores a backup into a MongoDB database: one living process at a time.

Each run inserts the document with the next number into ``restores``; of two at once one fails. The run whose process
is dead is followed by another one.
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.backup_protocol import restore_busy
from gallery.documents.mongo.attempts import MongoAttempts

CLAIMS = "restores"
"""The collection of the runs; it is empty while no one restores."""


class RestoreClaims:
    """The claim of one store object. Lets pymongo's errors through."""

    def __init__(self, db: Database[dict[str, Any]], attempts: MongoAttempts) -> None:
        self._claims = db[CLAIMS]
        self._attempts = attempts
        self._number = 0

    def take(self) -> None:
        """Hold the claim until :meth:`release`, or until this process is dead.

        Raises:
            Busy: ``restore_busy``.
        """
        newest = self._claims.find_one(sort=[("_id", -1)])
        if newest is not None and self._attempts.holder_lives(newest):
            raise restore_busy()
        number = 1 if newest is None else int(newest["_id"]) + 1
        try:
            self._claims.insert_one({"_id": number, **self._attempts.as_holder()})
        except DuplicateKeyError as exc:
            raise restore_busy() from exc
        self._number = number

    def check(self) -> None:
        """Refuse to continue when the claim may be another's.

        Raises:
            Busy: ``restore_busy``.
            StoreError: ``lease_lost``.
        """
        self._attempts.check()
        newest = self._claims.find_one(sort=[("_id", -1)])
        if newest is None or newest["_id"] != self._number:
            raise restore_busy()

    def release(self) -> None:
        """Give the claim back."""
        if self._number:
            self._claims.delete_many({"_id": {"$lte": self._number}})
            self._number = 0
