"""Writing students to MongoDB in an order that makes every crash point safe; see docs/adr/0008-mongodb.md."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from bson import Binary, Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.model import (
    EnrolledPhoto,
    Enrolment,
    Mode,
    Photo,
    Student,
    Template,
    student_exists,
    student_not_found,
)
from gallery.documents.mongo_records import MongoRecords
from gallery.documents.mongo_sequence import MongoSequence
from gallery.documents.mongo_shape import Document, content_id, fields_of, written_elsewhere
from presente.clock import Clock
from presente.errors import Conflict

_STALE_S = 60.0
"""An enrolment begun on another host this long ago is taken for dead."""

_DROP_BATCH = 4096
_ABOUT = dict.fromkeys(("student", "into", "fields", "turns"), "")
"""The fields of an intent that say whom it is about."""


class MongoWriter:
    """Enrols and removes, for several threads at once. Lets pymongo's errors through: the store translates them."""

    def __init__(
        self, db: Database[dict[str, Any]], sequence: MongoSequence, records: MongoRecords, clock: Clock
    ) -> None:
        self.clock = clock
        self._db = db
        self._sequence = sequence
        self._records = records
        self._attempts: set[str] = set()

    def recover(self) -> None:
        """Finish removals, and clear away enrolments, that a process which is dead had begun."""
        for removal in list(self._db.removals.find({"open": True, "into": {"$exists": False}})):
            self.finish_removal(removal["_id"], removal["student"])
        for begun in list(self._db.students.find({"enrolling": {"$exists": True}})):
            if not self._alive(begun["enrolling"]):
                self.erase(begun["subject"])
        self._records.recover()

    def enrol(self, enrolments: Sequence[Enrolment], mode: Mode) -> None:
        """Store students and photos: nobody sees a new student before all of it is there."""
        attempt = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        self._attempts.add(attempt)
        try:
            subjects = self._begin([enrolment.student for enrolment in enrolments], mode, attempt)
            self._put_photos(
                [
                    (subjects[enrolment.student.matricula], photo)
                    for enrolment in enrolments
                    for photo in enrolment.photos
                ]
            )
            # By subject, not by attempt: a student whom another attempt is still enrolling is there from now on.
            there = [Int64(subject) for subject in subjects.values()]
            self._db.students.update_many({"subject": {"$in": there}}, {"$unset": {"enrolling": ""}})
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
            foreign = [document for document in found.values() if "subject" not in document]
            if foreign:
                for document in foreign:
                    self.number(document)
                continue
            left_over = [document for document in found.values() if not self._counts_as_there(document)]
            if left_over:
                for document in left_over:
                    self.erase(int(document["subject"]))
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
                fields = fields_of(latest[matricula])
                if any(document.get(name) != value for name, value in fields.items()):
                    self._set_fields(document, fields)
            return subjects

    def number(self, document: Document) -> None:
        """Give a student whom another program wrote the id that templates carry."""
        subject = self._sequence.reserve(1, "subject")[0]
        student = written_elsewhere(document, self.clock)
        counts = {"asistencias": student.asistencias_previas, "participaciones": student.participaciones_previas}
        self._db.students.update_one(
            {"_id": document["_id"], "subject": {"$exists": False}},
            {"$set": {**fields_of(student), **counts, "subject": Int64(subject)}},
        )

    def update(self, student: Student) -> bool:
        """Replace a student's fields; False when there is no such student."""
        found = self._db.students.find_one({"matricula": student.matricula, "subject": {"$exists": True}})
        if found is None or "enrolling" in found:
            return False
        without = {} if student.consentimiento else {"$unset": {"consentimiento": ""}}
        self._set_fields(found, fields_of(student), without)
        return True

    def _set_fields(self, document: Document, fields: Document, more: Document | None = None) -> None:
        changes = {"$set": {**fields, "recount": True}, **(more or {})}
        self._db.students.update_one({"_id": document["_id"]}, changes)
        self._records.refresh(int(document["subject"]))

    def _insert_unseen(self, students: Sequence[Student], attempt: str) -> dict[str, int]:
        """Insert new students that nobody sees before the attempt is over."""
        numbers = self._sequence.reserve(len(students), "subject") if students else ()
        for number, student in zip(numbers, students, strict=True):
            self._db.students.insert_one(
                {
                    "subject": Int64(number),
                    **fields_of(student),
                    "asistencias": student.asistencias_previas,
                    "participaciones": student.participaciones_previas,
                    "enrolling": {"attempt": attempt, "since": time.time()},
                }
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
        images = self.put_images(photos)
        wanted = {(subject, photo.sha256): photo.template for subject, photo in photos}
        self.put_templates([(images[key], key[0], template) for key, template in wanted.items()])

    def put_images(self, photos: Sequence[tuple[int, Photo]]) -> dict[tuple[int, str], int]:
        """(subject, photo): the bytes, then what is known of them; ids by subject and digest."""
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
            name = content_id(subject, sha256)
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
        return images

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        """Templates for photos that are stored already, by photo id; photos that were removed since are left out."""
        found = self._db.images.find({"_id": {"$in": [Int64(image) for image, _ in templates]}}, {"student": 1})
        owners = {int(image["_id"]): int(image["student"]) for image in found}
        self.put_templates([(image, owners[image], template) for image, template in templates if image in owners])

    def put_templates(self, templates: Sequence[tuple[int, int, Template]]) -> None:
        """(photo, subject, template); a photo that has one by that pack keeps it.

        Raises:
            Conflict: ``student_removed``; what was written of that student is erased.
        """
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
            self.erase(subject)
        if removed:
            raise Conflict("student_removed", "A student was removed while photos were added.", "Enrol again.")

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        """Erase students and all that hangs on them; which existed."""
        removed = []
        for matricula in dict.fromkeys(matriculas):
            found = self._db.students.find_one({"matricula": matricula})
            if found is not None:
                self.erase(int(found["subject"]))
                removed.append(matricula)
        return removed

    def erase(self, subject: int) -> None:
        """Write the intent, then do it."""
        number = self._sequence.reserve(1, "removal")[0]
        ids = [template["_id"] for template in self._db.templates.find({"student": subject}, {"_id": 1})]
        self._db.removals.insert_one({"_id": Int64(number), "student": Int64(subject), "templates": ids, "open": True})
        self.finish_removal(number, subject)

    def finish_removal(self, number: int, subject: int) -> None:
        """Delete what hangs on a student; then the intent is done, and keeps nothing of whom it was about."""
        self._db.students.delete_many({"subject": subject})
        self.drop_templates({"student": subject})
        self._db.images.delete_many({"student": subject})
        self._db.contents.delete_many({"student": subject})
        self._records.forget(subject)
        self._db.removals.update_one({"_id": number}, {"$set": {"open": False}, "$unset": _ABOUT})

    def drop_templates(self, which: Document) -> None:
        """Record templates as removed, then delete them; until there are none."""
        while True:
            ids = [template["_id"] for template in self._db.templates.find(which, {"_id": 1}).limit(_DROP_BATCH)]
            if not ids:
                return
            number = self._sequence.reserve(1, "removal")[0]
            self._db.removals.insert_one({"_id": Int64(number), "templates": ids, "open": False})
            self._db.templates.delete_many({"_id": {"$in": ids}})
