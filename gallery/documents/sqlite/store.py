"""The embedded document store: one SQLite file in WAL mode."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.documents.damage import Damage, DamageProgress
from gallery.documents.sqlite.attendance import SqliteRecords, join_records, recount
from gallery.documents.sqlite.check import sqlite_damage
from gallery.documents.sqlite.migrations import migrate
from gallery.documents.sqlite.stale_log import leave_mark, refuse_stale_log
from gallery.documents.values import (
    Changes,
    Consent,
    Counts,
    EnrolledTemplate,
    Enrolment,
    EnrolmentMode,
    NotAdopted,
    Position,
    StoredPhoto,
    StoredStudent,
    Student,
    SubjectKind,
    Template,
    TemplateBatch,
    merged,
    student_exists,
    student_not_found,
)
from presente.errors import StoreError

log = logging.getLogger(__name__)

_BUSY_S = 30.0
_FOLD_S = 2.0
"""How long readers are waited for when the log is emptied after an erasure."""
_READ_BATCH = 4096
_FIELDS = (
    "matricula",
    "nombre_del_alumno",
    "clase",
    "fecha_de_registro",
    "kind",
    "consentimiento",
    "aviso",
    "asistencias_previas",
    "participaciones_previas",
    "otras_clases",
)
_STUDENT = ", ".join(f"s.{name}" for name in _FIELDS)
_IN_CLASS = (
    "(s.clase = ?1 OR (s.otras_clases != '[]' AND EXISTS (SELECT 1 FROM json_each(s.otras_clases) WHERE value = ?1)))"
)
# An enrolment that brings no consent does not take back the one that was given.
_REPLACED = ", ".join(
    f"{name} = " + (f"coalesce(excluded.{name}, {name})" if name == "consentimiento" else f"excluded.{name}")
    for name in _FIELDS[1:]
)


class SqliteStore:
    """A :class:`gallery.documents.values.DocumentStore` in one file. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._writer = threading.RLock()  # of this process: its threads wait for each other here, in order
        self._erased = 1  # how often something was erased; at first by a process that was stopped right after it
        self._folded = 0  # up to which of these the log was emptied
        self._refused = False
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            refuse_stale_log(path)
            with self._reading() as db:
                migrate(db)
            self._fold_log()
        except OSError as exc:
            raise StoreError(
                "store_unavailable", f"{path} cannot be created ({exc}).", "Check PRESENTE_STORE."
            ) from exc
        except StoreError:
            self.close()
            raise

    # -- connections ------------------------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # an acknowledged enrolment survives a power cut
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only unlinked
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else has meanwhile: an idle one, or a new one."""
        try:
            with self._lock:
                db = self._idle.pop() if self._idle else None
            if db is None:
                db = self._connect()
            failed = False
            try:
                yield db
            except sqlite3.Error:
                failed = True
                raise
            finally:
                self._give_back(db, failed)
        except sqlite3.Error as exc:
            raise StoreError(
                "store_unavailable",
                f"{self.path} cannot be used ({exc}).",
                "Check that the disk is not full and that the file is a gallery.",
            ) from exc

    def _give_back(self, db: sqlite3.Connection, failed: bool) -> None:
        """Keep a connection for the next one who asks. One that failed, or is in the middle of a transaction, whose
        lock would keep every other writer out, is closed, which rolls back; so is any once the store is closed."""
        with self._lock:
            if not (failed or db.in_transaction or self._closed):
                self._idle.append(db)
                return
        db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._writer, self._reading() as db:
            try:
                db.execute("BEGIN IMMEDIATE")  # may wait, and a Ctrl-C of meanwhile is seen once it has begun
                leave_mark(db)
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @property
    def records(self) -> SqliteRecords:
        return SqliteRecords(self._reading, self._writing)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for db in self._idle:
                db.close()
            self._idle.clear()

    def damage(self, progress: DamageProgress = lambda _: None) -> Iterator[Damage]:
        return sqlite_damage(self.path, progress)

    # -- the gallery's pack -----------------------------------------------------------------------------------------

    def identity(self) -> str:
        with self._reading() as db:
            return str(db.execute("SELECT value FROM gallery WHERE key = 'identity'").fetchone()[0])

    def pack(self) -> tuple[str, int] | None:
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = 'pack'").fetchone()
        if row is None:
            return None
        described = json.loads(row[0])
        return str(described["tag"]), int(described["dim"])

    def claim_pack(self, tag: str, dim: int) -> None:
        if self.pack() is None:
            with self._writing() as db:
                db.execute("INSERT OR IGNORE INTO gallery VALUES ('pack', ?)", (_pack_row(tag, dim),))

    def adopt_pack(self, tag: str, dim: int) -> None:
        other = self.pack() != (tag, dim)
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO gallery VALUES ('pack', ?)", (_pack_row(tag, dim),))
            db.execute("DELETE FROM templates WHERE pack != ?", (tag,))
            if other:
                db.execute("DELETE FROM gallery WHERE key = 'calibration'")

    def calibration(self) -> str | None:
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = 'calibration'").fetchone()
        return None if row is None else str(row[0])

    def store_calibration(self, text: str) -> None:
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO gallery VALUES ('calibration', ?)", (text,))

    # -- writing ----------------------------------------------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put") -> None:
        with self._writing() as db:
            for enrolment in enrolments:
                subject = _put_student(db, enrolment.student, mode)
                for photo in enrolment.photos:
                    db.execute(
                        "INSERT INTO images (student, sha256, media_type, source, content) VALUES (?, ?, ?, ?, ?) "
                        "ON CONFLICT (student, sha256) DO NOTHING",
                        (subject, photo.sha256, photo.media_type, photo.source, photo.content),
                    )
                    found = db.execute(
                        "SELECT id FROM images WHERE student = ? AND sha256 = ?", (subject, photo.sha256)
                    ).fetchone()
                    _put_template(db, found[0], subject, photo.template)

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        with self._writing() as db:
            for image, template in templates:
                row = db.execute("SELECT student FROM images WHERE id = ?", (image,)).fetchone()
                if row is not None:
                    _put_template(db, image, row[0], template)

    def adopt(self) -> list[NotAdopted]:
        return []  # the schema leaves other programs no form of their own

    def update(self, student: Student) -> bool:
        with self._writing() as db:
            if db.execute("SELECT 1 FROM students WHERE matricula = ?", (student.matricula,)).fetchone() is None:
                return False
            subject = _put_student(db, student, "put")
            if student.consentimiento is None:
                db.execute("UPDATE students SET consentimiento = NULL WHERE id = ?", (subject,))
            recount(db, [subject])
            return True

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        with self._writing() as db:
            removed = [
                matricula
                for matricula in matriculas
                if db.execute("DELETE FROM students WHERE matricula = ?", (matricula,)).rowcount
            ]
        if removed:
            self._fold_erased()
        return removed

    def merge(self, keep: str, other: str) -> None:
        with self._writing() as db:
            (kept, staying), (gone, leaving) = (_known(db, matricula) for matricula in (keep, other))
            _copy_photos(db, gone, kept)
            join_records(db, gone, kept)
            _put_student(db, merged(staying, leaving), "put")
            db.execute("DELETE FROM students WHERE id = ?", (gone,))
        self._fold_erased()

    def take_photos(self, matricula: str, digests: Collection[str], to: str | None = None) -> None:
        which = json.dumps(sorted(digests))
        with self._writing() as db:
            subject = _known(db, matricula)[0]
            if to is not None:
                _copy_photos(db, subject, _known(db, to)[0], which)
            db.execute(
                "DELETE FROM images WHERE student = ? AND sha256 IN (SELECT value FROM json_each(?))", (subject, which)
            )
        self._fold_erased()

    def finish_erasing(self) -> None:
        if self._folded < self._erased and not self._fold_log():
            raise StoreError(
                "erasure_incomplete",
                f"{self.path}-wal still holds what was removed: another program is in the middle of reading the store.",
                "It is emptied at the next chance, for example by the same request again.",
            )

    def _fold_erased(self) -> None:
        """Fold the log after something was erased; what prevents it is told by :meth:`finish_erasing`."""
        with self._lock:
            self._erased += 1
            mine = self._erased
        with self._writer:  # whoever had it before may have folded what we erased, too
            if self._folded < mine:
                self._fold_log()

    def _fold_log(self) -> bool:
        """Fold the write-ahead log, which still holds what was erased, into the file and empty it; False when a reader
        that is in the middle of something prevents it."""
        wait_s = 0.1 if self._refused else _FOLD_S  # writers wait as long as we do: not again and again
        with self._writer, self._reading() as db:
            erased = self._erased
            db.execute(f"PRAGMA busy_timeout = {int(1000 * wait_s)}")
            try:
                busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                db.execute(f"PRAGMA busy_timeout = {int(1000 * _BUSY_S)}")
            self._refused = bool(busy)
            if not busy:
                self._folded = erased
        return not busy

    # -- reading ----------------------------------------------------------------------------------------------------

    def student(self, matricula: str) -> StoredStudent | None:
        found = self._stored("s.matricula = ?", [matricula], limit=1)
        return found[0] if found else None

    def students(
        self,
        *,
        clase: str | None = None,
        query: str | None = None,
        kind: SubjectKind | None = "student",
        after: str = "",
        limit: int = 100,
    ) -> list[StoredStudent]:
        where, values = ["s.matricula > ?"], [after]
        for condition, value in ((_IN_CLASS.replace("?1", f"?{len(values) + 1}"), clase), ("s.kind = ?", kind)):
            if value is not None:
                where.append(condition)
                values.append(value)
        if query:
            where.append("(s.nombre_del_alumno LIKE ? ESCAPE '\\' OR s.matricula LIKE ? ESCAPE '\\')")
            escaped = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            values += [f"%{escaped}%"] * 2
        return self._stored(" AND ".join(where), values, limit)

    def _stored(self, where: str, values: Sequence[object], limit: int) -> list[StoredStudent]:
        with self._reading() as db:
            rows = db.execute(
                f"SELECT s.id, (SELECT count(*) FROM images i WHERE i.student = s.id), "
                f"(SELECT count(*) FROM templates t WHERE t.student = s.id), "
                f"s.asistencias, s.participaciones, {_STUDENT} "
                f"FROM students s WHERE {where} ORDER BY s.matricula LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [
            StoredStudent(
                id=row[0],
                images=row[1],
                templates=row[2],
                asistencias=row[3],
                participaciones=row[4],
                student=_student(row[5:]),
            )
            for row in rows
        ]

    def subjects(self, ids: Sequence[int]) -> dict[int, Student]:
        with self._reading() as db:
            rows = db.execute(
                f"SELECT s.id, {_STUDENT} FROM students s WHERE s.id IN (SELECT value FROM json_each(?))",
                (json.dumps([int(i) for i in ids]),),
            ).fetchall()
        return {row[0]: _student(row[1:]) for row in rows}

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        with self._reading() as db:
            rows = db.execute(
                f"SELECT s.id FROM students s WHERE (?1 IS NULL OR {_IN_CLASS}) AND (?2 IS NULL OR s.kind = ?2) "
                "ORDER BY s.id",
                (clase, kind),
            ).fetchall()
        return np.array([row[0] for row in rows], dtype=np.int64)

    def has_cohort(self) -> bool:
        with self._reading() as db:
            return db.execute("SELECT 1 FROM students WHERE kind = 'cohort' LIMIT 1").fetchone() is not None

    def embedded(self, matricula: str, pack: str) -> set[str]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT i.sha256 FROM students s JOIN images i ON i.student = s.id "
                "JOIN templates t ON t.image = i.id WHERE s.matricula = ? AND t.pack = ?",
                (matricula, pack),
            ).fetchall()
        return {row[0] for row in rows}

    def digests(self, matricula: str) -> list[str]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT i.sha256 FROM students s JOIN images i ON i.student = s.id WHERE s.matricula = ? "
                "ORDER BY i.sha256",
                (matricula,),
            ).fetchall()
        return [row[0] for row in rows]

    def enrolled(self) -> Iterator[EnrolledTemplate]:
        tag = (self.pack() or ("", 0))[0]
        last = 0
        while True:
            with self._reading() as db:
                rows = db.execute(
                    "SELECT t.id, t.student, i.sha256, i.source, t.quality FROM templates t "
                    "JOIN images i ON i.id = t.image WHERE t.id > ? AND t.pack = ? ORDER BY t.id LIMIT ?",
                    (last, tag, _READ_BATCH),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for template, subject, sha256, source, quality in rows:
                yield EnrolledTemplate(template, subject, sha256, source, json.loads(quality))

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        return self._photos("NOT EXISTS (SELECT 1 FROM templates t WHERE t.image = i.id AND t.pack = ?)", [pack])

    def photos(self) -> Iterator[StoredPhoto]:
        return self._photos("TRUE", [])

    def _photos(self, where: str, values: Sequence[object]) -> Iterator[StoredPhoto]:
        last = 0
        while True:
            with self._reading() as db:
                row = db.execute(
                    "SELECT i.id, s.matricula, i.sha256, i.content, i.media_type FROM images i "
                    f"JOIN students s ON s.id = i.student WHERE i.id > ? AND {where} ORDER BY i.id LIMIT 1",
                    (last, *values),
                ).fetchone()
            if row is None:
                return
            last = row[0]
            yield StoredPhoto(*row)

    def last_change(self) -> int:
        with self._reading() as db:
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
        return int(row[0]) if row else 0

    def mark(self, change: int) -> str:
        with self._reading() as db:
            row = db.execute("SELECT mark FROM changes WHERE seq = ?", (change,)).fetchone()
        return str(row[0]) if row else ""

    def position(self) -> Position:
        return Position(self.last_change())

    def changed_since(self, position: Position) -> bool:
        return self.last_change() != position.change

    def changes(self, position: Position) -> Changes:
        with self._reading() as db:
            rows = np.array(
                db.execute(
                    "SELECT seq, removed, template FROM changes WHERE seq > ? ORDER BY seq", (position.change,)
                ).fetchall(),
                dtype=np.int64,
            ).reshape(-1, 3)
        last = int(rows[-1, 0]) if len(rows) else position.change
        return Changes(Position(last), np.unique(rows[rows[:, 1] == 0, 2]), np.unique(rows[rows[:, 1] == 1, 2]))

    def removed_since(self, change: int) -> bool:
        with self._reading() as db:
            row = db.execute("SELECT 1 FROM changes WHERE seq > ? AND removed = 1 LIMIT 1", (change,)).fetchone()
        return row is not None

    def templates(self, ids: Sequence[int] | None = None, pack: str | None = None) -> Iterator[TemplateBatch]:
        tag = pack if pack is not None else (self.pack() or ("", 0))[0]
        wanted = None if ids is None else json.dumps([int(i) for i in ids])
        last = 0
        while True:
            with self._reading() as db:
                rows = db.execute(
                    "SELECT id, student, vector FROM templates WHERE id > ?1 AND pack = ?2 "
                    "AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3))) ORDER BY id LIMIT ?4",
                    (last, tag, wanted, _READ_BATCH),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield TemplateBatch(
                ids=np.array([row[0] for row in rows], dtype=np.int64),
                subjects=np.array([row[1] for row in rows], dtype=np.int64),
                vectors=np.frombuffer(b"".join(row[2] for row in rows), dtype="<f4").reshape(len(rows), -1),
            )

    def counts(self) -> Counts:
        tag = (self.pack() or ("", 0))[0]
        with self._reading() as db:
            return Counts(
                *db.execute(
                    "SELECT (SELECT count(*) FROM students WHERE kind = 'student'), "
                    "(SELECT count(*) FROM students WHERE kind = 'cohort'), (SELECT count(*) FROM images), "
                    "(SELECT count(*) FROM templates WHERE pack = ?)",
                    (tag,),
                ).fetchone()
            )


def _pack_row(tag: str, dim: int) -> str:
    return json.dumps({"tag": tag, "dim": dim})


def _row(student: Student) -> list[object]:
    """A student's own columns, in the order of ``_FIELDS``."""
    values = {name: getattr(student, name) for name in _FIELDS}
    consent = student.consentimiento
    written = {
        "consentimiento": json.dumps(asdict(consent)) if consent else None,
        "otras_clases": json.dumps(student.otras_clases, ensure_ascii=False),
    }
    return list((values | written).values())


