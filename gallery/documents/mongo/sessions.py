"""Sessions, classes and timetables in MongoDB. A session is one document, and so is a timetable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from bson import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError, OperationFailure

from gallery.documents.class_sessions import (
    ClassSession,
    SessionCounts,
    SessionFilter,
    SessionPosition,
    StoredSession,
    TimetableEntry,
)
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import VISIBLE, in_one_of
from gallery.documents.session_rules import session_exists

_NAMES = tuple(field.name for field in fields(ClassSession))
_KEY = ("clase", "fecha", "starts")


class MongoSessions:
    """A :class:`gallery.documents.session_store.SessionStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection, sequence: MongoSequence, drop_photos: Callable[[int], int]) -> None:
        self._connection = connection
        self._db = connection.db
        self._sequence = sequence
        self._drop_photos = drop_photos

    def prepare(self) -> None:
        """Create the indexes."""
        sessions = self._db.class_sessions
        sessions.create_index([(name, ASCENDING) for name in _KEY], unique=True, name="meeting")
        sessions.create_index([(name, DESCENDING) for name in ("fecha", "starts", "_id")], name="day")

    def add(self, session: ClassSession) -> tuple[StoredSession, bool]:
        with self._connection.calls():
            while True:
                found = self._at(session.clase, session.fecha, session.starts)
                if found is not None:
                    return found, False
                number = self._sequence.reserve(1, "session")[0]
                try:
                    self._db.class_sessions.insert_one({"_id": Int64(number), **asdict(session)})
                except DuplicateKeyError:
                    continue
                return StoredSession(number, session), True

    def session(self, number: int) -> StoredSession | None:
        with self._connection.calls():
            return self._session(number)

    def change(self, number: int, changes: Mapping[str, Any]) -> StoredSession | None:
        if not changes.keys() <= set(_NAMES):
            raise ValueError(sorted(changes))
        with self._connection.calls():
            self._check_free(number, changes)
            if changes:
                try:
                    self._db.class_sessions.update_one({"_id": Int64(number)}, {"$set": dict(changes)})
                except OperationFailure:  # FerretDB does not say of an update that a key is taken
                    self._check_free(number, changes)
                    raise
            stored = self._session(number)
        if stored is not None and changes.get("state") == "closed":
            self._drop_photos(number)
        return stored

    def _check_free(self, number: int, changes: Mapping[str, Any]) -> None:
        """Refuse a start at which the class has another session."""
        stored = self._session(number) if "starts" in changes else None
        if stored is not None:
            other = self._at(stored.session.clase, stored.session.fecha, changes["starts"])
            if other is not None and other.id != number:
                raise session_exists(other)

    def sessions_after(self, which: SessionFilter, after: SessionPosition | None, limit: int) -> list[StoredSession]:
        given: list[Document] = [
            {name: value} for name, value in (("clase", which.clase), ("state", which.state)) if value is not None
        ]
        given += [{"fecha": {"$gte": which.desde}}] if which.desde is not None else []
        given += [{"fecha": {"$lte": which.hasta}}] if which.hasta is not None else []
        given += [{"clase": {"$in": sorted(which.clases)}}] if which.clases is not None else []
        if after is not None:
            same_day: Document = {"fecha": after.fecha}
            later = [
                {"fecha": {"$lt": after.fecha}},
                {**same_day, "starts": {"$lt": after.starts}},
                {**same_day, "starts": after.starts, "_id": {"$lt": Int64(after.id)}},
            ]
            given.append({"$or": later})
        order = [(name, DESCENDING) for name in ("fecha", "starts", "_id")]
        with self._connection.calls():
            found = self._db.class_sessions.find({"$and": given} if given else {}).sort(order).limit(limit)
            return [_stored(document) for document in found]

    def counts(self, clases: Collection[str] | None = None) -> dict[str, SessionCounts]:
        of_classes = {} if clases is None else {"clase": {"$in": sorted(clases)}}
        with self._connection.calls():
            every, opened = self._count(of_classes), self._count({**of_classes, "state": "open"})
        return {clase: SessionCounts(number, opened.get(clase, 0)) for clase, number in every.items()}

    def _count(self, which: Document) -> dict[str, int]:
        steps: list[dict[str, Any]] = [
            {"$match": dict(which)},
            {"$group": {"_id": "$clase", "n": {"$sum": 1}}},
        ]
        return {str(row["_id"]): int(row["n"]) for row in self._db.class_sessions.aggregate(steps)}

    def _session(self, number: int) -> StoredSession | None:
        found = self._db.class_sessions.find_one({"_id": Int64(number)})
        return None if found is None else _stored(found)

    def _at(self, clase: str, fecha: str, starts: str) -> StoredSession | None:
        found = self._db.class_sessions.find_one({"clase": clase, "fecha": fecha, "starts": starts})
        return None if found is None else _stored(found)


class MongoClasses:
    """A :class:`gallery.documents.session_store.ClassStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db

    def sizes(self, clases: Collection[str] | None = None) -> dict[str, int]:
        which: dict[str, Any] = {"kind": "student", **VISIBLE, **({} if clases is None else in_one_of(clases))}
        sizes: dict[str, int] = {}
        with self._connection.calls():
            for student in self._db.students.find(which, {"clase": 1, "otras_clases": 1}):
                for clase in {student.get("clase", ""), *student.get("otras_clases", ())} - {""}:
                    if clases is None or clase in clases:
                        sizes[clase] = sizes.get(clase, 0) + 1
        return sizes

    def timetables(self, clases: Collection[str] | None = None) -> dict[str, tuple[TimetableEntry, ...]]:
        with self._connection.calls():
            found = self._db.timetables.find({} if clases is None else {"_id": {"$in": sorted(clases)}})
            return {str(each["_id"]): tuple(TimetableEntry(**entry) for entry in each["entries"]) for each in found}

    def put_timetable(self, clase: str, entries: Sequence[TimetableEntry]) -> None:
        ordered = sorted(entries, key=lambda entry: (entry.weekday, entry.starts))
        with self._connection.calls():
            if not ordered:
                self._db.timetables.delete_one({"_id": clase})
                return
            made = {"entries": [asdict(entry) for entry in ordered]}
            self._db.timetables.replace_one({"_id": clase}, made, upsert=True)


def _stored(document: Document) -> StoredSession:
    session: Any = {name: document[name] for name in _NAMES}
    return StoredSession(int(document["_id"]), ClassSession(**session))
