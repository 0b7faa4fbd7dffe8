"""The document store on MongoDB, standalone server included: no multi-document transaction is assumed.

What makes every crash point safe is the order of writes:

- A write of several documents is announced before the first and struck off the list after the last. Followers wait for
  it; what a dead process left is finished or undone: :mod:`gallery.documents.mongo.attempts`.
- A template's ``_id`` is its number in the change sequence. Inserting the template *is* the change: there is nothing
  to keep in step with it.
- A new student carries ``enrolling`` until photos and templates are there. Until then nobody sees the student.

Every id is a number from that one sequence: :mod:`gallery.documents.mongo.sequence`. Every write is acknowledged once
it is in the journals of the server, or of most servers of a replica set.
"""

from __future__ import annotations

import math
import re
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from bson import Int64
from numpy.typing import NDArray
from pymongo import ASCENDING, MongoClient, ReadPreference
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    InvalidURI,
    PyMongoError,
)
from pymongo.write_concern import WriteConcern

from gallery.documents.damage import Damage, DamageProgress
from gallery.documents.mongo.adoption import adopt
from gallery.documents.mongo.attempts import LEASE_S, MongoAttempts
from gallery.documents.mongo.attendance import MongoRecords
from gallery.documents.mongo.check import mongo_damage
from gallery.documents.mongo.merging import MongoMerger
from gallery.documents.mongo.sequence import MongoSequence, numbers, removals
from gallery.documents.mongo.shapes import SEEN, Document, content_id, in_class, student_of
from gallery.documents.mongo.writing import MongoWriter
from gallery.documents.values import (
    Changes,
    Counts,
    EnrolledTemplate,
    Enrolment,
    EnrolmentMode,
    NotAdopted,
    Position,
    StoredPhoto,
    StoredStudent,
    Student,
    SubjectKind,
    Template,
    TemplateBatch,
)
from presente.clock import MACHINE, Clock
from presente.errors import ConfigError, StoreError
from presente.installation import command_line
from presente.secrets import about, needs_encoding

_AWAY_S = 0.5
"""How long after a failure to reach the server nobody tries, so that requests do not queue up to wait for it."""

DEFAULT_DATABASE = "presente"
ENCODE = "Percent-encode their signs: @ is %40, / is %2F, : is %3A, ? is %3F, # is %23, a space is %20."
_SCHEMA = 2
_DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)
_LOOK_S = 1.0
"""How long writes of others are awaited before it is looked whether their processes live, and then again."""
_READ_BATCH = 4096
_IMAGE_BATCH = 16


