"""Sessions, their photos and classes as a caller sees them who may see only a part of the school."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gallery.documents.class_sessions import (
    ClassSession,
    PhotoNumber,
    SessionCounts,
    SessionFilter,
    SessionPhoto,
    SessionPosition,
    StoredSession,
    TimetableEntry,
)
from gallery.documents.protocol import DocumentStore
from gallery.documents.scope import Scope, class_not_yours


class ScopedClasses:
    """The methods of a :class:`gallery.documents.session_store.ClassStore`, for the classes of a scope.

    One student sees the own classes.
    """

    def __init__(self, store: DocumentStore, scope: Scope) -> None:
        self._store = store
        self._scope = scope

    def visible(self, clases: Collection[str] | None = None) -> frozenset[str] | None:
        """Those of some classes, or of all, that the scope sees; None for all."""
        own: frozenset[str] | None = self._scope.classes
        if self._scope.matricula:
            stored = self._store.student(self._scope.matricula)
            own = frozenset() if stored is None else frozenset(stored.student.clases)
        if clases is None:
            return own
        return frozenset(clases) if own is None else frozenset(clases) & own

    def sizes(self, clases: Collection[str] | None = None) -> dict[str, int]:
        """How many students each class of the scope has."""
        return self._store.classes.sizes(self.visible(clases))

    def timetables(self, clases: Collection[str] | None = None) -> dict[str, tuple[TimetableEntry, ...]]:
        """The timetables of the scope's classes."""
        return self._store.classes.timetables(self.visible(clases))

    def put_timetable(self, clase: str, entries: Sequence[TimetableEntry]) -> None:
        """Replace the timetable of a class. Raises ``Forbidden`` (``class_not_yours``)."""
        if not self._scope.holds(clase):
            raise class_not_yours(clase)
        self._store.classes.put_timetable(clase, entries)


class ScopedSessions:
    """The methods of a :class:`gallery.documents.session_store.SessionStore`, for the sessions of a scope."""

    def __init__(self, store: DocumentStore, scope: Scope) -> None:
        self._sessions = store.sessions
        self._scope = scope
        self._classes = ScopedClasses(store, scope)

    def add(self, session: ClassSession) -> tuple[StoredSession, bool]:
        """Add a session of one of the scope's classes. Raises ``Forbidden`` (``class_not_yours``)."""
        if not self._scope.holds(session.clase):
            raise class_not_yours(session.clase)
        return self._sessions.add(session)

    def session(self, number: int) -> StoredSession | None:
        """The session with an id; None when the scope has none."""
        stored = self._sessions.session(number)
        return stored if stored is not None and self._classes.visible([stored.session.clase]) else None

    def change(self, number: int, changes: Mapping[str, Any]) -> StoredSession | None:
        """Set some attributes of a session; None when the scope has none that it may change."""
        stored = self.session(number)
        if stored is None or not self._scope.holds(stored.session.clase):
            return None
        return self._sessions.change(number, changes)

    def sessions_after(self, which: SessionFilter, after: SessionPosition | None, limit: int) -> list[StoredSession]:
        """A page of the scope's sessions. Raises ``Forbidden`` (``class_not_yours``)."""
        self._scope.check_class(which.clase)
        return self._sessions.sessions_after(replace(which, clases=self._classes.visible()), after, limit)

    def counts(self, clases: Collection[str] | None = None) -> dict[str, SessionCounts]:
        """How many sessions each class of the scope has had."""
        return self._sessions.counts(self._classes.visible(clases))


class ScopedSessionPhotos:
    """The methods of a :class:`gallery.documents.session_store.SessionPhotoStore` that know of scopes.

    One student sees no photo: others are on it.
    """

    def __init__(self, store: DocumentStore, scope: Scope) -> None:
        self._store = store
        self._photos = store.session_photos
        self._scope = scope

    def _holds(self, session: int) -> bool:
        stored = self._store.sessions.session(session)
        return stored is not None and self._scope.holds(stored.session.clase)

    def number(self, session: int, sha256: str, at: str) -> PhotoNumber | None:
        """The number of a photo; None when the session is not open, or not one of the scope's."""
        return self._photos.number(session, sha256, at) if self._holds(session) else None

    def keep(self, photo: SessionPhoto, content: bytes, about: Collection[int]) -> bool:
        """Keep a copy of a photo of one of the scope's sessions."""
        return self._holds(photo.session) and self._photos.keep(photo, content, about)

    def concern(self, session: int, number: int, subject: int) -> None:
        """Note that a photo shows a further student."""
        if self._holds(session):
            self._photos.concern(session, number, subject)

    def photos(self, session: int) -> list[SessionPhoto]:
        """The photos of a session of the scope."""
        return self._photos.photos(session) if self._holds(session) else []

    def kept_of(self, subject: int) -> int:
        """How many copies are kept of photos that may show a student of the scope."""
        return self._photos.kept_of(subject)

    def content(self, session: int, number: int) -> bytes | None:
        """The reduced copy of a photo."""
        return self._photos.content(session, number) if self._holds(session) else None

    def erase(self, session: int, number: int) -> None:
        """Erase the copy of a photo of one of the scope's sessions."""
        if self._holds(session):
            self._photos.erase(session, number)
