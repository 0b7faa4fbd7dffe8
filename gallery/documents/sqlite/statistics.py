"""Statistics in SQLite: every number is counted by one statement."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from gallery.documents.attendance import AttendanceStatus
from gallery.documents.statistics import COUNTED_AS, Meeting, StatisticsFilter, StatusCounts, StudentCounts

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]
_STATUSES = [f"status IN ({', '.join(map(repr, statuses))})" for statuses in COUNTED_AS.values()]
_SUMS = ", ".join(f"sum({counted})" for counted in _STATUSES)
_OF_STUDENTS = "student IN (SELECT value FROM json_each(:students))"


def _where(which: StatisticsFilter) -> str:
    """Only the conditions that are asked for: SQLite looks into no index for one that may be absent."""
    given = {
        "clase IN (SELECT value FROM json_each(:clases))": which.clases,
        "fecha >= :desde": which.desde,
        "fecha <= :hasta": which.hasta,
    }
    return " AND ".join(condition for condition, value in given.items() if value is not None) or "1"


def _counted(which: StatisticsFilter) -> str:
    """A WITH clause whose ``counted`` has the entries that count.

    SQLite takes the other columns of a group from the row that has the maximum: the entry that holds. The index has all
    that is read, in the order of the groups: the faces beside it are a hundred times as large.
    """
    source = f"FROM attendance INDEXED BY attendance_counted WHERE {_where(which)}"
    return f"""WITH held AS (
        SELECT student, clase, fecha, session, status, max(turn) {source} AND student IS NOT NULL
            GROUP BY clase, fecha, student, session
        UNION ALL SELECT NULL, clase, fecha, session, status, 0 {source} AND student IS NULL),
    standing AS MATERIALIZED (SELECT student, clase, fecha, session, status FROM held WHERE status != 'withdrawn'),
    with_sessions AS MATERIALIZED (SELECT DISTINCT clase, fecha FROM standing WHERE session != 0),
    counted AS (
        SELECT * FROM standing WHERE session != 0 OR (clase, fecha) NOT IN (SELECT clase, fecha FROM with_sessions))"""


def _participated(which: StatisticsFilter) -> str:
    return (
        f"FROM participations p WHERE student IS NOT NULL AND withdraws IS NULL AND {_where(which)} "
        "AND NOT EXISTS (SELECT 1 FROM participations w WHERE w.withdraws = p.id)"
    )


class SqliteStatistics:
    """A :class:`gallery.documents.statistics.StatisticsStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection) -> None:
        self._reading = reading

    def meeting_numbers(self, which: StatisticsFilter) -> dict[str, int]:
        with self._reading() as db:
            return dict(
                db.execute(
                    f"{_counted(which)} SELECT clase, count(*) "
                    "FROM (SELECT DISTINCT clase, fecha, session FROM counted) GROUP BY clase ORDER BY clase",
                    _values(which),
                ).fetchall()
            )

    def meetings(self, which: StatisticsFilter, students: Collection[int]) -> dict[Meeting, StatusCounts]:
        sums = ", ".join(f"total({counted} AND {_OF_STUDENTS})" for counted in _STATUSES)
        with self._reading() as db:
            rows = db.execute(
                f"{_counted(which)} SELECT clase, fecha, session, {sums} FROM counted "
                "GROUP BY clase, fecha, session ORDER BY clase, fecha, session",
                _values(which) | {"students": json.dumps(sorted(students))},
            ).fetchall()
        return {Meeting(*row[:3]): StatusCounts(*map(int, row[3:])) for row in rows}

    def of_students(self, which: StatisticsFilter) -> list[StudentCounts]:
        with self._reading() as db:
            entries = db.execute(
                f"{_counted(which)} SELECT clase, student, {_SUMS} FROM counted WHERE student IS NOT NULL "
                "GROUP BY clase, student",
                _values(which),
            ).fetchall()
            took_part = db.execute(
                f"SELECT clase, student, count(*) {_participated(which)} GROUP BY clase, student", _values(which)
            ).fetchall()
        attendance = {(row[0], row[1]): StatusCounts(*row[2:]) for row in entries}
        participations = {(row[0], row[1]): row[2] for row in took_part}
        return [
            StudentCounts(*key, attendance.get(key, StatusCounts()), participations.get(key, 0))
            for key in sorted(attendance.keys() | participations.keys())
        ]

    def of_student(self, subject: int, which: StatisticsFilter) -> dict[Meeting, AttendanceStatus]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT clase, fecha, session, status, max(turn) FROM attendance "
                f"WHERE student = :student AND {_where(which)} "
                "GROUP BY clase, fecha, session ORDER BY clase, fecha, session",
                _values(which) | {"student": subject},
            ).fetchall()
        return {Meeting(*row[:3]): row[3] for row in rows}

    def participations_by_day(self, which: StatisticsFilter, students: Collection[int]) -> dict[tuple[str, str], int]:
        with self._reading() as db:
            rows = db.execute(
                f"SELECT clase, fecha, count(*) {_participated(which)} "
                f"AND {_OF_STUDENTS} GROUP BY clase, fecha ORDER BY clase, fecha",
                _values(which) | {"students": json.dumps(sorted(students))},
            ).fetchall()
        return {(row[0], row[1]): row[2] for row in rows}

    def members(self, clases: Collection[str]) -> dict[str, frozenset[int]]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT clase, id FROM students WHERE kind = 'student' "
                "AND clase IN (SELECT value FROM json_each(:clases)) "
                "UNION SELECT each.value, s.id FROM students s, json_each(s.otras_clases) each "
                "WHERE s.kind = 'student' AND s.otras_clases != '[]' "
                "AND each.value IN (SELECT value FROM json_each(:clases))",
                {"clases": json.dumps(sorted(set(clases) - {""}))},
            ).fetchall()
        found: dict[str, set[int]] = {}
        for clase, subject in rows:
            found.setdefault(clase, set()).add(subject)
        return {clase: frozenset(found[clase]) for clase in sorted(found)}


def _values(which: StatisticsFilter) -> dict[str, object]:
    clases = None if which.clases is None else json.dumps(sorted(which.clases))
    return {"clases": clases, "desde": which.desde, "hasta": which.hasta}
