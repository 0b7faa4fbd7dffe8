"""Read everything in a SQLite file and check what must be true of it. Nothing is written.

The file is read directly, not through a store: a file that cannot be opened as a store is checked, too. A page that
cannot be read hides what is on it and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gallery.documents.damage import (
    ENROL_AGAIN,
    RESTORE,
    SAY_AGAIN,
    SYNC,
    Damage,
    DamageProgress,
    photo_damage,
    sealed_damage,
    vector_damage,
)
from gallery.documents.seals import (
    Sealer,
    Sealing,
    StoreSeals,
    data_key_missing,
    face_seal,
    name_seal,
    negative_seal,
    open_seals,
    photo_seal,
    session_faces_seal,
    session_photo_seal,
    template_seal,
)
from gallery.documents.sqlite.data_keys import SqliteKeys
from gallery.documents.sqlite.stale_log import refuse_stale_log
from gallery.documents.sqlite.student_rows import ENDED
from gallery.documents.sqlite.unknown_check import miscounted_groups, unknown_face_damage
from presente.errors import StoreError

_MESSAGES = 1000
"""How many messages of SQLite's own check are reported at most."""
_BATCH = 4096
_WAIT_S = 30.0
_WITH_KEY = "SELECT t.*, EXISTS (SELECT 1 FROM data_keys WHERE id = t.key) AS has_key FROM {} t WHERE t.id = ?1"
"""A row of a table, and whether the key exists that it was sealed with."""


def sqlite_damage(
    path: Path, progress: DamageProgress = lambda _: None, sealing: Sealing | StoreSeals | None = None
) -> Iterator[Damage]:
    """Findings in a store's file; none when there is no file. Sealed records are examined with ``sealing`` only."""
    try:
        refuse_stale_log(path)
    except StoreError as error:
        yield Damage(error.code, error.what, str(path), error.fix)
        return
    if not path.exists():
        return
    try:
        with closing(_open(path)) as db:
            seals = None
            try:
                seals = open_seals(SqliteKeys(db).store_key(), sealing)
            except StoreError as error:
                yield sealed_damage(error, "the store key")
            for check in _CHECKS:
                yield from _Check(db, path, progress, seals).run(check)
    except sqlite3.Error as exc:
        yield _unreadable("the file", exc)


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_WAIT_S, isolation_level=None)
    db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    db.row_factory = sqlite3.Row
    return db


def _unreadable(where: str, exc: Exception) -> Damage:
    return Damage("unreadable", f"It cannot be read ({exc}).", where, RESTORE)


