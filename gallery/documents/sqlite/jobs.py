"""Jobs and the findings of audits in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from gallery.documents.audit_findings import KeptFinding
from gallery.documents.jobs import Job, JobEnd, JobProgress, JobRequest

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]
_COLUMNS = (
    "id, kind, arguments, caller, role, at, request, server, started, seen, done, of, unit, is_cancelled, state, "
    "ended, result, code, problem"
)


class SqliteJobs:
    """A :class:`gallery.documents.job_store.JobStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection) -> None:
        self._reading = reading
        self._writing = writing

    def add(self, asked: JobRequest) -> Job:
        values = asked.kind, json.dumps(dict(asked.arguments)), asked.caller, asked.role, asked.at, asked.request
        with self._writing() as db:
            if asked.request:
                found = _jobs(db, "request = ?", (asked.request,))
                if found:
                    return found[0]
            made = db.execute(
                "INSERT INTO jobs (kind, arguments, caller, role, at, request) VALUES (?, ?, ?, ?, ?, ?)", values
            )
            return Job(int(made.lastrowid or 0), asked)

    def job(self, number: int) -> Job | None:
        with self._reading() as db:
            return next(iter(_jobs(db, "id = ?", (number,))), None)

    def jobs_before(self, number: int | None, limit: int) -> list[Job]:
        with self._reading() as db:
            return _jobs(db, "?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2", (number, limit))

    def latest_done(self, kind: str) -> Job | None:
        with self._reading() as db:
            return next(iter(_jobs(db, "kind = ? AND state = 'done' ORDER BY id DESC LIMIT 1", (kind,))), None)

    def unfinished(self) -> list[Job]:
        with self._reading() as db:
            return _jobs(db, "state IS NULL ORDER BY id", ())

    def take(self, number: int, server: str, at: str) -> bool:
        return self._change(
            "UPDATE jobs SET server = ?, started = ?, seen = ? "
            "WHERE id = ? AND started IS NULL AND state IS NULL AND NOT is_cancelled",
            (server, at, at, number),
        )

    def give_back(self, number: int, server: str) -> bool:
        return self._change(
            "UPDATE jobs SET server = '', started = NULL, seen = NULL, done = 0, of = NULL, unit = '' "
            "WHERE id = ? AND server = ? AND started IS NOT NULL AND state IS NULL",
            (number, server),
        )

    def note(self, number: int, progress: JobProgress, at: str) -> bool:
        return self._change(
            "UPDATE jobs SET done = ?, of = ?, unit = ?, seen = ? WHERE id = ? AND state IS NULL AND NOT is_cancelled",
            (progress.done, progress.of, progress.unit, at, number),
        )

    def cancel(self, number: int) -> None:
        self._change("UPDATE jobs SET is_cancelled = 1 WHERE id = ? AND state IS NULL", (number,))

    def end(self, number: int, end: JobEnd) -> bool:
        return self._change(
            "UPDATE jobs SET state = ?, ended = ?, result = ?, code = ?, problem = ? WHERE id = ? AND state IS NULL",
            (end.state, end.at, json.dumps(dict(end.result)), end.code, end.text, number),
        )

    def drop(self, before: str) -> None:
        with self._reading() as db:  # most often there is none
            if db.execute("SELECT 1 FROM jobs WHERE ended < ? LIMIT 1", (before,)).fetchone() is None:
                return
        self._change("DELETE FROM jobs WHERE ended < ?", (before,))

    def _change(self, statement: str, values: Sequence[object]) -> bool:
        with self._writing() as db:
            return db.execute(statement, values).rowcount > 0


def _jobs(db: sqlite3.Connection, which: str, values: Sequence[object]) -> list[Job]:
    return [_job(row) for row in db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {which}", values)]


def _job(row: Sequence[object]) -> Job:
    number, kind, arguments, caller, role, at, request, server, started, seen, done, of, unit, cancelled, *ended = row
    state, ended_at, result, code, text = ended
    return Job(
        int(number),  # type: ignore[call-overload]
        JobRequest(kind, json.loads(str(arguments)), caller, role, at, request),  # type: ignore[arg-type]
        server,  # type: ignore[arg-type]
        started,  # type: ignore[arg-type]
        seen,  # type: ignore[arg-type]
        JobProgress(done, of, unit),  # type: ignore[arg-type]
        bool(cancelled),
        None if state is None else JobEnd(state, ended_at, json.loads(str(result)), code, text),  # type: ignore[arg-type]
    )


class SqliteFindings:
    """A :class:`gallery.documents.finding_store.FindingStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection) -> None:
        self._reading = reading
        self._writing = writing

    def put(self, findings: Sequence[KeptFinding]) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM audit_findings")
            db.execute("DELETE FROM finding_subjects WHERE mark NOT IN (SELECT mark FROM findings_aside)")
            for place, finding in enumerate(findings):
                if _is_there(db, finding):
                    values = finding.mark, place, finding.to_json()
                    db.execute("INSERT OR IGNORE INTO audit_findings VALUES (?, ?, ?)", values)
                    about = [(finding.mark, each.subject, "") for each in finding.people]
                    about += [(finding.mark, each.subject, each.sha256) for each in finding.photos]
                    db.executemany("INSERT OR IGNORE INTO finding_subjects VALUES (?, ?, ?)", about)

    def findings(self) -> list[KeptFinding]:
        with self._reading() as db:
            rows = db.execute("SELECT content FROM audit_findings ORDER BY place").fetchall()
        return [KeptFinding.from_json(row[0]) for row in rows]

    def put_aside(self, mark: str) -> bool:
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO findings_aside SELECT mark FROM audit_findings WHERE mark = ?", (mark,))
            found = db.execute("SELECT 1 FROM audit_findings WHERE mark = ?", (mark,)).fetchone()
        return found is not None

    def take_up(self, mark: str) -> bool:
        with self._writing() as db:
            return db.execute("DELETE FROM findings_aside WHERE mark = ?", (mark,)).rowcount > 0

    def aside(self) -> set[str]:
        with self._reading() as db:
            return {row[0] for row in db.execute("SELECT mark FROM findings_aside")}


def _is_there(db: sqlite3.Connection, finding: KeptFinding) -> bool:
    """Whether everyone and every photo that a finding names is still stored."""
    people = [(subject,) for subject in finding.subjects]
    photos = [(photo.subject, photo.sha256) for photo in finding.photos]
    return all(db.execute("SELECT 1 FROM students WHERE id = ?", each).fetchone() for each in people) and all(
        db.execute("SELECT 1 FROM images WHERE student = ? AND sha256 = ?", each).fetchone() for each in photos
    )
