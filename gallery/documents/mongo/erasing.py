"""Erasing students and templates in MongoDB. Every step can be repeated, so that a cut-off erasure can be finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import Int64
from pymongo.database import Database

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.access import MongoAccess
from gallery.documents.mongo.access_log import MongoAccessLog
from gallery.documents.mongo.attendance import MongoAttendance
from gallery.documents.mongo.data_keys import MongoSeals
from gallery.documents.mongo.erasures import MongoErasures, erasure_of
from gallery.documents.mongo.findings import MongoFindings
from gallery.documents.mongo.negatives import MongoNegatives
from gallery.documents.mongo.request_keys import MongoRequestKeys
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.session_photos import MongoSessionPhotos
from gallery.documents.seals import of_student

_PAGE = 4096
"""Templates that are deleted at once."""


class MongoEraser:
    """Erases inside an attempt. Lets pymongo's errors through: the store translates them."""

    def __init__(
        self,
        db: Database[dict[str, Any]],
        sequence: MongoSequence,
        attendance: MongoAttendance,
        request_keys: MongoRequestKeys,
        access: MongoAccess,
        access_log: MongoAccessLog,
        session_photos: MongoSessionPhotos,
        findings: MongoFindings,
        erasures: MongoErasures,
        negatives: MongoNegatives,
        seals: MongoSeals,
    ) -> None:
        self._seals = seals
        self._db = db
        self._sequence = sequence
        self._attendance = attendance
        self._request_keys = request_keys
        self._access = access
        self._access_log = access_log
        self._session_photos = session_photos
        self.findings = findings
        self.erasures = erasures
        self.negatives = negatives

    def list_announced(self, about: Mapping[str, Any]) -> None:
        """Write the entries of the erasure list that an attempt announced, before anything is erased."""
        self.erasures.put([erasure_of(entry) for entry in about.get("erasures", ())])

    def erase(self, subject: int, attempt: str) -> None:
        """Delete a student, so that no one adds to the student any more, and then what belongs to the student."""
        own = {"student": Int64(subject)}
        for student in list(self._db.students.find({"subject": Int64(subject)}, {"matricula": 1, "enrolling": 1})):
            if "enrolling" not in student:  # an enrolment that is undone takes no one out of a line
                self._access_log.forget_named(subject, str(student["matricula"]))
        self._db.students.delete_many({"subject": Int64(subject)})
        self._access.forget(subject)
        self.drop_templates(own, attempt)
        self._db.images.delete_many(own)
        self._db.contents.delete_many(own)
        self._request_keys.forget(subject)
        self._attendance.forget(subject)
        self._session_photos.forget(subject)
        self.findings.forget(subject)
        self.negatives.forget(subject)
        self._access_log.forget(subject)
        self._seals.destroy([of_student(subject)])  # last: an erasure that is cut off is finished with it

    def drop_templates(self, which: Document, attempt: str) -> None:
        """Record templates as removed and delete them, until there are none left."""
        while True:
            ids = [template["_id"] for template in self._db.templates.find(which, {"_id": 1}).limit(_PAGE)]
            if not ids:
                return
            number = self._sequence.reserve(1, "removal", attempt)[0]
            self._db.removals.insert_one({"_id": Int64(number), "templates": ids})
            self._db.templates.delete_many({"_id": {"$in": ids}})
