"""The data keys of a MongoDB store, and what seals and opens its records.

Keys are made before the records that they seal, and destroyed after them. Two writers may make a key for the same owner
at once: records name their key, so both are right. A key that another process has retired is destroyed only when no
write can use it any more: :mod:`gallery.documents.mongo.resealing`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bson import Binary, Int64
from pymongo import ASCENDING
from pymongo.database import Database

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.preparation import insert_if_missing
from gallery.documents.seals import (
    STORE_KEY,
    DataKey,
    SealedStoreKey,
    Sealer,
    Sealing,
    StoreSeals,
    name_seal,
    of_student,
    open_seals,
    source_seal,
)

_PAGE = 4096


class MongoKeys:
    """A :class:`gallery.documents.seals.KeyTable` on a database."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._db = db

    def current(self, owners: Collection[str]) -> dict[str, DataKey]:
        found = self._db.data_keys.find({"owner": {"$in": sorted(owners)}})
        return {key.owner: key for key in sorted(map(_key_of, found), key=lambda each: (each.era, each.id))}

    def find(self, ids: Collection[int]) -> list[DataKey]:
        return [_key_of(found) for found in self._db.data_keys.find({"_id": {"$in": [Int64(i) for i in ids]}})]

    def add(self, keys: Sequence[DataKey]) -> None:
        self._db.data_keys.insert_many([_document_of(key) for key in keys])

    def each(self) -> Iterator[DataKey]:
        """Every key, in order of id. Others may write meanwhile."""
        last = 0
        while True:
            page = list(self._db.data_keys.find({"_id": {"$gt": Int64(last)}}).sort("_id", ASCENDING).limit(_PAGE))
            if not page:
                return
            last = int(page[-1]["_id"])
            yield from map(_key_of, page)

    def destroy(self, owners: Iterable[str]) -> None:
        """Delete all keys of some owners."""
        self._db.data_keys.delete_many({"owner": {"$in": sorted(owners)}})

    def store_key(self) -> SealedStoreKey | None:
        kept = self._db.gallery.find_one({"_id": STORE_KEY})
        return None if kept is None else SealedStoreKey.read(kept["value"])

    def put_store_key(self, key: SealedStoreKey) -> None:
        """Replace the store key as it is kept."""
        self._db.gallery.update_one({"_id": STORE_KEY}, {"$set": {"value": key.text()}}, upsert=True)


def _key_of(document: Document) -> DataKey:
    return DataKey(int(document["_id"]), document["owner"], int(document["era"]), bytes(document["sealed"]))


def _document_of(key: DataKey) -> dict[str, Any]:
    return {"_id": Int64(key.id), "owner": key.owner, "era": key.era, "sealed": Binary(key.sealed)}


class MongoSeals:
    """How a MongoDB store is sealed. Safe to use from several threads. Lets pymongo's errors through.

    Attributes:
        seals: the opened store key; None for a store in the clear.
        keys: the data keys.
    """

    def __init__(self, db: Database[dict[str, Any]], sealing: Sealing | None, opens: bool = True) -> None:
        """Open the store key, unless ``opens`` is false; make one when there is none and there is a master key.

        Raises:
            StoreError: ``master_key_missing``, ``master_key_wrong``, ``seal_broken``.
        """
        db.data_keys.create_index([("owner", ASCENDING)], name="owner")
        self.keys = MongoKeys(db)
        self.seals: StoreSeals | None = None
        if not opens:
            return
        if sealing is not None and self.keys.store_key() is None:
            insert_if_missing(db.gallery, STORE_KEY, {"value": SealedStoreKey.new(sealing.master).text()})
        self.seals = open_seals(self.keys.store_key(), sealing)

    def sealer(self) -> Sealer:
        """What seals and opens the records of one call."""
        return Sealer(self.seals, self.keys)

    def destroy(self, owners: Iterable[str]) -> None:
        """Delete all keys of some owners, here and in memory."""
        if self.seals is not None:
            self.keys.destroy(owners)
            self.forget()

    def forget(self) -> None:
        """Drop the opened data keys: someone was erased."""
        if self.seals is not None:
            self.seals.forget()


def sealed_value(value: tuple[bytes, int | None]) -> tuple[Binary, Int64 | None]:
    """What :meth:`gallery.documents.seals.Sealer.seal` returns, as a document has it."""
    stored, key = value
    return Binary(stored), None if key is None else Int64(key)


def with_key(key: Int64 | None) -> dict[str, Any]:
    """The field that names a record's key; records in the clear do without."""
    return {} if key is None else {"key": key}


def opened_students(sealer: Sealer, documents: Iterable[Mapping[str, Any]]) -> list[Document]:
    """Documents of students with their names opened; those of students who are being erased are left out."""
    found = list(documents)
    sealer.load(document.get("key") for document in found)
    opened: list[Document] = []
    for document in found:
        if document.get("key") is None:
            opened.append(document)
            continue
        name = sealer.unseal(document["nombre_del_alumno"], document["key"], name_seal(document["subject"]))
        if name is not None:
            opened.append({**document, "nombre_del_alumno": name.decode()})
    return opened


def sealed_fields(sealer: Sealer, subject: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A student's fields as a document has them: the name sealed, where names are."""
    if "nombre_del_alumno" not in fields:
        return dict(fields)
    if not sealer.seals_names:
        return {**fields, "key": None} if sealer.is_sealed else dict(fields)
    name, key = sealed_value(sealer.seal(of_student(subject), fields["nombre_del_alumno"].encode(), name_seal(subject)))
    return {**fields, "nombre_del_alumno": name, "key": key}


def sealed_source(sealer: Sealer, subject: int, sha256: str, source: str) -> Binary | str:
    """Where a photo came from, as a document has it: sealed with the key of the photo where names are."""
    if not sealer.seals_names:
        return source
    return Binary(sealer.seal(of_student(subject), source.encode(), source_seal(subject, sha256))[0])


def opened_source(sealer: Sealer, image: Mapping[str, Any]) -> str:
    """Where a photo came from; empty when its key is gone."""
    source = image["source"]
    if isinstance(source, str):
        return source
    about = source_seal(int(image["student"]), image["sha256"])
    return (sealer.unseal(source, image.get("key"), about) or b"").decode()
