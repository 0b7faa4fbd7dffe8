"""read | decode | detect | align, then embed in batches, then write in batches; every stage bounded, order kept.

The first four are one piece of work a photo, embedding one a batch; each of the two has a thread a core, so that
whichever is the slower takes the cores that it needs. Writing is the calling thread's.

A photo is reported as done only after its batch was committed. A photo that cannot be used, or that makes a library
fail, is refused with a reason and never takes the run down.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import EnrolledPhoto, Enrolment, StoredPhoto, Student
from gallery.gallery import Gallery
from indexer.crash_guard import CrashGuard
from indexer.enrolment_checking import Checker, Prepared, Subject
from indexer.past_attendance import record_past_attendance
from indexer.report import INTERNAL_ERROR, INTERRUPTED, Refusal, Report
from indexer.source_copies import choose
from indexer.sources.protocol import Source, SourcePhoto
from presente.cli import ProgressBar
from presente.errors import Conflict, PhotoRefused, PresenteError
from presente.parallel import in_batches, in_threads
from presente.recognition import as_template, digest_of, enrolled_photo
from presente.secrets import hidden
from presente.supervisor import SupervisedRun

log = logging.getLogger(__name__)

EMBEDDED_AT_ONCE = 8
"""Faces in one call of the model; more are no quicker a face (docs/bulk.md)."""

BATCH = 32
"""Photos written in one transaction."""

_In = TypeVar("_In")


def _embedded(
    embedder: FaceEmbedder, prepared: Iterable[tuple[_In, AlignedFace]], workers: int
) -> Iterator[tuple[_In, EmbeddedFace | BaseException]]:
    """Every face embedded, in order, ``EMBEDDED_AT_ONCE`` a call and several calls at once; or why it was not."""
    batches = in_batches(prepared, EMBEDDED_AT_ONCE)
    for _, future in in_threads(lambda batch: _embed(embedder, batch), batches, workers, ahead=2):
        yield from future.result()


def _embed(
    embedder: FaceEmbedder, batch: Sequence[tuple[_In, AlignedFace]]
) -> list[tuple[_In, EmbeddedFace | BaseException]]:
    items = [item for item, _ in batch]
    try:
        return list(zip(items, embedder.embed([face for _, face in batch]), strict=True))
    except (ValueError, RuntimeError) as exc:  # one face that the model cannot take must not cost the others
        if len(batch) == 1:
            return [(items[0], exc)]
        return [settled for entry in batch for settled in _embed(embedder, [entry])]


def _settle(
    outcomes: Iterable[tuple[_In, EmbeddedFace | BaseException]],
    write: Callable[[Sequence[tuple[_In, EmbeddedFace]]], None],
    refuse: Callable[[_In, BaseException], None],
    together: Callable[[_In], object] | None = None,
) -> None:
    """Hand on what was embedded, at most ``BATCH`` at a time, and what was refused at once.

    What belongs ``together`` is not torn apart unless it is a batch by itself.
    """
    waiting: list[tuple[_In, EmbeddedFace]] = []
    for item, outcome in outcomes:
        if isinstance(outcome, BaseException):
            refuse(item, outcome)
            continue
        waiting.append((item, outcome))
        if len(waiting) >= BATCH:
            cut = BATCH if together is None else _boundary([together(each) for each, _ in waiting])
            write(waiting[:cut])
            waiting = waiting[cut:]
    if waiting:
        write(waiting)


def _boundary(owners: Sequence[object]) -> int:
    """How many come before the last owner's; all when there is one owner."""
    return next((place for place in range(len(owners), 0, -1) if owners[place - 1] is not owners[-1]), len(owners))


def add(
    source: Source,
    embedder: FaceEmbedder,
    gallery: Gallery,
    workers: int,
    progress: ProgressBar,
    attempt: SupervisedRun | None = None,
    force: bool = False,
) -> Report:
    """Enrol a source's photos; those that the gallery has (same content, same pack) cost a hash and no inference.

    Students' photos are compared with those that they have; ``force`` takes them whatever they show. People of the
    cohort are as their data set labels them.

    An interrupt or an error ends the run early: the report says so in ``stopped``, and counts only what was committed.
    """
    report = Report(source.name, len(source.photos), source.ignored, source.warnings, source.notes)
    run = _Addition(source, embedder, gallery, report, progress, attempt or SupervisedRun(), force)
    _timed(report, lambda: run.go(workers))
    earlier = min(run.attempt.done_before, report.already)  # an attempt that crashed did these
    report.done, report.already = report.done + earlier, report.already - earlier
    return report


