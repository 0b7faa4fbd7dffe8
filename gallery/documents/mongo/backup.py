"""Everything in a MongoDB store, read for a backup while others write, and written when one is restored.

A standalone server has no snapshot. What is read is as of a *position* of the change sequence: ids that were reserved
later, or by writes that were not over then, are left out. Requests are read before that position, so that whatever a
request is said to have done is there. Students are read last: who is gone then, is gone from all that was read before.
What was taken from a student meanwhile, or given to one (a merge, a photo), is read again for these students alone
(:mod:`gallery.documents.mongo.backup_repair`). The access log is read at the end; it is only ever added to.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from bson import Int64
from pymongo import ASCENDING

from gallery.documents.backup_protocol import KINDS, RESTORING, PhotoContents, Record, RecordKind, restore_busy
from gallery.documents.backup_rules import Present
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.attendance_counts import MongoAttendanceCounts
from gallery.documents.mongo.backup_repair import PackChanged, Reread, StudentReader, left_out
from gallery.documents.mongo.backup_shapes import OWN_SETTINGS, SHAPES
from gallery.documents.mongo.change_queries import MongoChangeQueries
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.restore_claims import CLAIMS, RestoreClaims
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import VISIBLE, content_id
from gallery.documents.mongo.unknowns import MongoUnknowns
from gallery.documents.record_spool import RecordSpool
from gallery.documents.unknown_people import UnknownGroup
from presente.errors import Busy, Conflict

_NOTED_HEAD = "access_log_head"
_PAGE = 1000
_LARGE_PAGE = 16
_ROUNDS = 5
_FIRST: tuple[RecordKind, ...] = ("erasure", "request", "access_key", "account")
_NEXT: tuple[RecordKind, ...] = (
    *("timetable", "session_photo", "session", "attendance", "participation", "unknown_face", "negative"),
    *("finding", "photo", "template", "student"),
)
_NUMBERED = frozenset(
    {"session", "attendance", "participation", "unknown_face", "negative", "photo", "template", "student"}
)
_FILLED = (
    *("students", "images", "attendance", "participations", "class_sessions", "access_log", "accounts", "access_keys"),
    *("erasures", "unknown_faces"),
)
"""Collections that are empty in a store that nothing was put into."""
_WHICH: dict[RecordKind, Document] = {"student": VISIBLE, "setting": {"_id": {"$nin": list(OWN_SETTINGS)}}}


class MongoBackup:
    """A :class:`gallery.documents.backup_protocol.BackupStore` on the database of a MongoDB store."""

    def __init__(
        self,
        connection: MongoConnection,
        sequence: MongoSequence,
        changes: MongoChangeQueries,
        counts: MongoAttendanceCounts,
        claims: RestoreClaims,
        unknowns: MongoUnknowns,
    ) -> None:
        self._connection = connection
        self._db = connection.db
        self._sequence = sequence
        self._changes = changes
        self._counts = counts
        self._claims = claims
        self._unknowns = unknowns
        self._students = StudentReader(self._db, sequence, changes)

    # -- reading ----------------------------------------------------------------------------------------------------

    def capture(self, contents: PhotoContents) -> None:
        with self._connection.calls():
            for page in self._pages("images", {}, _PAGE):
                self._capture(page, contents)

    def _capture(self, images: Sequence[Document], contents: PhotoContents) -> list[Record]:
        """Give the bytes of photos that are not known; the photos whose bytes are there."""
        captured = []
        for image, version in self._students.versions(images):
            if contents.has(version) or self._students.put_content(image, version, contents):
                fields = SHAPES["photo"].read(image)
                captured.append(Record("photo", {**fields, "key": version.seal or None}))
        return captured

    def records(self, contents: PhotoContents) -> Iterator[Record]:
        for _ in range(_ROUNDS):
            try:
                yield from self._records(contents)
            except PackChanged:
                continue
            return
        raise Busy("store_busy", "The gallery's pack is changed again and again.", "Try again when that is over.")

    def _records(self, contents: PhotoContents) -> Iterator[Record]:
        with ExitStack() as stack, self._connection.calls():
            spools = {kind: stack.enter_context(RecordSpool()) for kind in KINDS}
            keys = self._data_keys()
            for kind in _FIRST:
                self._read(kind, spools[kind], contents)
            position = self._changes.position()
            is_out = left_out(self._sequence, position)
            for kind in _NEXT:
                self._read(kind, spools[kind], contents, is_out if kind in _NUMBERED else None)
            reread = self._students.changed_since(position, self._capture, contents)
            groups = self._unknowns.arrangement()
            keys |= self._data_keys()
            for number in sorted(keys):
                spools["data_key"].add(keys[number])
            noted = self.setting(_NOTED_HEAD)  # before the lines: it is one of them then
            self._read("access_line", spools["access_line"], contents)
            for document in self._db.gallery.find(dict(_WHICH["setting"])):  # after them: it may say where they begin
                fields = SHAPES["setting"].read(document)
                if fields["name"] != _NOTED_HEAD:
                    spools["setting"].add(Record("setting", fields))
            if noted is not None:
                spools["setting"].add(Record("setting", {"name": _NOTED_HEAD, "value": noted}))
            yield from _consistent(spools, reread, groups)

    def _data_keys(self) -> dict[int, Record]:
        shape = SHAPES["data_key"]
        return {int(each["_id"]): Record("data_key", shape.read(each)) for each in self._db.data_keys.find()}

    def _read(
        self,
        kind: RecordKind,
        spool: RecordSpool,
        contents: PhotoContents,
        is_out: Callable[[int], bool] | None = None,
    ) -> None:
        shape = SHAPES[kind]
        if kind == "unknown_face":
            for face in self._unknowns.stored():
                if is_out is None or not is_out(int(face["_id"])):
                    spool.add(Record(kind, shape.read(face)))
            return
        key = "subject" if kind == "student" else "_id"
        size = _LARGE_PAGE if kind == "session_photo" else _PAGE
        for page in self._pages(shape.collection, _WHICH.get(kind, {}), size, key):
            kept = [each for each in page if is_out is None or not is_out(int(each[key]))]
            found = self._capture(kept, contents) if kind == "photo" else [Record(kind, shape.read(e)) for e in kept]
            for record in found:
                spool.add(record)

    def _pages(self, collection: str, which: Document, size: int, key: str = "_id") -> Iterator[list[Document]]:
        """Documents in order of a key, page by page."""
        wanted = dict(which)
        while True:
            page: list[Document] = list(self._db[collection].find(wanted).sort(key, ASCENDING).limit(size))
            if not page:
                return
            yield page
            wanted = {"$and": [which, {key: {"$gt": page[-1][key]}}]}

    def setting(self, name: str) -> str | None:
        with self._connection.calls():
            found = self._db.gallery.find_one({"_id": name})
        return None if found is None else str(SHAPES["setting"].read(found)["value"])

    def last_number(self) -> int:
        with self._connection.calls():
            return self._sequence.last()

    # -- restoring --------------------------------------------------------------------------------------------------

    def begin_restore(self, run: str) -> None:
        with self._connection.calls():
            self._claims.take()
            is_marked = self._db.gallery.find_one({"_id": RESTORING}) is not None
            filled = [name for name in _FILLED if self._db[name].find_one({}, {"_id": 1}) is not None]
            if filled and not is_marked:
                raise Conflict(
                    "store_not_empty",
                    f"The store that PRESENTE_STORE names is not empty: it has {filled[0]}.",
                    "Name a new file or database; a restore never overwrites.",
                )
            self._db.gallery.update_one({"_id": RESTORING}, {"$set": {"value": run}}, upsert=True)
            for name in set(self._db.list_collection_names()) - {CLAIMS, "writers"}:
                self._db[name].delete_many({"_id": {"$ne": RESTORING}} if name == "gallery" else {})

    def continue_restore(self, run: str) -> None:
        with self._connection.calls():
            self._claims.take()
        if self.setting(RESTORING) != run:
            raise restore_busy()

    def close(self) -> None:
        """Give back what a restore has claimed."""
        with self._connection.calls():
            self._claims.release()

    def load(self, records: Sequence[Record]) -> None:
        with self._connection.calls():
            self._claims.check()
            for kind in dict.fromkeys(record.kind for record in records):
                shape = SHAPES[kind]
                fields = [record.fields for record in records if record.kind == kind]
                if kind == "setting":
                    for document in map(shape.write, fields):
                        self._db.gallery.replace_one({"_id": document["_id"]}, document, upsert=True)
                    continue
                if kind == "photo":
                    self._db.contents.insert_many([_content(each) for each in fields])
                documents = [shape.write(each) for each in fields]
                if kind == "unknown_face":
                    about = ({name: each[name] for name in ("state", "note")} for each in fields)
                    self._unknowns.load([made | said for made, said in zip(documents, about, strict=True)])
                    continue
                self._db[shape.collection].insert_many(documents)

    def end_load(self, last_number: int) -> None:
        with self._connection.calls():
            self._claims.check()
            self._db.changes.delete_many({})
            if last_number:
                made = {"n": last_number, "of": "restored", "mark": uuid.uuid4().hex}
                self._db.changes.insert_one({"_id": Int64(1), **made})
            whose = {
                int(each) for name in ("attendance", "participations") for each in self._db[name].distinct("student")
            }
            for subject in sorted(whose):
                if subject > 0:
                    self._counts.refresh(subject)
            self._unknowns.recount_all()

    def end_restore(self) -> None:
        with self._connection.calls():
            self._claims.check()
            self._db.gallery.delete_one({"_id": RESTORING})


def _content(fields: dict[str, Any]) -> dict[str, Any]:
    """The document of a photo's bytes."""
    name = content_id(fields["student"], fields["sha256"])
    key = {} if not fields["key"] else {"key": Int64(fields["key"])}
    return {"_id": name, "student": Int64(fields["student"]), "content": fields["content"], **key}


def _consistent(
    spools: dict[RecordKind, RecordSpool], reread: Reread, groups: Mapping[int, UnknownGroup]
) -> Iterator[Record]:
    """What was read, by kinds, with what was read again, and without those who are gone.

    ``groups`` has the groups of unknown faces by the faces' ids."""
    present = Present()
    for kind in KINDS:
        ordered = heapq.merge(
            (record for record in spools[kind] if not reread.replaces(record)), reread.of(kind), key=_order
        )
        if kind == "attendance":
            present.note_groups(spools[kind])
        for record in ordered:
            if kind == "unknown_face":
                group = groups.get(record.fields["id"])
                if group is None:  # it was erased meanwhile
                    continue
                record.fields.update(group=group.id, state=group.state, note=group.note)
            kept = present.kept(record)
            if kept is not None:
                present.note(kept)
                yield kept


def _order(record: Record) -> Any:
    fields = record.fields
    if record.kind in _NUMBERED:
        return fields["id"]
    return fields["key"] if record.kind == "request" else 0
