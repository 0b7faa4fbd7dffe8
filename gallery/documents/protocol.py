"""The protocols that every document store satisfies: documents, attendance, request keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.access_log_store import AccessLogStore
from gallery.documents.access_protocol import AccessStore
from gallery.documents.attendance import (
    Attendance,
    EntryFilter,
    ListPosition,
    Participation,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.backup_protocol import BackupStore
from gallery.documents.damage import Damage, DamageProgress
from gallery.documents.erasure_list import NOT_ASKED, Cause, ErasureList
from gallery.documents.finding_store import FindingStore
from gallery.documents.job_store import JobStore
from gallery.documents.negatives import NegativeStore
from gallery.documents.note_store import NoteStore
from gallery.documents.photo_protocol import PhotoStore
from gallery.documents.request_keys import Claim
from gallery.documents.seal_store import SealStore
from gallery.documents.session_store import ClassStore, SessionPhotoStore, SessionStore
from gallery.documents.statistics import StatisticsStore
from gallery.documents.student_lists import StudentFilter, StudentOrder, StudentPlace
from gallery.documents.unknown_store import UnknownStore
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


class AttendanceStore(Protocol):
    """Attendance and participation of a store. When the document store erases a student, the student's entries stay,
    without subject, face and note.

    Students carry the counts as ``asistencias`` and ``participaciones``. Every method that adds an entry updates them.
    """

    def add_entries(self, entries: Sequence[Attendance]) -> list[Attendance]:
        """Add attendance entries. Those whose revision is taken, or whose student is gone, are returned, not stored."""

    def entries(self, which: EntryFilter) -> list[StoredAttendance]:
        """Attendance entries in the order in which they were added."""

    def entries_after(
        self, which: EntryFilter, after: ListPosition | None, limit: int, history: bool = False
    ) -> list[tuple[ListPosition, StoredAttendance]]:
        """A page of the attendance list: at most ``limit`` entries after a position.

        The list has one entry per student, class and date, and one per student and session, the one that holds
        (:func:`gallery.documents.attendance_rules.latest`); with ``history`` it has all."""

    def count_present(self, which: EntryFilter, history: bool = False) -> int:
        """How many entries of the whole list say that the student was there: ``present`` or ``late``."""

    def entries_since(self, number: int, limit: int) -> list[StoredAttendance]:
        """At most ``limit`` attendance entries with an id above ``number``, in order of id."""

    def last_numbers(self) -> tuple[int, int]:
        """The greatest ids of an attendance entry and of a participation; 0 where there is none."""

    def entry(self, number: int) -> StoredAttendance | None:
        """The attendance entry with an id; None when there is none."""

    def add_participation(self, entry: Participation) -> StoredParticipation:
        """Add a participation, or return the one that has the same ``request``.

        Raises ``NotFound`` (``student_not_found``) when the student is gone."""

    def participations(self, which: EntryFilter) -> list[StoredParticipation]:
        """Participations in the order in which they were added."""

    def participations_after(
        self, which: EntryFilter, after: int, limit: int, history: bool = False
    ) -> list[StoredParticipation]:
        """At most ``limit`` participations with an id above ``after``, in order of id.

        Those that count (:func:`gallery.documents.attendance_rules.counted_participations`); with ``history`` all."""

    def count_participations(self, which: EntryFilter, history: bool = False) -> int:
        """How many participations the whole list has."""

    def participation(self, number: int) -> StoredParticipation | None:
        """The participation with an id; None when there is none."""

    def drop_faces(self, before: str, clase: str | None, but: Collection[str] = (), dry: bool = False) -> int:
        """Erase the faces of entries of dates (ISO) before one, with their vectors; how many. The entries stay.

        Of a class, or of all classes but some. ``dry``: only count."""

    def miscounted(self) -> list[str]:
        """Matriculas of the students whose counts differ from their entries."""

    def recount(self) -> None:
        """Set every student's counts to what the entries add up to."""


class RequestKeyStore(Protocol):
    """Which idempotency keys were used, and whether their requests were carried out."""

    def claim(self, claim: Claim, about: Collection[int]) -> Claim:
        """Store a claim, unless its key has one; the claim that is stored then. Drops claims that are too old.

        ``about`` are subject ids: erasing one of them erases the claim.
        Raises ``NotFound`` (``student_not_found``) when one of them is gone; nothing is stored then."""

    def finish(self, key: str, about: Collection[int]) -> None:
        """Mark a request as carried out, and note that it is about these subjects, too.

        The claim is dropped when one of them is gone. Nothing happens when the claim itself is gone."""

    def release(self, key: str) -> None:
        """Drop a claim whose request was not carried out."""