class _Addition:
    """One run of :func:`add`."""

    def __init__(
        self,
        source: Source,
        embedder: FaceEmbedder,
        gallery: Gallery,
        report: Report,
        progress: ProgressBar,
        attempt: SupervisedRun,
        force: bool,
    ) -> None:
        self.source = source
        self.embedder = embedder
        self.gallery = gallery
        self.report = report
        self.progress = progress
        self.attempt = attempt
        self.watch = CrashGuard(attempt)
        self.checker = Checker(gallery, embedder, self.watch, report, self._refuse, force)

    def go(self, workers: int) -> None:
        _settle(
            _embedded(self.embedder, self._prepared(workers), workers),
            self._write,
            lambda prepared, error: self._refuse(prepared.location, error),
            together=lambda prepared: prepared.subject,
        )
        entries = record_past_attendance(self.gallery, self.source.history)
        self.report.warnings += tuple(self._left_out(entries))

    def _left_out(self, entries: Counter[str]) -> Iterator[str]:
        """What the source knows of people of whom no photo could be enrolled: it has nobody to belong to."""
        if "asistencias_previas" not in self.source.fields:
            return
        for student in dict.fromkeys(photo.student for photo in self.source.photos):
            counts = student.asistencias_previas, student.participaciones_previas, entries[student.matricula]
            if any(counts) and self.gallery.store.student(student.matricula) is None:
                yield (
                    f"{student.matricula} could not be enrolled: not taken over are {counts[0]} asistencias and "
                    f"{counts[1]} participaciones without a date, {counts[2]} entries with one"
                )

    def _prepared(self, workers: int) -> Iterator[tuple[Prepared, AlignedFace]]:
        for (photo, subject), future in in_threads(self._prepare, self._with_subjects(), workers):
            error = future.exception()
            if error is not None:
                self._refuse(photo.location, error)
                continue
            prepared = future.result()
            if prepared is not None and prepared.remark:
                self._remark(prepared)
            if prepared is None or prepared.sha256 in subject.known:  # stored before, or twice in this source
                self._already(subject)
            else:
                subject.known.add(prepared.sha256)
                yield prepared, prepared.face

    def _with_subjects(self) -> Iterator[tuple[SourcePhoto, Subject]]:
        """Each photo with its student: as stored, but for the fields that the source really has."""
        for given, theirs in groupby(self.source.photos, key=lambda photo: photo.student):
            stored = self.gallery.store.student(given.matricula)
            if stored is None:
                subject = Subject(given, False, set())
            else:
                known = self.gallery.store.embedded(given.matricula, self.gallery.pack)
                said = {name: getattr(given, name) for name in self.source.fields}
                if said.get("consentimiento", given) is None:  # a row that says nothing takes nothing back
                    del said["consentimiento"]
                wanted = replace(stored.student, **said)
                subject = Subject(wanted, wanted != stored.student, known, stored.id)
            for photo in theirs:
                yield photo, subject

    def _remark(self, prepared: Prepared) -> None:
        """Say what there is to say of a photo; a student whose photo may be damaged is one to look at."""
        subject = prepared.subject
        if prepared.aviso:
            subject.outdated |= subject.student.aviso != prepared.aviso
            subject.student = replace(subject.student, aviso=prepared.aviso)
        self.report.warnings += (f"{prepared.location} of {subject.student.matricula}: {prepared.remark}",)

    def _already(self, subject: Subject) -> None:
        if subject.outdated:
            self.gallery.store.update(subject.student)
            self._updated(subject)
        self.report.already += 1
        self.progress(1)

    def _updated(self, subject: Subject) -> None:
        self.report.students_updated += subject.outdated
        subject.outdated = False

    def _prepare(self, entry: tuple[SourcePhoto, Subject]) -> Prepared | None:
        """In a worker thread. None when the gallery has the photo."""
        source, subject = entry
        self.gallery.check_consent(subject.student)
        with self.watch.over(source.location):
            chosen = choose(source, self.embedder, subject.known)
        if chosen is None:
            return None
        return Prepared(
            subject,
            source.location,
            chosen.content,
            digest_of(chosen.content),
            chosen.media_type,
            chosen.face,
            chosen.remark,
            chosen.aviso,
        )

    def _write(self, faces: Sequence[tuple[Prepared, EmbeddedFace]]) -> None:
        checked = self.checker.checked(faces)
        if not checked:
            return
        by_student: dict[Student, list[EnrolledPhoto]] = {}
        for prepared, face in checked:
            by_student.setdefault(prepared.subject.student, []).append(
                enrolled_photo(prepared.content, prepared.media_type, prepared.location, face, self.gallery.pack)
            )
        self.gallery.enrol([Enrolment(student, tuple(photos)) for student, photos in by_student.items()])
        for prepared, face in checked:
            self._updated(prepared.subject)
            prepared.subject.written = True
            prepared.subject.templates.append(face.template)
        self.report.done += len(checked)
        self.attempt.journal.add_done(len(checked))
        self.progress(len(checked))

    def _refuse(self, location: str, error: BaseException) -> None:
        self.report.refused.append(refusal(location, error))
        self.progress(1, len(self.report.refused))


