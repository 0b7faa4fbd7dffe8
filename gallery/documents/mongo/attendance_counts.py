"""The counts on students' documents in MongoDB, kept in step with attendance and participation.

A student carries ``recount`` from before an entry is written until the counts include it, so that the counts that a
dead process left behind are corrected at the next start. Counts carry the number of entries that they were made of
(``recorded``): counts of fewer entries never replace counts of more.

At the same time entries that hold no longer are marked ``superseded``: statistics leave them out. None holds again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bson import Int64
from pymongo.database import Database

from gallery.documents.attendance import StoredAttendance, StoredParticipation, Tally
from gallery.documents.attendance_rules import latest, tally
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.attendance_documents import attendance_of, participation_of


class MongoAttendanceCounts:
    """The counts of students. Lets pymongo's errors through: the store translates them."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._db = db

    def begin(self, subjects: Iterable[int | None]) -> set[int]:
        """Mark students for a recount, before entries are written; those who exist."""
        wanted = {"subject": {"$in": [Int64(subject) for subject in subjects if subject is not None]}}
        self._db.students.update_many(wanted, {"$set": {"recount": True}})
        return {int(found["subject"]) for found in self._db.students.find(wanted, {"subject": 1})}

    def refresh(self, subject: int) -> None:
        """Set a student's counts to what the entries add up to, unless another process did so with more entries."""
        counted, recorded = self._tally(subject)
        student = self._db.students.find_one({"subject": Int64(subject)})
        if student is None:
            return
        counts = {
            "asistencias": int(student.get("asistencias_previas", 0)) + counted.asistencias,
            "participaciones": int(student.get("participaciones_previas", 0)) + counted.participaciones,
            "asistencias_por_clase": [{"clase": clase, "asistencias": times} for clase, times in counted.por_clase],
            "recorded": recorded,
        }
        older = {"$or": [{"recorded": {"$exists": False}}, {"recorded": {"$lte": recorded}}]}
        self._db.students.update_one({"subject": Int64(subject), **older}, {"$set": counts, "$unset": {"recount": ""}})

    def recover(self) -> None:
        """Refresh the counts of the students whose last entries a dead process wrote."""
        for found in list(self._db.students.find({"recount": True}, {"subject": 1})):
            self.refresh(int(found["subject"]))

    def recount(self) -> None:
        """Refresh the counts of all students."""
        for student in list(self._db.students.find({"subject": {"$exists": True}}, {"subject": 1})):
            self.refresh(int(student["subject"]))

    def miscounted(self) -> list[str]:
        """Matriculas, sorted, of the students whose counts differ from their entries."""
        attendance: dict[int | None, list[StoredAttendance]] = {}
        participations: dict[int | None, list[StoredParticipation]] = {}
        for entry in map(attendance_of, self._db.attendance.find({}, {"face": 0})):
            attendance.setdefault(entry.entry.subject, []).append(entry)
        for other in map(participation_of, self._db.participations.find()):
            participations.setdefault(other.entry.subject, []).append(other)
        return sorted(
            str(student["matricula"])
            for student in self._db.students.find({"subject": {"$exists": True}})
            if _counts_of(student)
            != tally(attendance.get(int(student["subject"]), ()), participations.get(int(student["subject"]), ()))
        )

    def _tally(self, subject: int) -> tuple[Tally, int]:
        own = {"student": Int64(subject)}
        found = list(self._db.attendance.find(own, {"face": 0}))
        self._mark_superseded(found)
        attendance = [attendance_of(each) for each in found]
        participations = [participation_of(found) for found in self._db.participations.find(own)]
        return tally(attendance, participations), len(attendance) + len(participations)

    def mark_all(self) -> None:
        """Mark what is superseded in a database that versions without marks wrote; only the first time."""
        if self._db.gallery.find_one({"_id": "superseded"}) is not None:
            return
        corrected: list[dict[str, Any]] = [
            {"$match": {"turn": {"$ne": 0}, "student": {"$gt": 0}}},
            {"$group": {"_id": "$student", "n": {"$sum": 1}}},
        ]
        for found in list(self._db.attendance.aggregate(corrected)):
            self._mark_superseded(list(self._db.attendance.find({"student": Int64(found["_id"])}, {"face": 0})))
        self._db.gallery.update_one({"_id": "superseded"}, {"$set": {"value": "marked"}}, upsert=True)

    def _mark_superseded(self, entries: Sequence[Document]) -> None:
        """Mark those of one student's entries that another one has replaced, unless they are marked."""
        holding = {stored.id for stored in latest(map(attendance_of, entries))}
        fresh = [each["_id"] for each in entries if int(each["_id"]) not in holding and "superseded" not in each]
        if fresh:
            self._db.attendance.update_many({"_id": {"$in": fresh}}, {"$set": {"superseded": True}})


def _counts_of(student: Document) -> Tally:
    """The counts on a student's document, without the earlier counts."""
    return Tally(
        int(student.get("asistencias", 0)) - int(student.get("asistencias_previas", 0)),
        int(student.get("participaciones", 0)) - int(student.get("participaciones_previas", 0)),
        per_class(student),
    )


def per_class(student: Document) -> tuple[tuple[str, int], ...]:
    """The counts per class on a student's document."""
    counted = student.get("asistencias_por_clase", ())
    return tuple((str(each["clase"]), int(each["asistencias"])) for each in counted)
