"""Notes in MongoDB, as settings of the store."""

from __future__ import annotations

from contextlib import suppress

from pymongo.errors import DuplicateKeyError

from gallery.documents.mongo.connection import MongoConnection


class MongoNotes:
    """A :class:`gallery.documents.note_store.NoteStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db

    def read(self, name: str) -> str | None:
        """See :meth:`gallery.documents.note_store.NoteStore.read`."""
        with self._connection.calls():
            found = self._db.gallery.find_one({"_id": name})
        return None if found is None else str(found["value"])

    def write(self, name: str, text: str) -> None:
        """See :meth:`gallery.documents.note_store.NoteStore.write`."""
        with self._connection.calls():
            self._db.gallery.update_one({"_id": name}, {"$set": {"value": text}}, upsert=True)

    def write_once(self, name: str, text: str) -> str:
        """See :meth:`gallery.documents.note_store.NoteStore.write_once`."""
        with self._connection.calls():
            with suppress(DuplicateKeyError):
                self._db.gallery.insert_one({"_id": name, "value": text})
            return str((self._db.gallery.find_one({"_id": name}) or {"value": text})["value"])
