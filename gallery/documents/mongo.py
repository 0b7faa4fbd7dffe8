"""The document store on MongoDB, standalone server included: no multi-document transaction is assumed.

What makes every crash point safe is the order of writes:

- A template's ``_id`` is its number in the change sequence. Inserting the template *is* the change: there is nothing
  to keep in step with it.
- A removal is written as an intent before anything is deleted, and marked as finished afterwards; an open one is
  finished at the next start.
- A new student carries ``enrolling`` until photos and templates are there. Until then nobody sees the student, and
  what a dead process left in that state is cleared away.

Every id is a number from that one sequence: :mod:`gallery.documents.mongo_sequence`.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from bson import Binary, Int64
from numpy.typing import NDArray
from pymongo import ASCENDING, MongoClient
from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, DocumentTooLarge, DuplicateKeyError, InvalidURI, PyMongoError

from gallery.documents.model import (
    Changes,
    Counts,
    EnrolledPhoto,
    Enrolment,
    Kind,
    Mode,
    StoredPhoto,
    StoredStudent,
    Student,
    Template,
    TemplateBatch,
    student_exists,
    student_not_found,
)
from gallery.documents.mongo_sequence import MongoSequence
from presente.errors import ConfigError, Conflict, InvalidInput, StoreError

Document = Mapping[str, Any]

_DEFAULT_DATABASE = "presente"
_READ_BATCH = 4096
_IMAGE_BATCH = 16
_STALE_S = 60.0
"""An enrolment begun on another host this long ago is taken for dead."""

_SEEN = {"enrolling": {"$exists": False}}
_FIELDS = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "kind")


class MongoStore:
    """A :class:`gallery.documents.model.DocumentStore` on a MongoDB server."""

    def __init__(self, url: str, timeout_ms: int = 2000) -> None:
        """Connect, create what indexes there are to create, finish what a dead process left.

        Args:
            url: ``mongodb://host:27017/database``.
            timeout_ms: how long an unreachable server is waited for before a call fails.
        """
        self.url = url
        self._following = threading.Lock()
        self._attempts: set[str] = set()
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                url,
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                socketTimeoutMS=10 * timeout_ms,
                retryWrites=False,
                appname="presente",
            )
            self._db = self._client.get_default_database(_DEFAULT_DATABASE)
        except (ConfigurationError, InvalidURI, ValueError) as exc:
            raise ConfigError(
                "unknown_store",
                f"PRESENTE_STORE cannot be used ({exc}).",
                "It must look like mongodb://host:27017/presente.",
            ) from exc
        try:
            with self._talking():
                self._prepare()
                self._recover()
        except BaseException:
            self._client.close()
            raise

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except DocumentTooLarge as exc:
            raise InvalidInput(
                "too_many_bytes",
                "MongoDB keeps documents of up to 16 MB, and this photo is larger.",
                "Send a smaller JPEG.",
            ) from exc
        except PyMongoError as exc:
            raise StoreError(
                "store_unavailable",
                f"The MongoDB server cannot be used ({_short(exc)}).",
                "Check that it runs and that PRESENTE_STORE names it.",
            ) from exc

    def _prepare(self) -> None:
        db = self._db
        db.students.create_index([("matricula", ASCENDING)], unique=True, name="matricula")
        db.students.create_index([("subject", ASCENDING)], name="subject")
        db.images.create_index([("student", ASCENDING), ("sha256", ASCENDING)], unique=True, name="content")
        db.templates.create_index([("image", ASCENDING), ("pack", ASCENDING)], unique=True, name="image")
        db.templates.create_index([("student", ASCENDING)], name="student")
        self._once(db.gallery, "identity", {"value": uuid.uuid4().hex})
        self._sequence = MongoSequence(db)

    @staticmethod
    def _once(collection: Collection[dict[str, Any]], name: str, value: dict[str, Any]) -> None:
        """Insert a document unless it is there; two that try at once are both content."""
        with suppress(DuplicateKeyError):
            collection.update_one({"_id": name}, {"$setOnInsert": value}, upsert=True)

    def _recover(self) -> None:
        """Finish removals, and clear away enrolments, that a process which is dead had begun."""
        for removal in list(self._db.removals.find({"open": True})):
            self._finish_removal(removal["_id"], removal["student"])
        for begun in list(self._db.students.find({"enrolling": {"$exists": True}})):
            if not self._alive(begun["enrolling"]):
                self._erase(begun["subject"])

    def close(self) -> None:
        self._client.close()

    # -- identity and pack ------------------------------------------------------------------------------------------

    def identity(self) -> str:
        with self._talking():
            return str(self._setting("identity")["value"])

    def pack(self) -> tuple[str, int] | None:
        with self._talking():
            found = self._db.gallery.find_one({"_id": "pack"})
        return None if found is None else (str(found["tag"]), int(found["dim"]))

    def claim_pack(self, tag: str, dim: int) -> None:
        with self._talking():
            self._once(self._db.gallery, "pack", {"tag": tag, "dim": dim})

    def adopt_pack(self, tag: str, dim: int) -> None:
        with self._talking():
            self._db.gallery.update_one({"_id": "pack"}, {"$set": {"tag": tag, "dim": dim}}, upsert=True)
            self._drop_templates({"pack": {"$ne": tag}})

    def _setting(self, name: str) -> Document:
        found = self._db.gallery.find_one({"_id": name})
        if found is None:
            raise StoreError("store_unavailable", f"The database has no {name}.", "Was it emptied while in use?")
        return found

    # -- writing ----------------------------------------------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: Mode = "put") -> None:
        attempt = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        self._attempts.add(attempt)
        try:
            with self._talking():
                subjects = self._begin([enrolment.student for enrolment in enrolments], mode, attempt)
                self._put_photos(
                    [
                        (subjects[enrolment.student.matricula], photo)
                        for enrolment in enrolments
                        for photo in enrolment.photos
                    ]
                )
                self._db.students.update_many({"enrolling.attempt": attempt}, {"$unset": {"enrolling": ""}})
        finally:
            self._attempts.discard(attempt)

    def _begin(self, students: Sequence[Student], mode: Mode, attempt: str) -> dict[str, int]:
        """Subject ids by matricula: of students as stored, or of new ones that nobody sees yet."""
        latest = {student.matricula: student for student in students}
        while True:
            found = {
                document["matricula"]: document
                for document in self._db.students.find({"matricula": {"$in": list(latest)}})
            }
            left_over = [document for document in found.values() if not self._counts_as_there(document)]
            if left_over:
                for document in left_over:
                    self._erase(int(document["subject"]))
                continue
            if mode == "create" and found:
                raise student_exists(min(found))
            if mode == "extend" and len(found) < len(latest):
                raise student_not_found(min(latest.keys() - found.keys()))
            new = [student for matricula, student in latest.items() if matricula not in found]
            subjects = {matricula: int(document["subject"]) for matricula, document in found.items()}
            try:
                subjects |= self._insert_unseen(new, attempt)
            except DuplicateKeyError:
                continue  # somebody else was quicker
            for matricula, document in found.items() if mode == "put" else ():
                fields = _fields(latest[matricula])
                if any(document[name] != value for name, value in fields.items()):
                    self._db.students.update_one({"_id": document["_id"]}, {"$set": fields})
            return subjects

    def _insert_unseen(self, students: Sequence[Student], attempt: str) -> dict[str, int]:
        """Insert new students that nobody sees before the attempt is over."""
        numbers = self._sequence.reserve(len(students), "subject") if students else ()
        for number, student in zip(numbers, students, strict=True):
            self._db.students.insert_one(
                {"subject": Int64(number), **_fields(student), "enrolling": {"attempt": attempt, "since": time.time()}}
            )
        return {student.matricula: number for number, student in zip(numbers, students, strict=True)}

    def _counts_as_there(self, document: Document) -> bool:
        return "enrolling" not in document or self._alive(document["enrolling"])

    def _alive(self, enrolling: Document) -> bool:
        """Whether the process that began an enrolment may still be at it."""
        host, pid, _ = str(enrolling["attempt"]).rsplit(":", 2)
        if host == socket.gethostname():
            if int(pid) == os.getpid():
                return enrolling["attempt"] in self._attempts
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                return False
            except PermissionError:
                pass
        return time.time() - float(enrolling["since"]) < _STALE_S

    def _put_photos(self, photos: Sequence[tuple[int, EnrolledPhoto]]) -> None:
        """(subject, photo): the bytes, then what is known of them, then the templates."""
        if not photos:
            return
        wanted = {(subject, photo.sha256): photo for subject, photo in photos}
        stored = self._db.images.find(
            {
                "student": {"$in": [Int64(subject) for subject, _ in wanted]},
                "sha256": {"$in": [sha256 for _, sha256 in wanted]},
            }
        )
        images = {(int(image["student"]), str(image["sha256"])): int(image["_id"]) for image in stored}
        fresh = [key for key in wanted if key not in images]
        for number, (subject, sha256) in zip(
            self._sequence.reserve(len(fresh), "image") if fresh else (), fresh, strict=True
        ):
            photo = wanted[subject, sha256]
            name = _content_id(subject, sha256)
            content = {"_id": name, "student": Int64(subject), "content": Binary(photo.content)}
            self._db.contents.replace_one({"_id": name}, content, upsert=True)
            self._db.images.insert_one(
                {
                    "_id": Int64(number),
                    "student": Int64(subject),
                    "sha256": sha256,
                    "media_type": photo.media_type,
                    "source": photo.source,
                }
            )
            images[subject, sha256] = number
        self._put_templates([(images[key], key[0], photo.template) for key, photo in wanted.items()])

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        with self._talking():
            found = self._db.images.find({"_id": {"$in": [Int64(image) for image, _ in templates]}}, {"student": 1})
            owners = {int(image["_id"]): int(image["student"]) for image in found}
            known = [(image, owners[image], template) for image, template in templates if image in owners]
            self._put_templates(known)

    def _put_templates(self, templates: Sequence[tuple[int, int, Template]]) -> None:
        """(photo, subject, template); a photo that has one by that pack keeps it."""
        there = self._db.templates.find(
            {"image": {"$in": [Int64(image) for image, _, _ in templates]}}, {"image": 1, "pack": 1}
        )
        known = {(int(found["image"]), found["pack"]) for found in there}
        templates = [entry for entry in templates if (entry[0], entry[2].pack) not in known]
        if not templates:
            return
        numbers = self._sequence.reserve(len(templates), "template")
        self._db.templates.insert_many(
            [
                {
                    "_id": Int64(number),
                    "image": Int64(image),
                    "student": Int64(subject),
                    "pack": template.pack,
                    "vector": Binary(np.ascontiguousarray(template.vector, dtype="<f4").tobytes()),
                    "box": [round(float(value), 2) for value in template.box],
                    "quality": dict(template.quality),
                }
                for number, (image, subject, template) in zip(numbers, templates, strict=True)
            ]
        )
        wanted = {subject for _, subject, _ in templates}
        found = self._db.students.find({"subject": {"$in": [Int64(subject) for subject in wanted]}}, {"subject": 1})
        removed = wanted - {int(document["subject"]) for document in found}
        for subject in removed:  # the student was removed while this was written
            self._erase(subject)
        if removed:
            raise Conflict("student_removed", "A student was removed while photos were added.", "Enrol again.")

    def update(self, student: Student) -> bool:
        with self._talking():
            done = self._db.students.update_one({"matricula": student.matricula, **_SEEN}, {"$set": _fields(student)})
            return done.matched_count == 1

    # -- removing ---------------------------------------------------------------------------------------------------

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        removed = []
        with self._talking():
            for matricula in dict.fromkeys(matriculas):
                found = self._db.students.find_one({"matricula": matricula})
                if found is not None:
                    self._erase(int(found["subject"]))
                    removed.append(matricula)
        return removed

    def _erase(self, subject: int) -> None:
        """Write the intent, then do it."""
        number = self._sequence.reserve(1, "removal")[0]
        ids = [template["_id"] for template in self._db.templates.find({"student": subject}, {"_id": 1})]
        self._db.removals.insert_one({"_id": Int64(number), "student": Int64(subject), "templates": ids, "open": True})
        self._finish_removal(number, subject)

    def _finish_removal(self, number: int, subject: int) -> None:
        self._db.students.delete_many({"subject": subject})
        self._drop_templates({"student": subject})
        self._db.images.delete_many({"student": subject})
        self._db.contents.delete_many({"student": subject})
        self._db.removals.update_one({"_id": number}, {"$set": {"open": False}, "$unset": {"student": ""}})

    def _drop_templates(self, which: Document) -> None:
        """Record templates as removed, then delete them; until there are none."""
        while True:
            ids = [template["_id"] for template in self._db.templates.find(which, {"_id": 1}).limit(_READ_BATCH)]
            if not ids:
                return
            number = self._sequence.reserve(1, "removal")[0]
            self._db.removals.insert_one({"_id": Int64(number), "templates": ids, "open": False})
            self._db.templates.delete_many({"_id": {"$in": ids}})

    # -- the change sequence ----------------------------------------------------------------------------------------

    def last_change(self) -> int:
        with self._talking():
            return self._sequence.last()

    def mark(self, change: int) -> str:
        with self._talking():
            return self._sequence.mark(change)

    def changed_since(self, change: int) -> bool:
        with self._talking():
            return self._sequence.goes_on_after(change)

    def changes(self, after: int) -> Changes:
        with self._following, self._talking():
            last = max(after, self._sequence.last())  # before the rest is read: what comes later is for the next call
            numbered = {"_id": {"$gt": Int64(after), "$lte": Int64(last)}}
            late = [Int64(number) for number in self._sequence.late()]
            which = {"$or": [numbered, {"_id": {"$in": late}}]}
            # The templates first: one that is removed in between is then in both, never in neither.
            added = [int(found["_id"]) for found in self._db.templates.find(which, {"_id": 1})]
            removals = list(self._db.removals.find(which, {"templates": 1}))
            removed = [int(template) for found in removals for template in found["templates"]]
            self._sequence.remember_late(numbered, {*added, *removed, *(int(found["_id"]) for found in removals)})
        return Changes(last, np.unique(np.array(added, dtype=np.int64)), np.unique(np.array(removed, dtype=np.int64)))

    def removed_since(self, change: int) -> bool:
        with self._talking():
            return self._db.removals.find_one({"_id": {"$gt": Int64(change)}}, {"_id": 1}) is not None

    def templates(self, ids: Sequence[int] | None = None) -> Iterator[TemplateBatch]:
        pack = self.pack()
        if pack is None:
            return
        tag, dim = pack
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
                yield _batch(rows, dim)
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
        kind: Kind | None = "student",
        after: str = "",
        limit: int = 100,
    ) -> list[StoredStudent]:
        which: dict[str, Any] = {"matricula": {"$gt": after}}
        which |= {name: value for name, value in (("clase", clase), ("kind", kind)) if value is not None}
        if query:
            part = {"$regex": re.escape(query), "$options": "i"}
            which["$or"] = [{"nombre_del_alumno": part}, {"matricula": part}]
        return self._stored(which, limit)

    def _stored(self, which: Document, limit: int) -> list[StoredStudent]:
        with self._talking():
            found = list(self._db.students.find({**which, **_SEEN}).sort("matricula", ASCENDING).limit(limit))
            subjects = [document["subject"] for document in found]
            images, templates = (self._per_student(name, subjects) for name in ("images", "templates"))
        return [
            StoredStudent(
                id=int(document["subject"]),
                student=_student(document),
                images=images.get(int(document["subject"]), 0),
                templates=templates.get(int(document["subject"]), 0),
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
            found = self._db.students.find({"subject": {"$in": [Int64(i) for i in set(ids)]}, **_SEEN})
            return {int(document["subject"]): _student(document) for document in found}

    def roster(self, *, clase: str | None = None, kind: Kind | None = None) -> NDArray[np.int64]:
        which = {name: value for name, value in (("clase", clase), ("kind", kind)) if value is not None}
        with self._talking():
            found = [
                int(document["subject"]) for document in self._db.students.find({**which, **_SEEN}, {"subject": 1})
            ]
        return np.array(sorted(found), dtype=np.int64)

    def has_cohort(self) -> bool:
        with self._talking():
            return self._db.students.find_one({"kind": "cohort", **_SEEN}, {"_id": 1}) is not None

    def embedded(self, matricula: str, pack: str) -> set[str]:
        with self._talking():
            found = self._db.students.find_one({"matricula": matricula, **_SEEN}, {"subject": 1})
            if found is None:
                return set()
            images = {
                int(image["_id"]): str(image["sha256"])
                for image in self._db.images.find({"student": found["subject"]}, {"sha256": 1})
            }
            done = self._db.templates.find({"student": found["subject"], "pack": pack}, {"image": 1})
            return {images[int(template["image"])] for template in done if int(template["image"]) in images}

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        last = 0
        while True:
            with self._talking():
                ids = [
                    int(image["_id"])
                    for image in self._db.images.find({"_id": {"$gt": Int64(last)}}, {"_id": 1})
                    .sort("_id", ASCENDING)
                    .limit(_READ_BATCH)
                ]
                done = {
                    int(found["image"])
                    for found in self._db.templates.find(
                        {"image": {"$in": [Int64(i) for i in ids]}, "pack": pack}, {"image": 1}
                    )
                }
            if not ids:
                return
            last = ids[-1]
            waiting = [i for i in ids if i not in done]
            for start in range(0, len(waiting), _IMAGE_BATCH):
                yield from self._photos(waiting[start : start + _IMAGE_BATCH])

    def _photos(self, ids: Sequence[int]) -> Iterator[StoredPhoto]:
        with self._talking():
            found = list(self._db.images.find({"_id": {"$in": [Int64(i) for i in ids]}}).sort("_id", ASCENDING))
            owners = self._db.students.find({"subject": {"$in": [image["student"] for image in found]}})
            names = {int(document["subject"]): str(document["matricula"]) for document in owners}
        for image in found:
            with self._talking():
                kept = self._db.contents.find_one({"_id": _content_id(image["student"], image["sha256"])})
            if kept is not None and int(image["student"]) in names:
                name = names[int(image["student"])]
                yield StoredPhoto(int(image["_id"]), name, image["sha256"], bytes(kept["content"]))

    def counts(self) -> Counts:
        tag = (self.pack() or ("", 0))[0]
        with self._talking():
            db = self._db
            return Counts(
                students=db.students.count_documents({"kind": "student", **_SEEN}),
                cohort=db.students.count_documents({"kind": "cohort", **_SEEN}),
                images=db.images.count_documents({}),
                templates=db.templates.count_documents({"pack": tag}),
            )


def _fields(student: Student) -> dict[str, str]:
    return {name: getattr(student, name) for name in _FIELDS}


def _content_id(subject: int, sha256: str) -> str:
    """Photos' bytes are kept apart from what is known of them, so that looking that up never reads them."""
    return f"{int(subject)}:{sha256}"


def _student(document: Document) -> Student:
    return Student(**{name: document[name] for name in _FIELDS})


def _batch(rows: Sequence[Document], dim: int) -> TemplateBatch:
    return TemplateBatch(
        ids=np.array([row["_id"] for row in rows], dtype=np.int64),
        subjects=np.array([row["student"] for row in rows], dtype=np.int64),
        vectors=np.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f4").reshape(len(rows), dim),
    )


def _short(error: PyMongoError) -> str:
    """A driver's message without the topology it appends."""
    return str(error).split(", Timeout:")[0].split(", topology description:")[0][:200]
