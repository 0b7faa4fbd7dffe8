"""The step of the SQLite schema that brings jobs and findings: see :mod:`gallery.documents.sqlite.migrations`."""

from __future__ import annotations

import sqlite3


def m012_jobs(db: sqlite3.Connection) -> None:
    """Jobs; the findings of the last audit; findings that were put aside.

    Triggers delete a finding when a student whom it is about, or one of its photos, is erased.
    """
    for statement in (
        """CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            arguments TEXT NOT NULL,
            caller TEXT NOT NULL,
            role TEXT NOT NULL,
            at TEXT NOT NULL,
            request TEXT NOT NULL,
            server TEXT NOT NULL DEFAULT '',
            started TEXT,
            seen TEXT,
            done INTEGER NOT NULL DEFAULT 0,
            of INTEGER,
            unit TEXT NOT NULL DEFAULT '',
            is_cancelled INTEGER NOT NULL DEFAULT 0,
            state TEXT CHECK (state IN ('done', 'failed', 'cancelled', 'interrupted')),
            ended TEXT,
            result TEXT NOT NULL DEFAULT '{}',
            code TEXT NOT NULL DEFAULT '',
            problem TEXT NOT NULL DEFAULT '')""",
        "CREATE UNIQUE INDEX jobs_by_request ON jobs (request) WHERE request != ''",
        "CREATE INDEX jobs_unfinished ON jobs (id) WHERE state IS NULL",
        """CREATE TABLE audit_findings (
            mark TEXT PRIMARY KEY,
            place INTEGER NOT NULL,
            content TEXT NOT NULL)""",
        "CREATE TABLE findings_aside (mark TEXT PRIMARY KEY)",
        """CREATE TABLE finding_subjects (
            mark TEXT NOT NULL,
            student INTEGER NOT NULL REFERENCES students (id) ON DELETE CASCADE,
            sha256 TEXT NOT NULL,
            PRIMARY KEY (mark, student, sha256)) WITHOUT ROWID""",
        "CREATE INDEX finding_subjects_by_student ON finding_subjects (student, sha256)",
        _erased("students", "student = OLD.id"),
        _erased("images", "student = OLD.student AND sha256 = OLD.sha256"),
    ):
        db.execute(statement)


def _erased(table: str, whose: str) -> str:
    """A trigger that deletes what is kept of findings about the row that goes."""
    marks = f"(SELECT mark FROM finding_subjects WHERE {whose})"
    return f"""CREATE TRIGGER findings_of_{table}_erased BEFORE DELETE ON {table}
        WHEN EXISTS (SELECT 1 FROM finding_subjects WHERE {whose})
        BEGIN
            DELETE FROM audit_findings WHERE mark IN {marks};
            DELETE FROM findings_aside WHERE mark IN {marks};
        END"""
