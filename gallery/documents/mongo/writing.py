"""Writing students to MongoDB in an order that makes every crash point safe; see docs/adr/0008-mongodb.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from bson import Binary, Int64
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError

from gallery.documents.mongo.attempts import MongoAttempts
from gallery.documents.mongo.attendance import MongoRecords
from gallery.documents.mongo.sequence import MongoSequence, numbers, removals
from gallery.documents.mongo.shapes import Document, check_size, content_id, fields_of, written_elsewhere
from gallery.documents.values import (
    Enrolment,
    EnrolmentMode,
    PhotoFile,
    Student,
    Template,
    student_exists,
    student_not_found,
)
from presente.clock import Clock
from presente.errors import Conflict, StoreError

_DROP_BATCH = 4096
_DUPLICATE = 11000

Owner = int | str
"""A subject's id; the matricula of a student who has none yet."""

Key = tuple[Owner, str]
"""What a photo is known by: its owner and its SHA-256."""

Wanted = Mapping[Key, tuple[PhotoFile, Sequence[Template]]]
"""Photos, each with the templates that it should have."""


class MongoWriter:
    """Enrols and removes, for several threads at once. Lets pymongo's errors through: the store translates them."""

    def __init__(
        self,
        db: Database[dict[str, Any]],
        sequence: MongoSequence,
        records: MongoRecords,
        attempts: MongoAttempts,
        clock: Clock,
    ) -> None:
        self.clock = clock
        self._db = db
        self._sequence = sequence
        self._records = records
        self._attempts = attempts

    @contextmanager
    def attempt(self, what: str, **about: Any) -> Iterator[str]:
        """A write under way inside the block: nobody counts on it before the block has ended without an error."""
        after = self._sequence.known()
        name = self._attempts.begin(what, after, **about)
        try:
            yield name
        except BaseException:
            self._attempts.abandon(name)  # if it cannot be undone now, then at the next chance: it counts as dead
            if what != "merge":
                with suppress(PyMongoError):
                    self.recover(self._db.writing.find_one({"_id": name}))
            raise
        try:
            self._attempts.end(name)
        except StoreError:
            self._take_back(name, after)
            raise

    def _take_back(self, name: str, after: int) -> None:
        """Remove the templates of an attempt that others took for over: no follower looks for them any more."""
        late = [number for found in self._sequence.of_attempt(name, after) for number in numbers(found, "templates")]
        if late:
            with self.attempt("photos") as attempt:
                self.drop_templates({"_id": {"$in": [Int64(number) for number in late]}}, attempt)

    def recover(self, attempt: Document | None) -> None:
        """Finish or undo what an attempt left that nobody is going to finish; a merge was finished before."""
        if attempt is None:
            return
        reserved = self._sequence.of_attempt(attempt["_id"], int(attempt["after"]))
        for found in self._db.removals.find({"_id": {"$in": removals(reserved)}}):
            self._db.templates.delete_many({"_id": {"$in": found["templates"]}})
        if attempt["what"] == "remove":
            self.erase(int(attempt["student"]), attempt["_id"])
        for subject in (number for found in reserved for number in numbers(found, "students")):
            # A student whom another attempt has made visible meanwhile is that one's.
            self._db.students.delete_one({"subject": Int64(subject), "enrolling": attempt["_id"]})
            if self._db.students.find_one({"subject": Int64(subject)}, {"_id": 1}) is None:
                self.erase(subject, attempt["_id"])
        self._attempts.bury(attempt)

    # -- enrolling --------------------------------------------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode) -> None:
        """Store students and photos: nobody sees a new student before all of it is there."""
        latest = {enrolment.student.matricula: enrolment.student for enrolment in enrolments}
        while True:
            found = self._found(latest, mode)
            subjects = {matricula: int(document["subject"]) for matricula, document in found.items()}
            wanted: dict[Key, tuple[PhotoFile, list[Template]]] = {}
            for enrolment in enrolments:
                owner = subjects.get(enrolment.student.matricula, enrolment.student.matricula)
                for photo in enrolment.photos:
                    wanted[owner, photo.sha256] = photo, [photo.template]
            new = [student for matricula, student in latest.items() if matricula not in found]
            if self._enrol(new, [found[m] for m in found], wanted, latest if mode == "put" else {}):
                return

    def _found(self, latest: Mapping[str, Student], mode: EnrolmentMode) -> dict[str, Document]:
        """Those of some students who are there, by matricula.

        Raises:
            Conflict, NotFound: as the mode has it.
        """
        while True:
            there = list(self._db.students.find({"matricula": {"$in": list(latest)}}))
            unsettled = False
            for document in there:
                if "subject" not in document:
                    self.number(document, written_elsewhere(document, self.clock))
                    unsettled = True
                elif "enrolling" in document and not self._attempts.lives(document["enrolling"]):
                    self._clear_left_over(document)
                    unsettled = True
            if unsettled:
                continue
            if mode == "create" and there:
                raise student_exists(min(document["matricula"] for document in there))
            found: dict[str, Document] = {str(document["matricula"]): document for document in there}
            if mode == "extend" and len(found) < len(latest):
                raise student_not_found(min(latest.keys() - found.keys()))
            return found

    def _clear_left_over(self, document: Document) -> None:
        """Undo the attempt that left a student behind, or, where its marker is gone already, the student alone."""
        attempt = self._db.writing.find_one({"_id": document["enrolling"]})
        if attempt is not None:
            self.recover(attempt)
        elif self._db.students.find_one({"_id": document["_id"], "enrolling": document["enrolling"]}) is not None:
            self.remove_subject(int(document["subject"]))

    def _enrol(
        self, new: Sequence[Student], found: Sequence[Document], wanted: Wanted, fields: Mapping[str, Student]
    ) -> bool:
        """Write new students, photos, and the fields of those who are there; False when a matricula was just taken."""
        images, missing, templates = self._lacking(wanted)
        changed = [
            document
            for document in found
            if document["matricula"] in fields
            and any(document.get(name) != value for name, value in fields_of(fields[document["matricula"]]).items())
        ]
        waited_for = [document for document in found if "enrolling" in document]
        if not (new or missing or templates or changed or waited_for):
            return True
        with self.attempt("enrol") as attempt:
            reserved = self._sequence.reserve(
                max(1, len(new) + len(missing) + len(templates)), "enrolment", attempt, len(new), len(templates)
            )
            ids = iter(reserved)
            subjects: dict[Owner, int] = {student.matricula: next(ids) for student in new}
            if not self._insert_unseen(new, subjects, attempt):
                self._undo_taken(attempt)
                return False
            images |= self._put_images({key: wanted[key][0] for key in missing}, subjects, ids)
            self._put_templates(
                [(images[key], subjects.get(key[0], key[0]), template) for key, template in templates], ids
            )
            for document in changed:
                self._set_fields(document, fields_of(fields[document["matricula"]]))
            self._attempts.check()
            self._show({*subjects.values(), *(int(document["subject"]) for document in found)}, attempt)
        return True

    def _undo_taken(self, attempt: str) -> None:
        """Take back the students of an attempt that lost a race for one of their matriculas."""
        self._db.students.delete_many({"enrolling": attempt})

    def _insert_unseen(self, students: Sequence[Student], subjects: Mapping[Owner, int], attempt: str) -> bool:
        """Insert new students that nobody sees before the attempt is over; False when one was there already."""
        documents = [
            {
                "subject": Int64(subjects[student.matricula]),
                **fields_of(student),
                "asistencias": student.asistencias_previas,
                "participaciones": student.participaciones_previas,
                "enrolling": attempt,
            }
            for student in students
        ]
        return not _insert_new(self._db.students, documents)

    def _show(self, subjects: set[int], attempt: str) -> None:
        """Let everyone see students, and see that they are all still there.

        By subject, not by attempt: a student whom another attempt is still enrolling is there from now on.

        Raises:
            Conflict: ``student_removed``; what was written of that student is erased.
        """
        those = {"subject": {"$in": [Int64(subject) for subject in subjects]}}
        if self._db.students.update_many(those, {"$unset": {"enrolling": ""}}).matched_count == len(subjects):
            return
        there = {int(document["subject"]) for document in self._db.students.find(those, {"subject": 1})}
        for subject in subjects - there:  # removed while this was written
            self.erase(subject, attempt)
        if subjects - there:
            raise Conflict("student_removed", "A student was removed while photos were added.", "Enrol again.")

    # -- photos and templates ---------------------------------------------------------------------------------------

    def put_photos(self, wanted: Wanted, attempt: str) -> None:
        """Give students who are there photos and templates; what they have already stays.

        Raises:
            Conflict: ``student_removed``.
        """
        images, missing, templates = self._lacking(wanted)
        if not missing and not templates:
            return
        reserved = self._sequence.reserve(len(missing) + len(templates), "photos", attempt, templates=len(templates))
        ids = iter(reserved)
        images |= self._put_images({key: wanted[key][0] for key in missing}, {}, ids)
        self._put_templates([(images[key], key[0], template) for key, template in templates], ids)
        self._attempts.check()
        self._show({int(subject) for subject, _ in wanted}, attempt)

    def _lacking(self, wanted: Wanted) -> tuple[dict[Key, int], list[Key], list[tuple[Key, Template]]]:
        """The ids of those photos that are stored, the photos that are not, and the templates that are not.

        Raises:
            InvalidInput: ``too_many_bytes``.
        """
        images = self._images(wanted)
        done = self._embedded(images)
        templates = [
            (key, template)
            for key, (_, made) in wanted.items()
            for template in made
            if (images.get(key), template.pack) not in done
        ]
        missing = [key for key in wanted if key not in images]
        for key in missing:
            check_size(wanted[key][0].content)
        return images, missing, templates

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        """Templates for photos that are stored already, by photo id; photos that were removed since are left out."""
        found = list(
            self._db.images.find({"_id": {"$in": [Int64(i) for i, _ in templates]}}, {"student": 1, "sha256": 1})
        )
        owners = {int(image["_id"]): int(image["student"]) for image in found}
        done = self._embedded({(int(image["student"]), str(image["sha256"])): int(image["_id"]) for image in found})
        fresh = [
            (image, template) for image, template in templates if image in owners and (image, template.pack) not in done
        ]
        if not fresh:
            return
        with self.attempt("templates") as attempt:
            ids = iter(self._sequence.reserve(len(fresh), "photos", attempt, templates=len(fresh)))
            self._put_templates([(image, owners[image], template) for image, template in fresh], ids)
            self._attempts.check()
            self._show({owners[image] for image, _ in fresh}, attempt)

    def _images(self, wanted: Wanted) -> dict[Key, int]:
        """Ids of those photos that are stored."""
        keys = [(Int64(owner), sha256) for owner, sha256 in wanted if isinstance(owner, int)]
        if not keys:
            return {}
        which = {
            "student": {"$in": list({owner for owner, _ in keys})},
            "sha256": {"$in": list({sha256 for _, sha256 in keys})},
        }
        stored = self._db.images.find(which, {"student": 1, "sha256": 1})
        found = {(int(image["student"]), str(image["sha256"])): int(image["_id"]) for image in stored}
        return {key: found[key] for key in wanted if key in found}

    def _embedded(self, images: Mapping[Key, int]) -> set[tuple[int | None, str]]:
        """(photo, pack) of every template of some photos."""
        if not images:
            return set()
        which = {"image": {"$in": [Int64(image) for image in images.values()]}}
        return {
            (int(found["image"]), str(found["pack"]))
            for found in self._db.templates.find(which, {"image": 1, "pack": 1})
        }

    def _put_images(
        self, photos: Mapping[Key, PhotoFile], subjects: Mapping[Owner, int], ids: Iterator[int]
    ) -> dict[Key, int]:
        """The bytes, then what is known of them; ids. A photo that another write has put there meanwhile is used."""
        if not photos:
            return {}
        contents, images = [], []
        numbered: dict[Key, int] = {}
        for (owner, sha256), photo in photos.items():
            subject = subjects.get(owner, owner)
            assert isinstance(subject, int)
            number = numbered[owner, sha256] = next(ids)
            name = content_id(subject, sha256)
            contents.append({"_id": name, "student": Int64(subject), "content": Binary(photo.content)})
            images.append(
                {
                    "_id": Int64(number),
                    "student": Int64(subject),
                    "sha256": sha256,
                    "media_type": photo.media_type,
                    "source": photo.source,
                }
            )
        _insert_new(self._db.contents, contents)
        for place in _insert_new(self._db.images, images):
            taken = images[place]
            there = self._db.images.find_one({"student": taken["student"], "sha256": taken["sha256"]}, {"_id": 1})
            if there is None:
                raise Conflict("student_removed", "A photo was removed while it was added.", "Enrol again.")
            key = next(key for key, number in numbered.items() if number == taken["_id"])
            numbered[key] = int(there["_id"])
        return numbered

    def _put_templates(self, templates: Sequence[tuple[int, Owner, Template]], ids: Iterator[int]) -> None:
        """(photo, subject, template); a photo that has got one by that pack meanwhile keeps it."""
        _insert_new(
            self._db.templates,
            [
                {
                    "_id": Int64(next(ids)),
                    "image": Int64(image),
                    "student": Int64(subject),
                    "pack": template.pack,
                    "vector": Binary(np.ascontiguousarray(template.vector, dtype="<f4").tobytes()),
                    "box": [round(float(value), 2) for value in template.box],
                    "quality": dict(template.quality),
                }
                for image, subject, template in templates
            ],
        )

    # -- fields -----------------------------------------------------------------------------------------------------

    def number(self, document: Document, student: Student) -> None:
        """Give a student whom another program wrote the id that templates carry, and the fields as we write them."""
        counts = {"asistencias": student.asistencias_previas, "participaciones": student.participaciones_previas}
        with self.attempt("number") as attempt:
            subject = self._sequence.reserve(1, "subject", attempt)[0]
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
        with self.attempt("update") as attempt:
            self._sequence.reserve(1, "fields", attempt)  # so that a follower reads the rosters again
            self._set_fields(found, fields_of(student), without)
        return True

    def _set_fields(self, document: Document, fields: Document, more: Document | None = None) -> None:
        changes = {"$set": {**fields, "recount": True}, **(more or {})}
        self._db.students.update_one({"_id": document["_id"]}, changes)
        self._records.refresh(int(document["subject"]))

    # -- removing ---------------------------------------------------------------------------------------------------

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        """Erase students and all that hangs on them; which existed."""
        removed = []
        for matricula in dict.fromkeys(matriculas):
            found = self._db.students.find_one({"matricula": matricula, "subject": {"$exists": True}}, {"subject": 1})
            if found is not None:
                self.remove_subject(int(found["subject"]))
                removed.append(matricula)
            elif self._db.students.delete_many({"matricula": matricula}).deleted_count:  # another program's
                removed.append(matricula)
        return removed

    def remove_subject(self, subject: int) -> None:
        """Erase a student; cut off, it is finished by whoever recovers."""
        with self.attempt("remove", student=Int64(subject)) as attempt:
            self.erase(subject, attempt)

    def erase(self, subject: int, attempt: str) -> None:
        """Delete a student, from which on nobody adds to it, and then what hangs on it. It can be done again."""
        whose = {"student": Int64(subject)}
        self._db.students.delete_many({"subject": Int64(subject)})
        if not self.drop_templates(whose, attempt):
            self._sequence.reserve(1, "fields", attempt)  # so that a follower reads the rosters again
        self._db.images.delete_many(whose)
        self._db.contents.delete_many(whose)
        self._records.forget(subject)

    def drop_templates(self, which: Document, attempt: str) -> int:
        """Record templates as removed, then delete them; until there are none. How many there were."""
        dropped = 0
        while True:
            ids = [template["_id"] for template in self._db.templates.find(which, {"_id": 1}).limit(_DROP_BATCH)]
            if not ids:
                return dropped
            number = self._sequence.reserve(1, "removal", attempt)[0]
            self._db.removals.insert_one({"_id": Int64(number), "templates": ids})
            self._db.templates.delete_many({"_id": {"$in": ids}})
            dropped += len(ids)


def _insert_new(collection: Collection[dict[str, Any]], documents: Sequence[dict[str, Any]]) -> list[int]:
    """Insert documents but for those that are there already: the places of these."""
    if not documents:
        return []
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failed = (error.details or {}).get("writeErrors", [])
        if (error.details or {}).get("writeConcernErrors") or any(found["code"] != _DUPLICATE for found in failed):
            raise
        return sorted(int(found["index"]) for found in failed)
    return []
