"""A document store as a caller sees it who may see only a part of the school: the rest does not exist in it.

Only what such a caller may ask is here. Every other method of a document store is missing, so that code that was
written without a thought of scopes fails, and shows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from gallery.documents.attendance import (
    Attendance,
    EntryFilter,
    ListPosition,
    Participation,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.photo_protocol import PhotoStore
from gallery.documents.protocol import AttendanceStore, DocumentStore, RequestKeyStore
from gallery.documents.scope import Scope, class_not_yours
from gallery.documents.scoped_sessions import ScopedClasses, ScopedSessionPhotos, ScopedSessions
from gallery.documents.scoped_statistics import ScopedStatistics
from gallery.documents.scoped_unknowns import ScopedUnknowns
from gallery.documents.session_store import ClassStore, SessionPhotoStore, SessionStore
from gallery.documents.statistics import StatisticsStore
from gallery.documents.student_lists import StudentFilter, StudentOrder, StudentPlace, place_in
from gallery.documents.unknown_store import UnknownStore
from gallery.documents.values import Counts, DescribedPhoto, Position, StoredPhoto, StoredStudent, Student, SubjectKind


def documents_within(store: DocumentStore, scope: Scope) -> DocumentStore:
    """The part of a store that a scope sees. Methods that could show more, or change students, are missing."""
    return cast("DocumentStore", ScopedDocuments(store, scope))


class ScopedDocuments:
    """The methods of a :class:`gallery.documents.protocol.DocumentStore` that know of scopes."""

    def __init__(self, store: DocumentStore, scope: Scope) -> None:
        self._store = store
        self._scope = scope

    @property
    def attendance(self) -> AttendanceStore:
        """Attendance and participation of the scope's classes, or of its student."""
        return cast("AttendanceStore", ScopedAttendance(self._store, self._scope))

    @property
    def sessions(self) -> SessionStore:
        """Sessions of the scope's classes, or of the student's."""
        return ScopedSessions(self._store, self._scope)

    @property
    def session_photos(self) -> SessionPhotoStore:
        """Photos of the scope's sessions."""
        return cast("SessionPhotoStore", ScopedSessionPhotos(self._store, self._scope))

    @property
    def classes(self) -> ClassStore:
        """Classes of the scope, or of the student."""
        return ScopedClasses(self._store, self._scope)

    @property
    def statistics(self) -> StatisticsStore:
        """Statistics of the scope's classes."""
        return ScopedStatistics(self._store.statistics, self._scope)

    @property
    def request_keys(self) -> RequestKeyStore:
        """The keys of requests: they say nothing of anyone."""
        return self._store.request_keys

    @property
    def unknowns(self) -> UnknownStore:
        """People who are not enrolled, by the faces that the scope's classes showed."""
        return cast("UnknownStore", ScopedUnknowns(self._store.unknowns, self._scope))

    @property
    def student_photos(self) -> PhotoStore:
        """The photos of students of the scope."""
        return ScopedPhotos(self._store.student_photos, self)

    def student(self, matricula: str) -> StoredStudent | None:
        """The student with a matricula; None when there is none in the scope."""
        stored = self._store.student(matricula)
        return stored if stored is not None and self._scope.sees(stored.student) else None

    def students(
        self,
        *,
        clase: str | None = None,
        query: str | None = None,
        kind: SubjectKind | None = "student",
        after: str = "",
        limit: int = 100,
    ) -> list[StoredStudent]:
        """Students of the scope. Raises ``Forbidden`` (``class_not_yours``)."""
        self._scope.check_class(clase)
        if self._scope.matricula:
            own = self._store.student(self._scope.matricula)
            wanted = own is not None and own.student.matricula > after and StudentFilter(clase, query, kind).meets(own)
            return [own][:limit] if own is not None and wanted else []
        clases = self._scope.classes if clase is None else None
        return self._store.students(clase=clase, query=query, kind=kind, after=after, limit=limit, clases=clases)

    def listed_students(
        self, which: StudentFilter, order: StudentOrder, after: StudentPlace | None, limit: int
    ) -> list[StoredStudent]:
        """Students of the scope in an order. Raises ``Forbidden`` (``class_not_yours``)."""
        self._scope.check_class(which.clase)
        if not self._scope.matricula:
            clases = self._scope.classes if which.clase is None else None
            return self._store.listed_students(replace(which, clases=clases), order, after, limit)
        own = self._store.student(self._scope.matricula)
        if own is None or not which.meets(own):
            return []
        place = place_in(order, own)
        passed = after is not None and (place >= after if order.descending else place <= after)
        return [] if passed else [own][:limit]

    def subjects(self, ids: Sequence[int], position: Position | None = None) -> dict[int, Student]:
        """Students by subject id. The ids come from entries and searches of the scope, which need no second look: an
        entry of a class names its student, also one who has left the class since."""
        return self._store.subjects(ids, position)

    def counts(self) -> Counts:
        """How much is stored, in the whole school."""
        return self._store.counts()


