"""Keys, accounts and sessions in SQLite. Triggers of the schema write the revision and delete what an erased student
had: :func:`gallery.documents.sqlite.migrations.m007_access`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from gallery.documents.access import AccessKey, Account, AccountChanges, Grant, LoginSession, last_admin
from gallery.documents.student_rules import student_not_found
from presente.access_roles import AccessRole

_GRANT = "role, classes, matricula"
_KEY = f"name, digest, {_GRANT}, created, last_used"
_ACCOUNT = f"name, {_GRANT}, password_hash, enabled, created"
_SESSION = "digest, account, created, last_seen"
_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteAccess:
    """A :class:`gallery.documents.access_protocol.AccessStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection) -> None:
        self._reading = reading
        self._writing = writing

    def access_secret(self) -> str:
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO gallery VALUES ('access_secret', lower(hex(randomblob(32))))")
            return str(db.execute("SELECT value FROM gallery WHERE key = 'access_secret'").fetchone()[0])

    def access_revision(self) -> str:
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = 'access_revision'").fetchone()
        return "" if row is None else str(row[0])

    def add_key(self, key: AccessKey) -> bool:
        values = (key.name, key.digest, *_grant_row(key.grant), key.created, key.last_used)
        with self._writing() as db:
            _check_student(db, key.grant)
            return _added(db, "access_keys", _KEY, values)

    def access_keys(self) -> list[AccessKey]:
        with self._reading() as db:
            rows = db.execute(f"SELECT {_KEY} FROM access_keys ORDER BY name").fetchall()
        return [AccessKey(row[0], row[1], _grant(row[2:5]), row[5], row[6]) for row in rows]

    def remove_key(self, name: str) -> bool:
        with self._writing() as db:
            return db.execute("DELETE FROM access_keys WHERE name = ?", (name,)).rowcount == 1

    def note_key_uses(self, uses: Mapping[str, str]) -> None:
        with self._writing() as db:
            db.executemany("UPDATE access_keys SET last_used = ?2 WHERE name = ?1 AND last_used < ?2", uses.items())

    def add_account(self, account: Account) -> bool:
        with self._writing() as db:
            _check_student(db, account.grant)
            return _added(db, "accounts", _ACCOUNT, _account_row(account))

    def accounts(self) -> list[Account]:
        with self._reading() as db:
            rows = db.execute(f"SELECT {_ACCOUNT} FROM accounts ORDER BY name").fetchall()
        return [_account(row) for row in rows]

    def account(self, name: str) -> Account | None:
        with self._reading() as db:
            row = db.execute(f"SELECT {_ACCOUNT} FROM accounts WHERE name = ?", (name,)).fetchone()
        return None if row is None else _account(row)

    def change_account(self, name: str, changes: AccountChanges, only_if: str | None = None) -> Account | None:
        fields = ", ".join(f"{column} = ?" for column in _ACCOUNT.split(", ")[1:])
        with self._writing() as db:
            row = db.execute(f"SELECT {_ACCOUNT} FROM accounts WHERE name = ?", (name,)).fetchone()
            if row is None or only_if not in (None, row[4]):
                return None
            before = _account(row)
            after = changes.applied(before)
            if changes.grant is not None:
                _check_student(db, changes.grant)
            if before.is_admin and not after.is_admin:
                others = "SELECT 1 FROM accounts WHERE role = ? AND enabled AND name != ?"
                if db.execute(others, (AccessRole.ADMIN.value, name)).fetchone() is None:
                    raise last_admin(name)
            db.execute(f"UPDATE accounts SET {fields} WHERE name = ?", (*_account_row(after)[1:], name))
            return after

    def add_session(self, session: LoginSession) -> None:
        with self._writing() as db:
            db.execute(
                f"INSERT INTO login_sessions ({_SESSION}) SELECT ?, name, ?, ? FROM accounts WHERE name = ?",
                (session.digest, session.created, session.last_seen, session.account),
            )

    def session(self, digest: str) -> LoginSession | None:
        with self._reading() as db:
            row = db.execute(f"SELECT {_SESSION} FROM login_sessions WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else LoginSession(*row)

    def note_session_uses(self, uses: Mapping[str, str]) -> None:
        with self._writing() as db:
            db.executemany(
                "UPDATE login_sessions SET last_seen = ?2 WHERE digest = ?1 AND last_seen < ?2", uses.items()
            )

    def end_session(self, digest: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM login_sessions WHERE digest = ?", (digest,))

    def end_sessions_of(self, account: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM login_sessions WHERE account = ?", (account,))

    def drop_sessions(self, created_before: str, seen_before: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM login_sessions WHERE created < ? OR last_seen < ?", (created_before, seen_before))


def _check_student(db: sqlite3.Connection, grant: Grant) -> None:
    """Refuse what would outlive its student."""
    wanted = "SELECT 1 FROM students WHERE matricula = ?"
    if grant.matricula and db.execute(wanted, (grant.matricula,)).fetchone() is None:
        raise student_not_found(grant.matricula)


def _added(db: sqlite3.Connection, table: str, columns: str, values: Sequence[object]) -> bool:
    marks = ", ".join("?" * len(values))
    added = db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT (name) DO NOTHING", values)
    return added.rowcount == 1


def _grant_row(grant: Grant) -> tuple[str, str | None, str]:
    classes = None if grant.classes is None else json.dumps(sorted(grant.classes), ensure_ascii=False)
    return grant.role.value, classes, grant.matricula


def _grant(row: Sequence[Any]) -> Grant:
    return Grant(AccessRole(row[0]), None if row[1] is None else frozenset(json.loads(row[1])), row[2])


def _account_row(account: Account) -> tuple[object, ...]:
    grant = _grant_row(account.grant)
    return account.name, *grant, account.password_hash, int(account.enabled), account.created


def _account(row: Sequence[Any]) -> Account:
    return Account(row[0], _grant(row[1:4]), row[4], bool(row[5]), row[6])
