"""Merging two students on MongoDB, and moving photos: the order of writes makes every crash point safe.

A merge is announced with what it will change before anything is touched; one that was cut off is finished by whoever
meets it. Every step of it can be done again. Moving a photo copies it, then deletes it where it was: cut off in
between it is in both places, and doing it again finishes it.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

import numpy as np
from bson import Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.attendance import EntryFilter, merged_turns
from gallery.documents.mongo.attendance import MongoRecords
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import SEEN, Document, content_id, fields_of, student_of
from gallery.documents.mongo.writing import MongoWriter
from gallery.documents.values import PhotoFile, Template, merged, student_not_found
from presente.errors import Conflict


class MongoMerger:
    """Merges students and moves photos. Lets pymongo's errors through: the store translates them."""

    def __init__(
        self, db: Database[dict[str, Any]], sequence: MongoSequence, records: MongoRecords, writer: MongoWriter
    ) -> None:
        self._db = db
        self._sequence = sequence
        self._records = records
        self._writer = writer

    def merge(self, keep: str, other: str) -> None:
        """Announce what will change, then change it."""
        kept, gone = self._known(keep), self._known(other)
        before = fields_of(student_of(kept))
        after = fields_of(merged(student_of(kept), student_of(gone)))
        about = {
            "student": Int64(gone["subject"]),
            "into": Int64(kept["subject"]),
            "fields": {name: value for name, value in after.items() if before.get(name) != value},
            "turns": [
                {"entry": Int64(number), "turn": turn} for number, turn in self._turns(gone["subject"], kept["subject"])
            ],
        }
        with self._writer.attempt("merge", **about) as attempt:
            self.finish({**about, "_id": attempt})

    def finish(self, announced: Document) -> None:
        """Do what a merge announced, however much of it is done already."""
        source, target = int(announced["student"]), int(announced["into"])
        attempt = str(announced["_id"])
        self._sequence.reserve(1, "fields", attempt)  # so that a follower reads the rosters again
        with suppress(Conflict):  # the one who should stay was removed meanwhile: both are the same person
            for image in list(self._db.images.find({"student": Int64(source)}).sort("_id")):
                self._copy(image, target, attempt)
            changes = {"$set": {**announced["fields"], "recount": True}}
            if self._db.students.update_one({"subject": Int64(target)}, changes).matched_count:
                self._db.students.delete_many({"subject": Int64(source)})  # nobody adds entries from here on
                self._move_entries(source, target, [(int(at["entry"]), at["turn"]) for at in announced["turns"]])
            else:
                self._writer.erase(target, attempt)  # with the photos that it was just given
        self._writer.erase(source, attempt)

    def _move_entries(self, source: int, target: int, turns: Collection[tuple[int, int]]) -> None:
        """As it was planned, which what is moved already cannot change; then what came after the plan."""
        while True:
            for number, turn in turns:
                with suppress(DuplicateKeyError):  # somebody was quicker: in the next round it gets another turn
                    self._db.attendance.update_one(
                        {"_id": Int64(number), "student": Int64(source)},
                        {"$set": {"student": Int64(target), "turn": turn}},
                    )
            turns = self._turns(source, target)
            if not turns:
                break
        self._db.participations.update_many({"student": Int64(source)}, {"$set": {"student": Int64(target)}})
        self._records.join(source, target)
        self._records.refresh(target)

    def _turns(self, source: int, target: int) -> list[tuple[int, int]]:
        books = (self._records.attendance(EntryFilter(subject=int(subject))) for subject in (target, source))
        return merged_turns(*books)

    def take_photos(self, matricula: str, digests: Collection[str], to: str | None) -> None:
        """Copy photos to another student, if there is one; then erase them here, the record of each last."""
        subject = int(self._known(matricula)["subject"])
        target = None if to is None else int(self._known(to)["subject"])
        which = {"student": Int64(subject), "sha256": {"$in": sorted(digests)}}
        with self._writer.attempt("photos") as attempt:
            for image in list(self._db.images.find(which).sort("_id")):
                if target is not None:
                    self._copy(image, target, attempt)
                self._writer.drop_templates({"image": image["_id"]}, attempt)
                self._db.contents.delete_one({"_id": content_id(subject, image["sha256"])})
                self._db.images.delete_one({"_id": image["_id"]})

    def _copy(self, image: Document, target: int, attempt: str) -> None:
        """Give a subject a photo and its templates, under new ids; what is there already stays.

        Raises:
            Conflict: ``student_removed``.
        """
        kept = self._db.contents.find_one({"_id": content_id(image["student"], image["sha256"])})
        if kept is None:  # its erasure was cut off
            return
        photo = PhotoFile(bytes(kept["content"]), image["sha256"], image["media_type"], image["source"])
        templates = [_template_of(found) for found in self._db.templates.find({"image": image["_id"]}).sort("_id")]
        self._writer.put_photos({(target, photo.sha256): (photo, templates)}, attempt)

    def _known(self, matricula: str) -> Document:
        found = self._db.students.find_one({"matricula": matricula, **SEEN})
        if found is None:
            raise student_not_found(matricula)
        return found


def _template_of(document: Document) -> Template:
    vector = np.frombuffer(document["vector"], dtype="<f4")
    return Template(vector, document["pack"], tuple(document["box"]), document["quality"])