def _student(row: Sequence[Any]) -> Student:
    values = dict(zip(_FIELDS, row, strict=True))
    consent = values["consentimiento"]
    read = {
        "consentimiento": Consent(**json.loads(consent)) if consent else None,
        "otras_clases": tuple(json.loads(values["otras_clases"])),
    }
    return Student(**values | read)


def _put_student(db: sqlite3.Connection, student: Student, mode: EnrolmentMode) -> int:
    """The subject's id, once the student is there as the mode has it."""
    row = db.execute("SELECT id FROM students WHERE matricula = ?", (student.matricula,)).fetchone()
    if row is not None and mode == "create":
        raise student_exists(student.matricula)
    if row is None and mode == "extend":
        raise student_not_found(student.matricula)
    if row is not None and mode == "extend":
        return int(row[0])
    stored = db.execute(
        f"INSERT INTO students ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) "
        f"ON CONFLICT (matricula) DO UPDATE SET {_REPLACED} RETURNING id",
        _row(student),
    )
    subject = int(stored.fetchone()[0])
    recount(db, [subject])
    return subject


def _put_template(db: sqlite3.Connection, image: int | None, subject: int, template: Template) -> None:
    db.execute(
        "INSERT INTO templates (image, student, pack, vector, box, quality) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (image, pack) DO NOTHING",
        (
            image,
            subject,
            template.pack,
            np.ascontiguousarray(template.vector, dtype="<f4").tobytes(),
            json.dumps([round(float(value), 2) for value in template.box]),
            json.dumps(dict(template.quality)),
        ),
    )