class MongoStore:
    """A :class:`gallery.documents.values.DocumentStore` on a MongoDB server."""

    def __init__(self, url: str, timeout_ms: int = 1000, clock: Clock = MACHINE, lease_s: float = LEASE_S) -> None:
        """Connect, create what indexes there are to create, finish what a dead process left.

        Args:
            url: ``mongodb://host:27017/database``.
            timeout_ms: how long an unreachable server is waited for before a call fails.
            clock: which date a moment is that another program wrote.
            lease_s: how long a process of another machine that gives no sign of life is taken to live.
        """
        self._lease_s = lease_s
        self._recovering = threading.Lock()
        self._looked_at = -math.inf
        self._claimed: tuple[str, int] | None = None
        self._away_until = 0.0
        if needs_encoding(url):
            raise ConfigError("unknown_store", "The user or password in PRESENTE_STORE cannot be told apart.", ENCODE)
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                url,
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                socketTimeoutMS=20 * timeout_ms,
                retryWrites=False,
                appname="presente",
            )
            self._db = self._client.get_default_database(
                DEFAULT_DATABASE, read_preference=ReadPreference.PRIMARY, write_concern=_DURABLE
            )
        except (ConfigurationError, InvalidURI, ValueError) as exc:
            raise ConfigError(
                "unknown_store",
                f"PRESENTE_STORE cannot be used ({about(url, exc)}).",
                "It must look like mongodb://host:27017/presente.",
            ) from None  # the driver quotes parts of the address, which may be parts of the password
        try:
            with self._talking():
                self._prepare(clock)
                self._recover()
                self._records.recover()
        except BaseException:
            self._client.close()
            raise

    @contextmanager
    def _talking(self) -> Iterator[None]:
        if time.monotonic() < self._away_until:
            raise _unavailable("it did not answer a moment ago")
        try:
            yield
        except PyMongoError as exc:
            if isinstance(exc, ConnectionFailure):
                self._away_until = time.monotonic() + _AWAY_S
            raise _unavailable(_short(exc)) from exc

    def _prepare(self, clock: Clock) -> None:
        db = self._db
        names = set(db.list_collection_names())
        if "estudiantes" in names and "gallery" not in names:
            raise ConfigError(
                "foreign_database",
                f"Database {db.name!r} belongs to the first system.",
                "Name another one in PRESENTE_STORE, and take this one over with "
                f"`{command_line('indexer add mongodb://...')}`.",
            )
        db.students.create_index([("matricula", ASCENDING)], unique=True, name="matricula")
        db.students.create_index([("subject", ASCENDING)], name="subject")
        db.students.create_index([("kind", ASCENDING), ("clase", ASCENDING)], name="class")
        db.students.create_index([("kind", ASCENDING), ("otras_clases", ASCENDING)], name="other_class")
        db.images.create_index([("student", ASCENDING), ("sha256", ASCENDING)], unique=True, name="content")
        db.templates.create_index([("image", ASCENDING), ("pack", ASCENDING)], unique=True, name="image")
        db.templates.create_index([("student", ASCENDING)], name="student")
        db.contents.create_index([("student", ASCENDING)], name="student")
        self._once(db.gallery, "identity", {"value": uuid.uuid4().hex})
        self._sequence = MongoSequence(db)
        self._records = MongoRecords(db, self._sequence, self._talking)
        self._attempts = MongoAttempts(db, self._lease_s)
        self._writer = MongoWriter(db, self._sequence, self._records, self._attempts, clock)
        self._merger = MongoMerger(db, self._sequence, self._records, self._writer)
        schema = db.gallery.find_one({"_id": "schema"})
        if schema is None or int(schema["value"]) < _SCHEMA:
            self._announce_open_intents()
            db.gallery.update_one({"_id": "schema"}, {"$set": {"value": _SCHEMA}}, upsert=True)

    def _announce_open_intents(self) -> None:
        """Of Presente 0.1, which kept what was under way in ``removals``: make attempts of a dead process of it."""
        nobody: dict[str, Any] = {"writer": "0.1", "place": "", "pid": 0, "started": None, "after": 0}
        for intent in list(self._db.removals.find({"open": True})):
            kept: dict[str, Any] = {
                name: intent[name] for name in ("student", "into", "fields", "turns") if name in intent
            }
            what = "merge" if "into" in intent else "remove"
            marker = nobody | kept | {"what": what}
            self._db.writing.update_one({"_id": f"0.1 {intent['_id']}"}, {"$set": marker}, upsert=True)
            ended: Document = {"$set": {"open": False}, "$unset": dict.fromkeys(("student", *kept), "")}
            self._db.removals.update_one({"_id": intent["_id"]}, ended)
        for begun in list(self._db.students.find({"enrolling": {"$exists": True}})):
            if isinstance(begun["enrolling"], dict):
                self._writer.remove_subject(int(begun["subject"]))

    def _recover(self) -> None:
        """Finish or undo what processes left that are dead."""
        for attempt in self._attempts.dead():
            if attempt["what"] == "merge":
                self._merger.finish(attempt)
            self._writer.recover(attempt)

    @staticmethod
    def _once(collection: MongoCollection[dict[str, Any]], name: str, value: dict[str, Any]) -> None:
        """Insert a document unless it is there; two that try at once are both content."""
        with suppress(DuplicateKeyError):
            collection.update_one({"_id": name}, {"$setOnInsert": value}, upsert=True)

    @property
    def records(self) -> MongoRecords:
        return self._records

    def close(self) -> None:
        self._attempts.close()
        self._client.close()

    def damage(self, progress: DamageProgress = lambda _: None) -> Iterator[Damage]:
        with self._talking():
            yield from mongo_damage(self._db, self._attempts.dead, progress)

    # -- identity and pack ------------------------------------------------------------------------------------------

    def identity(self) -> str:
        with self._talking():
            return str(self._setting("identity")["value"])

    def pack(self) -> tuple[str, int] | None:
        with self._talking():
            found = self._db.gallery.find_one({"_id": "pack"})
        return None if found is None else (str(found["tag"]), int(found["dim"]))

    def claim_pack(self, tag: str, dim: int) -> None:
        if self._claimed != (tag, dim):  # once it is somebody's it is never nobody's again
            with self._talking():
                self._once(self._db.gallery, "pack", {"tag": tag, "dim": dim})
            self._claimed = tag, dim

    def adopt_pack(self, tag: str, dim: int) -> None:
        other = self.pack() != (tag, dim)
        with self._talking():
            if other:  # before the pack: a curve without templates is harmless, one of another pack is not
                self._db.gallery.delete_one({"_id": "calibration"})
            self._db.gallery.update_one({"_id": "pack"}, {"$set": {"tag": tag, "dim": dim}}, upsert=True)
            with self._writer.attempt("pack") as attempt:
                self._writer.drop_templates({"pack": {"$ne": tag}}, attempt)

    def calibration(self) -> str | None:
        with self._talking():
            found = self._db.gallery.find_one({"_id": "calibration"})
        return None if found is None else str(found["value"])

    def store_calibration(self, text: str) -> None:
        with self._talking():
            self._db.gallery.update_one({"_id": "calibration"}, {"$set": {"value": text}}, upsert=True)

    def _setting(self, name: str) -> Document:
        found = self._db.gallery.find_one({"_id": name})
        if found is None:
            raise StoreError("store_unavailable", f"The database has no {name}.", "Was it emptied while in use?")
        return found

    # -- writing ----------------------------------------------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put") -> None:
        with self._talking():
            self._writer.enrol(enrolments, mode)

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        with self._talking():
            self._writer.add_templates(templates)

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        with self._talking():
            return self._writer.remove(matriculas)

    def finish_erasing(self) -> None:
        pass  # the server's files are the server's

    def merge(self, keep: str, other: str) -> None:
        with self._talking():
            adopt(self._db, self._writer)  # else a photo that another program left in the document would go with it
            self._merger.merge(keep, other)

    def take_photos(self, matricula: str, digests: Collection[str], to: str | None = None) -> None:
        with self._talking():
            self._merger.take_photos(matricula, digests, to)

    def adopt(self) -> list[NotAdopted]:
        with self._talking():
            return adopt(self._db, self._writer)

    def update(self, student: Student) -> bool:
        with self._talking():
            return self._writer.update(student)

    # -- the change sequence ----------------------------------------------------------------------------------------

    def last_change(self) -> int:
        with self._talking():
            return self._sequence.last()

    def mark(self, change: int) -> str:
        with self._talking():
            return self._sequence.mark(change)

    def position(self) -> Position:
        with self._talking():
            last = self._sequence.last()  # before the attempts: what was under way then is among them
            return Position(last, tuple(sorted(self._attempts.under_way().items())))

    def changed_since(self, position: Position) -> bool:
        with self._talking():
            if position.awaited:
                self._look_for_dead()
                if {name for name, _ in position.awaited} - self._attempts.under_way().keys():
                    return True
            return self._sequence.goes_on_after(position.change)

    def changes(self, position: Position) -> Changes:
        with self._talking():
            awaited = dict(position.awaited)
            reserved = [
                found
                for found in self._sequence.since(position.low_water)
                if int(found["_id"]) > position.change or found.get("attempt") in awaited
            ]
            under_way = self._attempts.under_way()  # after the reservations: what is not there is over
            over = [found for found in reserved if found.get("attempt") not in under_way]
            open_ones = {name: before for name, before in awaited.items() if name in under_way}
            for found in reserved:
                if found.get("attempt") in under_way:
                    open_ones.setdefault(found["attempt"], int(found["_id"]) - 1)
            added = [number for found in over for number in numbers(found, "templates")]
            numbered = removals(over)
            gone = self._db.removals.find({"_id": {"$in": numbered}}) if numbered else ()
            removed = [int(template) for found in gone for template in found["templates"]]
        last = max([position.change, *(int(found["_id"]) + int(found["n"]) - 1 for found in reserved)])
        return Changes(
            Position(last, tuple(sorted(open_ones.items()))),
            np.unique(np.array(added, dtype=np.int64)),
            np.unique(np.array(removed, dtype=np.int64)),
        )

    def _look_for_dead(self) -> None:
        """Now and then, so that a process that died is not awaited for ever."""
        if time.monotonic() - self._looked_at < _LOOK_S or not self._recovering.acquire(blocking=False):
            return
        try:
            self._recover()
            self._looked_at = time.monotonic()
        finally:
            self._recovering.release()

    def removed_since(self, change: int) -> bool:
        with self._talking():
            return self._db.removals.find_one({"_id": {"$gt": Int64(change)}}, {"_id": 1}) is not None

    def templates(self, ids: Sequence[int] | None = None, pack: str | None = None) -> Iterator[TemplateBatch]:
        tag = pack if pack is not None else (self.pack() or ("", 0))[0]
        wanted = None if ids is None else sorted(int(i) for i in ids)
        last = 0
        while wanted is None or wanted:
            with self._talking():
                which: dict[str, Any] = {"$gt": Int64(last)}
                if wanted is not None:
                    which = {"$in": [Int64(i) for i in wanted[:_READ_BATCH]]}
                    wanted = wanted[_READ_BATCH:]
                rows = list(
                    self._db.templates.find({"_id": which, "pack": tag}, {"student": 1, "vector": 1})
                    .sort("_id", ASCENDING)
                    .limit(_READ_BATCH)
                )
            if rows:
                last = int(rows[-1]["_id"])
                yield _batch(rows)
            elif wanted is None:
                return

    # -- reading ----------------------------------------------------------------------------------------------------

    def student(self, matricula: str) -> StoredStudent | None:
        found = self._stored({"matricula": matricula}, limit=1)
        return found[0] if found else None

    def students(
        self,
        *,
        clase: str | None = None,
        query: str | None = None,
        kind: SubjectKind | None = "student",
        after: str = "",
        limit: int = 100,
    ) -> list[StoredStudent]:
        which: dict[str, Any] = {"matricula": {"$gt": after}}
        which |= _of(clase, kind)
        if query:
            part = {"$regex": re.escape(query), "$options": "i"}
            which = {"$and": [which, {"$or": [{"nombre_del_alumno": part}, {"matricula": part}]}]}
        return self._stored(which, limit)

    def _stored(self, which: Document, limit: int) -> list[StoredStudent]:
        with self._talking():
            found = list(self._db.students.find({**which, **SEEN}).sort("matricula", ASCENDING).limit(limit))
            subjects = [document["subject"] for document in found]
            images, templates = (self._per_student(name, subjects) for name in ("images", "templates"))
        return [
            StoredStudent(
                id=int(document["subject"]),
                student=student_of(document),
                images=images.get(int(document["subject"]), 0),
                templates=templates.get(int(document["subject"]), 0),
                asistencias=int(document.get("asistencias", 0)),
                participaciones=int(document.get("participaciones", 0)),
            )
            for document in found
        ]

    def _per_student(self, collection: str, subjects: Sequence[int]) -> dict[int, int]:
        if not subjects:
            return {}
        counted = self._db[collection].aggregate(
            [{"$match": {"student": {"$in": list(subjects)}}}, {"$group": {"_id": "$student", "n": {"$sum": 1}}}]
        )
        return {int(row["_id"]): int(row["n"]) for row in counted}

    def subjects(self, ids: Sequence[int]) -> dict[int, Student]:
        if not ids:
            return {}
        with self._talking():
            found = self._db.students.find({"subject": {"$in": [Int64(i) for i in set(ids)]}, **SEEN})
            return {int(document["subject"]): student_of(document) for document in found}

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        which = _of(clase, kind)
        with self._talking():
            found = [int(document["subject"]) for document in self._db.students.find({**which, **SEEN}, {"subject": 1})]
        return np.array(sorted(set(found)), dtype=np.int64)  # one who moves meanwhile may be seen twice

    def has_cohort(self) -> bool:
        with self._talking():
            return self._db.students.find_one({"kind": "cohort", **SEEN}, {"_id": 1}) is not None

    def embedded(self, matricula: str, pack: str) -> set[str]:
        with self._talking():
            found = self._db.students.find_one({"matricula": matricula, **SEEN}, {"subject": 1})
            if found is None:
                return set()
            images = {
                int(image["_id"]): str(image["sha256"])
                for image in self._db.images.find({"student": found["subject"]}, {"sha256": 1})
            }
            done = self._db.templates.find({"student": found["subject"], "pack": pack}, {"image": 1})
            return {images[int(template["image"])] for template in done if int(template["image"]) in images}

    def digests(self, matricula: str) -> list[str]:
        with self._talking():
            found = self._db.students.find_one({"matricula": matricula, **SEEN}, {"subject": 1})
            if found is None:
                return []
            images = self._db.images.find({"student": found["subject"]}, {"sha256": 1})
            return sorted(str(image["sha256"]) for image in images)

    def enrolled(self) -> Iterator[EnrolledTemplate]:
        tag = (self.pack() or ("", 0))[0]
        last = 0
        while True:
            with self._talking():
                which = {"_id": {"$gt": Int64(last)}, "pack": tag}
                wanted = {"image": 1, "student": 1, "quality": 1}
                rows = list(self._db.templates.find(which, wanted).sort("_id", ASCENDING).limit(_READ_BATCH))
                described = self._db.images.find({"_id": {"$in": [row["image"] for row in rows]}})
                images = {image["_id"]: image for image in described}
            if not rows:
                return
            last = int(rows[-1]["_id"])
            for row in rows:
                image = images.get(row["image"])
                if image is not None:  # else removed meanwhile
                    yield EnrolledTemplate(
                        int(row["_id"]), int(row["student"]), image["sha256"], image["source"], row["quality"]
                    )

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        for ids in self._image_ids():
            with self._talking():
                done = {
                    int(found["image"])
                    for found in self._db.templates.find(
                        {"image": {"$in": [Int64(i) for i in ids]}, "pack": pack}, {"image": 1}
                    )
                }
            yield from self._photos([i for i in ids if i not in done], {})

    def photos(self) -> Iterator[StoredPhoto]:
        for ids in self._image_ids():
            yield from self._photos(ids, SEEN)

    def _image_ids(self) -> Iterator[list[int]]:
        last = 0
        while True:
            with self._talking():
                found = self._db.images.find({"_id": {"$gt": Int64(last)}}, {"_id": 1})
                ids = [int(image["_id"]) for image in found.sort("_id", ASCENDING).limit(_READ_BATCH)]
            if not ids:
                return
            last = ids[-1]
            yield ids

    def _photos(self, ids: Sequence[int], owner: Document) -> Iterator[StoredPhoto]:
        """Those of some photos that are still there, of students who are as ``owner`` asks."""
        for start in range(0, len(ids), _IMAGE_BATCH):
            some = [Int64(i) for i in ids[start : start + _IMAGE_BATCH]]
            with self._talking():
                found = list(self._db.images.find({"_id": {"$in": some}}).sort("_id", ASCENDING))
                owners = self._db.students.find({"subject": {"$in": [image["student"] for image in found]}, **owner})
                names = {int(document["subject"]): str(document["matricula"]) for document in owners}
            for image in found:
                with self._talking():
                    kept = self._db.contents.find_one({"_id": content_id(image["student"], image["sha256"])})
                if kept is not None and int(image["student"]) in names:
                    yield StoredPhoto(
                        id=int(image["_id"]),
                        matricula=names[int(image["student"])],
                        sha256=image["sha256"],
                        content=bytes(kept["content"]),
                        media_type=image["media_type"],
                    )

    def counts(self) -> Counts:
        tag = (self.pack() or ("", 0))[0]
        with self._talking():
            db = self._db
            return Counts(
                students=db.students.count_documents({"kind": "student", **SEEN}),
                cohort=db.students.count_documents({"kind": "cohort", **SEEN}),
                images=db.images.count_documents({}),
                templates=db.templates.count_documents({"pack": tag}),
            )


def _of(clase: str | None, kind: SubjectKind | None) -> dict[str, Any]:
    """Students of a class, a kind, both or any."""
    return {**({} if clase is None else in_class(clase)), **({} if kind is None else {"kind": kind})}


def _batch(rows: Sequence[Document]) -> TemplateBatch:
    return TemplateBatch(
        ids=np.array([row["_id"] for row in rows], dtype=np.int64),
        subjects=np.array([row["student"] for row in rows], dtype=np.int64),
        vectors=np.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f4").reshape(len(rows), -1),
    )


def _unavailable(why: str) -> StoreError:
    return StoreError(
        "store_unavailable",
        f"The MongoDB server cannot be used ({why}).",
        "Check that it runs and that PRESENTE_STORE names it.",
    )


def _short(error: PyMongoError) -> str:
    """A driver's message without the topology it appends."""
    return str(error).split(", Timeout:")[0].split(", topology description:")[0][:200]