class ScopedPhotos:
    """A :class:`gallery.documents.photo_protocol.PhotoStore` in which students of other classes have no photos."""

    def __init__(self, photos: PhotoStore, documents: ScopedDocuments) -> None:
        self._photos = photos
        self._documents = documents

    def described(self, matricula: str, pack: str) -> list[DescribedPhoto]:
        """What is known of each photo of a student of the scope."""
        return [] if self._documents.student(matricula) is None else self._photos.described(matricula, pack)

    def photo(self, matricula: str, sha256: str) -> StoredPhoto | None:
        """A photo of a student of the scope; None when there is none."""
        return None if self._documents.student(matricula) is None else self._photos.photo(matricula, sha256)


class ScopedAttendance:
    """The methods of a :class:`gallery.documents.protocol.AttendanceStore` that know of scopes."""

    def __init__(self, store: DocumentStore, scope: Scope) -> None:
        self._store = store
        self._entries = store.attendance
        self._scope = scope

    def add_entries(self, entries: Sequence[Attendance]) -> list[Attendance]:
        """Add entries of the scope's classes. Raises ``Forbidden`` (``class_not_yours``)."""
        for entry in entries:
            self._check_writing(entry.clase)
        return self._entries.add_entries(entries)

    def entries(self, which: EntryFilter) -> list[StoredAttendance]:
        """Entries of the scope, in the order in which they were added."""
        return self._entries.entries(self._narrowed(which))

    def entries_after(
        self, which: EntryFilter, after: ListPosition | None, limit: int, history: bool = False
    ) -> list[tuple[ListPosition, StoredAttendance]]:
        """A page of the attendance list of the scope."""
        return self._entries.entries_after(self._narrowed(which), after, limit, history)

    def count_present(self, which: EntryFilter, history: bool = False) -> int:
        """How many entries of the scope's whole list have the status ``present``."""
        return self._entries.count_present(self._narrowed(which), history)

    def entry(self, number: int) -> StoredAttendance | None:
        """The entry with an id; None when the scope has none."""
        stored = self._entries.entry(number)
        return stored if stored is not None and self._sees(stored.entry) else None

    def add_participation(self, entry: Participation) -> StoredParticipation:
        """Add a participation in one of the scope's classes. Raises ``Forbidden`` (``class_not_yours``)."""
        self._check_writing(entry.clase)
        return self._entries.add_participation(entry)

    def participations(self, which: EntryFilter) -> list[StoredParticipation]:
        """Participations of the scope, in the order in which they were added."""
        return self._entries.participations(self._narrowed(which))

    def participations_after(
        self, which: EntryFilter, after: int, limit: int, history: bool = False
    ) -> list[StoredParticipation]:
        """A page of the participations of the scope."""
        return self._entries.participations_after(self._narrowed(which), after, limit, history)

    def count_participations(self, which: EntryFilter, history: bool = False) -> int:
        """How many participations the scope's whole list has."""
        return self._entries.count_participations(self._narrowed(which), history)

    def participation(self, number: int) -> StoredParticipation | None:
        """The participation with an id; None when the scope has none."""
        stored = self._entries.participation(number)
        return stored if stored is not None and self._sees(stored.entry) else None

    def _check_writing(self, clase: str) -> None:
        if not self._scope.holds(clase):
            raise class_not_yours(clase)

    def _own(self) -> int:
        """The subject id of the one student; 0, which is no one's, when the student is gone."""
        own = self._store.student(self._scope.matricula)
        return 0 if own is None else own.id

    def _narrowed(self, which: EntryFilter) -> EntryFilter:
        self._scope.check_class(which.clase)
        if self._scope.matricula:
            own = self._own()
            return replace(which, subject=own if which.subject in (None, own) else 0)
        return which if which.clase is not None else replace(which, clases=self._scope.classes)

    def _sees(self, entry: Attendance | Participation) -> bool:
        if self._scope.matricula:
            return entry.subject is not None and entry.subject == self._own()
        return self._scope.holds(entry.clase)