def _known(db: sqlite3.Connection, matricula: str) -> tuple[int, Student]:
    """A student's subject id and fields, or ``student_not_found``."""
    row = db.execute(f"SELECT s.id, {_STUDENT} FROM students s WHERE s.matricula = ?", (matricula,)).fetchone()
    if row is None:
        raise student_not_found(matricula)
    return int(row[0]), _student(row[1:])


def _copy_photos(db: sqlite3.Connection, source: int, target: int, which: str | None = None) -> None:
    """Give a subject the photos of another (of some digests, as a JSON list) with their templates under new ids; what
    it has already stays as it is."""
    chosen = "(:which IS NULL OR sha256 IN (SELECT value FROM json_each(:which)))"
    values = {"source": source, "target": target, "which": which}
    db.execute(
        "INSERT INTO images (student, sha256, media_type, source, content) "
        f"SELECT :target, sha256, media_type, source, content FROM images WHERE student = :source AND {chosen} "
        "ORDER BY id ON CONFLICT (student, sha256) DO NOTHING",
        values,
    )
    db.execute(
        "INSERT INTO templates (image, student, pack, vector, box, quality) "
        "SELECT theirs.id, :target, t.pack, t.vector, t.box, t.quality FROM templates t "
        "JOIN images own ON own.id = t.image "
        "JOIN images theirs ON theirs.student = :target AND theirs.sha256 = own.sha256 "
        f"WHERE t.student = :source AND {chosen.replace('sha256', 'own.sha256')} "
        "ORDER BY t.id ON CONFLICT (image, pack) DO NOTHING",
        values,
    )
