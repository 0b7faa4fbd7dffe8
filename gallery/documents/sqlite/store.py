"""The embedded document store: one SQLite file in WAL mode."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.documents.backup_protocol import RESTORING, Opening, restore_unfinished
from gallery.documents.consent_rules import refuse_ended
from gallery.documents.damage import Damage, DamageProgress
from gallery.documents.erasure_list import NOT_ASKED, Cause, erased_photos, erased_student, merged_student
from gallery.documents.seals import SealedStoreKey, Sealing, StoreSeals, open_seals
from gallery.documents.sqlite import photo_rows, student_rows
from gallery.documents.sqlite.access import SqliteAccess
from gallery.documents.sqlite.access_log import SqliteAccessLog, forget_named, merge_concerned
from gallery.documents.sqlite.attendance import SqliteAttendance
from gallery.documents.sqlite.attendance_rows import merge_entries
from gallery.documents.sqlite.backup import SqliteBackup
from gallery.documents.sqlite.check import sqlite_damage
from gallery.documents.sqlite.connections import SqliteConnections
from gallery.documents.sqlite.data_keys import SqliteKeys, sealer
from gallery.documents.sqlite.erasures import SqliteErasures, list_erasures
from gallery.documents.sqlite.jobs import SqliteFindings, SqliteJobs
from gallery.documents.sqlite.migrations import migrate
from gallery.documents.sqlite.negatives import SqliteNegatives, merge_negatives
from gallery.documents.sqlite.notes import SqliteNotes
from gallery.documents.sqlite.request_keys import SqliteRequestKeys, merge_request_keys
from gallery.documents.sqlite.resealing import SqliteSealStore
from gallery.documents.sqlite.restore_lock import RestoreLock
from gallery.documents.sqlite.session_photos import SqliteSessionPhotos
from gallery.documents.sqlite.sessions import SqliteClasses, SqliteSessions
from gallery.documents.sqlite.stale_log import refuse_stale_log
from gallery.documents.sqlite.statistics import SqliteStatistics
from gallery.documents.sqlite.student_photos import SqliteStudentPhotos
from gallery.documents.sqlite.unknowns import SqliteUnknowns, erase_faces
from gallery.documents.student_lists import StudentFilter, StudentOrder, StudentPlace
from gallery.documents.student_rules import merge_students
from gallery.documents.values import (
    EVERYONE,
    Changes,
    ConsentEnd,
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
    SubjectPart,
    Template,
    TemplateBatch,
)
from presente.errors import StoreError


class SqliteStore:
    """A :class:`gallery.documents.protocol.DocumentStore` in one file. Safe to use from several threads."""

    def __init__(self, path: Path, sealing: Sealing | None = None, opening: Opening = "use") -> None:
        """Open the file, create it if it is not there, and bring its schema up to date.

        With ``sealing``, new records are sealed. A file that has sealed records cannot be opened without.

        Raises:
            StoreError: ``store_unavailable``, ``store_too_new``, ``stale_log``; ``master_key_missing``,
                ``master_key_wrong``; ``restore_unfinished``.
        """
        self.path = path
        self._sealing = sealing
        self._connections = SqliteConnections(path)
        self._restore_lock = RestoreLock(path)
        self._reading, self._writing = self._connections.reading, self._connections.writing
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            refuse_stale_log(path)
            with self._reading() as db:
                migrate(db)
            if opening == "use" and self._setting(RESTORING) is not None:
                raise restore_unfinished()
            self._seals = None if opening == "load" else self._open_seals()
            self._connections.use(self._seals)
            self._connections.empty_log()
        except OSError as exc:
            raise StoreError(
                "store_unavailable", f"{path} cannot be created ({exc}).", "Check PRESENTE_STORE."
            ) from exc
        except StoreError:
            self.close()
            raise

    def _open_seals(self) -> StoreSeals | None:
        with self._reading() as db:
            kept = SqliteKeys(db).store_key()
        if kept is None and self._sealing is not None:
            with self._writing() as db:
                keys = SqliteKeys(db)
                if keys.store_key() is None:
                    keys.put_store_key(SealedStoreKey.new(self._sealing.master))
                kept = keys.store_key()
        return open_seals(kept, self._sealing)

    @property
    def attendance(self) -> SqliteAttendance:
        return SqliteAttendance(self._reading, self._writing, self._connections.empty_log_after_erasure)

    @property
    def sessions(self) -> SqliteSessions:
        return SqliteSessions(self._reading, self._writing, self._after_erasure)

    @property
    def session_photos(self) -> SqliteSessionPhotos:
        return SqliteSessionPhotos(self._reading, self._writing, self._after_erasure)

    @property
    def classes(self) -> SqliteClasses:
        return SqliteClasses(self._reading, self._writing)

    @property
    def statistics(self) -> SqliteStatistics:
        return SqliteStatistics(self._reading)

    @property
    def request_keys(self) -> SqliteRequestKeys:
        return SqliteRequestKeys(self._writing)

    @property
    def access(self) -> SqliteAccess:
        return SqliteAccess(self._reading, self._writing)

    @property
    def access_log(self) -> SqliteAccessLog:
        return SqliteAccessLog(self._reading, self._writing, self._connections.empty_log_after_erasure)

    @property
    def student_photos(self) -> SqliteStudentPhotos:
        return SqliteStudentPhotos(self._reading)

    @property
    def jobs(self) -> SqliteJobs:
        return SqliteJobs(self._reading, self._writing)

    @property
    def findings(self) -> SqliteFindings:
        return SqliteFindings(self._reading, self._writing)

    @property
    def erasures(self) -> SqliteErasures:
        return SqliteErasures(self._reading, self._writing)

    @property
    def unknowns(self) -> SqliteUnknowns:
        return SqliteUnknowns(self._reading, self._writing, self._after_erasure)

    @property
    def negatives(self) -> SqliteNegatives:
        return SqliteNegatives(self._reading, self._writing, self._after_erasure)

    @property
    def notes(self) -> SqliteNotes:
        return SqliteNotes(self._reading, self._writing)

    @property
    def seals(self) -> SqliteSealStore:
        return SqliteSealStore(self._reading, self._writing, self._seals, self._finish_resealing)

    def _finish_resealing(self) -> None:
        self._connections.empty_log_after_erasure()
        self._connections.finish_erasing()

    @property
    def backup(self) -> SqliteBackup:
        return SqliteBackup(self._reading, self._writing, self._restore_lock)

    def close(self) -> None:
        self._connections.close()
        self._restore_lock.release()

    def damage(self, progress: DamageProgress = lambda _: None) -> Iterator[Damage]:
        return sqlite_damage(self.path, progress, self._seals)

    # -- the gallery's pack -----------------------------------------------------------------------------------------

    def identity(self) -> str:
        with self._reading() as db:
            return str(db.execute("SELECT value FROM gallery WHERE key = 'identity'").fetchone()[0])

    def pack(self) -> tuple[str, int] | None:
        text = self._setting("pack")
        if text is None:
            return None
        described = json.loads(text)
        return str(described["tag"]), int(described["dim"])

    def followed_pack(self) -> tuple[str, int] | None:
        return self.pack()

    def claim_pack(self, tag: str, dim: int) -> None:
        if self.pack() is None:
            with self._writing() as db:
                db.execute("INSERT OR IGNORE INTO gallery VALUES ('pack', ?)", (_pack_text(tag, dim),))

    def adopt_pack(self, tag: str, dim: int) -> None:
        changes = self.pack() != (tag, dim)
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO gallery VALUES ('pack', ?)", (_pack_text(tag, dim),))
            db.execute("DELETE FROM templates WHERE pack != ?", (tag,))
            db.execute("DELETE FROM negatives WHERE pack != ?", (tag,))
            if changes:
                db.execute("DELETE FROM gallery WHERE key = 'calibration'")
            unknown = erase_faces(db, "pack != ?", tag)
        if unknown:
            self._after_erasure()

    def calibration(self) -> str | None:
        return self._setting("calibration")

    def store_calibration(self, text: str) -> None:
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO gallery VALUES ('calibration', ?)", (text,))

    def _setting(self, key: str) -> str | None:
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _tag(self, pack: str | None = None) -> str:
        """A pack's tag; that of the gallery's own pack when none is given."""
        return pack if pack is not None else (self.pack() or ("", 0))[0]

    # -- writing ----------------------------------------------------------------------------------------------------

    def enrol(
        self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put", check: Callable[[], None] = lambda: None
    ) -> None:
        check()
        with self._writing() as db:
            seals = sealer(db)
            for enrolment in enrolments:
                subject = student_rows.put_student(db, enrolment.student, mode, seals)
                if enrolment.photos:
                    student_rows.refuse_photos(db, subject)
                for photo in enrolment.photos:
                    photo_rows.put_photo(db, seals, subject, photo)

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        with self._writing() as db:
            for photo, template in templates:
                photo_rows.add_template(db, photo, template)

    def adopt(self) -> list[NotAdopted]:
        return []  # other programs cannot write students in a form of their own: the schema refuses it

    def update(self, student: Student) -> bool:
        with self._writing() as db:
            return student_rows.replace_student(db, student)

    def end_consent(self, matricula: str, moment: str, why: ConsentEnd, code: str = "", listed: bool = True) -> None:
        with self._writing() as db:
            student_rows.end_consent(db, matricula, moment, why, code, listed)
        self._after_erasure()

    def remove(self, matriculas: Sequence[str], cause: Cause = NOT_ASKED) -> list[str]:
        removed = []
        with self._writing() as db:
            forget_named(db, matriculas)
            for matricula in matriculas:
                delete = "DELETE FROM students WHERE matricula = ? RETURNING id, consentimiento"
                gone = db.execute(delete, (matricula,)).fetchone()
                if gone is not None:
                    removed.append(matricula)
                    list_erasures(
                        db, [erased_student(gone[0], student_rows.cause_of_erasure(gone[1], cause))] * cause.listed
                    )
        if removed:
            self._after_erasure()
        return removed

    def _after_erasure(self) -> None:
        if self._seals is not None:
            self._seals.forget()
        self._connections.empty_log_after_erasure()

    def merge(self, keep: str, other: str, cause: Cause = NOT_ASKED) -> None:
        with self._writing() as db:
            (kept, staying), (gone, leaving) = (student_rows.find_student(db, name) for name in (keep, other))
            if cause.listed:
                refuse_ended(staying)
                refuse_ended(leaving)
            photo_rows.copy_photos(db, gone, kept)
            merge_entries(db, gone, kept)
            merge_request_keys(db, gone, kept)
            merge_concerned(db, gone, kept)
            merge_negatives(db, gone, kept)
            student_rows.put_student(db, merge_students(staying, leaving), "put", sealer(db))
            db.execute("DELETE FROM students WHERE id = ?", (gone,))
            list_erasures(db, [merged_student(gone, kept)] * cause.listed)
        self._after_erasure()

    def take_photos(
        self, matricula: str, digests: Collection[str], to: str | None = None, cause: Cause = NOT_ASKED
    ) -> None:
        which, target = json.dumps(sorted(digests)), 0
        with self._writing() as db:
            subject = student_rows.find_student(db, matricula)[0]
            if to is not None:
                if cause.listed:
                    student_rows.refuse_photos(db, subject)
                target = student_rows.find_student(db, to)[0]
                if cause.listed:
                    student_rows.refuse_photos(db, target)
                photo_rows.copy_photos(db, subject, target, which)
            photo_rows.delete_photos(db, subject, which)
            list_erasures(db, erased_photos(subject, digests, cause, target) * cause.listed)
        self._after_erasure()

    def finish_erasing(self) -> None:
        self._connections.finish_erasing()

    # -- students ---------------------------------------------------------------------------------------------------

    def student(self, matricula: str) -> StoredStudent | None:
        with self._reading() as db:
            return student_rows.student_by_matricula(db, matricula)

    def students(
        self,
        *,
        clase: str | None = None,
        query: str | None = None,
        kind: SubjectKind | None = "student",
        after: str = "",
        limit: int = 100,
        clases: Collection[str] | None = None,
    ) -> list[StoredStudent]:
        with self._reading() as db:
            return student_rows.list_students(db, clase, query, kind, after, limit, clases)

    def listed_students(
        self, which: StudentFilter, order: StudentOrder, after: StudentPlace | None, limit: int
    ) -> list[StoredStudent]:
        with self._reading() as db:
            return student_rows.listed_students(db, which, order, after, limit)

    def subjects(
        self,
        ids: Sequence[int],
        position: Position | None = None,  # noqa: ARG002 - MongoDB needs it
    ) -> dict[int, Student]:
        with self._reading() as db:
            return student_rows.students_by_subject(db, ids)

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        with self._reading() as db:
            return student_rows.roster(db, clase, kind)

    def has_cohort(self) -> bool:
        with self._reading() as db:
            return db.execute("SELECT 1 FROM students WHERE kind = 'cohort' LIMIT 1").fetchone() is not None

    def counts(self) -> Counts:
        tag = self._tag()
        with self._reading() as db:
            return Counts(
                *db.execute(
                    "SELECT (SELECT count(*) FROM students WHERE kind = 'student'), "
                    "(SELECT count(*) FROM students WHERE kind = 'cohort'), (SELECT count(*) FROM images), "
                    "(SELECT count(*) FROM templates WHERE pack = ?)",
                    (tag,),
                ).fetchone()
            )

    # -- photos and templates ---------------------------------------------------------------------------------------

    def embedded(self, matricula: str, pack: str) -> set[str]:
        with self._reading() as db:
            return photo_rows.embedded(db, matricula, pack)

    def photo_bytes(self, matricula: str) -> int:
        with self._reading() as db:
            return photo_rows.photo_bytes(db, matricula)

    def digests(self, matricula: str) -> list[str]:
        with self._reading() as db:
            return photo_rows.digests(db, matricula)

    def enrolled(self) -> Iterator[EnrolledTemplate]:
        tag, last = self._tag(), 0
        while True:
            with self._reading() as db:
                page = photo_rows.enrolled_page(db, last, tag)
            if not page:
                return
            last = page[-1].template
            yield from page

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        return self._photos(pack)

    def photos(self) -> Iterator[StoredPhoto]:
        return self._photos(None)

    def _photos(self, without_pack: str | None) -> Iterator[StoredPhoto]:
        last = 0
        while True:
            with self._reading() as db:
                photo = photo_rows.next_photo(db, last, without_pack)
            if photo is None:
                return
            last = photo[0]
            if photo[1] is not None:
                yield photo[1]

    def template_count(self, part: SubjectPart | None = None) -> int:
        tag, of = self._tag(), part or EVERYONE
        with self._reading() as db:
            row = db.execute(
                "SELECT count(*) FROM templates WHERE pack = ? AND student % ? = ?", (tag, of.of, of.number)
            ).fetchone()
        return int(row[0])

    def templates(
        self, ids: Sequence[int] | None = None, pack: str | None = None, part: SubjectPart | None = None
    ) -> Iterator[TemplateBatch]:
        tag, last = self._tag(pack), 0
        wanted = None if ids is None else json.dumps([int(i) for i in ids])
        while True:
            with self._reading() as db:
                batch = photo_rows.template_page(db, last, tag, wanted, part or EVERYONE)
            if batch is None:
                return
            last = batch[0]
            if len(batch[1].ids):
                yield batch[1]

    # -- the change sequence ----------------------------------------------------------------------------------------

    def last_change(self) -> int:
        with self._reading() as db:
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
        return int(row[0]) if row else 0

    def change_mark(self, change: int) -> str:
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
        if self._seals is not None and (rows[:, 1] == 1).any():
            self._seals.forget()
        last = int(rows[-1, 0]) if len(rows) else position.change
        return Changes(Position(last), np.unique(rows[rows[:, 1] == 0, 2]), np.unique(rows[rows[:, 1] == 1, 2]))

    def removed_since(self, change: int) -> bool:
        with self._reading() as db:
            row = db.execute("SELECT 1 FROM changes WHERE seq > ? AND removed = 1 LIMIT 1", (change,)).fetchone()
        return row is not None


def _pack_text(tag: str, dim: int) -> str:
    return json.dumps({"tag": tag, "dim": dim})
