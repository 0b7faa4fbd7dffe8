"""decode | detect | align in worker threads, embed and write in batches; every stage bounded, order kept.

A photo is reported as done only after its batch was committed. A photo that cannot be used, or that makes a library
fail, is refused with a reason and never takes the run down.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Generic, TypeVar

from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder
from gallery.documents.model import DocumentStore, EnrolledPhoto, Enrolment, StoredPhoto, Student
from gallery.gallery import Gallery
from indexer.history import record_history
from indexer.report import Refusal, Report
from indexer.sources.model import Source, SourcePhoto
from presente.bridge import as_template, digest_of, enrolled_photo
from presente.errors import PhotoRefused, PresenteError
from presente.threads import in_threads

log = logging.getLogger(__name__)

BATCH = 32
"""Faces embedded in one call and written in one transaction."""

FALLBACK_USED = "image_fallback"
"""What a student's ``aviso`` says when the photo is the second copy, because the first was damaged."""

_In = TypeVar("_In")
Progress = Callable[[int], None]
"""Called with how many more photos are settled: done, already there, or refused."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A photo that is ready to be embedded."""

    subject: _Subject
    location: str
    content: bytes
    sha256: str
    media_type: str
    face: AlignedFace
    fell_back: str = ""
    """Why the photo's own copy was not used, if it was not."""


class _Batches(Generic[_In]):
    """Collects prepared faces and hands them on embedded, ``BATCH`` at a time."""

    def __init__(
        self,
        embedder: FaceEmbedder,
        write: Callable[[Sequence[tuple[_In, EmbeddedFace]]], None],
        refuse: Callable[[_In, BaseException], None],
    ) -> None:
        self._embedder = embedder
        self._write = write
        self._refuse = refuse
        self._waiting: list[tuple[_In, AlignedFace]] = []

    def put(self, item: _In, face: AlignedFace) -> None:
        self._waiting.append((item, face))
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            embedded = self._embedder.embed([face for _, face in waiting])
        except (ValueError, RuntimeError):  # one face that the model cannot take must not cost the others
            embedded = []
            waiting = [entry for entry in waiting if self._embedded_alone(entry, embedded)]
        if waiting:
            self._write([(item, face) for (item, _), face in zip(waiting, embedded, strict=True)])

    def _embedded_alone(self, entry: tuple[_In, AlignedFace], embedded: list[EmbeddedFace]) -> bool:
        try:
            embedded += self._embedder.embed([entry[1]])
        except (ValueError, RuntimeError) as exc:
            self._refuse(entry[0], exc)
            return False
        return True


def add(source: Source, embedder: FaceEmbedder, gallery: Gallery, workers: int, progress: Progress) -> Report:
    """Enrol a source's photos; those that the gallery has (same content, same pack) cost a hash and no inference.

    An interrupt or an error ends the run early: the report says so in ``stopped``, and counts only what was committed.
    """
    report = Report(source.name, len(source.photos), source.ignored, source.warnings, source.notes)
    run = _Addition(source, embedder, gallery, report, progress)
    _timed(report, lambda: run.go(workers))
    return report


@dataclass(slots=True)
class _Subject:
    """A student while their photos pass: the fields as they shall be, whether the store has others, known photos."""

    student: Student
    outdated: bool
    known: set[str]