class _Check:
    """One check of the open file."""

    def __init__(self, db: sqlite3.Connection, path: Path, progress: DamageProgress, seals: StoreSeals | None) -> None:
        self.db = db
        self.seals = seals
        self.sealer = Sealer(seals, SqliteKeys(db))
        self.path = path
        self.progress = progress

    def run(self, check: Callable[[_Check], Iterator[Damage]]) -> Iterator[Damage]:
        try:
            yield from check(self)
        except (sqlite3.Error, ValueError, TypeError, KeyError) as exc:  # SQLite stores any type in any column
            yield _unreadable(check.__name__.replace("_", " "), exc)

    # -- the file as such -------------------------------------------------------------------------------------------

    def pages(self) -> Iterator[Damage]:
        """SQLite's own check of every page, the indexes and the constraints."""
        for row in self.db.execute(f"PRAGMA integrity_check({_MESSAGES})"):
            if row[0] != "ok":
                yield Damage("damaged_page", " ".join(str(row[0]).split()) + ".", str(self.path), RESTORE)

    def references(self) -> Iterator[Damage]:
        """Every reference leads to a row."""
        for table, row, parent, _ in self.db.execute("PRAGMA foreign_key_check"):
            yield Damage(
                "lost_reference", f"It refers to a row of {parent} that does not exist.", f"{table} {row}", RESTORE
            )

    def ids(self) -> Iterator[Damage]:
        """No id will be given twice: indexes keep ids."""
        last_given = {row[0]: row[1] for row in self.db.execute("SELECT name, seq FROM sqlite_sequence")}
        for table, column in (
            ("students", "id"),
            ("images", "id"),
            ("templates", "id"),
            ("negatives", "id"),
            ("unknown_faces", "id"),
            ("unknown_groups", "id"),
            ("changes", "seq"),
        ):
            newest = self.db.execute(f"SELECT max({column}) FROM {table}").fetchone()[0] or 0
            if not isinstance(last_given.get(table, 0), int) or last_given.get(table, 0) < newest:
                recorded = last_given.get(table, "nothing")
                what = f"The last id is {newest}, and {recorded} is recorded as such: ids would be given twice."
                yield Damage("id_counter", what, table, RESTORE)

    def settings(self) -> Iterator[Damage]:
        """The store has an identity, and its pack can be read."""
        kept = {row[0]: row[1] for row in self.db.execute("SELECT key, value FROM gallery")}
        if not kept.get("identity"):
            yield Damage("setting_damaged", "The store's identity is missing.", "gallery identity", RESTORE)
        try:
            self._pack()
        except (ValueError, TypeError, KeyError) as exc:
            yield Damage("setting_damaged", f"The pack cannot be read ({exc}).", "gallery pack", RESTORE)

    # -- the change sequence ----------------------------------------------------------------------------------------

    def changes(self) -> Iterator[Damage]:
        """The sequence has no gap, and it agrees with the templates that exist."""
        count, last = self.db.execute("SELECT count(*), coalesce(max(seq), 0) FROM changes").fetchone()
        if count != last:
            yield Damage("change_missing", f"{last - count} of {last} changes are missing.", "changes", RESTORE)
        added = "SELECT template FROM changes WHERE removed = 0"
        removed = "SELECT template FROM changes WHERE removed = 1"
        for which, what, fix in (
            (f"SELECT id FROM templates WHERE id NOT IN ({added})", "Its addition is not recorded.", ENROL_AGAIN),
            (f"SELECT id FROM templates WHERE id IN ({removed})", "It is recorded as removed.", RESTORE),
            (
                f"{added} AND template NOT IN (SELECT id FROM templates) AND template NOT IN ({removed})",
                "It does not exist, and its removal is not recorded.",
                SYNC,
            ),
        ):
            for row in self.db.execute(which):
                yield Damage("change_missing", what, f"template {row[0]}", fix)

    def data_keys(self) -> Iterator[Damage]:
        """Every data key can be opened."""
        if self.seals is None:
            return
        for key in SqliteKeys(self.db).each():
            try:
                self.seals.cipher(key)
            except StoreError as error:
                yield sealed_damage(error, f"data key of {key.owner}")

    def _opened(self, row: sqlite3.Row, column: str, about: str, where: str) -> Iterator[bytes | Damage]:
        """A column's bytes, opened; or the finding that they cannot be; nothing when there is no key for the store."""
        content = _bytes(row[column])
        if row["key"] is None:
            yield content
        elif not row["has_key"]:
            yield sealed_damage(data_key_missing(where), where)
        elif self.seals is not None:
            try:
                opened = self.sealer.unseal(content, row["key"], about)
            except StoreError as error:
                yield sealed_damage(error, where)
                return
            if opened is not None:  # otherwise it was erased meanwhile
                yield opened

    # -- row by row -------------------------------------------------------------------------------------------------

    def students(self) -> Iterator[Damage]:
        """The texts of students."""
        for row, where in self._rows("students", _WITH_KEY.format("students")):
            if isinstance(row, Damage):
                yield row
                continue
            where = f"student {row['matricula']}"
            yield from _text_damage(row, where)
            yield from _json_damage(row, "consentimiento", dict, where)
            yield from _json_damage(row, "otras_clases", list, where)
            if row["key"] is not None:
                found = self._opened(row, "nombre_del_alumno", name_seal(row["id"]), where)
                yield from (each for each in found if isinstance(each, Damage))

    def photos(self) -> Iterator[Damage]:
        """The bytes of photos, their students and templates."""
        tag = self._tag()
        query = (
            "SELECT i.sha256, i.content, i.key, i.student, s.matricula, "
            "EXISTS (SELECT 1 FROM data_keys WHERE id = i.key) AS has_key, "
            "EXISTS (SELECT 1 FROM templates t WHERE t.image = i.id AND t.pack = ?2) AS embedded, "
            f"{ENDED} AS ended "
            "FROM images i LEFT JOIN students s ON s.id = i.student WHERE i.id = ?1"
        )
        for row, where in self._rows("images", query, tag):
            self.progress(1)
            if isinstance(row, Damage):
                yield row
                continue
            where = f"photo {str(row['sha256'])[:12]} of {row['matricula'] or 'a missing student'}"
            if row["matricula"] is None:
                yield Damage("photo_without_student", "Its student does not exist.", where, RESTORE)
            yield from _text_damage(row, where)
            for opened in self._opened(row, "content", photo_seal(row["student"], row["sha256"]), where):
                yield from [opened] if isinstance(opened, Damage) else photo_damage(opened, row["sha256"], where)
            if tag and not row["embedded"] and not row["ended"]:
                yield Damage("photo_without_template", f"It has no template by {tag}.", where, SYNC)

    def templates(self) -> Iterator[Damage]:
        """The vectors of templates, and their photos."""
        pack = self._pack_or_none()
        query = (
            "SELECT t.pack, t.vector, t.key, t.box, t.quality, t.student, i.student AS owner, i.sha256, s.matricula, "
            "EXISTS (SELECT 1 FROM data_keys WHERE id = t.key) AS has_key "
            "FROM templates t LEFT JOIN images i ON i.id = t.image LEFT JOIN students s ON s.id = t.student "
            "WHERE t.id = ?1"
        )
        for row, where in self._rows("templates", query):
            if isinstance(row, Damage):
                yield row
                continue
            where = f"{where} (photo {str(row['sha256'])[:12]} of {row['matricula'] or 'a missing student'})"
            if row["owner"] is None:
                yield Damage("template_without_photo", "Its photo does not exist.", where, RESTORE)
            elif row["owner"] != row["student"]:
                yield Damage("template_without_photo", "Its photo belongs to another student.", where, ENROL_AGAIN)
            dim = pack[1] if pack is not None and pack[0] == row["pack"] else None
            about = template_seal(row["student"], str(row["sha256"]), str(row["pack"]))
            for opened in self._opened(row, "vector", about, where):
                yield from [opened] if isinstance(opened, Damage) else vector_damage(opened, dim, where)
            yield from _text_damage(row, where)
            yield from _json_damage(row, "box", list, where)
            yield from _json_damage(row, "quality", dict, where)

    def entries(self) -> Iterator[Damage]:
        """The texts and faces of attendance and participation."""
        of_others = "SELECT * FROM participations WHERE id = ?1"
        for table, query in (("attendance", _WITH_KEY.format("attendance")), ("participations", of_others)):
            for row, where in self._rows(table, query):
                if isinstance(row, Damage):
                    yield row
                    continue
                yield from _text_damage(row, where)
                if table == "attendance" and row["face"] is not None:
                    yield from _json_damage(row, "face", dict, where)
                    about = face_seal(*(row[name] for name in ("student", "clase", "fecha", "session", "turn")))
                    for opened in self._opened(row, "vector", about, where):
                        yield from [opened] if isinstance(opened, Damage) else vector_damage(opened, None, where)

    def negatives(self) -> Iterator[Damage]:
        """The vectors of negative examples."""
        pack = self._pack_or_none()
        for row, where in self._rows("negatives", _WITH_KEY.format("negatives")):
            if isinstance(row, Damage):
                yield row
                continue
            yield from _text_damage(row, where)
            dim = pack[1] if pack is not None and pack[0] == row["pack"] else None
            about = negative_seal(*(row[name] for name in ("student", "about", "pack")))
            for opened in self._opened(row, "vector", about, where):
                yield from [opened] if isinstance(opened, Damage) else vector_damage(opened, dim, where, SAY_AGAIN)

    def session_photos(self) -> Iterator[Damage]:
        """The copies of sessions' photos, and the faces in them."""
        for row, where in self._rows("session_photos", _WITH_KEY.format("session_photos")):
            if isinstance(row, Damage):
                yield row
            elif row["content"] is not None and row["key"] is not None:
                which = row["session"], row["number"]
                for column, about in (
                    ("content", session_photo_seal(*which)),
                    ("faces", session_faces_seal(*which)),
                ):
                    found = self._opened(row, column, about, where)
                    yield from (each for each in found if isinstance(each, Damage))

    def unknown_people(self) -> Iterator[Damage]:
        """Faces of unknown people, and what their groups say of them."""
        pack = self._pack_or_none()
        for row, where in self._rows("unknown_faces", _WITH_KEY.format("unknown_faces")):
            if isinstance(row, Damage):
                yield row
                continue
            yield from unknown_face_damage(row, where, pack, self._opened)
            yield from _text_damage(row, where)
            yield from _json_damage(row, "box", list, where)
            yield from _json_damage(row, "quality", dict, where)
        yield from miscounted_groups(self.db)

    def _rows(self, table: str, query: str, *more: object) -> Iterator[tuple[sqlite3.Row | Damage, str]]:
        """Every row by id, or the finding that it cannot be read; and where it is.

        Each row is a query of its own, so that no transaction lasts longer and an erasure never waits for the check.
        """
        name = {
            "images": "photo",
            "templates": "template",
            "students": "student",
            "session_photos": "session photo",
            "negatives": "negative example",
            "unknown_faces": "unknown face",
        }.get(table, f"{table} entry")
        last = 0
        while True:
            try:
                which = f"SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT ?"
                ids = [row[0] for row in self.db.execute(which, (last, _BATCH)).fetchall()]
            except sqlite3.Error as exc:
                yield _unreadable(f"{table} past id {last}", exc), table
                return
            if not ids:
                return
            last = ids[-1]
            for number in ids:
                where = f"{name} {number}"
                try:
                    row = self.db.execute(query, (number, *more)).fetchone()
                except sqlite3.Error as exc:
                    yield _unreadable(where, exc), where
                    continue
                if row is not None:  # otherwise it was removed meanwhile
                    yield row, where

    def _pack(self) -> tuple[str, int] | None:
        row = self.db.execute("SELECT value FROM gallery WHERE key = 'pack'").fetchone()
        if row is None:
            return None
        described = json.loads(row[0])
        return str(described["tag"]), int(described["dim"])

    def _pack_or_none(self) -> tuple[str, int] | None:
        try:
            return self._pack()
        except (ValueError, TypeError, KeyError, sqlite3.Error):  # reported as a finding of its own
            return None

    def _tag(self) -> str:
        pack = self._pack_or_none()
        return "" if pack is None else pack[0]


