"""The data keys of a SQLite store, and what seals and opens the records of one connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence

from gallery.documents.seals import (
    STORE_KEY,
    DataKey,
    SealedStoreKey,
    Sealer,
    StoreSeals,
    data_key_missing,
    master_key_missing,
    name_seal,
    of_student,
)
from presente.errors import StoreError

_PAGE = 4096
_COLUMNS = "id, owner, era, sealed"
NAME = (
    "CASE WHEN s.key IS NULL THEN s.nombre_del_alumno ELSE "
    "opened_name(s.id, s.key, (SELECT sealed FROM data_keys WHERE id = s.key), s.nombre_del_alumno) END"
)
"""A student's name, opened, where ``s`` is the table of students."""


class StoreConnection(sqlite3.Connection):
    """A connection that knows how the store is sealed.

    Attributes:
        seals: None for a store in the clear.
        broken: why a statement could not open a name; SQLite only says that a function failed.
    """

    seals: StoreSeals | None = None
    broken: StoreError | None = None

    def use(self, seals: StoreSeals | None) -> None:
        """Seal and open with a store key, also inside statements: :data:`NAME`."""
        self.seals = seals

        def opened_name(subject: int, key: int, sealed: bytes | None, name: bytes) -> str:
            if seals is None or sealed is None:
                self.broken = (
                    master_key_missing() if seals is None else data_key_missing(f"the name of student {subject}")
                )
                raise self.broken
            try:
                cipher = seals.cipher(DataKey(key, of_student(subject), 0, sealed))
                return cipher.unseal(name, name_seal(subject)).decode()
            except StoreError as error:
                self.broken = error
                raise

        self.create_function("opened_name", 4, opened_name, deterministic=True)


def sealer(db: sqlite3.Connection) -> Sealer:
    """What seals and opens the records of a connection."""
    return Sealer(db.seals if isinstance(db, StoreConnection) else None, SqliteKeys(db))


class SqliteKeys:
    """A :class:`gallery.documents.seals.KeyTable` on one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def current(self, owners: Collection[str]) -> dict[str, DataKey]:
        query = f"SELECT {_COLUMNS} FROM data_keys WHERE owner = ? ORDER BY era DESC, id DESC LIMIT 1"
        found = ((owner, self._db.execute(query, (owner,)).fetchone()) for owner in owners)
        return {owner: DataKey(*row) for owner, row in found if row is not None}

    def find(self, ids: Collection[int]) -> list[DataKey]:
        query = f"SELECT {_COLUMNS} FROM data_keys WHERE id IN (SELECT value FROM json_each(?))"
        return [DataKey(*row) for row in self._db.execute(query, (json.dumps(sorted(ids)),))]

    def add(self, keys: Sequence[DataKey]) -> None:
        for key in keys:
            values = (key.id, key.owner, key.era, key.sealed)
            self._db.execute(f"INSERT INTO data_keys ({_COLUMNS}) VALUES (?, ?, ?, ?)", values)

    def each(self) -> Iterator[DataKey]:
        """Every key, in order of id. Others may write meanwhile."""
        last = 0
        while True:
            query = f"SELECT {_COLUMNS} FROM data_keys WHERE id > ? ORDER BY id LIMIT {_PAGE}"
            rows = self._db.execute(query, (last,)).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from (DataKey(*row) for row in rows)

    def store_key(self) -> SealedStoreKey | None:
        row = self._db.execute("SELECT value FROM gallery WHERE key = ?", (STORE_KEY,)).fetchone()
        return None if row is None else SealedStoreKey.read(row[0])

    def put_store_key(self, key: SealedStoreKey) -> None:
        """Replace the store key as it is kept."""
        self._db.execute("INSERT OR REPLACE INTO gallery VALUES (?, ?)", (STORE_KEY, key.text()))
