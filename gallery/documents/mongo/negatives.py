"""Negative examples in MongoDB: one document each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from bson import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from gallery.documents.erasure_list import NOT_ASKED, Cause, erased_negatives
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals, sealed_value, with_key
from gallery.documents.mongo.erasures import MongoErasures
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import missing_subjects
from gallery.documents.negatives import MOST_OF_ONE, Negative, StoredNegative, batch_of
from gallery.documents.seals import Sealer, negative_seal, of_student
from gallery.documents.values import TemplateBatch
from presente.errors import StoreError

_PAGE = 4096


class MongoNegatives:
    """A :class:`gallery.documents.negatives.NegativeStore` on the database of a MongoDB store."""

    def __init__(
        self, connection: MongoConnection, sequence: MongoSequence, seals: MongoSeals, erasures: MongoErasures
    ) -> None:
        self._connection = connection
        self._db = connection.db
        self._sequence = sequence
        self._seals = seals
        self._erasures = erasures

    def prepare(self) -> None:
        """Create the indexes."""
        about = [("student", ASCENDING), ("about", ASCENDING)]
        self._db.negatives.create_index(about, unique=True, name="about")

    def recover(self) -> None:
        """Delete examples of which a dead process did not see that their student is gone."""
        gone = missing_subjects(self._db, {int(each) for each in self._db.negatives.distinct("student")})
        for subject in gone:
            self.forget(subject)

    def add(self, negative: Negative) -> StoredNegative | None:
        with self._connection.calls():
            if missing_subjects(self._db, [negative.subject]):
                return None
            self._insert(negative, negative.subject)
            self._drop_oldest(negative.subject)
            if missing_subjects(self._db, [negative.subject]):  # looked at once it is there: an erasure finds it
                self.forget(negative.subject)
                self._seals.destroy([of_student(negative.subject)])
                return None
            found = self._of(negative.subject)
        return next((each for each in found if each.negative.about == negative.about), None)

    def _insert(self, negative: Negative, subject: int) -> None:
        """Add an example, for a subject; one of the same face that is there already stays."""
        number = self._sequence.reserve(1, "negative")[0]
        sealer = self._seals.sealer()
        plain = np.ascontiguousarray(negative.vector, dtype="<f4").tobytes()
        sealed = sealer.seal(of_student(subject), plain, negative_seal(subject, negative.about, negative.pack))
        vector, key = sealed_value(sealed)
        document: dict[str, Any] = {
            "_id": Int64(number),
            "student": Int64(subject),
            "about": negative.about,
            "vector": vector,
            "pack": negative.pack,
            "at": negative.at,
            "source": negative.source,
            "session": Int64(negative.session),
            **with_key(key),
        }
        with suppress(DuplicateKeyError):
            self._db.negatives.insert_one(document)
        if sealer.lost() and not missing_subjects(self._db, [subject]):
            self._db.negatives.delete_one({"_id": document["_id"]})
            raise StoreError("lease_lost", "The keys were changed while an example was added.", "Send it again.")

    def _drop_oldest(self, subject: int) -> None:
        own = self._db.negatives.find({"student": Int64(subject)}, {"_id": 1}).sort("_id", DESCENDING)
        old = [each["_id"] for each in own][MOST_OF_ONE:]
        if old:
            self._db.negatives.delete_many({"_id": {"$in": old}})

    def of(self, subject: int) -> list[StoredNegative]:
        with self._connection.calls():
            return self._of(subject)

    def _of(self, subject: int) -> list[StoredNegative]:
        return _read(self._seals.sealer(), self._db.negatives.find({"student": Int64(subject)}).sort("_id", ASCENDING))

    def templates(self, pack: str) -> Iterator[TemplateBatch]:
        last = 0
        while True:
            with self._connection.calls():
                which = {"pack": pack, "_id": {"$gt": Int64(last)}}
                page = list(self._db.negatives.find(which).sort("_id", ASCENDING).limit(_PAGE))
                found = _read(self._seals.sealer(), page)
            if not page:
                return
            last = int(page[-1]["_id"])
            if found:
                yield batch_of(found)

    def epoch(self) -> str:
        with self._connection.calls():
            newest = self._db.negatives.find_one({}, {"_id": 1}, sort=[("_id", DESCENDING)])
            # Ids rise with each example that is added, and the number falls with each that goes.
            return f"{self._db.negatives.count_documents({})} {0 if newest is None else int(newest['_id'])}"

    def count(self) -> int:
        with self._connection.calls():
            return int(self._db.negatives.count_documents({}))

    def erase(self, ids: Sequence[int], cause: Cause = NOT_ASKED) -> int:
        with self._connection.calls():
            which = {"_id": {"$in": [Int64(each) for each in ids]}}
            there = [int(each["_id"]) for each in self._db.negatives.find(which, {"_id": 1})]
            self._erasures.put(erased_negatives(there, cause))  # first: what is not listed would come back
            gone = self._db.negatives.delete_many(which)
            return int(gone.deleted_count)

    # -- for other parts of the store, inside their calls -----------------------------------------------------------

    def forget(self, subject: int) -> None:
        """Delete the examples of a student who is erased."""
        self._db.negatives.delete_many({"student": Int64(subject)})

    def forget_packs_but(self, pack: str) -> None:
        """Delete the examples by other packs than one."""
        self._db.negatives.delete_many({"pack": {"$ne": pack}})

    def merge(self, source: int, target: int) -> None:
        """Give a subject the examples of another, under new ids. It can be repeated."""
        for stored in self._of(source):
            self._insert(stored.negative, target)
        self.forget(source)
        self._drop_oldest(target)


def _read(sealer: Sealer, documents: Iterable[Document]) -> list[StoredNegative]:
    """The examples in documents; those that are being erased are left out."""
    found = list(documents)
    sealer.load(each.get("key") for each in found)
    made = []
    for each in found:
        subject = int(each["student"])
        vector = sealer.unseal(each["vector"], each.get("key"), negative_seal(subject, each["about"], each["pack"]))
        if vector is not None:
            texts = each["pack"], each["at"], each["source"]
            negative = Negative(
                subject, each["about"], np.frombuffer(vector, dtype="<f4"), *texts, int(each["session"])
            )
            made.append(StoredNegative(int(each["_id"]), negative))
    return made
