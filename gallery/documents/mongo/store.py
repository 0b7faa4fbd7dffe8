"""The document store on MongoDB. It works on a standalone server: no multi-document transaction is needed.

The order of writes makes a crash at any point safe:

- A write of several documents is announced before the first document is written, and is over after the last.
  Followers wait for it. What a dead process left is finished or undone: :mod:`gallery.documents.mongo.attempts`.
- A template's ``_id`` is its number in the change sequence. Inserting the template *is* the change, so the two cannot
  disagree.
- A new student carries ``enrolling``, and is invisible, until photos and templates are there.

Every id is a number of that one sequence: :mod:`gallery.documents.mongo.sequence`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gallery.documents.backup_protocol import RESTORING, Opening, restore_unfinished
from gallery.documents.damage import Damage, DamageProgress
from gallery.documents.erasure_list import NOT_ASKED, Cause
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo import student_queries
from gallery.documents.mongo.access import MongoAccess
from gallery.documents.mongo.access_log import MongoAccessLog
from gallery.documents.mongo.adoption import adopt
from gallery.documents.mongo.attempts import LEASE_S, Announced, MongoAttempts
from gallery.documents.mongo.attendance import MongoAttendance
from gallery.documents.mongo.backup import MongoBackup
from gallery.documents.mongo.change_queries import MongoChangeQueries
from gallery.documents.mongo.check import mongo_damage
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals
from gallery.documents.mongo.erasing import MongoEraser
from gallery.documents.mongo.erasures import MongoErasures
from gallery.documents.mongo.findings import MongoFindings
from gallery.documents.mongo.jobs import MongoJobs
from gallery.documents.mongo.known_students import KnownStudents
from gallery.documents.mongo.merging import MongoMerger
from gallery.documents.mongo.negatives import MongoNegatives
from gallery.documents.mongo.notes import MongoNotes
from gallery.documents.mongo.photo_queries import MongoPhotoQueries
from gallery.documents.mongo.preparation import create_indexes, insert_if_missing, upgrade_schema
from gallery.documents.mongo.request_keys import MongoRequestKeys
from gallery.documents.mongo.resealing import MongoSealStore
from gallery.documents.mongo.restore_claims import RestoreClaims
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.session_photos import MongoSessionPhotos
from gallery.documents.mongo.sessions import MongoClasses, MongoSessions
from gallery.documents.mongo.shapes import VISIBLE
from gallery.documents.mongo.statistics import MongoStatistics
from gallery.documents.mongo.student_photos import MongoStudentPhotos
from gallery.documents.mongo.student_writing import MongoStudentWriter
from gallery.documents.mongo.unknowns import MongoUnknowns
from gallery.documents.seals import Sealing
from gallery.documents.student_lists import StudentFilter, StudentOrder, StudentPlace
from gallery.documents.values import (
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
    Written,
)
from presente.clock import MACHINE_CLOCK, Clock
from presente.errors import StoreError

_RECOVERY_INTERVAL_S = 1.0
"""How often, while others' writes are awaited, it is checked whether their processes live."""