_CHECKS: Sequence[Callable[[_Check], Iterator[Damage]]] = (
    _Check.pages,
    _Check.references,
    _Check.ids,
    _Check.settings,
    _Check.changes,
    _Check.data_keys,
    _Check.students,
    _Check.photos,
    _Check.templates,
    _Check.entries,
    _Check.negatives,
    _Check.unknown_people,
    _Check.session_photos,
)


def _bytes(value: object) -> bytes:
    """The content of a column of bytes, even if it has become text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def _text_damage(row: sqlite3.Row, where: str) -> Iterator[Damage]:
    """Texts that are not UTF-8."""
    for name in row.keys():  # noqa: SIM118 - iterating a row gives values
        value = row[name]
        if isinstance(value, str) and not value.isascii() and any("\udc80" <= letter <= "\udcff" for letter in value):
            yield Damage("text_damaged", f"{name} is not text.", where.encode("utf-8", "replace").decode(), RESTORE)


def _json_damage(row: sqlite3.Row, name: str, kind: type, where: str) -> Iterator[Damage]:
    """A column that is not JSON, or JSON of another type. NULL is allowed."""
    if name not in row.keys() or row[name] is None:  # noqa: SIM118
        return
    try:
        found: Any = json.loads(row[name])
        if isinstance(found, kind):
            return
        what = f"{name} is a {type(found).__name__}."
    except (ValueError, TypeError) as exc:
        what = f"{name} is not JSON ({exc})."
    yield Damage("text_damaged", what, where, RESTORE)
