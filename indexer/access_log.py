"""What commands write into the access log: one place, between the gallery and its store.

A line is on disk before the command goes on to its next change.
"""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import UTC
from typing import Any, cast

from gallery.documents.access_log import MOST_CONCERNED, AccessAction, AccessEvent
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Enrolment, EnrolmentMode, Student
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.composition import open_clock
from presente.settings import Settings

_HERE = "local"
"""The address of what is done on this machine."""

_Log = Callable[[AccessAction, Sequence[str], str], None]


def log_changes(gallery: Gallery, settings: Settings) -> Gallery:
    """Log what is changed through a gallery from now on; the same gallery."""
    if settings.access_log != "off":
        gallery.store = cast("DocumentStore", _LoggedDocuments(gallery.store, _log_of(gallery.store, settings)))
    return gallery


def _log_of(store: DocumentStore, settings: Settings) -> _Log:
    clock, run, caller = open_clock(settings), uuid.uuid4().hex, f"shell:{_login_name()}"

    def log(action: AccessAction, about: Sequence[str], detail: str) -> None:
        at = clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
        parts = [tuple(about[start : start + MOST_CONCERNED]) for start in range(0, len(about), MOST_CONCERNED)]
        role = str(AccessRole.ADMIN)
        store.access_log.append(
            [
                AccessEvent(at, caller, role, _HERE, action, request=run, detail=detail, about=concerned)
                for concerned in parts
            ]
        )

    return log


def _login_name() -> str:
    """The name of this machine's account that runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have none
        return "-"


class _LoggedDocuments:
    """A document store whose changes of students and photos are logged; everything else is the store's own."""

    def __init__(self, store: DocumentStore, log: _Log) -> None:
        self._store = store
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put") -> None:
        self._store.enrol(enrolments, mode)
        photos = sum(len(enrolment.photos) for enrolment in enrolments)
        students = [enrolment.student.matricula for enrolment in enrolments]
        self._log(AccessAction.ENROLLED, students, f"photos={photos}")

    def update(self, student: Student) -> bool:
        changed = self._store.update(student)
        if changed:
            self._log(AccessAction.CHANGED, [student.matricula], "")
        return changed

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        removed = self._store.remove(matriculas)
        self._log(AccessAction.ERASED, removed, "")
        return removed

    def merge(self, keep: str, other: str) -> None:
        self._store.merge(keep, other)
        self._log(AccessAction.MERGED, [keep, other], "the second became the first")

    def take_photos(self, matricula: str, digests: Collection[str], to: str | None = None) -> None:
        self._store.take_photos(matricula, digests, to)
        about, action = [matricula], AccessAction.PHOTOS_ERASED
        if to is not None:
            about, action = [matricula, to], AccessAction.PHOTOS_MOVED
        self._log(action, about, f"photos={len(digests)}")
