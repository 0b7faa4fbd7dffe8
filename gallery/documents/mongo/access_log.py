"""The access log in MongoDB: a document per line. Inserting a line's number decides its place in the one order."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from bson import Int64
from bson.codec_options import CodecOptions
from pymongo import ASCENDING
from pymongo.errors import BulkWriteError

from gallery.documents.access_log import (
    NO_LINES,
    AccessAction,
    AccessEvent,
    AccessFilter,
    AccessLine,
    ChainHead,
    Concerned,
    chained,
    commit,
)
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.shapes import VISIBLE, missing_subjects

_NOTED = "access_log_head"
_DUPLICATE_KEY = 11000
_FIELDS = ("at", "caller", "role", "address", "action", "outcome", "request", "detail")
_ERASED = {"salt": None, "matricula": None, "student": None}
_RECOVERED = 1000
"""Lines before the noted head that :meth:`MongoAccessLog.recover` looks at, too."""


class MongoAccessLog:
    """A :class:`gallery.documents.access_log_store.AccessLogStore` on the database of a MongoDB store.

    A line's ``_id`` is its number, and its hash covers the line before, which is there already. Of two processes that
    want to write the same number one fails; it reads the new head, and chains its lines anew.
    """

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db
        self._lock = threading.Lock()
        self._known = NO_LINES  # a head that was read or written: another process may have gone on since

    def prepare(self) -> None:
        """Create the indexes."""
        self._db.access_log.create_index([("about.student", ASCENDING)], name="students")
        self._db.access_log.create_index([("about.matricula", ASCENDING)], name="matriculas")
        self._db.access_log.create_index([("at", ASCENDING)], name="time")

    def recover(self) -> None:
        """Take out of the newest lines the students who are gone: a process may have died between the two."""
        noted = self.noted_head() or NO_LINES
        since = {"_id": {"$gt": Int64(max(0, noted.number - _RECOVERED))}}
        lines = self._db.access_log.find({**since, "about.student": {"$gt": 0}})
        subjects = {each.subject for line in lines for each in _line(line).concerned if each.subject is not None}
        for gone in missing_subjects(self._db, subjects) if subjects else ():
            self.forget(gone)

    def append(self, events: Sequence[AccessEvent]) -> ChainHead:
        with self._connection.calls(), self._lock:
            subjects = self._subjects({matricula for event in events for matricula in event.about})
            entries = [commit(event, subjects) for event in events]
            head = self._known if self._known.number else self._head()
            while entries:
                lines = chained(entries, head)
                written = self._insert(lines)
                head = self._head() if written < len(lines) else lines[-1].head
                entries = entries[written:]
            self._known = head
            for gone in missing_subjects(self._db, subjects.values()) if subjects else ():
                self.forget(gone)  # erased since they were looked up
        return head

    def _insert(self, lines: Sequence[AccessLine]) -> int:
        """Insert lines in order, up to the first whose number is taken; how many were inserted."""
        try:
            self._db.access_log.insert_many([_document(line) for line in lines], ordered=True)
        except BulkWriteError as error:
            details: Mapping[str, Any] = error.details or {}
            failures = details.get("writeErrors", [])
            if details.get("writeConcernErrors") or any(each["code"] != _DUPLICATE_KEY for each in failures):
                raise
            return int(failures[0]["index"])
        return len(lines)

    def lines(self, which: AccessFilter, after: int, limit: int) -> list[AccessLine]:
        with self._connection.calls():
            wanted = {"_id": {"$gt": Int64(after)}, **_conditions(which)}
            return [_line(found) for found in self._db.access_log.find(wanted).sort("_id", 1).limit(limit)]

    def every_line(self) -> Iterator[AccessLine]:
        options: CodecOptions[dict[str, Any]] = CodecOptions(unicode_decode_error_handler="backslashreplace")
        lenient = self._db.access_log.with_options(options)
        with self._connection.calls():
            for found in lenient.find().sort("_id", 1):
                yield _line(found)

    def head(self) -> ChainHead:
        with self._connection.calls():
            return self._head()

    def last_before(self, moment: str) -> ChainHead:
        with self._connection.calls():
            which = {"_id": {"$gt": Int64(0)}, "at": {"$lt": moment}}
            found = self._db.access_log.find_one(which, sort=[("_id", -1)], projection={"hash": 1})
        return NO_LINES if found is None else ChainHead(int(found["_id"]), _text(found.get("hash")))

    def count_until(self, number: int) -> int:
        with self._connection.calls():
            return self._db.access_log.count_documents({"_id": {"$gt": Int64(0), "$lte": Int64(number)}})

    def drop_until(self, number: int) -> int:
        with self._connection.calls():
            which = {"_id": {"$gt": Int64(0), "$lte": Int64(number)}}
            return self._db.access_log.delete_many(which).deleted_count

    def note_head(self) -> ChainHead:
        with self._connection.calls():
            head = self._head()
            self._db.gallery.update_one({"_id": _NOTED}, {"$set": {"value": str(head)}}, upsert=True)
        return head

    def noted_head(self) -> ChainHead | None:
        with self._connection.calls():
            found = self._db.gallery.find_one({"_id": _NOTED})
        return NO_LINES if found is None else ChainHead.of_noted(_text(found.get("value")))

    def forget(self, subject: int) -> None:
        """Take a student out of the lines."""
        self._set_concerned(subject, _ERASED)

    def forget_named(self, subject: int, matricula: str) -> None:
        """Take a student out of the lines that were written about the student, whichever subject they name now."""
        for line in list(self._db.access_log.find({"about.matricula": matricula}, {"about": 1})):
            for place, each in enumerate(line["about"]):
                found = _concerned(each)
                if (found.matricula, found.committed_subject) == (matricula, subject) and found.subject != subject:
                    erased = {f"about.{place}.{name}": value for name, value in _ERASED.items()}
                    self._db.access_log.update_one({"_id": line["_id"]}, {"$set": erased})

    def merge(self, source: int, target: int) -> None:
        """Let the lines about one subject be found by another."""
        self._set_concerned(source, {"student": Int64(target)})

    def _set_concerned(self, subject: int, fields: Mapping[str, object]) -> None:
        """Change what lines say of a subject: a command per place that the subject has in lines, not per line."""
        about = {"about.student": Int64(subject)}
        while places := {
            place
            for line in self._db.access_log.find(about, {"about": 1})
            for place, each in enumerate(line["about"])
            if _concerned(each).subject == subject
        }:
            for place in places:
                changes = {f"about.{place}.{name}": value for name, value in fields.items()}
                self._db.access_log.update_many({f"about.{place}.student": Int64(subject)}, {"$set": changes})

    def _subjects(self, matriculas: set[str]) -> dict[str, int]:
        if not matriculas:
            return {}
        wanted = {"matricula": {"$in": sorted(matriculas)}, **VISIBLE}
        found = self._db.students.find(wanted, {"matricula": 1, "subject": 1})
        return {str(student["matricula"]): int(student["subject"]) for student in found}

    def _head(self) -> ChainHead:
        numbers = {"_id": {"$gt": Int64(0)}}
        found = self._db.access_log.find_one(numbers, sort=[("_id", -1)], projection={"hash": 1})
        return NO_LINES if found is None else ChainHead(int(found["_id"]), _text(found.get("hash")))


def _document(line: AccessLine) -> dict[str, Any]:
    return {
        "_id": Int64(line.number),
        **{name: str(getattr(line.event, name)) for name in _FIELDS},
        "about": [
            {
                "commitment": each.commitment,
                "salt": each.salt,
                "matricula": each.matricula,
                "student": None if each.subject is None else Int64(each.subject),
            }
            for each in line.concerned
        ],
        "previous": line.previous,
        "hash": line.hash,
    }


def _line(found: Document) -> AccessLine:
    """A line as stored. What someone else took out of it is empty, so that its hash does not hold."""
    at, caller, role, address, action, outcome, request, detail = (_text(found.get(name)) for name in _FIELDS)
    event = AccessEvent(at, caller, role, address, cast("AccessAction", action), outcome, request, detail)
    about = found.get("about")
    concerned = tuple(map(_concerned, about if isinstance(about, list) else [about]))
    number = int(found["_id"]) if isinstance(found["_id"], int) else 0
    return AccessLine(number, event, concerned, _text(found.get("previous")), _text(found.get("hash")))


def _concerned(each: Any) -> Concerned:
    fields = each if isinstance(each, dict) else {"commitment": each}
    salt, matricula, subject = (fields.get(name) for name in ("salt", "matricula", "student"))
    return Concerned(
        _text(fields.get("commitment")),
        None if salt is None else _text(salt),
        None if matricula is None else _text(matricula),
        int(subject) if isinstance(subject, int) else None,
    )


def _text(value: object) -> str:
    """A text; what is none as Python writes it, which is nothing that Presente wrote."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{type(value).__name__} {value!r}"


def _conditions(which: AccessFilter) -> Document:
    span = {"$gte": which.since, "$lt": which.before}
    given: Document = {
        "at": {name: value for name, value in span.items() if value is not None} or None,
        "caller": which.caller,
        "action": which.action,
        "about.student": None if which.subject is None else Int64(which.subject),
    }
    return {name: value for name, value in given.items() if value is not None}