class _Addition:
    """One run of :func:`add`."""

    def __init__(
        self, source: Source, embedder: FaceEmbedder, gallery: Gallery, report: Report, progress: Progress
    ) -> None:
        self.source = source
        self.embedder = embedder
        self.gallery = gallery
        self.report = report
        self.progress = progress
        self.batches: _Batches[_Prepared] = _Batches(
            embedder, self._write, lambda prepared, error: self._refuse(prepared.location, error)
        )

    def go(self, workers: int) -> None:
        for (photo, subject), future in in_threads(self._prepare, self._with_subjects(), workers):
            error = future.exception()
            if error is not None:
                self._refuse(photo.location, error)
                continue
            prepared = future.result()
            if prepared is not None and prepared.fell_back:
                self._flag(prepared)
            if prepared is None or prepared.sha256 in subject.known:  # stored before, or twice in this source
                self._already(subject)
            else:
                subject.known.add(prepared.sha256)
                self.batches.put(prepared, prepared.face)
        self.batches.flush()
        record_history(self.gallery, self.source.history)

    def _with_subjects(self) -> Iterator[tuple[SourcePhoto, _Subject]]:
        """Each photo with its student: as stored, but for the fields that the source really has."""
        for given, theirs in groupby(self.source.photos, key=lambda photo: photo.student):
            stored = self.gallery.store.student(given.matricula)
            if stored is None:
                subject = _Subject(given, False, set())
            else:
                known = self.gallery.store.embedded(given.matricula, self.gallery.pack)
                said = {name: getattr(given, name) for name in self.source.fields}
                if said.get("consentimiento", given) is None:  # a row that says nothing takes nothing back
                    del said["consentimiento"]
                wanted = replace(stored.student, **said)
                subject = _Subject(wanted, wanted != stored.student, known)
            for photo in theirs:
                yield photo, subject

    def _flag(self, prepared: _Prepared) -> None:
        """A student whose photo is a second copy is one to look at."""
        subject = prepared.subject
        subject.outdated |= subject.student.aviso != FALLBACK_USED
        subject.student = replace(subject.student, aviso=FALLBACK_USED)
        line = f"{prepared.location} of {subject.student.matricula}: the fallback copy was used. {prepared.fell_back}"
        self.report.warnings += (line,)

    def _already(self, subject: _Subject) -> None:
        if subject.outdated:
            self.gallery.store.update(subject.student)
            self._updated(subject)
        self.report.already += 1
        self.progress(1)

    def _updated(self, subject: _Subject) -> None:
        self.report.students_updated += subject.outdated
        subject.outdated = False

    def _prepare(self, entry: tuple[SourcePhoto, _Subject]) -> _Prepared | None:
        """In a worker thread. None when the gallery has the photo."""
        source, subject = entry
        self.gallery.check_consent(subject.student)
        reason = ""
        try:
            content = source.read()
            if digest_of(content) in subject.known:
                return None
            photo = self.embedder.decode(content)
        except PhotoRefused as error:
            if source.fallback is None:
                raise
            try:
                content = source.fallback()
                photo = self.embedder.decode(content)
            except PhotoRefused as other:
                raise PhotoRefused(error.code, error.what, f"{error.fix} Nor can the copy be used: {other}") from other
            reason = str(error)
        face = self.embedder.portrait(photo, source.landmarks)
        return _Prepared(subject, source.location, content, digest_of(content), photo.media_type, face, reason)

    def _write(self, faces: Sequence[tuple[_Prepared, EmbeddedFace]]) -> None:
        by_student: dict[Student, list[EnrolledPhoto]] = {}
        for prepared, face in faces:
            by_student.setdefault(prepared.subject.student, []).append(
                enrolled_photo(prepared.content, prepared.media_type, prepared.location, face, self.gallery.pack)
            )
        self.gallery.enrol([Enrolment(student, tuple(photos)) for student, photos in by_student.items()])
        for prepared, _ in faces:
            self._updated(prepared.subject)
        self.report.done += len(faces)
        self.progress(len(faces))

    def _refuse(self, location: str, error: BaseException) -> None:
        self.report.refused.append(refusal(location, error))
        self.progress(1)


def sync(store: DocumentStore, embedder: FaceEmbedder, workers: int, progress: Progress) -> Report:
    """Embed every stored photo that this pack has not embedded; when all are settled, the gallery is this pack's."""
    tag = embedder.pack.tag
    report = Report("the document store", 0)

    def write(faces: Sequence[tuple[StoredPhoto, EmbeddedFace]]) -> None:
        store.add_templates([(photo.id, as_template(face, tag)) for photo, face in faces])
        report.done += len(faces)
        progress(len(faces))

    def prepare(stored: StoredPhoto) -> AlignedFace:
        return embedder.portrait(embedder.decode(stored.content))

    def refuse(stored: StoredPhoto, error: BaseException) -> None:
        report.refused.append(refusal(f"{stored.matricula} photo {stored.sha256[:12]}", error))
        progress(1)

    def go() -> None:
        for left in store.adopt():
            report.refused.append(Refusal(left.which, left.code, left.reason))
            report.photos += 1
        batches: _Batches[StoredPhoto] = _Batches(embedder, write, refuse)
        for stored, future in in_threads(prepare, store.unembedded(tag), workers):
            report.photos += 1
            error = future.exception()
            if error is None:
                batches.put(stored, future.result())
            else:
                refuse(stored, error)
        batches.flush()
        if store.pack() != (tag, embedder.pack.dim):
            store.adopt_pack(tag, embedder.pack.dim)

    _timed(report, go)
    return report


def _timed(report: Report, go: Callable[[], None]) -> None:
    start = time.perf_counter()
    try:
        go()
    except KeyboardInterrupt:
        report.stopped = "interrupted"
    except PresenteError as error:
        log.error("%s", error)
        report.stopped = error.code
    finally:
        report.seconds = time.perf_counter() - start


def refusal(location: str, error: BaseException) -> Refusal:
    """Any error of one photo as a refusal with a code."""
    if isinstance(error, PhotoRefused):
        return Refusal(location, error.code, str(error))
    if isinstance(error, FileNotFoundError):
        return Refusal(location, "file_not_found", "There is no such file.")
    if isinstance(error, OSError):
        return Refusal(location, "unreadable_file", f"The file cannot be read ({error.strerror or error}).")
    log.error("%s", location, exc_info=error)
    return Refusal(location, "internal_error", f"{type(error).__name__}: {error}")
