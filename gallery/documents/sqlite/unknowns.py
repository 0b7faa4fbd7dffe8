"""Unknown people in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np

from gallery.documents.erasure_list import NOT_ASKED, Cause, erased_unknown_faces
from gallery.documents.seals import Sealer, of_unknown_face, unknown_picture_seal, unknown_template_seal
from gallery.documents.sqlite.data_keys import sealer
from gallery.documents.sqlite.erasures import list_erasures
from gallery.documents.unknown_people import (
    StoredUnknownFace,
    UnknownBatch,
    UnknownFace,
    UnknownGroup,
    UnknownOrder,
    UnknownPlace,
    UnknownState,
)
from gallery.documents.unknown_rules import Sightings, added_up

_PAGE = 4096
"""Templates that one query reads."""
EPOCH = "unknown_epoch"
"""The store's setting with what :meth:`SqliteUnknowns.epoch` returns."""
_GROUP = "first_at, last_at, visits, looks, cover, worth, clases"
_FACE = "id, person, pack, at, last_at, source, box, quality, looks, clase, session, worth, key, vector"
_IN = "IN (SELECT value FROM json_each(?))"
_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteUnknowns:
    """A :class:`gallery.documents.unknown_store.UnknownStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection, after_erasure: Callable[[], None]) -> None:
        self._reading = reading
        self._writing = writing
        self._after_erasure = after_erasure

    # -- adding -----------------------------------------------------------------------------------------------------

    def add(self, faces: Sequence[tuple[UnknownFace, int]]) -> list[StoredUnknownFace]:
        stored = []
        with self._writing() as db:
            seals, first = sealer(db), _last_face(db) + 1
            seals.prepare([], new=[of_unknown_face(first + place) for place in range(len(faces))])
            for number, (face, asked) in enumerate(faces, start=first):
                seen = Sightings.of(number, face)
                group = _add_to_group(db, asked, seen) if asked else None
                group = _new_group(db, seen) if group is None else group
                _insert_face(db, seals, number, group, face)
                stored.append(StoredUnknownFace(number, group, replace(face, picture=b"")))
        return stored

    def see_again(self, face: int, last_at: str, looks: int, better: UnknownFace | None) -> bool:
        with self._writing() as db:
            update = (
                "UPDATE unknown_faces SET last_at = max(last_at, ?), looks = looks + ? WHERE id = ? "
                "RETURNING person, pack, key"
            )
            row = db.execute(update, (last_at, looks, face)).fetchone()
            if row is None:
                return False
            if better is not None:
                vector, picture, key = _sealed(sealer(db), face, better)
                values = (*_seen(better), better.pack, key, vector, picture, face)
                columns = "box = ?, quality = ?, worth = ?, pack = ?, key = ?, vector = ?, picture = ?"
                db.execute(f"UPDATE unknown_faces SET {columns} WHERE id = ?", values)
            recount_groups(db, [row[0]])
        return True

    # -- reading ----------------------------------------------------------------------------------------------------

    def group(self, number: int) -> UnknownGroup | None:
        with self._reading() as db:
            row = db.execute(f"SELECT id, state, note, {_GROUP} FROM unknown_groups WHERE id = ?", (number,)).fetchone()
        return None if row is None else _group(row)

    def groups(
        self,
        state: UnknownState,
        order: UnknownOrder,
        after: UnknownPlace | None,
        limit: int,
        clases: Collection[str] | None = None,
    ) -> list[UnknownGroup]:
        column = "last_at" if order == "last_at" else "visits"
        where, values = "state = ?", list[object]([state])
        if after is not None:
            where, values = f"{where} AND ({column}, id) < (?, ?)", [*values, after.value, after.id]
        if clases is not None:
            seen_in = f"EXISTS (SELECT 1 FROM json_each(unknown_groups.clases) seen WHERE seen.value {_IN})"
            where, values = f"{where} AND {seen_in}", [*values, json.dumps(sorted(clases))]
        query = (
            f"SELECT id, state, note, {_GROUP} FROM unknown_groups WHERE {where} "
            f"ORDER BY {column} DESC, id DESC LIMIT ?"
        )
        with self._reading() as db:
            return [_group(row) for row in db.execute(query, (*values, limit)).fetchall()]

    def faces(self, group: int, after: int, limit: int) -> list[StoredUnknownFace]:
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_FACE} FROM unknown_faces WHERE person = ? AND id > ? ORDER BY id LIMIT ?",
                (group, after, limit),
            ).fetchall()
            seals = sealer(db)
            seals.load(row[-2] for row in rows)
            return [face for row in rows if (face := _face(seals, row)) is not None]

    def picture(self, face: int) -> bytes | None:
        with self._reading() as db:
            row = db.execute("SELECT picture, key FROM unknown_faces WHERE id = ?", (face,)).fetchone()
            return None if row is None else sealer(db).unseal(row[0], row[1], unknown_picture_seal(face))

    def templates(self, pack: str, after: int = 0) -> Iterator[UnknownBatch]:
        last = after
        query = (
            "SELECT f.id, f.person, g.state, f.key, f.vector FROM unknown_faces f "
            "JOIN unknown_groups g ON g.id = f.person WHERE f.id > ? AND f.pack = ? ORDER BY f.id LIMIT ?"
        )
        while True:
            with self._reading() as db:
                rows = db.execute(query, (last, pack, _PAGE)).fetchall()
                seals = sealer(db)
                seals.load(row[3] for row in rows)
                opened = [
                    (number, group, state, vector)
                    for number, group, state, key, stored in rows
                    if (vector := seals.unseal(stored, key, unknown_template_seal(number, pack))) is not None
                ]
            if not rows:
                return
            last = rows[-1][0]
            if opened:
                numbers, groups, states, vectors = zip(*opened, strict=True)
                yield UnknownBatch(
                    np.array(numbers, dtype=np.int64),
                    np.array(groups, dtype=np.int64),
                    np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(opened), -1),
                    np.array([state == "not_ours" for state in states], dtype=np.bool_),
                )

    def epoch(self) -> str:
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = ?", (EPOCH,)).fetchone()
        return "" if row is None else str(row[0])

    def counts(self) -> tuple[int, int, int]:
        query = (
            "SELECT (SELECT count(*) FROM unknown_groups WHERE state = 'open'), "
            "(SELECT count(*) FROM unknown_groups WHERE state = 'not_ours'), (SELECT count(*) FROM unknown_faces)"
        )
        with self._reading() as db:
            opened, not_ours, faces = db.execute(query).fetchone()
        return int(opened), int(not_ours), int(faces)

    # -- moving -----------------------------------------------------------------------------------------------------

    def join(self, keep: int, other: int) -> bool:
        with self._writing() as db:
            found = "SELECT count(*) FROM unknown_groups WHERE id IN (?, ?)"
            if keep == other or db.execute(found, (keep, other)).fetchone()[0] != 2:
                return False
            db.execute("UPDATE unknown_faces SET person = ? WHERE person = ?", (keep, other))
            recount_groups(db, [keep, other])
            _begin_epoch(db)
        return True

    def split(self, faces: Sequence[int]) -> int:
        which = json.dumps(sorted({int(face) for face in faces}))
        with self._writing() as db:
            seen = _sightings(db, f"id {_IN}", which)
            if seen is None:
                return 0
            left = db.execute(f"SELECT DISTINCT person FROM unknown_faces WHERE id {_IN}", (which,)).fetchall()
            made = _new_group(db, seen)
            db.execute(f"UPDATE unknown_faces SET person = ? WHERE id {_IN}", (made, which))
            recount_groups(db, {row[0] for row in left})
            _begin_epoch(db)
        return made

    def mark(self, number: int, state: UnknownState, note: str | None = None) -> bool:
        update = "UPDATE unknown_groups SET state = ?, note = coalesce(?, note) WHERE id = ?"
        with self._writing() as db:
            there = db.execute(update, (state, note, number)).rowcount > 0
            if there:
                _begin_epoch(db)
        return there

    # -- erasing ----------------------------------------------------------------------------------------------------

    def erase(self, faces: Sequence[int], cause: Cause = NOT_ASKED) -> int:
        return self._erase(f"id {_IN}", json.dumps([int(face) for face in faces]), cause)

    def erase_group(self, number: int, cause: Cause = NOT_ASKED) -> int:
        return self._erase("person = ?", number, cause)

    def drop(self, before: str | None, dry: bool = False) -> int:
        which = "?1 IS NULL OR last_at < ?1 AND person IN (SELECT id FROM unknown_groups WHERE state = 'open')"
        with self._reading() as db:
            count = int(db.execute(f"SELECT count(*) FROM unknown_faces WHERE {which}", (before,)).fetchone()[0])
        return count if dry or not count else self._erase(which, before, None)

    def _erase(self, which: str, value: object, cause: Cause | None) -> int:
        with self._writing() as db:
            gone = erase_faces(db, which, value)
            if cause is not None:
                list_erasures(db, erased_unknown_faces(gone, cause))
        if gone:
            self._after_erasure()
        return len(gone)


def erase_faces(db: sqlite3.Connection, which: str, value: object) -> list[int]:
    """Delete the faces that a condition with one parameter chooses, and the groups that have none left; their ids."""
    rows = db.execute(f"DELETE FROM unknown_faces WHERE {which} RETURNING id, person", (value,)).fetchall()
    if rows:
        recount_groups(db, {row[1] for row in rows})
        _begin_epoch(db)
    return [int(row[0]) for row in rows]


def recount_groups(db: sqlite3.Connection, groups: Iterable[int]) -> None:
    """Set what the faces of some groups add up to; groups without a face go."""
    for number in sorted(groups):
        seen = _sightings(db, "person = ?", number)
        if seen is None:
            db.execute("DELETE FROM unknown_groups WHERE id = ?", (number,))
        else:
            _put_sightings(db, number, seen)


def _sightings(db: sqlite3.Connection, which: str, value: object) -> Sightings | None:
    """What the faces that a condition with one parameter chooses add up to."""
    rows = db.execute(f"SELECT id, at, last_at, looks, clase, worth FROM unknown_faces WHERE {which}", (value,))
    return added_up(
        Sightings(at, last_at, 1, looks, number, worth, (clase,) if clase else ())
        for number, at, last_at, looks, clase, worth in rows
    )


def _begin_epoch(db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO gallery VALUES (?, lower(hex(randomblob(16))))", (EPOCH,))


def _last_face(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'unknown_faces'").fetchone()
    return 0 if row is None else int(row[0])


def _add_to_group(db: sqlite3.Connection, group: int, seen: Sightings) -> int | None:
    """Add sightings to those of a group; None when it is gone."""
    row = db.execute(f"SELECT {_GROUP} FROM unknown_groups WHERE id = ?", (group,)).fetchone()
    if row is None:
        return None
    _put_sightings(db, group, _sightings_of_group(row).plus(seen))
    return group


def _new_group(db: sqlite3.Connection, seen: Sightings) -> int:
    made = db.execute(
        f"INSERT INTO unknown_groups (state, note, {_GROUP}) VALUES ('open', '', ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        _columns(seen),
    ).fetchone()
    return int(made[0])


def _put_sightings(db: sqlite3.Connection, group: int, seen: Sightings) -> None:
    columns = ", ".join(f"{name.strip()} = ?" for name in _GROUP.split(","))
    db.execute(f"UPDATE unknown_groups SET {columns} WHERE id = ?", (*_columns(seen), group))


def _columns(seen: Sightings) -> tuple[object, ...]:
    counts = seen.first_at, seen.last_at, seen.visits, seen.looks, seen.cover, seen.worth
    return *counts, json.dumps(seen.clases, ensure_ascii=False)


def _sightings_of_group(row: Sequence[Any]) -> Sightings:
    first_at, last_at, visits, looks, cover, worth, clases = row
    return Sightings(first_at, last_at, visits, looks, cover, worth, tuple(json.loads(clases)))


def _group(row: Sequence[Any]) -> UnknownGroup:
    number, state, note, *seen = row
    return _sightings_of_group(seen).as_group(number, state, note)


def _insert_face(db: sqlite3.Connection, seals: Sealer, number: int, group: int, face: UnknownFace) -> None:
    vector, picture, key = _sealed(seals, number, face)
    box, quality, worth = _seen(face)
    said = (number, group, face.pack, face.at, face.last_at, face.source, box, quality)
    values = (*said, face.looks, face.clase, face.session, worth, key, vector, picture)
    db.execute(f"INSERT INTO unknown_faces ({_FACE}, picture) VALUES ({', '.join('?' * len(values))})", values)


def _seen(face: UnknownFace) -> tuple[str, str, float]:
    """Box, quality and worth as columns."""
    box = json.dumps([round(float(value), 2) for value in face.box])
    return box, json.dumps(dict(face.quality)), float(face.worth)


def _sealed(seals: Sealer, number: int, face: UnknownFace) -> tuple[bytes, bytes, int | None]:
    """Template and picture as they are stored, and the id of their key."""
    plain, owner = np.ascontiguousarray(face.vector, dtype="<f4").tobytes(), of_unknown_face(number)
    vector, key = seals.seal(owner, plain, unknown_template_seal(number, face.pack))
    picture, _ = seals.seal(owner, face.picture, unknown_picture_seal(number))
    return vector, picture, key


def _face(seals: Sealer, row: Sequence[Any]) -> StoredUnknownFace | None:
    """A face without its picture; None when its key is gone: it is being erased."""
    number, group, pack, at, last_at, source, box, quality, *seen, key, stored = row
    vector = seals.unseal(stored, key, unknown_template_seal(number, pack))
    if vector is None:
        return None
    template, place = np.frombuffer(vector, dtype="<f4"), tuple(json.loads(box))
    face = UnknownFace(template, pack, at, last_at, source, b"", place, json.loads(quality), *seen)
    return StoredUnknownFace(number, group, face)