class FollowedStore(Protocol):
    """What an index asks of the documents that it follows. Every method may be called from several threads."""

    def identity(self) -> str:
        """A random name that the store got when it was created. It tells whether an index was made from this store."""

    def pack(self) -> tuple[str, int] | None:
        """Tag and dimension of the pack that the gallery is made with; None while the gallery is empty."""

    def followed_pack(self) -> tuple[str, int] | None:
        """The pack as of the last change that was read or written through this store. It may cost no question."""

    def position(self) -> Position:
        """The position of a follower that asks for it first and then reads all templates."""

    def last_change(self) -> int:
        """The newest number of the change sequence, 0 when nothing ever changed."""

    def change_mark(self, change: int) -> str:
        """The random word that was stored with a change; empty when there is no such change.

        A store that was restored from a backup and then changed differently has other words for the same numbers."""

    def changed_since(self, position: Position) -> bool:
        """Whether :meth:`changes` may have something to report. Cheap: asked before every search.

        A change of a student's existence, class or kind also changes the position: a roster that was read at a position
        is right until something changes."""

    def changes(self, position: Position) -> Changes:
        """The changes since a position. The store keeps nothing about its followers."""

    def removed_since(self, change: int) -> bool:
        """Whether any template was removed after ``change``."""

    def templates(
        self, ids: Sequence[int] | None = None, pack: str | None = None, part: SubjectPart | None = None
    ) -> Iterator[TemplateBatch]:
        """Templates in order of id, in batches. Without ``ids`` all of them; without ``pack`` the gallery's pack's;
        with ``part`` only those of its subjects."""

    def template_count(self, part: SubjectPart | None = None) -> int:
        """How many templates of the gallery's pack there are; with ``part`` only those of its subjects."""

    def finish_erasing(self) -> None:
        """Remove what the store's files may still contain of erased students. It can be called at any time.

        Raises ``StoreError`` (``erasure_incomplete``), saying what is left."""