def sync(
    store: DocumentStore,
    embedder: FaceEmbedder,
    workers: int,
    progress: ProgressBar,
    attempt: SupervisedRun | None = None,
) -> Report:
    """Embed every stored photo that this pack has not embedded; when all are settled, the gallery is this pack's."""
    tag = embedder.pack.tag
    attempt = attempt or SupervisedRun()
    watch = CrashGuard(attempt)
    report = Report("the document store", attempt.done_before, done=attempt.done_before)

    def write(faces: Sequence[tuple[StoredPhoto, EmbeddedFace]]) -> None:
        store.add_templates([(photo.id, as_template(face, tag)) for photo, face in faces])
        report.done += len(faces)
        attempt.journal.add_done(len(faces))
        progress(len(faces))

    def location(stored: StoredPhoto) -> str:
        return f"{stored.matricula} photo {stored.sha256[:12]}"

    def prepare(stored: StoredPhoto) -> AlignedFace:
        with watch.over(location(stored)):
            return embedder.read_portrait(stored.content)[1]

    def refuse(stored: StoredPhoto, error: BaseException) -> None:
        report.refused.append(refusal(location(stored), error))
        progress(1, len(report.refused))

    def prepared() -> Iterator[tuple[StoredPhoto, AlignedFace]]:
        for left in store.adopt():
            report.refused.append(Refusal(left.which, left.code, left.reason))
            report.photos += 1
        for stored, future in in_threads(prepare, store.unembedded(tag), workers):
            report.photos += 1
            error = future.exception()
            if error is None:
                yield stored, future.result()
            else:
                refuse(stored, error)

    def go() -> None:
        _settle(_embedded(embedder, prepared(), workers), write, refuse)
        if store.pack() != (tag, embedder.pack.dim):
            store.adopt_pack(tag, embedder.pack.dim)

    _timed(report, go)
    return report


def _timed(report: Report, go: Callable[[], None]) -> None:
    start = time.perf_counter()
    try:
        go()
    except KeyboardInterrupt:
        report.stopped = INTERRUPTED
    except PresenteError as error:
        log.error("%s", error)
        report.stopped = error.code
    except Exception as error:
        log.error("unexpected", exc_info=error)
        report.stopped = INTERNAL_ERROR
    finally:
        report.seconds = time.perf_counter() - start


def refusal(location: str, error: BaseException) -> Refusal:
    """Any error of one photo as a refusal with a code."""
    if isinstance(error, PhotoRefused | Conflict):
        return Refusal(location, error.code, str(error))
    if isinstance(error, FileNotFoundError):
        return Refusal(location, "file_not_found", "There is no such file.")
    if isinstance(error, OSError):
        return Refusal(location, "unreadable_file", f"The file cannot be read ({error.strerror or error}).")
    log.error("%s", location, exc_info=error)
    return Refusal(location, INTERNAL_ERROR, hidden(f"{type(error).__name__}: {error}"))
