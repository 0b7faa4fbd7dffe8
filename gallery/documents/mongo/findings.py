"""The findings of an audit in MongoDB. A finding is one document; so is the note that it was put aside, in the same
collection, so that an erasure needs one command for both. Only a finding has ``audit``."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from bson import Int64
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from gallery.documents.audit_findings import KeptFinding
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.shapes import missing_subjects

_FINDING: Document = {"audit": {"$exists": True}}


class MongoFindings:
    """A :class:`gallery.documents.finding_store.FindingStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db

    def prepare(self) -> None:
        """Create the indexes."""
        self._db.audit_findings.create_index([("about", ASCENDING)], name="about")

    def recover(self) -> None:
        """Delete findings of which a dead process did not see that a student or a photo is gone."""
        for kept in list(self._db.audit_findings.find({}, {"about": 1, "photos": 1})):
            if self._is_gone(kept["about"], kept["photos"]):
                self._db.audit_findings.delete_one({"_id": kept["_id"]})

    def put(self, findings: Sequence[KeptFinding]) -> None:
        audit = uuid.uuid4().hex
        with self._connection.calls():
            for place, finding in enumerate(findings):
                about = {"mark": finding.mark, **_about(finding)}
                made = {"_id": f"{audit} {place}", "audit": audit, "place": place, "content": finding.to_json()}
                self._db.audit_findings.insert_one(made | about)
                if self._is_gone(about["about"], about["photos"]):  # looked at once it is there: an erasure finds it
                    self._db.audit_findings.delete_one({"_id": made["_id"]})
            self._db.audit_findings.delete_many({"audit": {"$exists": True, "$ne": audit}})

    def findings(self) -> list[KeptFinding]:
        with self._connection.calls():
            found = list(self._db.audit_findings.find(dict(_FINDING), {"content": 1}).sort("place", 1))
        kept = [KeptFinding.from_json(each["content"]) for each in found]
        return list({finding.mark: finding for finding in kept}.values())

    def put_aside(self, mark: str) -> bool:
        with self._connection.calls():
            found = self._db.audit_findings.find_one({"mark": mark, **_FINDING})
            if found is None:
                return False
            try:
                about = {name: found[name] for name in ("mark", "about", "photos")}
                self._db.audit_findings.insert_one({"_id": _note(mark), **about})
            except DuplicateKeyError:
                return True
            if self._is_gone(found["about"], found["photos"]):
                self._db.audit_findings.delete_one({"_id": _note(mark)})
        return True

    def take_up(self, mark: str) -> bool:
        with self._connection.calls():
            return self._db.audit_findings.delete_one({"_id": _note(mark)}).deleted_count > 0

    def aside(self) -> set[str]:
        with self._connection.calls():
            notes = self._db.audit_findings.find({"audit": {"$exists": False}}, {"mark": 1})
            return {str(each["mark"]) for each in notes}

    def forget(self, subject: int) -> None:
        """Delete the findings about a student."""
        self._db.audit_findings.delete_many({"about": Int64(subject)})

    def forget_photos(self, subject: int, digests: Collection[str]) -> None:
        """Delete the findings with one of some photos of a student."""
        photos = [_photo(subject, each) for each in digests]
        self._db.audit_findings.delete_many({"about": Int64(subject), "photos": {"$in": photos}})

    def _is_gone(self, about: Collection[int], photos: Collection[str]) -> bool:
        """Whether someone of some subjects is gone, or one of their photos."""
        if missing_subjects(self._db, about):
            return True
        for photo in photos:
            subject, _, sha256 = photo.partition(":")
            which: Document = {"student": Int64(int(subject)), "sha256": sha256}
            if self._db.images.find_one(which, {"_id": 1}) is None:
                return True
        return False


def _note(mark: str) -> str:
    """The id of the note that a finding was put aside."""
    return f"aside {mark}"


def _about(finding: KeptFinding) -> dict[str, Any]:
    return {
        "about": [Int64(subject) for subject in sorted(finding.subjects)],
        "photos": [_photo(each.subject, each.sha256) for each in finding.photos],
    }


def _photo(subject: int, sha256: str) -> str:
    return f"{int(subject)}:{sha256}"
