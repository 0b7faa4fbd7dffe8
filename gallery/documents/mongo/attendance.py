"""The books of attendance and participation on MongoDB.

An entry is one document, so it is there or it is not. The counts on the student's document are for whoever reads that
document; a student carries ``recount`` from before an entry is written until the counts have followed, so that what a
dead process left behind is put right at the next start. Counts carry how many entries they were made of
(``recorded``): fewer never replace more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import groupby
from typing import Any

import numpy as np
from bson import Binary, Int64
from pymongo import ASCENDING
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.attendance import (
    Attendance,
    Claim,
    EntryFilter,
    ListPosition,
    Participation,
    SeenFace,
    StoredAttendance,
    StoredParticipation,
    Tally,
    tally,
)
from gallery.documents.mongo.attendance_pages import about, days, newest
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import Document
from gallery.documents.values import student_not_found

_ATTENDANCE = ("clase", "fecha", "turn", "status", "source", "at", "note", "request", "face_group")
_CHUNK = 1000
"""Entries that are looked through at once for a page of the list."""
_PARTICIPATION = ("clase", "fecha", "kind", "note", "at", "request", "withdraws")


class MongoRecords:
    """A :class:`gallery.documents.attendance.AttendanceStore` on the database of a MongoDB store."""

    def __init__(
        self,
        db: Database[dict[str, Any]],
        sequence: MongoSequence,
        talking: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._db = db
        self._sequence = sequence
        self._talking = talking
        db.attendance.create_index(
            [(name, ASCENDING) for name in ("student", "clase", "fecha", "turn")], unique=True, name="turn"
        )
        db.attendance.create_index([("clase", ASCENDING), ("fecha", ASCENDING)], name="class")
        db.participations.create_index([("request", ASCENDING)], unique=True, name="request")
        db.participations.create_index([("student", ASCENDING)], name="student")
        db.attendance.create_index([(name, ASCENDING) for name in ("fecha", "clase", "_id")], name="day")
        db.participations.create_index([("withdraws", ASCENDING)], name="withdraws")
        db.requests.create_index([("students", ASCENDING)], name="students")
        db.requests.create_index([("at", ASCENDING)], name="time")

    def recover(self) -> None:
        """Let the counts follow the entries that a dead process wrote last; drop what it had claimed for students who
        were erased just then."""
        for begun in list(self._db.requests.find({"done": False})):
            if self._gone(begun["students"]):
                self._db.requests.delete_one({"_id": begun["_id"]})
        for found in list(self._db.students.find({"recount": True}, {"subject": 1})):
            self.refresh(int(found["subject"]))

    def add_attendance(self, entries: Sequence[Attendance]) -> list[Attendance]:
        with self._talking():
            there = self._begin({entry.subject for entry in entries})
            wanted = [entry for entry in entries if entry.subject in there]
            late = [entry for entry in entries if entry.subject not in there]
            numbers = self._sequence.reserve(len(wanted), "attendance") if wanted else ()
            for number, entry in zip(numbers, wanted, strict=True):
                try:
                    self._db.attendance.insert_one({"_id": Int64(number), **_attendance_document(entry)})
                except DuplicateKeyError:
                    late.append(entry)
            gone = self._settle(there)
        return late + [entry for entry in wanted if entry.subject in gone]

    def add_participation(self, entry: Participation) -> StoredParticipation:
        with self._talking():
            if not self._begin({entry.subject}):
                raise student_not_found(str(entry.subject))
            number = self._sequence.reserve(1, "participation")[0]
            document = {"_id": Int64(number), "student": Int64(entry.subject or 0)}
            with suppress(DuplicateKeyError):  # the same request once more
                self._db.participations.insert_one(document | {name: getattr(entry, name) for name in _PARTICIPATION})
            if self._settle({entry.subject}):
                raise student_not_found(str(entry.subject))
            found = self._db.participations.find_one({"request": entry.request})
        if found is None:
            raise student_not_found(str(entry.subject))
        return _participation_of(found)

    def attendance(self, which: EntryFilter) -> list[StoredAttendance]:
        with self._talking():
            return [_attendance_of(found) for found in self._found(self._db.attendance, which)]

    def attendance_after(
        self, which: EntryFilter, after: ListPosition | None, limit: int, history: bool = False
    ) -> list[tuple[ListPosition, StoredAttendance]]:
        with self._talking():
            places: list[ListPosition] = []
            for some in days(self._db.attendance, _wanted(which), after, max(limit, _CHUNK)):
                names = self._matriculas({int(entry["student"]) for entry in some})
                kept = some if history else newest(some)
                found = [
                    ListPosition(e["fecha"], e["clase"], names.get(int(e["student"]), ""), int(e["_id"])) for e in kept
                ]
                places += [place for place in found if after is None or place.key > after.key]
                if len(places) >= limit:
                    break
            places = sorted(places, key=lambda place: place.key)[:limit]
            rows = self._db.attendance.find({"_id": {"$in": [Int64(place.id) for place in places]}})
            stored = {int(row["_id"]): _attendance_of(row) for row in rows}
        return [(place, stored[place.id]) for place in places if place.id in stored]

    def _matriculas(self, subjects: Collection[int]) -> dict[int, str]:
        wanted = {"subject": {"$in": [Int64(subject) for subject in subjects if subject > 0]}}
        found = self._db.students.find(wanted, {"subject": 1, "matricula": 1})
        return {int(student["subject"]): str(student["matricula"]) for student in found}

    def count_present(self, which: EntryFilter, history: bool = False) -> int:
        with self._talking():
            if history:
                return int(self._db.attendance.count_documents({**_wanted(which), "status": "present"}))
            order = dict.fromkeys(("student", "clase", "fecha", "turn"), 1)
            steps = [{"$match": _wanted(which)}, {"$project": {**order, "status": 1}}, {"$sort": order}]
            entries = self._db.attendance.aggregate(steps, allowDiskUse=True)
            held = (list(same)[-1] for _, same in groupby(entries, key=about))  # of an erased student each is alone
            return sum(entry["status"] == "present" for entry in held)

    def attendance_entry(self, number: int) -> StoredAttendance | None:
        with self._talking():
            found = self._db.attendance.find_one({"_id": Int64(number)})
        return None if found is None else _attendance_of(found)

    def participations(self, which: EntryFilter) -> list[StoredParticipation]:
        with self._talking():
            return [_participation_of(found) for found in self._found(self._db.participations, which)]

    def participations_after(
        self, which: EntryFilter, after: int, limit: int, history: bool = False
    ) -> list[StoredParticipation]:
        kept: list[Document] = []
        with self._talking():
            while len(kept) < limit:
                wanted = _wanted(which) | {"_id": {"$gt": Int64(after)}} | ({} if history else {"withdraws": None})
                some = list(self._db.participations.find(wanted).sort("_id", ASCENDING).limit(limit))
                if not some:
                    break
                after = int(some[-1]["_id"])
                ids = [] if history else [entry["_id"] for entry in some]
                taken_back = self._db.participations.find({"withdraws": {"$in": ids}}, {"withdraws": 1}) if ids else ()
                gone = {int(entry["withdraws"]) for entry in taken_back}
                kept += [entry for entry in some if int(entry["_id"]) not in gone]
        return [_participation_of(found) for found in kept[:limit]]

    def count_participations(self, which: EntryFilter, history: bool = False) -> int:
        with self._talking():
            counted = self._db.participations.count_documents
            if history:
                return int(counted(_wanted(which)))
            own, withdrawals = {"withdraws": None}, {"withdraws": {"$ne": None}}  # each is of one, of the same class
            return int(counted(_wanted(which) | own) - counted(_wanted(which) | withdrawals))

    def participation_entry(self, number: int) -> StoredParticipation | None:
        with self._talking():
            found = self._db.participations.find_one({"_id": Int64(number)})
        return None if found is None else _participation_of(found)

    def claim(self, claim: Claim, about: Collection[int]) -> Claim:
        with self._talking():
            self._db.requests.delete_many({"at": {"$lt": claim.oldest_kept}})
            students = [Int64(subject) for subject in about]
            made = {"_id": claim.key, "digest": claim.digest, "at": claim.at, "done": False, "students": students}
            while True:
                try:
                    self._db.requests.insert_one(made)
                    break
                except DuplicateKeyError:
                    found = self._db.requests.find_one({"_id": claim.key})
                if found is not None:  # else it was dropped just now
                    return Claim(claim.key, found["digest"], found["at"], bool(found["done"]), first=False)
            gone = self._gone(students)
            if gone:
                self._db.requests.delete_one({"_id": claim.key})
                raise student_not_found(str(min(gone)))
        return claim

    def finish(self, key: str, about: Collection[int]) -> None:
        with self._talking():
            found = self._db.requests.find_one({"_id": key})
            if found is None:
                return
            students = sorted({int(subject) for subject in (*found["students"], *about)})
            done = {"done": True, "students": [Int64(subject) for subject in students]}
            self._db.requests.update_one({"_id": key}, {"$set": done})
            if self._gone(students):
                self._db.requests.delete_one({"_id": key})

    def release(self, key: str) -> None:
        with self._talking():
            self._db.requests.delete_one({"_id": key, "done": False})

    def join(self, source: int, target: int) -> None:
        """What was asked about one student was asked about another."""
        for found in list(self._db.requests.find({"students": Int64(source)})):
            students = sorted({target, *map(int, found["students"])} - {source})
            renamed = {"students": [Int64(subject) for subject in students]}
            self._db.requests.update_one({"_id": found["_id"]}, {"$set": renamed})

    def miscounted(self) -> list[str]:
        with self._talking():
            attendance: dict[int | None, list[StoredAttendance]] = {}
            participations: dict[int | None, list[StoredParticipation]] = {}
            for entry in map(_attendance_of, self._db.attendance.find({}, {"face": 0})):
                attendance.setdefault(entry.entry.subject, []).append(entry)
            for other in map(_participation_of, self._db.participations.find()):
                participations.setdefault(other.entry.subject, []).append(other)
            return sorted(
                str(student["matricula"])
                for student in self._db.students.find({"subject": {"$exists": True}})
                if _counts_of(student)
                != tally(attendance.get(int(student["subject"]), ()), participations.get(int(student["subject"]), ()))
            )

    def recount(self) -> None:
        with self._talking():
            for student in list(self._db.students.find({"subject": {"$exists": True}}, {"subject": 1})):
                self.refresh(int(student["subject"]))

    def refresh(self, subject: int) -> None:
        """Make a student's counts what the entries say, unless somebody did who saw more of them."""
        counted, seen = self._tally(subject)
        student = self._db.students.find_one({"subject": Int64(subject)})
        if student is None:
            return
        counts = {
            "asistencias": int(student.get("asistencias_previas", 0)) + counted.asistencias,
            "participaciones": int(student.get("participaciones_previas", 0)) + counted.participaciones,
            "recorded": seen,
        }
        older = {"$or": [{"recorded": {"$exists": False}}, {"recorded": {"$lte": seen}}]}
        self._db.students.update_one({"subject": Int64(subject), **older}, {"$set": counts, "$unset": {"recount": ""}})

    def forget(self, subject: int) -> None:
        """Take a student out of the books, and the face of everybody whom the same face might have been.

        The entries stay, under a number that is nobody's; what was asked about the student does not.
        """
        self._db.requests.delete_many({"students": Int64(subject)})
        own = {"student": Int64(subject)}
        entries = list(self._db.attendance.find(own, {"face_group": 1}))
        groups = sorted({str(entry["face_group"]) for entry in entries} - {""})
        if groups:
            self._db.attendance.update_many({"face_group": {"$in": groups}}, {"$unset": {"face": ""}})
        for entry in entries:
            nobody = {"student": Int64(-int(entry["_id"])), "note": "", "request": ""}
            self._db.attendance.update_one({"_id": entry["_id"]}, {"$set": nobody, "$unset": {"face": ""}})
        for entry in list(self._db.participations.find(own, {"_id": 1})):
            number = int(entry["_id"])
            nobody = {"student": Int64(-number), "note": "", "request": f"erased {number}"}
            self._db.participations.update_one({"_id": entry["_id"]}, {"$set": nobody})

    def _gone(self, subjects: Collection[int]) -> set[int]:
        """Those subjects who are not there."""
        wanted = {int(subject) for subject in subjects}
        found = self._db.students.find({"subject": {"$in": [Int64(i) for i in wanted]}}, {"subject": 1})
        return wanted - {int(student["subject"]) for student in found}

    def _begin(self, subjects: Iterable[int | None]) -> set[int]:
        """Mark students as about to be counted anew; those who are there."""
        wanted = {"subject": {"$in": [Int64(subject) for subject in subjects if subject is not None]}}
        self._db.students.update_many(wanted, {"$set": {"recount": True}})
        return {int(found["subject"]) for found in self._db.students.find(wanted, {"subject": 1})}

    def _settle(self, subjects: Iterable[int | None]) -> set[int]:
        """Let the counts follow; the students who were erased meanwhile, who are taken out of the books again."""
        wanted = {subject for subject in subjects if subject is not None}
        for subject in wanted:
            self.refresh(subject)
        gone = self._gone(wanted)
        for subject in gone:
            self.forget(subject)
        return gone

    def _tally(self, subject: int) -> tuple[Tally, int]:
        own = {"student": Int64(subject)}
        attendance = [_attendance_of(found) for found in self._db.attendance.find(own, {"face": 0})]
        participations = [_participation_of(found) for found in self._db.participations.find(own)]
        return tally(attendance, participations), len(attendance) + len(participations)

    @staticmethod
    def _found(collection: MongoCollection[dict[str, Any]], which: EntryFilter) -> list[dict[str, Any]]:
        return list(collection.find(_wanted(which)).sort("_id", ASCENDING))


