"""The keys of requests that must be carried out once, as documents of MongoDB."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bson import Int64
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.shapes import missing_subjects
from gallery.documents.request_keys import Claim
from gallery.documents.student_rules import student_not_found


class MongoRequestKeys:
    """A :class:`gallery.documents.protocol.RequestKeyStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db

    def prepare(self) -> None:
        """Create the indexes."""
        self._db.requests.create_index([("students", ASCENDING)], name="students")
        self._db.requests.create_index([("at", ASCENDING)], name="time")

    def recover(self) -> None:
        """Drop the unfinished claims that name a student who does not exist any more."""
        for begun in list(self._db.requests.find({"done": False})):
            if missing_subjects(self._db, begun["students"]):
                self._db.requests.delete_one({"_id": begun["_id"]})

    def claim(self, claim: Claim, about: Collection[int]) -> Claim:
        with self._connection.calls():
            self._db.requests.delete_many({"at": {"$lt": claim.oldest_kept}})
            students = [Int64(subject) for subject in about]
            made: dict[str, Any] = {
                "_id": claim.key,
                "digest": claim.digest,
                "at": claim.at,
                "done": False,
                "students": students,
            }
            while True:
                try:
                    self._db.requests.insert_one(made)
                    break
                except DuplicateKeyError:
                    found = self._db.requests.find_one({"_id": claim.key})
                if found is not None:  # otherwise it was dropped at this moment
                    return Claim(claim.key, found["digest"], found["at"], bool(found["done"]), first=False)
            gone = missing_subjects(self._db, students)
            if gone:
                self._db.requests.delete_one({"_id": claim.key})
                raise student_not_found(str(min(gone)))
        return claim

    def finish(self, key: str, about: Collection[int]) -> None:
        with self._connection.calls():
            found = self._db.requests.find_one({"_id": key})
            if found is None:
                return
            students = sorted({int(subject) for subject in (*found["students"], *about)})
            done = {"done": True, "students": [Int64(subject) for subject in students]}
            self._db.requests.update_one({"_id": key}, {"$set": done})
            if missing_subjects(self._db, students):
                self._db.requests.delete_one({"_id": key})

    def release(self, key: str) -> None:
        with self._connection.calls():
            self._db.requests.delete_one({"_id": key, "done": False})

    def merge(self, source: int, target: int) -> None:
        """Let the requests about one subject be about another."""
        for found in list(self._db.requests.find({"students": Int64(source)})):
            students = sorted({target, *map(int, found["students"])} - {source})
            renamed = {"students": [Int64(subject) for subject in students]}
            self._db.requests.update_one({"_id": found["_id"]}, {"$set": renamed})

    def forget(self, subject: int) -> None:
        """Delete the requests about a subject."""
        self._db.requests.delete_many({"students": Int64(subject)})
