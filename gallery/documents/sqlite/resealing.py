"""How a SQLite store is sealed, and sealing its records again: one owner per transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

from gallery.documents.seal_store import Resealed, SealState, not_sealed
from gallery.documents.seals import (
    DataKey,
    SealedStoreKey,
    Sealer,
    StoreSeals,
    face_seal,
    name_seal,
    negative_seal,
    of_session_photo,
    of_student,
    of_unknown_face,
    photo_seal,
    session_faces_seal,
    session_photo_seal,
    source_seal,
    template_seal,
    unknown_picture_seal,
    unknown_template_seal,
)
from gallery.documents.sqlite.data_keys import SqliteKeys
from presente.sealing import Cipher, MasterKey

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]
_CLEAR = {
    "clear_photos": "SELECT count(*) FROM images WHERE key IS NULL",
    "clear_templates": "SELECT count(*) FROM templates WHERE key IS NULL",
    "clear_faces": "SELECT count(*) FROM attendance WHERE key IS NULL AND vector IS NOT NULL",
    "clear_session_photos": "SELECT count(*) FROM session_photos WHERE key IS NULL AND content IS NOT NULL",
    "clear_unknown_faces": "SELECT count(*) FROM unknown_faces WHERE key IS NULL",
    "clear_negatives": "SELECT count(*) FROM negatives WHERE key IS NULL",
    "clear_names": "SELECT count(*) FROM students WHERE key IS NULL",
}
_WITH_CLEAR_FACES = (
    "SELECT student FROM images WHERE key IS NULL UNION SELECT student FROM templates WHERE key IS NULL "
    "UNION SELECT student FROM attendance WHERE key IS NULL AND vector IS NOT NULL AND student IS NOT NULL "
    "UNION SELECT student FROM negatives WHERE key IS NULL"
)
_WITH_CLEAR_NAMES = (
    "SELECT id FROM students WHERE key IS NULL UNION SELECT student FROM images WHERE typeof(source) = 'text'"
)
_SEALED = " UNION ALL ".join(
    f"SELECT 1 FROM {table} WHERE key IS NOT NULL AND {column} IS NOT NULL"
    for table, column in (
        ("students", "nombre_del_alumno"),
        ("images", "content"),
        ("templates", "vector"),
        ("attendance", "vector"),
        ("negatives", "vector"),
        ("session_photos", "content"),
        ("unknown_faces", "vector"),
    )
)


class SqliteSealStore:
    """A :class:`gallery.documents.seal_store.SealStore` on the connections of a SQLite store."""

    def __init__(
        self,
        reading: _OpenConnection,
        writing: _OpenConnection,
        seals: StoreSeals | None,
        empty_log: Callable[[], None],
    ) -> None:
        """``empty_log`` overwrites what the log has of records as they were, or raises ``erasure_incomplete``."""
        self._reading = reading
        self._writing = writing
        self._seals = seals
        self._empty_log = empty_log

    def state(self) -> SealState:
        with self._reading() as db:
            kept = SqliteKeys(db).store_key()
            counts = {name: db.execute(query).fetchone()[0] for name, query in _CLEAR.items()}
            query = "SELECT count(*), coalesce(sum(era < ?), 0) FROM data_keys"
            keys, retired = db.execute(query, (0 if kept is None else kept.era,)).fetchone()
        masters = () if kept is None else tuple(sorted(kept.masters))
        master = "" if self._seals is None else self._seals.master.name
        return SealState(kept is not None, masters, master, keys, retired, **counts)

    def seal_all(self, progress: Resealed = lambda _: None) -> None:
        seals = self._opened()
        of_students = f"{_WITH_CLEAR_FACES} UNION {_WITH_CLEAR_NAMES}" if seals.names else _WITH_CLEAR_FACES
        with self._reading() as db:
            students = [row[0] for row in db.execute(f"SELECT * FROM ({of_students}) ORDER BY 1")]
            query = "SELECT session, number FROM session_photos WHERE key IS NULL AND content IS NOT NULL ORDER BY id"
            photos = [of_session_photo(*row) for row in db.execute(query)]
            unknown = [of_unknown_face(row[0]) for row in db.execute("SELECT id FROM unknown_faces WHERE key IS NULL")]
        for owner in [*map(of_student, students), *photos, *unknown]:
            with self._writing() as db:
                _Resealing(db, Sealer(seals, SqliteKeys(db)), seals).owner(owner)
            progress(1)
        self._empty_log()

    def change_data_keys(self, progress: Resealed = lambda _: None) -> None:
        seals = self._opened()
        with self._writing() as db:
            keys = SqliteKeys(db)
            kept = keys.store_key()
            if kept is None:
                raise not_sealed()
            if db.execute("SELECT 1 FROM data_keys WHERE era < ? LIMIT 1", (kept.era,)).fetchone() is None:
                kept = replace(kept, era=kept.era + 1)
                keys.put_store_key(kept)
        self._each_owner("era < ?", (kept.era,), kept.era, progress)
        seals.forget()
        self._empty_log()

    def unseal_all(self, progress: Resealed = lambda _: None) -> None:
        seals = self._opened()
        while True:
            self._each_owner("TRUE", (), None, progress)
            with self._writing() as db:
                if db.execute(f"{_SEALED} LIMIT 1").fetchone() is None:
                    db.execute("DELETE FROM data_keys")
                    db.execute("DELETE FROM gallery WHERE key = 'store_key'")
                    break
        seals.forget()
        self._empty_log()

    def _each_owner(self, which: str, values: tuple[int, ...], era: int | None, progress: Resealed) -> None:
        """Seal the records of the owners of some keys with a new key of an era, or bring them into the clear."""
        seals = self._opened()
        with self._reading() as db:
            owners = [row[0] for row in db.execute(f"SELECT DISTINCT owner FROM data_keys WHERE {which}", values)]
        for owner in owners:
            with self._writing() as db:
                keys = SqliteKeys(db)
                if era is not None and not _is_of(keys, owner, era):
                    keys.add([seals.made(owner, era)])
                _Resealing(db, Sealer(seals if era is not None else None, keys), seals).owner(owner)
                db.execute("DELETE FROM data_keys WHERE owner = ? AND era < ?", (owner, 2**62 if era is None else era))
            progress(1)

    def add_master(self, new: MasterKey) -> None:
        seals = self._opened()
        with self._writing() as db:
            keys = SqliteKeys(db)
            kept = keys.store_key()
            if kept is None:
                raise not_sealed()
            keys.put_store_key(kept.with_master(seals.master, new))

    def drop_other_masters(self) -> tuple[str, ...]:
        seals = self._opened()
        with self._writing() as db:
            keys = SqliteKeys(db)
            kept = keys.store_key()
            if kept is None:
                raise not_sealed()
            keys.put_store_key(kept.with_master_only(seals.master))
        self._empty_log()
        return tuple(sorted(kept.masters.keys() - {seals.master.name}))

    def store_key(self) -> SealedStoreKey | None:
        with self._reading() as db:
            return SqliteKeys(db).store_key()

    def data_keys(self) -> Iterator[DataKey]:
        with self._reading() as db:
            yield from SqliteKeys(db).each()

    def derived(self, purpose: str) -> Cipher | None:
        return None if self._seals is None else self._seals.derived(purpose)

    def _opened(self) -> StoreSeals:
        if self._seals is None:
            raise not_sealed()
        return self._seals


def _is_of(keys: SqliteKeys, owner: str, era: int) -> bool:
    newest = keys.current([owner]).get(owner)
    return newest is not None and newest.era == era


class _Resealing:
    """Seals the records of one owner again, inside a transaction."""

    def __init__(self, db: sqlite3.Connection, target: Sealer, seals: StoreSeals) -> None:
        """``target`` seals what ``seals`` opens; one without a key brings it into the clear."""
        self._db = db
        self._target = target
        self._source = Sealer(seals, SqliteKeys(db))

    def _again(self, owner: str, stored: bytes, key: int | None, about: str) -> tuple[bytes, int | None] | None:
        plain = self._source.unseal(stored, key, about)
        return None if plain is None else self._target.seal(owner, plain, about)

    def owner(self, owner: str) -> None:
        """Everything of the owner of data keys."""
        kind, _, rest = owner.partition(" ")
        if kind == "student":
            self.student(int(rest))
        elif kind == "unknown_face":
            self.unknown_face(int(rest))
        else:
            session, _, number = rest.partition("/")
            self.session_photo(int(session), int(number))

    def unknown_face(self, number: int) -> None:
        """The template and the picture of an unknown person's face."""
        query = "SELECT vector, picture, key, pack FROM unknown_faces WHERE id = ?"
        row = self._db.execute(query, (number,)).fetchone()
        if row is None:  # erased meanwhile
            return
        vector, picture, key, pack = row
        owner = of_unknown_face(number)
        template = self._again(owner, vector, key, unknown_template_seal(number, pack))
        shown = self._again(owner, picture, key, unknown_picture_seal(number))
        if template is not None and shown is not None:
            update = "UPDATE unknown_faces SET vector = ?, picture = ?, key = ? WHERE id = ?"
            self._db.execute(update, (template[0], shown[0], shown[1], number))

    def student(self, subject: int) -> None:
        """The name, photos, templates, faces and negative examples of a student."""
        self._name(subject)
        db, owner = self._db, of_student(subject)
        for (number,) in db.execute("SELECT id FROM images WHERE student = ?", (subject,)).fetchall():
            query = "SELECT content, key, sha256, source FROM images WHERE id = ?"
            content, key, sha256, source = db.execute(query, (number,)).fetchone()
            again = self._again(owner, content, key, photo_seal(subject, sha256))
            if again is not None:
                values = (*again, self._source_again(subject, sha256, source, key), number)
                db.execute("UPDATE images SET content = ?, key = ?, source = ? WHERE id = ?", values)
        query = (
            "SELECT t.id, t.vector, t.key, t.pack, i.sha256 FROM templates t JOIN images i ON i.id = t.image "
            "WHERE t.student = ?"
        )
        for number, vector, key, pack, sha256 in db.execute(query, (subject,)).fetchall():
            again = self._again(owner, vector, key, template_seal(subject, sha256, pack))
            if again is not None:
                db.execute("UPDATE templates SET vector = ?, key = ? WHERE id = ?", (*again, number))
        query = (
            "SELECT id, vector, key, clase, fecha, session, turn FROM attendance WHERE student = ? "
            "AND vector IS NOT NULL"
        )
        for number, vector, key, *what in db.execute(query, (subject,)).fetchall():
            again = self._again(owner, vector, key, face_seal(subject, *what))
            if again is not None:
                db.execute("UPDATE attendance SET vector = ?, key = ? WHERE id = ?", (*again, number))
        query = "SELECT id, vector, key, about, pack FROM negatives WHERE student = ?"
        for number, vector, key, *what in db.execute(query, (subject,)).fetchall():
            again = self._again(owner, vector, key, negative_seal(subject, *what))
            if again is not None:
                db.execute("UPDATE negatives SET vector = ?, key = ? WHERE id = ?", (*again, number))

    def _name(self, subject: int) -> None:
        row = self._db.execute("SELECT nombre_del_alumno, key FROM students WHERE id = ?", (subject,)).fetchone()
        if row is None or (row[1] is None and not self._target.seals_names):
            return
        stored = row[0].encode() if isinstance(row[0], str) else row[0]
        again = self._again(of_student(subject), stored, row[1], name_seal(subject))
        if again is not None:
            name = again[0].decode() if again[1] is None else again[0]
            self._db.execute(
                "UPDATE students SET nombre_del_alumno = ?, key = ? WHERE id = ?", (name, again[1], subject)
            )

    def _source_again(self, subject: int, sha256: str, source: bytes | str, key: int | None) -> bytes | str:
        """Where a photo came from: sealed if it was, or if names are to be."""
        about = source_seal(subject, sha256)
        plain = source.encode() if isinstance(source, str) else self._source.unseal(source, key, about) or b""
        if isinstance(source, str) and not self._target.seals_names:
            return source
        sealed, to_be = self._target.seal(of_student(subject), plain, about)
        return sealed.decode() if to_be is None else sealed

    def session_photo(self, *which: int) -> None:
        """The copy of a session's photo, and the faces in it, by the session's id and the photo's number."""
        there = "session = ? AND number = ? AND content IS NOT NULL"
        row = self._db.execute(f"SELECT content, faces, key FROM session_photos WHERE {there}", which).fetchone()
        if row is None:  # dropped meanwhile
            return
        content, faces, key = row
        owner = of_session_photo(*which)
        again = self._again(owner, content, key, session_photo_seal(*which))
        stored = faces.encode() if isinstance(faces, str) else faces
        known = self._again(owner, stored, key, session_faces_seal(*which))
        if again is not None and known is not None:
            text = known[0].decode() if known[1] is None else known[0]
            update = f"UPDATE session_photos SET content = ?, key = ?, faces = ? WHERE {there}"
            self._db.execute(update, (*again, text, *which))
