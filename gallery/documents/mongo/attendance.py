"""Attendance and participation in MongoDB. An entry is one document: it is there whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from bson import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import DuplicateKeyError

from gallery.documents.attendance import (
    Attendance,
    EntryFilter,
    ListPosition,
    Participation,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.attendance_rules import ATTENDED
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.attendance_counts import MongoAttendanceCounts
from gallery.documents.mongo.attendance_documents import (
    attendance_document,
    attendance_of,
    attendances_of,
    filter_of,
    participation_document,
    participation_of,
)
from gallery.documents.mongo.attendance_pages import days, entry_key, latest_documents
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals
from gallery.documents.mongo.request_keys import MongoRequestKeys
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import missing_subjects
from gallery.documents.seals import of_student
from gallery.documents.student_rules import student_not_found
from presente.errors import StoreError

_PAGE = 1000
"""Entries that are read at once for a page of the list."""


class MongoAttendance:
    """A :class:`gallery.documents.protocol.AttendanceStore` on the database of a MongoDB store.

    Attributes:
        counts: the counts on students' documents.
    """

    def __init__(
        self, connection: MongoConnection, sequence: MongoSequence, request_keys: MongoRequestKeys, seals: MongoSeals
    ) -> None:
        self._seals = seals
        self._connection = connection
        self._db = connection.db
        self._sequence = sequence
        self._request_keys = request_keys
        self.counts = MongoAttendanceCounts(connection.db)

    def prepare(self) -> None:
        """Create the indexes."""
        attendance, participations = self._db.attendance, self._db.participations
        attendance.create_index(
            [(name, ASCENDING) for name in ("student", "clase", "fecha", "session", "turn")],
            unique=True,
            name="session_turn",
        )
        if "turn" in attendance.index_information():  # of versions without sessions
            attendance.drop_index("turn")
        attendance.create_index([("session", ASCENDING)], name="session")
        attendance.create_index([("clase", ASCENDING), ("fecha", ASCENDING)], name="class")
        attendance.create_index([(name, ASCENDING) for name in ("fecha", "clase", "_id")], name="day")
        participations.create_index([("request", ASCENDING)], unique=True, name="request")
        participations.create_index([("student", ASCENDING)], name="student")
        participations.create_index([("withdraws", ASCENDING)], name="withdraws")
        self.counts.mark_all()

    def add_entries(self, entries: Sequence[Attendance]) -> list[Attendance]:
        with self._connection.calls():
            there = self.counts.begin({entry.subject for entry in entries})
            wanted = [entry for entry in entries if entry.subject in there]
            refused = [entry for entry in entries if entry.subject not in there]
            numbers = self._sequence.reserve(len(wanted), "attendance") if wanted else ()
            sealer = self._seals.sealer()
            sealer.prepare(of_student(each.subject) for each in wanted if each.face is not None and each.subject)
            for number, entry in zip(numbers, wanted, strict=True):
                try:
                    self._db.attendance.insert_one({"_id": Int64(number), **attendance_document(entry, sealer)})
                except DuplicateKeyError:
                    refused.append(entry)
            gone = self._finish(there)
            if not gone and sealer.lost():  # this process stood still for longer than a change of keys waits
                self._db.attendance.delete_many({"_id": {"$in": [Int64(number) for number in numbers]}})
                raise StoreError("lease_lost", "The keys were changed while entries were added.", "Send it again.")
        return refused + [entry for entry in wanted if entry.subject in gone]

    def add_participation(self, entry: Participation) -> StoredParticipation:
        with self._connection.calls():
            if not self.counts.begin({entry.subject}):
                raise student_not_found(str(entry.subject))
            number = self._sequence.reserve(1, "participation")[0]
            with suppress(DuplicateKeyError):  # the same request was sent again
                self._db.participations.insert_one({"_id": Int64(number), **participation_document(entry)})
            if self._finish({entry.subject}):
                raise student_not_found(str(entry.subject))
            found = self._db.participations.find_one({"request": entry.request})
        if found is None:
            raise student_not_found(str(entry.subject))
        return participation_of(found)

    def _finish(self, subjects: Iterable[int | None]) -> set[int]:
        """Refresh the counts after entries were written; the students who were erased meanwhile.

        Their entries are cleared again, and the keys of requests about them are deleted.
        """
        wanted = {subject for subject in subjects if subject is not None}
        for subject in wanted:
            self.counts.refresh(subject)
        gone = missing_subjects(self._db, wanted)
        for subject in gone:
            self._request_keys.forget(subject)
            self.forget(subject)
        if gone:
            self._seals.destroy(map(of_student, gone))
        return gone

    def entries(self, which: EntryFilter) -> list[StoredAttendance]:
        with self._connection.calls():
            return attendances_of(self._found(self._db.attendance, which), self._seals.sealer())

    def entries_after(
        self, which: EntryFilter, after: ListPosition | None, limit: int, history: bool = False
    ) -> list[tuple[ListPosition, StoredAttendance]]:
        with self._connection.calls():
            positions: list[ListPosition] = []
            for some in days(self._db.attendance, filter_of(which), after, max(limit, _PAGE)):
                names = self._matriculas({int(entry["student"]) for entry in some})
                kept = some if history else latest_documents(some)
                found = [
                    ListPosition(
                        e["fecha"], e["clase"], names.get(int(e["student"]), ""), entry_key(e)[3], int(e["_id"])
                    )
                    for e in kept
                ]
                positions += [each for each in found if after is None or each.sort_key > after.sort_key]
                if len(positions) >= limit:
                    break
            positions = sorted(positions, key=lambda each: each.sort_key)[:limit]
            rows = self._db.attendance.find({"_id": {"$in": [Int64(each.id) for each in positions]}})
            stored = {each.id: each for each in attendances_of(rows, self._seals.sealer())}
        return [(each, stored[each.id]) for each in positions if each.id in stored]

    def _matriculas(self, subjects: Collection[int]) -> dict[int, str]:
        wanted = {"subject": {"$in": [Int64(subject) for subject in subjects if subject > 0]}}
        found = self._db.students.find(wanted, {"subject": 1, "matricula": 1})
        return {int(student["subject"]): str(student["matricula"]) for student in found}

    def count_present(self, which: EntryFilter, history: bool = False) -> int:
        with self._connection.calls():
            if history:
                return int(
                    self._db.attendance.count_documents({**filter_of(which), "status": {"$in": sorted(ATTENDED)}})
                )
            order = dict.fromkeys(("student", "clase", "fecha", "session", "turn"), 1)
            steps = [{"$match": filter_of(which)}, {"$project": {**order, "status": 1}}, {"$sort": order}]
            entries = self._db.attendance.aggregate(steps, allowDiskUse=True)
            # Each entry of an erased student has a number of its own, so that it stands alone.
            holding = (list(same)[-1] for _, same in groupby(entries, key=entry_key))
            return sum(entry["status"] in ATTENDED for entry in holding)

    def entries_since(self, number: int, limit: int) -> list[StoredAttendance]:
        with self._connection.calls():
            found = self._db.attendance.find({"_id": {"$gt": Int64(number)}}).sort("_id", ASCENDING).limit(limit)
            return attendances_of(found, self._seals.sealer())

    def last_numbers(self) -> tuple[int, int]:
        with self._connection.calls():
            newest = [
                collection.find_one({}, {"_id": 1}, sort=[("_id", DESCENDING)])
                for collection in (self._db.attendance, self._db.participations)
            ]
        entry, participation = (0 if found is None else int(found["_id"]) for found in newest)
        return entry, participation

    def entry(self, number: int) -> StoredAttendance | None:
        with self._connection.calls():
            found = self._db.attendance.find_one({"_id": Int64(number)})
            return None if found is None else attendance_of(found, self._seals.sealer())

    def participations(self, which: EntryFilter) -> list[StoredParticipation]:
        with self._connection.calls():
            return [participation_of(found) for found in self._found(self._db.participations, which)]

    def participations_after(
        self, which: EntryFilter, after: int, limit: int, history: bool = False
    ) -> list[StoredParticipation]:
        kept: list[Document] = []
        with self._connection.calls():
            while len(kept) < limit:
                wanted = filter_of(which) | {"_id": {"$gt": Int64(after)}} | ({} if history else {"withdraws": None})
                some = list(self._db.participations.find(wanted).sort("_id", ASCENDING).limit(limit))
                if not some:
                    break
                after = int(some[-1]["_id"])
                ids = [] if history else [entry["_id"] for entry in some]
                found = self._db.participations.find({"withdraws": {"$in": ids}}, {"withdraws": 1}) if ids else ()
                withdrawn = {int(entry["withdraws"]) for entry in found}
                kept += [entry for entry in some if int(entry["_id"]) not in withdrawn]
        return [participation_of(found) for found in kept[:limit]]

    def count_participations(self, which: EntryFilter, history: bool = False) -> int:
        with self._connection.calls():
            counted = self._db.participations.count_documents
            if history:
                return int(counted(filter_of(which)))
            # Each withdrawal withdraws one participation of the same student, class and date.
            own, withdrawals = {"withdraws": None}, {"withdraws": {"$ne": None}}
            return int(counted(filter_of(which) | own) - counted(filter_of(which) | withdrawals))

    def participation(self, number: int) -> StoredParticipation | None:
        with self._connection.calls():
            found = self._db.participations.find_one({"_id": Int64(number)})
        return None if found is None else participation_of(found)

    def miscounted(self) -> list[str]:
        with self._connection.calls():
            return self.counts.miscounted()

    def recount(self) -> None:
        with self._connection.calls():
            self.counts.recount()

    def drop_faces(self, before: str, clase: str | None, but: Collection[str] = (), dry: bool = False) -> int:
        of = {"$nin": sorted(but)} if clase is None else clase
        which: dict[str, Any] = {"face": {"$exists": True}, "fecha": {"$lt": before}, "clase": of}
        with self._connection.calls():
            if dry:
                return self._db.attendance.count_documents(which)
            return self._db.attendance.update_many(which, {"$unset": {"face": ""}}).modified_count

    def forget(self, subject: int) -> None:
        """Clear the entries of an erased student, and remove the face from every entry that the same face is in.

        The entries stay, under a negative number, which is no student's.
        """
        own = {"student": Int64(subject)}
        entries = list(self._db.attendance.find(own, {"face_group": 1}))
        groups = sorted({str(entry["face_group"]) for entry in entries} - {""})
        if groups:
            self._db.attendance.update_many({"face_group": {"$in": groups}}, {"$unset": {"face": ""}})
        for entry in entries:
            cleared: dict[str, Any] = {"student": Int64(-int(entry["_id"])), "note": "", "request": ""}
            self._db.attendance.update_one({"_id": entry["_id"]}, {"$set": cleared, "$unset": {"face": ""}})
        for entry in list(self._db.participations.find(own, {"_id": 1})):
            number = int(entry["_id"])
            cleared = {"student": Int64(-number), "kind": "", "note": "", "request": f"erased {number}"}
            self._db.participations.update_one({"_id": entry["_id"]}, {"$set": cleared})

    @staticmethod
    def _found(collection: MongoCollection[dict[str, Any]], which: EntryFilter) -> list[dict[str, Any]]:
        return list(collection.find(filter_of(which)).sort("_id", ASCENDING))
