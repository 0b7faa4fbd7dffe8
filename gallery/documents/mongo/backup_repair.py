"""Students whom a backup reads again, because something was taken from them or given to them while it read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bson import Int64
from pymongo.database import Database

from gallery.documents.backup_protocol import PhotoContents, PhotoVersion, Record, RecordKind
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.backup_shapes import SHAPES
from gallery.documents.mongo.change_queries import MongoChangeQueries
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import VISIBLE, content_id
from gallery.documents.values import Position
from presente.errors import Busy

_WAIT_S = 0.05
_LONGEST_S = 120.0
_OWN: tuple[RecordKind, ...] = ("student", "photo", "template", "negative")
_SHARED: tuple[RecordKind, ...] = ("attendance", "participation", "request")
_Capture = Callable[[Sequence[Document], PhotoContents], list[Record]]


class PackChanged(Exception):
    """The gallery got another pack while it was read."""


class Reread:
    """What was read again of some students: it replaces what was read before."""

    def __init__(self, subjects: set[int], records: list[Record]) -> None:
        self._subjects = subjects
        self._records = records
        self._ids = {(record.kind, _id_of(record)) for record in records}

    def replaces(self, record: Record) -> bool:
        """Whether a record that was read before does not hold."""
        if record.kind in _OWN:
            whose = record.fields["id" if record.kind == "student" else "student"]
            return whose in self._subjects
        return record.kind in _SHARED and (record.kind, _id_of(record)) in self._ids

    def of(self, kind: RecordKind) -> list[Record]:
        """The records of a kind, in order."""
        found = [record for record in self._records if record.kind == kind]
        return sorted(found, key=_id_of)


def _id_of(record: Record) -> Any:
    return record.fields["key" if record.kind == "request" else "id"]


def left_out(sequence: MongoSequence, position: Position) -> Callable[[int], bool]:
    """Whether an id is of a write that was not over at a position."""
    awaited = dict(position.awaited)
    of_these = [each for each in sequence.since(position.low_water) if each.get("attempt") in awaited]
    ranges = [(int(each["_id"]), int(each["_id"]) + int(each["n"])) for each in of_these]

    def is_out(number: int) -> bool:
        return number > position.change or any(first <= number < end for first, end in ranges)

    return is_out


class StudentReader:
    """Reads everything of some students while nothing is taken from or given to any of them."""

    def __init__(self, db: Database[dict[str, Any]], sequence: MongoSequence, changes: MongoChangeQueries) -> None:
        self._db = db
        self._sequence = sequence
        self._changes = changes

    def versions(self, images: Sequence[Document]) -> Iterator[tuple[Document, PhotoVersion]]:
        """Photos whose bytes are there, with what they are sealed with."""
        names = {content_id(each["student"], each["sha256"]): each for each in images}
        keys = {
            each["_id"]: each.get("key") for each in self._db.contents.find({"_id": {"$in": list(names)}}, {"key": 1})
        }
        for name, image in names.items():
            if name in keys:
                yield (
                    image,
                    PhotoVersion(int(image["_id"]), int(image["student"]), image["sha256"], int(keys[name] or 0)),
                )

    def put_content(self, image: Document, version: PhotoVersion, contents: PhotoContents) -> bool:
        """Give the bytes of a photo; False when they are gone, or were sealed with another key meanwhile."""
        kept = self._db.contents.find_one({"_id": content_id(image["student"], image["sha256"])})
        if kept is None or int(kept.get("key") or 0) != version.seal:
            return False
        contents.put(version, bytes(kept["content"]))
        return True

    def changed_since(self, position: Position, capture: _Capture, contents: PhotoContents) -> Reread:
        """What must be read again of what was read since a position.

        Raises:
            PackChanged: all of it.
            Busy: ``store_busy``.
        """
        subjects = self._whom(position)
        deadline = time.monotonic() + _LONGEST_S
        while subjects:
            before = self._changes.position()
            if self._awaits(before, subjects):  # its copies would be left out, and what it deletes is gone already
                time.sleep(_WAIT_S)
            else:
                records = self._read(subjects, left_out(self._sequence, before), capture, contents)
                touched = [each for each in map(_subjects, self._sequence.since(before.change)) if each & subjects]
                if not touched:
                    return Reread(subjects, records)
                subjects = subjects.union(*touched)
            if time.monotonic() > deadline:
                raise Busy("store_busy", "The same students are merged or erased without end.", "Try again later.")
        return Reread(set(), [])

    def _whom(self, position: Position) -> set[int]:
        awaited = dict(position.awaited)
        found = self._sequence.since(position.low_water)
        of_these = [each for each in found if int(each["_id"]) > position.change or each.get("attempt") in awaited]
        if any(each.get("of") == "pack" for each in of_these):
            raise PackChanged
        return set[int]().union(*map(_subjects, of_these))

    def _awaits(self, position: Position, subjects: set[int]) -> bool:
        """Whether a write about some of the students was under way at a position."""
        awaited = dict(position.awaited)
        found = self._sequence.since(position.low_water)
        return any(_subjects(each) & subjects for each in found if each.get("attempt") in awaited)

    def _read(
        self, subjects: set[int], is_out: Callable[[int], bool], capture: _Capture, contents: PhotoContents
    ) -> list[Record]:
        those = {"$in": [Int64(subject) for subject in sorted(subjects)]}
        own: Document = {"student": those}
        images = [image for image in self._db.images.find(dict(own)) if not is_out(int(image["_id"]))]
        records = capture(images, contents)
        parts: tuple[tuple[RecordKind, Document], ...] = (
            ("template", own),
            ("attendance", own),
            ("participation", own),
            ("negative", own),
            ("request", {"students": those}),
            ("student", {"subject": those, **VISIBLE}),
        )
        for kind, which in parts:
            shape = SHAPES[kind]
            found = [Record(kind, shape.read(document)) for document in self._db[shape.collection].find(dict(which))]
            records += [each for each in found if kind not in ("template", "negative") or not is_out(each.fields["id"])]
        return records


def _subjects(reservation: Document) -> set[int]:
    """The students from whom a write takes something, or to whom it gives that."""
    return {int(subject) for subject in reservation.get("whom", ())}