class DocumentStore(FollowedStore, Protocol):
    """What a gallery asks of a store. Every method may be called from several threads. Every write is one transaction
    that is on disk when the method returns. Failures of the store itself raise ``StoreError``."""

    @property
    def attendance(self) -> AttendanceStore:
        """Attendance and participation."""

    @property
    def sessions(self) -> SessionStore:
        """The meetings of classes."""

    @property
    def session_photos(self) -> SessionPhotoStore:
        """The photos that were sent to sessions."""

    @property
    def classes(self) -> ClassStore:
        """Sizes and timetables of classes."""

    @property
    def statistics(self) -> StatisticsStore:
        """What attendance and participation add up to."""

    @property
    def request_keys(self) -> RequestKeyStore:
        """The keys of requests that must be carried out once."""

    @property
    def access(self) -> AccessStore:
        """Keys, accounts and sessions."""

    @property
    def access_log(self) -> AccessLogStore:
        """Who did what, when, and about whom."""

    @property
    def student_photos(self) -> PhotoStore:
        """The stored photos of one student."""

    @property
    def jobs(self) -> JobStore:
        """Long work that a server was asked for."""

    @property
    def findings(self) -> FindingStore:
        """What the last audit found."""

    @property
    def backup(self) -> BackupStore:
        """Everything in the store, for a backup and from one."""

    @property
    def erasures(self) -> ErasureList:
        """What was erased, so that it can be erased from older data as well."""

    @property
    def unknowns(self) -> UnknownStore:
        """Faces of people who are not enrolled."""

    @property
    def negatives(self) -> NegativeStore:
        """Faces of which a person said that they are not a student."""

    @property
    def notes(self) -> NoteStore:
        """Short texts about the store."""

    @property
    def seals(self) -> SealStore:
        """How the store is sealed."""

    def claim_pack(self, tag: str, dim: int) -> None:
        """Make ``tag`` the pack of a gallery that has none; otherwise do nothing."""

    def adopt_pack(self, tag: str, dim: int) -> None:
        """Make ``tag`` the gallery's pack. Templates of every other pack and a calibration by another are dropped, and
        so are faces of unknown people by another: nothing can be compared with them any more."""

    def calibration(self) -> str | None:
        """The text that :meth:`store_calibration` stored since the gallery's pack was last changed."""

    def store_calibration(self, text: str) -> None:
        """Store a calibration: JSON of :class:`gallery.threshold.calibration.CalibrationCurve`.

        It contains nothing about any single person."""

    def enrol(
        self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put", check: Callable[[], None] = lambda: None
    ) -> Written | None:
        """Store students and photos, all or nothing; what was stored, where the store knows it without reading it.

        A photo that the student already has (same SHA-256) keeps the template that it has by the same pack. ``check``
        is called before anything is stored, when :meth:`followed_pack` knows of every earlier change; it may raise.
        Raises ``Conflict`` (``student_exists``) or ``NotFound`` (``student_not_found``), depending on the mode."""

    def adopt(self) -> list[NotAdopted]:
        """Take in students and photos that another program wrote into this store in its own form; what was refused.

        Photos that were taken in have no template yet: :meth:`unembedded` returns them."""

    def update(self, student: Student) -> bool:
        """Replace a student's fields; False when there is no such student.

        :func:`gallery.documents.consent_rules.consent_after` says what becomes of the consent.
        Raises ``Conflict`` (``consent_withdrawn``)."""

    def end_consent(self, matricula: str, moment: str, why: ConsentEnd, code: str = "", listed: bool = True) -> None:
        """End a student's consent at a moment (ISO, with an offset), and delete every template of the student.

        It is an entry of the erasure list, unless one is carried out again (not ``listed``). Photos stay. From then on
        the student gets no template and no photo until a consent is given that is not older; :meth:`unembedded` leaves
        the photos out. ``code`` is that of the receipt of the erasure that follows.
        Raises ``NotFound`` (``student_not_found``)."""

    def remove(self, matriculas: Sequence[str], cause: Cause = NOT_ASKED) -> list[str]:
        """Erase students and everything that belongs to them, so that no page of the store contains any of it.

        Each is an entry of the erasure list. Returns the matriculas that existed."""

    def merge(self, keep: str, other: str, cause: Cause = NOT_ASKED) -> None:
        """Give everything that belongs to ``other`` to ``keep``, and erase ``other``.

        That is photos with their templates (under new ids; a photo that both have is there once), entries of
        attendance and participation (:func:`gallery.documents.attendance_rules.merged_revisions` says which entry holds
        where both have one), and fields (:func:`gallery.documents.student_rules.merge_students`). It is an entry of the
        erasure list. A merge that was interrupted is undone or finished before the store is next opened.
        Raises ``NotFound`` (``student_not_found``)."""

    def take_photos(
        self, matricula: str, digests: Collection[str], to: str | None = None, cause: Cause = NOT_ASKED
    ) -> None:
        """Take photos, by SHA-256, with their templates from a student.

        They go to the student ``to``; without ``to`` they are erased, so that no page of the store contains them. Each
        is an entry of the erasure list. A
        call that was interrupted can be repeated. Raises ``NotFound`` (``student_not_found``)."""

    def student(self, matricula: str) -> StoredStudent | None:
        """The student with a matricula; None when there is none."""

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
        """Students in order of matricula, after ``after``.

        ``query`` is a part of a name or of a matricula; a student is in one of ``clases``."""

    def listed_students(
        self, which: StudentFilter, order: StudentOrder, after: StudentPlace | None, limit: int
    ) -> list[StoredStudent]:
        """At most ``limit`` students in an order, after a place; None: from the beginning.

        A student whose place changes between two pages may be on both, or on none."""

    def subjects(self, ids: Sequence[int], position: Position | None = None) -> dict[int, Student]:
        """Students by subject id. Ids of students who do not exist (any more) are left out.

        A follower who has just asked for the changes says its ``position``: students may be as they were there."""

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class, of a kind, or of both."""

    def has_cohort(self) -> bool:
        """Whether there is any subject of the kind ``cohort``."""

    def embedded(self, matricula: str, pack: str) -> set[str]:
        """SHA-256 of the student's photos that have a template by ``pack``."""

    def digests(self, matricula: str) -> list[str]:
        """SHA-256 of the student's photos, sorted; empty when there is no such student."""

    def photo_bytes(self, matricula: str) -> int:
        """How many bytes the student's photos have together; 0 when there is no such student."""

    def enrolled(self) -> Iterator[EnrolledTemplate]:
        """What is known of each photo that has a template by the gallery's pack, in order of the template's id."""

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        """Every photo that has no template by ``pack``. Templates may be added during the iteration."""

    def photos(self) -> Iterator[StoredPhoto]:
        """Every photo, in order of id. The store may be written to during the iteration."""

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        """Add templates of stored photos, by photo id. Photos that were removed meanwhile are left out."""

    def counts(self) -> Counts:
        """How much is stored."""

    def damage(self, progress: DamageProgress = lambda _: None) -> Iterator[Damage]:
        """Read everything, the photos' bytes included, and report what is not as it was written: docs/damage.md.

        Nothing is changed. Memory does not grow with the photos, and others may read and write meanwhile. ``progress``
        is told how many further photos were read. What cannot be read is a finding, not an error."""

    def close(self) -> None:
        """Close the store. No other method may be called afterwards."""
