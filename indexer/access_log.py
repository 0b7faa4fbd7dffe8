"""What the indexer's commands write into the access log: one place, between the gallery and its store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

from gallery.documents.access_log import AccessAction
from gallery.documents.erasure_list import NOT_ASKED, Cause
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import ConsentEnd, Enrolment, EnrolmentMode, Student, Written
from gallery.gallery import Gallery
from presente.command_log import CommandLog, CommandRun
from presente.composition import open_clock
from presente.settings import Settings


def logged_store(store: DocumentStore, settings: Settings, run: CommandRun | None = None) -> DocumentStore:
    """A store that logs what is changed through it, as done by a run; None begins one."""
    log = CommandLog(store.access_log, open_clock(settings), settings.access_log, run)
    return cast("DocumentStore", _LoggedDocuments(store, log))


def log_changes(gallery: Gallery, settings: Settings, run: CommandRun | None = None) -> Gallery:
    """Log what is changed through a gallery from now on, as :func:`logged_store`; the same gallery."""
    gallery.store = logged_store(gallery.store, settings, run)
    return gallery


class _LoggedDocuments:
    """A document store that logs changes of students, photos, pack and calibration; the rest is the store's own."""

    def __init__(self, store: DocumentStore, log: CommandLog) -> None:
        self._store = store
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def enrol(
        self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put", check: Callable[[], None] = lambda: None
    ) -> Written | None:
        written = self._store.enrol(enrolments, mode, check)
        photos = sum(len(enrolment.photos) for enrolment in enrolments)
        students = [enrolment.student.matricula for enrolment in enrolments]
        if students:
            self._log.write(AccessAction.ENROLLED, students, f"photos={photos}")
        return written

    def update(self, student: Student) -> bool:
        changed = self._store.update(student)
        if changed:
            self._log.write(AccessAction.CHANGED, [student.matricula])
        return changed

    def end_consent(self, matricula: str, moment: str, why: ConsentEnd, code: str = "") -> None:
        self._store.end_consent(matricula, moment, why, code)
        self._log.write(AccessAction.CONSENT_ENDED, [matricula], why)

    def remove(self, matriculas: Sequence[str], cause: Cause = NOT_ASKED) -> list[str]:
        removed = self._store.remove(matriculas, cause)
        if removed:
            self._log.write(AccessAction.ERASED, removed)
        return removed

    def merge(self, keep: str, other: str, cause: Cause = NOT_ASKED) -> None:
        self._store.merge(keep, other, cause)
        self._log.write(AccessAction.MERGED, [keep, other], "the second became the first")

    def take_photos(
        self, matricula: str, digests: Collection[str], to: str | None = None, cause: Cause = NOT_ASKED
    ) -> None:
        self._store.take_photos(matricula, digests, to, cause)
        about, action = [matricula], AccessAction.PHOTOS_ERASED
        if to is not None:
            about, action = [matricula, to], AccessAction.PHOTOS_MOVED
        self._log.write(action, about, f"photos={len(digests)}")

    def store_calibration(self, text: str) -> None:
        self._store.store_calibration(text)
        self._log.write(AccessAction.CALIBRATED)

    def adopt_pack(self, tag: str, dim: int) -> None:
        self._store.adopt_pack(tag, dim)
        self._log.write(AccessAction.PACK_CHANGED, detail=tag)
