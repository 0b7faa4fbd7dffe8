"""Statistics in MongoDB: groups that the server adds up.

An entry says of itself whether another one has taken its place (``superseded``,
:mod:`gallery.documents.mongo.attendance_counts`), so that adding up is all there is to do. Servers that speak MongoDB's
language and compare each document with each group, as FerretDB 1 does, need minutes for a school's year. There the
documents are added up here, as they come: memory grows with the groups alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, get_args

from bson import Int64
from pymongo.errors import OperationFailure

from gallery.documents.attendance import AttendanceStatus
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.shapes import VISIBLE, in_one_of
from gallery.documents.statistics import COUNT_OF, Meeting, StatisticsFilter, StatusCounts, StudentCounts

_STANDS: dict[str, Any] = {"superseded": {"$exists": False}, "status": {"$ne": "withdrawn"}}
_OF_STUDENTS: dict[str, Any] = {"student": {"$gt": 0}}
"""Entries of erased students have negative numbers."""
_PAIRS_AT_ONCE = 200
_DOCUMENTS_AT_ONCE = 10_000
_Key = tuple[Any, ...]


class MongoStatistics:
    """A :class:`gallery.documents.statistics.StatisticsStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db
        self.groups_in_server = True

    def prepare(self) -> None:
        """Find out whether the server groups as MongoDB does: FerretDB 1 knows one way of adding up."""
        try:
            list(self._db.gallery.aggregate([{"$group": {"_id": None, "n": {"$max": "$value"}}}]))
        except OperationFailure:
            self.groups_in_server = False

    def meeting_numbers(self, which: StatisticsFilter) -> dict[str, int]:
        with self._connection.calls():
            held, _ = self._meetings(which)
        return dict(sorted(Counter(meeting.clase for meeting in held).items()))

    def meetings(self, which: StatisticsFilter, students: Collection[int]) -> dict[Meeting, StatusCounts]:
        asked = {"student": {"$in": [Int64(subject) for subject in sorted(students)]}}
        with self._connection.calls():
            held, _ = self._meetings(which)
            counted = self._grouped(
                self._db.attendance, _where(which) | _STANDS | asked, ("clase", "fecha", "session", "status")
            )
        found: dict[Meeting, Counter[str]] = {meeting: Counter() for meeting in sorted(held)}
        for (clase, fecha, session, status), number in counted.items():
            meeting = Meeting(clase, fecha, int(session or 0))
            if meeting in found:
                found[meeting][COUNT_OF[status]] += number
        return {meeting: StatusCounts(**numbers) for meeting, numbers in found.items()}

    def of_students(self, which: StatisticsFilter) -> list[StudentCounts]:
        by_student = ("clase", "student", "status")
        with self._connection.calls():
            _, left_out = self._meetings(which)
            entries = Counter(self._grouped(self._db.attendance, _where(which) | _STANDS | _OF_STUDENTS, by_student))
            for of_days in _pairs(left_out):
                entries.subtract(self._grouped(self._db.attendance, of_days | _STANDS | _OF_STUDENTS, by_student))
            took_part = self._participations(which, _OF_STUDENTS, ("clase", "student"))
        attendance: dict[tuple[str, int], Counter[str]] = {}
        for (clase, student, status), number in entries.items():
            if number:
                attendance.setdefault((clase, int(student)), Counter())[COUNT_OF[status]] += number
        took_part_in = {(clase, int(student)): number for (clase, student), number in took_part.items()}
        return [
            StudentCounts(
                clase,
                subject,
                StatusCounts(**attendance.get((clase, subject), Counter())),
                took_part_in.get((clase, subject), 0),
            )
            for clase, subject in sorted(attendance.keys() | took_part_in.keys())
        ]

    def of_student(self, subject: int, which: StatisticsFilter) -> dict[Meeting, AttendanceStatus]:
        own: dict[str, Any] = {**_where(which), "superseded": {"$exists": False}, "student": Int64(subject)}
        names = {"clase": 1, "fecha": 1, "session": 1, "status": 1}
        statuses: dict[str, AttendanceStatus] = {status: status for status in get_args(AttendanceStatus)}
        with self._connection.calls():
            found = {
                Meeting(str(each["clase"]), str(each["fecha"]), int(each.get("session") or 0)): statuses[each["status"]]
                for each in self._db.attendance.find(own, names)
            }
        return dict(sorted(found.items()))

    def participations_by_day(self, which: StatisticsFilter, students: Collection[int]) -> dict[tuple[str, str], int]:
        asked = {"student": {"$in": [Int64(subject) for subject in sorted(students)]}}
        with self._connection.calls():
            counted = self._participations(which, asked, ("clase", "fecha"))
        return {(clase, fecha): counted[clase, fecha] for clase, fecha in sorted(counted)}

    def members(self, clases: Collection[str]) -> dict[str, frozenset[int]]:
        wanted = set(clases) - {""}
        which: dict[str, Any] = {"kind": "student", **VISIBLE, **in_one_of(wanted)}
        found: dict[str, set[int]] = {}
        with self._connection.calls():
            for student in self._db.students.find(which, {"subject": 1, "clase": 1, "otras_clases": 1}):
                for clase in wanted & {student.get("clase", ""), *student.get("otras_clases", ())}:
                    found.setdefault(clase, set()).add(int(student["subject"]))
        return {clase: frozenset(found[clase]) for clase in sorted(found)}

    def _meetings(self, which: StatisticsFilter) -> tuple[set[Meeting], list[tuple[str, str]]]:
        """The meetings; and the classes and dates that are none, because a session is there."""
        grouped = self._grouped(self._db.attendance, _where(which) | _STANDS, ("clase", "fecha", "session"))
        every = {Meeting(clase, fecha, int(session or 0)) for clase, fecha, session in grouped}
        in_sessions = {(clase, fecha) for clase, fecha, session in every if session}
        left_out = {each for each in every if not each.session and (each.clase, each.fecha) in in_sessions}
        return every - left_out, sorted((each.clase, each.fecha) for each in left_out)

    def _participations(self, which: StatisticsFilter, students: dict[str, Any], by: Sequence[str]) -> dict[_Key, int]:
        """Those that count. Each withdrawal withdraws one participation of the same student, class and date."""
        asked = _where(which) | students
        counted = Counter(self._grouped(self._db.participations, asked | {"withdraws": None}, by))
        counted.subtract(self._grouped(self._db.participations, asked | {"withdraws": {"$ne": None}}, by))
        return {key: number for key, number in counted.items() if number}

    def _grouped(self, collection: Any, which: dict[str, Any], by: Sequence[str]) -> dict[_Key, int]:
        """How many documents have each combination of values."""
        counted: Counter[_Key] = Counter()
        if not self.groups_in_server:
            counted.update(
                tuple(each.get(name) for name in by)
                for each in collection.find(which, {"_id": 0, **dict.fromkeys(by, 1)}, batch_size=_DOCUMENTS_AT_ONCE)
            )
            return counted
        steps: list[Mapping[str, Any]] = [
            {"$match": which},
            {"$group": {"_id": {name: f"${name}" for name in by}, "n": {"$sum": 1}}},
        ]
        for row in collection.aggregate(steps, allowDiskUse=True):
            counted[tuple(row["_id"].get(name) for name in by)] += int(row["n"])
        return counted


def _where(which: StatisticsFilter) -> dict[str, Any]:
    dates = {name: day for name, day in (("$gte", which.desde), ("$lte", which.hasta)) if day is not None}
    return {
        **({} if which.clases is None else {"clase": {"$in": sorted(which.clases)}}),
        **({"fecha": dates} if dates else {}),
    }


def _pairs(days: Sequence[tuple[str, str]]) -> Iterable[dict[str, Any]]:
    """Filters for what is recorded of these classes and dates without a session."""
    for start in range(0, len(days), _PAIRS_AT_ONCE):
        some = days[start : start + _PAIRS_AT_ONCE]
        yield {
            "$or": [{"clase": clase, "fecha": fecha} for clase, fecha in some],
            "session": {"$in": [0, None]},
        }
