"""Merging two students in MongoDB, and moving photos, in an order that makes a crash at any point safe.

A merge announces what it will change before it changes anything. If it is cut off, the first process that finds the
announcement finishes it: every step can be repeated. Moving a photo copies it and then deletes the original. If that is
cut off, the photo is in both places, and repeating the call finishes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from bson import Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.attendance import EntryFilter
from gallery.documents.attendance_rules import merged_revisions
from gallery.documents.consent_rules import refuse_ended
from gallery.documents.erasure_list import Cause, erased_photos, merged_student
from gallery.documents.foreign_documents import Document, student_of
from gallery.documents.mongo.access_log import MongoAccessLog
from gallery.documents.mongo.attendance import MongoAttendance
from gallery.documents.mongo.attendance_documents import resealed_face
from gallery.documents.mongo.data_keys import MongoSeals, opened_source, opened_students
from gallery.documents.mongo.erasures import erasure_document
from gallery.documents.mongo.request_keys import MongoRequestKeys
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import VISIBLE, content_id, fields_of, opened_content, opened_templates
from gallery.documents.mongo.student_writing import MongoStudentWriter
from gallery.documents.student_rules import merge_students, student_not_found
from gallery.documents.values import PhotoFile, Template
from presente.errors import Conflict


class MongoMerger:
    """Merges students and moves photos. Lets pymongo's errors through: the store translates them."""

    def __init__(
        self,
        db: Database[dict[str, Any]],
        sequence: MongoSequence,
        attendance: MongoAttendance,
        request_keys: MongoRequestKeys,
        access_log: MongoAccessLog,
        writer: MongoStudentWriter,
        seals: MongoSeals,
    ) -> None:
        self._seals = seals
        self._db = db
        self._sequence = sequence
        self._attendance = attendance
        self._request_keys = request_keys
        self._access_log = access_log
        self._writer = writer

    def merge(self, keep: str, other: str, cause: Cause) -> None:
        """Announce what will change, then change it. See :meth:`gallery.documents.protocol.DocumentStore.merge`."""
        kept, gone = self._known(keep), self._known(other)
        if cause.listed:
            refuse_ended(student_of(kept))
            refuse_ended(student_of(gone))
        before = fields_of(student_of(kept))
        after = fields_of(merge_students(student_of(kept), student_of(gone)))
        about: dict[str, Any] = {
            "student": Int64(gone["subject"]),
            "into": Int64(kept["subject"]),
            "fields": {name: value for name, value in after.items() if before.get(name) != value},
            "turns": [
                {"entry": Int64(number), "turn": revision}
                for number, revision in self._revisions(gone["subject"], kept["subject"])
            ],
            "erasures": [erasure_document(merged_student(gone["subject"], kept["subject"]))] * cause.listed,
        }
        with self._writer.recovery.attempt("merge", **about) as attempt:
            self.finish(about, attempt.name)

    def finish(self, announced: Mapping[str, Any], attempt: str) -> None:
        """Do what a merge announced, however much of it was done before."""
        source, target = int(announced["student"]), int(announced["into"])
        self._writer.eraser.list_announced(announced)
        with suppress(Conflict):  # the kept student was removed meanwhile: both are the same person
            for image in list(self._db.images.find({"student": Int64(source)}).sort("_id")):
                self._copy(image, target, attempt)
            self._writer.eraser.negatives.merge(source, target)  # while the student is there: else they are left over
            changes = {"$set": {**announced["fields"], "recount": True}}
            if self._db.students.update_one({"subject": Int64(target)}, changes).matched_count:
                self._db.students.delete_many({"subject": Int64(source)})  # from now on no one adds entries
                self._move_entries(source, target, [(int(at["entry"]), at["turn"]) for at in announced["turns"]])
            else:
                self._writer.eraser.erase(target, attempt)  # with the photos that were just copied
        self._writer.eraser.erase(source, attempt)

    def _move_entries(self, source: int, target: int, revisions: Collection[tuple[int, int]]) -> None:
        """Move the announced entries, with the announced revisions; then those that were added after that."""
        while True:
            for number, revision in revisions:
                with suppress(DuplicateKeyError):  # the revision was taken meanwhile: the next round gives another one
                    self._move_entry(number, revision, source, target)
            revisions = self._revisions(source, target)
            if not revisions:
                break
        self._db.participations.update_many({"student": Int64(source)}, {"$set": {"student": Int64(target)}})
        self._request_keys.merge(source, target)
        self._access_log.merge(source, target)
        self._attendance.counts.refresh(target)

    def _move_entry(self, number: int, revision: int, source: int, target: int) -> None:
        """Give an entry to a subject, its face sealed with that subject's key."""
        which = {"_id": Int64(number), "student": Int64(source)}
        found = self._db.attendance.find_one(which)
        if found is None:
            return
        moved: dict[str, Any] = {"student": Int64(target), "turn": revision}
        if found.get("face") is not None:
            moved["face"] = resealed_face(self._seals.sealer(), found, {**found, **moved})
        self._db.attendance.update_one(which, {"$set": moved})

    def _revisions(self, source: int, target: int) -> list[tuple[int, int]]:
        entries = (self._attendance.entries(EntryFilter(subject=int(subject))) for subject in (target, source))
        return merged_revisions(*entries)

    def take_photos(self, matricula: str, digests: Collection[str], to: str | None, cause: Cause) -> None:
        """Copy photos to the other student, if there is one; then erase them here, the record of each one last."""
        giver = self._known(matricula)
        subject = int(giver["subject"])
        receiver = None if to is None else self._known(to)
        if receiver is not None and cause.listed:
            refuse_ended(student_of(giver))
            refuse_ended(student_of(receiver))
        target = None if receiver is None else int(receiver["subject"])
        which = {"student": Int64(subject), "sha256": {"$in": sorted(digests)}}
        entries = erased_photos(subject, digests, cause, target or 0) * cause.listed
        whom = {"student": Int64(subject), **({} if target is None else {"into": Int64(target)})}
        with self._writer.recovery.attempt("photos", **whom) as attempt:
            self._writer.eraser.erasures.put(entries)
            for image in list(self._db.images.find(which).sort("_id")):
                if target is not None:
                    self._copy(image, target, attempt.name)
                self._writer.eraser.drop_templates({"image": image["_id"]}, attempt.name)
                self._db.contents.delete_one({"_id": content_id(subject, image["sha256"])})
                self._db.images.delete_one({"_id": image["_id"]})
            self._writer.eraser.findings.forget_photos(subject, digests)

    def _copy(self, image: Document, target: int, attempt: str) -> None:
        """Copy a photo and its templates to a subject, under new ids; what is there already stays.

        Raises:
            Conflict: ``student_removed``.
        """
        sealer = self._seals.sealer()
        kept = self._db.contents.find_one({"_id": content_id(image["student"], image["sha256"])})
        content = opened_content(sealer, image, kept)
        if content is None:  # its erasure was cut off earlier
            return
        photo = PhotoFile(content, image["sha256"], image["media_type"], opened_source(sealer, image))
        stored = list(self._db.templates.find({"image": image["_id"]}).sort("_id"))
        templates = [_template_of(found) for found in opened_templates(sealer, stored)]
        self._writer.photos.put_photos({(target, photo.sha256): (photo, templates)}, attempt)

    def _known(self, matricula: str) -> Document:
        found = self._db.students.find({"matricula": matricula, **VISIBLE})
        for document in opened_students(self._seals.sealer(), found):
            return document
        raise student_not_found(matricula)


def _template_of(document: Document) -> Template:
    vector = np.frombuffer(document["vector"], dtype="<f4")
    return Template(vector, document["pack"], tuple(document["box"]), document["quality"])
