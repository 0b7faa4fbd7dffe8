"""The erasure list in MongoDB. An entry is written before anything is erased, inside the attempt that erases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from bson import Int64
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from gallery.documents.erasure_list import Erasure
from gallery.documents.mongo.connection import MongoConnection


class MongoErasures:
    """A :class:`gallery.documents.erasure_list.ErasureList` on the database of a MongoDB store.

    An entry's ``_id`` is its number. Of two processes that want the same number one fails, and takes the next.
    """

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db

    def prepare(self) -> None:
        """Create the index."""
        self._db.erasures.create_index([("mark", ASCENDING)], unique=True, name="mark")

    def entries(self, after: int = 0) -> list[Erasure]:
        """See :meth:`gallery.documents.erasure_list.ErasureList.entries`."""
        with self._connection.calls():
            found = self._db.erasures.find({"_id": {"$gt": Int64(after)}}).sort("_id", 1)
            return [erasure_of(each) for each in found]

    def add(self, entries: Sequence[Erasure]) -> None:
        """See :meth:`gallery.documents.erasure_list.ErasureList.add`."""
        with self._connection.calls():
            self.put(entries)

    def put(self, entries: Sequence[Erasure]) -> None:
        """As :meth:`add`; lets pymongo's errors through."""
        for entry in entries:
            while self._db.erasures.find_one({"mark": entry.mark}, {"_id": 1}) is None:
                newest = self._db.erasures.find_one(sort=[("_id", -1)], projection={"_id": 1})
                number = 1 if newest is None else int(newest["_id"]) + 1
                with suppress(DuplicateKeyError):
                    self._db.erasures.insert_one({"_id": Int64(number), **erasure_document(entry)})


def erasure_document(entry: Erasure) -> dict[str, Any]:
    """An entry as a document, without its number."""
    fields = asdict(entry)
    del fields["number"]
    return {**fields, "subject": Int64(entry.subject), "into": Int64(entry.into)}


def erasure_of(document: Mapping[str, Any]) -> Erasure:
    """An entry of a document; what an attempt announces of one has no number."""
    return Erasure(
        document["mark"],
        document["at"],
        document["kind"],
        int(document["subject"]),
        bool(document["asked"]),
        document["photo"],
        int(document["into"]),
        int(document.get("_id", 0)),
    )