def _wanted(which: EntryFilter) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        name: value
        for name, value in (
            ("clase", which.clase),
            ("request", which.request),
            ("face_group", which.face_group),
            ("student", None if which.subject is None else Int64(which.subject)),
        )
        if value is not None
    }
    dates = {name: day for name, day in (("$gte", which.desde), ("$lte", which.hasta)) if day is not None}
    if dates:
        wanted["fecha"] = dates
    return wanted


def _counts_of(student: Document) -> Tally:
    """What a student's document says was counted here."""
    return Tally(
        int(student.get("asistencias", 0)) - int(student.get("asistencias_previas", 0)),
        int(student.get("participaciones", 0)) - int(student.get("participaciones_previas", 0)),
    )


def _attendance_document(entry: Attendance) -> dict[str, Any]:
    document = {"student": Int64(entry.subject or 0), **{name: getattr(entry, name) for name in _ATTENDANCE}}
    face = entry.face
    if face is not None:
        document["face"] = {
            "vector": Binary(np.ascontiguousarray(face.vector, dtype="<f4").tobytes()),
            "pack": face.pack,
            "box": [float(value) for value in face.box],
            "score": face.score,
            "threshold": face.threshold,
            "template": Int64(face.template),
            "generation": face.generation,
            "photo": face.photo,
        }
    return document


def _attendance_of(document: Document) -> StoredAttendance:
    kept = document.get("face")
    face = None
    if kept is not None:
        values = {
            "vector": np.frombuffer(kept["vector"], dtype="<f4"),
            "box": tuple(kept["box"]),
            "template": int(kept["template"]),
        }
        face = SeenFace(**{**kept, **values})
    entry = Attendance(subject=_subject_of(document), face=face, **{name: document[name] for name in _ATTENDANCE})
    return StoredAttendance(int(document["_id"]), entry)


def _participation_of(document: Document) -> StoredParticipation:
    entry = Participation(subject=_subject_of(document), **{name: document[name] for name in _PARTICIPATION})
    return StoredParticipation(int(document["_id"]), entry)


def _subject_of(document: Document) -> int | None:
    subject = int(document["student"])
    return subject if subject > 0 else None