class MongoStore:
    """A :class:`gallery.documents.protocol.DocumentStore` on a MongoDB server."""

    def __init__(
        self,
        url: str,
        timeout_ms: int = 1000,
        clock: Clock = MACHINE_CLOCK,
        lease_s: float = LEASE_S,
        sealing: Sealing | None = None,
        opening: Opening = "use",
    ) -> None:
        """Connect, create the indexes that are missing, and recover what dead processes left.

        Args:
            url: ``mongodb://host:27017/database``.
            timeout_ms: how long a call waits for a server that cannot be reached.
            clock: tells which date a moment is that another program wrote.
            lease_s: how long a process on another machine that gives no sign of life counts as alive.
            sealing: what new records are sealed with. A database with sealed records cannot be opened without.
            opening: what for.

        Raises:
            ConfigError: ``unknown_store``, ``foreign_database``.
            StoreError: ``store_unavailable``; ``master_key_missing``, ``master_key_wrong``; ``restore_unfinished``.
        """
        self._recovering = threading.Lock()
        self._recovered_at = -math.inf
        self._claimed: tuple[str, int] | None = None
        self._followed_pack: tuple[int, tuple[str, int]] | None = None  # at which change of the pack it was read
        self._known_students = KnownStudents()
        self._connection = MongoConnection(url, timeout_ms)
        self._db = self._connection.db
        try:
            with self._connection.calls():
                if opening == "use" and self._setting(RESTORING) is not None:
                    raise restore_unfinished()
                self._sealing = sealing
                self._prepare(clock, lease_s, opening != "load")
                if opening != "load":  # a restore may be at it, and what it left is deleted
                    self._recover_everything()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, clock: Clock, lease_s: float, opens_seals: bool) -> None:
        create_indexes(self._db)
        self._seals = MongoSeals(self._db, self._sealing, opens_seals)
        self._sequence = MongoSequence(self._db)
        self._request_keys = MongoRequestKeys(self._connection)
        self._request_keys.prepare()
        self._access_log = MongoAccessLog(self._connection)
        self._access_log.prepare()
        self._attendance = MongoAttendance(self._connection, self._sequence, self._request_keys, self._seals)
        self._attendance.prepare()
        self._access = MongoAccess(self._connection)
        self._access.prepare()
        self._attempts = MongoAttempts(self._db, self._sequence, lease_s)
        self._session_photos = MongoSessionPhotos(self._connection, self._seals)
        self._session_photos.prepare()
        self._sessions = MongoSessions(self._connection, self._sequence, self._session_photos.drop)
        self._sessions.prepare()
        self._classes = MongoClasses(self._connection)
        self._statistics = MongoStatistics(self._connection)
        self._statistics.prepare()
        self._jobs = MongoJobs(self._connection, self._sequence)
        self._jobs.prepare()
        self._findings = MongoFindings(self._connection)
        self._findings.prepare()
        self._erasures = MongoErasures(self._connection)
        self._erasures.prepare()
        self._unknowns = MongoUnknowns(self._connection, self._sequence, self._attempts, self._erasures, self._seals)
        self._unknowns.prepare()
        self._negatives = MongoNegatives(self._connection, self._sequence, self._seals, self._erasures)
        self._negatives.prepare()
        about = self._attendance, self._request_keys, self._access, self._access_log
        parts = *about, self._session_photos, self._findings, self._erasures, self._negatives, self._seals
        eraser = MongoEraser(self._db, self._sequence, *parts)
        self._writer = MongoStudentWriter(
            self._db, self._sequence, self._attendance, self._attempts, eraser, clock, self._seals
        )
        self._merger = MongoMerger(
            self._db, self._sequence, self._attendance, self._request_keys, self._access_log, self._writer, self._seals
        )
        self._changes = MongoChangeQueries(self._connection, self._sequence, self._attempts)
        self._photos = MongoPhotoQueries(self._connection, self._seals)
        self._backup = MongoBackup(
            self._connection,
            self._sequence,
            self._changes,
            self._attendance.counts,
            RestoreClaims(self._db, self._attempts),
            self._unknowns,
        )
        upgrade_schema(self._db, self._writer.remove_subject, self._attempts.take_over)

    def _recover_everything(self) -> None:
        self._recover()
        self._request_keys.recover()
        self._access_log.recover()
        self._attendance.counts.recover()
        self._session_photos.recover()
        self._findings.recover()
        self._unknowns.recover()
        self._negatives.recover()

    def _recover(self) -> None:
        """Finish or undo what dead processes left."""
        for attempt in self._attempts.dead():
            if attempt.what == "merge":
                self._merger.finish(attempt.about, attempt.name)
            if attempt.what == "pack" and self._tag():
                self._unknowns.drop_other_packs(self._tag())
            self._writer.recovery.recover(attempt)

    @property
    def attendance(self) -> MongoAttendance:
        return self._attendance

    @property
    def sessions(self) -> MongoSessions:
        return self._sessions

    @property
    def session_photos(self) -> MongoSessionPhotos:
        return self._session_photos

    @property
    def classes(self) -> MongoClasses:
        return self._classes

    @property
    def statistics(self) -> MongoStatistics:
        return self._statistics

    @property
    def request_keys(self) -> MongoRequestKeys:
        return self._request_keys

    @property
    def access(self) -> MongoAccess:
        return self._access

    @property
    def access_log(self) -> MongoAccessLog:
        return self._access_log

    @property
    def student_photos(self) -> MongoStudentPhotos:
        return MongoStudentPhotos(self._connection, self._seals)

    @property
    def jobs(self) -> MongoJobs:
        return self._jobs

    @property
    def findings(self) -> MongoFindings:
        return self._findings

    @property
    def erasures(self) -> MongoErasures:
        return self._erasures

    @property
    def unknowns(self) -> MongoUnknowns:
        return self._unknowns

    @property
    def negatives(self) -> MongoNegatives:
        return self._negatives

    @property
    def notes(self) -> MongoNotes:
        return MongoNotes(self._connection)

    @property
    def seals(self) -> MongoSealStore:
        return MongoSealStore(self._connection, self._seals, self._attempts, self._unknowns)

    @property
    def backup(self) -> MongoBackup:
        return self._backup

    def close(self) -> None:
        try:
            self._backup.close()
        finally:
            self._attempts.close()
            self._connection.close()

    def damage(self, progress: DamageProgress = lambda _: None) -> Iterator[Damage]:
        with self._connection.calls():
            yield from mongo_damage(self._db, self._dead, progress, self._seals.seals)

    def _dead(self) -> list[Announced]:
        return [*self._attempts.dead(), *self._unknowns.writes.dead()]

    # -- identity and pack ------------------------------------------------------------------------------------------

    def identity(self) -> str:
        with self._connection.calls():
            found = self._setting("identity")
        if found is None:
            raise StoreError("store_unavailable", "The database has no identity.", "Was it emptied while in use?")
        return str(found["value"])

    def pack(self) -> tuple[str, int] | None:
        with self._connection.calls():
            found = self._setting("pack")
        return None if found is None else (str(found["tag"]), int(found["dim"]))

    def followed_pack(self) -> tuple[str, int] | None:
        change = self._sequence.pack_change
        if self._followed_pack is None or self._followed_pack[0] != change:
            pack = self.pack()
            if pack is None:
                return None
            self._followed_pack = change, pack
        return self._followed_pack[1]

    def claim_pack(self, tag: str, dim: int) -> None:
        if self._claimed != (tag, dim):  # a gallery that has a pack never loses it again
            with self._connection.calls():
                insert_if_missing(self._db.gallery, "pack", {"tag": tag, "dim": dim})
            self._claimed = tag, dim

    def adopt_pack(self, tag: str, dim: int) -> None:
        changes = self.pack() != (tag, dim)
        with self._connection.calls():
            if changes:  # before the pack: a calibration without templates is harmless, one of another pack is not
                self._db.gallery.delete_one({"_id": "calibration"})
            with self._writer.recovery.attempt("pack") as attempt:
                self._db.gallery.update_one({"_id": "pack"}, {"$set": {"tag": tag, "dim": dim}}, upsert=True)
                self._sequence.reserve(1, "pack", attempt.name)  # from here on no process goes by the pack before
                self._negatives.forget_packs_but(tag)
                self._writer.eraser.drop_templates({"pack": {"$ne": tag}}, attempt.name)
                self._unknowns.drop_other_packs(tag)

    def calibration(self) -> str | None:
        with self._connection.calls():
            found = self._setting("calibration")
        return None if found is None else str(found["value"])

    def store_calibration(self, text: str) -> None:
        with self._connection.calls():
            self._db.gallery.update_one({"_id": "calibration"}, {"$set": {"value": text}}, upsert=True)

    def _setting(self, name: str) -> Document | None:
        return self._db.gallery.find_one({"_id": name})

    def _tag(self, pack: str | None = None) -> str:
        """A pack's tag; that of the gallery's own pack when none is given."""
        return pack if pack is not None else (self.pack() or ("", 0))[0]

    # -- writing ----------------------------------------------------------------------------------------------------

    def enrol(
        self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put", check: Callable[[], None] = lambda: None
    ) -> Written | None:
        with self._connection.calls():
            return self._writer.enrol(enrolments, mode, check)

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        with self._connection.calls():
            self._writer.photos.add_templates(templates)

    def remove(self, matriculas: Sequence[str], cause: Cause = NOT_ASKED) -> list[str]:
        with self._connection.calls():
            return self._writer.remove(matriculas, cause)

    def finish_erasing(self) -> None:
        pass  # the server takes care of its files

    def merge(self, keep: str, other: str, cause: Cause = NOT_ASKED) -> None:
        with self._connection.calls():
            adopt(self._db, self._writer)  # first: a photo that another program left in the document would be lost
            self._merger.merge(keep, other, cause)

    def take_photos(
        self, matricula: str, digests: Collection[str], to: str | None = None, cause: Cause = NOT_ASKED
    ) -> None:
        with self._connection.calls():
            self._merger.take_photos(matricula, digests, to, cause)

    def adopt(self) -> list[NotAdopted]:
        with self._connection.calls():
            return adopt(self._db, self._writer)

    def update(self, student: Student) -> bool:
        with self._connection.calls():
            return self._writer.update(student)

    def end_consent(self, matricula: str, moment: str, why: ConsentEnd, code: str = "", listed: bool = True) -> None:
        with self._connection.calls():
            self._writer.end_consent(matricula, moment, why, code, listed)

    # -- the change sequence ----------------------------------------------------------------------------------------

    def last_change(self) -> int:
        with self._connection.calls():
            return self._sequence.last()

    def change_mark(self, change: int) -> str:
        with self._connection.calls():
            return self._sequence.mark(change)

    def position(self) -> Position:
        with self._connection.calls():
            return self._changes.position()

    def changed_since(self, position: Position) -> bool:
        with self._connection.calls():
            if position.awaited:
                self._recover_at_times()
            return self._changes.moved_since(position)

    def changes(self, position: Position) -> Changes:
        self._known_students.forget()
        with self._connection.calls():
            changes = self._changes.changes(position)
        if len(changes.removed):
            self._seals.forget()
        return changes

    def _recover_at_times(self) -> None:
        """Recover once per interval, so that followers do not wait for a dead process for ever."""
        if time.monotonic() - self._recovered_at < _RECOVERY_INTERVAL_S or not self._recovering.acquire(blocking=False):
            return
        try:
            self._recover()
            self._recovered_at = time.monotonic()
        finally:
            self._recovering.release()

    def removed_since(self, change: int) -> bool:
        with self._connection.calls():
            return self._changes.removed_since(change)

    # -- reading ----------------------------------------------------------------------------------------------------

    def student(self, matricula: str) -> StoredStudent | None:
        with self._connection.calls():
            return student_queries.student_by_matricula(self._db, self._seals.sealer(), matricula)

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
        with self._connection.calls():
            which = StudentFilter(clase, query, kind, None if clases is None else frozenset(clases))
            return student_queries.list_students(self._db, self._seals.sealer(), which, after, limit)

    def listed_students(
        self, which: StudentFilter, order: StudentOrder, after: StudentPlace | None, limit: int
    ) -> list[StoredStudent]:
        with self._connection.calls():
            return student_queries.listed_students(self._db, self._seals.sealer(), which, order, after, limit)

    def subjects(self, ids: Sequence[int], position: Position | None = None) -> dict[int, Student]:
        if position is not None:
            return self._known_students.at(position, ids, self.subjects)
        if not ids:
            return {}
        with self._connection.calls():
            return student_queries.students_by_subject(self._db, self._seals.sealer(), ids)

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        with self._connection.calls():
            return student_queries.roster(self._db, clase, kind)

    def has_cohort(self) -> bool:
        with self._connection.calls():
            return self._db.students.find_one({"kind": "cohort", **VISIBLE}, {"_id": 1}) is not None

    def embedded(self, matricula: str, pack: str) -> set[str]:
        return self._photos.embedded(matricula, pack)

    def photo_bytes(self, matricula: str) -> int:
        return self._photos.photo_bytes(matricula)

    def digests(self, matricula: str) -> list[str]:
        return self._photos.digests(matricula)

    def template_count(self, part: SubjectPart | None = None) -> int:
        return self._photos.template_count(self._tag(), part)

    def templates(
        self, ids: Sequence[int] | None = None, pack: str | None = None, part: SubjectPart | None = None
    ) -> Iterator[TemplateBatch]:
        return self._photos.templates(ids, self._tag(pack), part)

    def enrolled(self) -> Iterator[EnrolledTemplate]:
        return self._photos.enrolled(self._tag())

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        return self._photos.unembedded(pack)

    def photos(self) -> Iterator[StoredPhoto]:
        return self._photos.photos()

    def counts(self) -> Counts:
        tag = self._tag()
        with self._connection.calls():
            return student_queries.counts(self._db, tag)
