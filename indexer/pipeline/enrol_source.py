"""``add``: enrols the photos of a source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder
from gallery.documents.consent_rules import consent_or_stored
from gallery.documents.values import EnrolledPhoto, Enrolment, Student
from gallery.gallery import Gallery
from indexer.pipeline.crash_guard import CrashGuard
from indexer.pipeline.enrolment_checks import EnrolmentChecks
from indexer.pipeline.past_attendance import record_past_attendance
from indexer.pipeline.photo_reading import read_photo
from indexer.pipeline.run_report import Refusal, RunReport
from indexer.pipeline.stages import embed_in_batches, reading_threads, refusal, run_timed, write_in_batches
from indexer.pipeline.values import AlignedPhoto, SubjectInRun
from indexer.sources.values import Source, SourcePhoto
from presente.cli import ProgressBar
from presente.enrolment import EnrolmentJudge
from presente.parallel import in_threads
from presente.recognition import digest_of, enrolled_photo
from presente.supervisor import SupervisedRun

_PARTLY_ENROLLED = (
    "a part was enrolled in spite of --all-or-nothing: what was refused, or stopped the run, did not show when "
    "everything was read first. What was enrolled is kept; correct the rest, and run the same command again"
)


def enrol_source(
    source: Source,
    embedder: FaceEmbedder,
    gallery: Gallery,
    workers: int,
    progress: ProgressBar,
    attempt: SupervisedRun | None = None,
    force: bool = False,
    all_or_nothing: bool = False,
    judge: EnrolmentJudge | None = None,
) -> RunReport:
    """Enrol the photos of a source. A photo that the gallery has (same bytes, same pack) costs a hash, no inference.

    The photos of students are compared with those that the gallery has of them; ``force`` enrols them whatever they
    show. People of the cohort are as their data set labels them. ``judge`` compares them; a caller who enrols many
    parts keeps one, because it keeps the levels that it fitted.

    With ``all_or_nothing`` the photos are first gone through without a write. If one of them is refused, or a line of
    the sheet was, then nothing is enrolled, and the report has every refusal. ``progress`` counts every photo twice.
    The writes that follow are one transaction per batch: a part is enrolled, and a warning says so, when the run is
    stopped or a photo is refused after all. That happens by Ctrl-C, an error of the store, a photo that changed, a
    decoder that crashes, other programs that write to the gallery, or a duplicate in an earlier batch of this source.
    A process that is ended leaves a part enrolled and no report.

    Ctrl-C or an error ends the run early: ``stopped`` of the report says so, and only what was committed is counted.
    """
    attempt = attempt or SupervisedRun()
    judge = judge or EnrolmentJudge(gallery, embedder.pack.threshold)
    if all_or_nothing and not attempt.done_before:  # a run that crashed after the rehearsal goes on
        report = begun_report(source)
        rehearsal = _Rehearsal(source, embedder, gallery, report, progress, attempt, force, judge)
        run_timed(report, lambda: rehearsal.run(workers))
        report.withheld = bool(report.refused)
        if report.refused or report.stopped:
            return report
    report = begun_report(source)
    run = _SourceEnrolment(source, embedder, gallery, report, progress, attempt, force, judge)
    run_timed(report, lambda: run.run(workers))
    report.faces_per_call = embedder.batch_size.chosen
    earlier = min(run.attempt.done_before, report.already)  # enrolled by an attempt that crashed
    report.done, report.already = report.done + earlier, report.already - earlier
    if all_or_nothing and (report.refused or report.stopped) and (report.done or report.students_updated):
        report.warnings += (_PARTLY_ENROLLED,)
    return report


def begun_report(source: Source) -> RunReport:
    """The report of a run before its first photo."""
    refused = [Refusal(row.location, row.code, row.reason, row.line) for row in source.refused]
    return RunReport(
        source.name,
        len(source.photos),
        source.ignored,
        source.absent,
        source.warnings,
        source.notes,
        refused=refused,
    )


class _SourceEnrolment:
    """One run of :func:`enrol_source`."""

    def __init__(
        self,
        source: Source,
        embedder: FaceEmbedder,
        gallery: Gallery,
        report: RunReport,
        progress: ProgressBar,
        attempt: SupervisedRun,
        force: bool,
        judge: EnrolmentJudge,
    ) -> None:
        self.source = source
        self.embedder = embedder
        self.gallery = gallery
        self.report = report
        self.progress = progress
        self.attempt = attempt
        self.crash_guard = CrashGuard(attempt)
        self.checks = EnrolmentChecks(gallery, embedder, self.crash_guard, report, self._refuse, force, judge)

    def run(self, workers: int) -> None:
        write_in_batches(
            embed_in_batches(self.embedder, self._aligned_photos(workers), workers),
            self._write,
            lambda photo, error: self._refuse(photo.location, error),
            owner=lambda photo: photo.subject,
        )
        left_out = record_past_attendance(self.gallery, self.source.past_attendance)
        self.report.warnings += tuple(self._lost_attendance(left_out))

    def _lost_attendance(self, left_out: Counter[str]) -> Iterator[str]:
        """A warning per student whose attendance the source knows and of whom no photo could be enrolled."""
        if "asistencias_previas" not in self.source.fields:
            return
        for student in dict.fromkeys(photo.student for photo in self.source.photos):
            counts = student.asistencias_previas, student.participaciones_previas, left_out[student.matricula]
            if any(counts) and self.gallery.store.student(student.matricula) is None:
                yield (
                    f"{student.matricula} could not be enrolled: not taken over are {counts[0]} asistencias and "
                    f"{counts[1]} participaciones without a date, {counts[2]} entries with one"
                )

    def _aligned_photos(self, workers: int) -> Iterator[tuple[AlignedPhoto, AlignedFace]]:
        """Every photo that is to be embedded, with its face; the others are refused or counted as already there."""
        threads = reading_threads(self.embedder, workers)
        for (source_photo, subject), future in in_threads(self._read_and_align, self._photos_with_subjects(), threads):
            error = future.exception()
            if error is not None:
                self._refuse(source_photo.location, error)
                continue
            photo = future.result()
            if photo is not None and photo.warning:
                self._warn(photo)
            if photo is None or photo.sha256 in subject.stored_photos:  # stored before, or twice in this source
                self._count_already(subject)
            else:
                subject.stored_photos.add(photo.sha256)
                yield photo, photo.face

    def _photos_with_subjects(self) -> Iterator[tuple[SourcePhoto, SubjectInRun]]:
        """Each photo with its student, who has the stored fields except those that the source knows."""
        for student, photos in groupby(self.source.photos, key=lambda photo: photo.student):
            stored = self.gallery.store.student(student.matricula)
            if stored is None:
                subject = SubjectInRun(student, False, set())
            else:
                stored_photos = self.gallery.store.embedded(student.matricula, self.gallery.pack)
                fields = {name: getattr(student, name) for name in self.source.fields}
                if "consentimiento" in fields:  # a row without consent does not withdraw it, nor give it anew
                    own = stored.student.consentimiento
                    fields["consentimiento"] = consent_or_stored(own, student.consentimiento)
                updated = replace(stored.student, **fields)
                subject = SubjectInRun(updated, updated != stored.student, stored_photos, stored.id)
            for photo in photos:
                yield photo, subject

    def _warn(self, photo: AlignedPhoto) -> None:
        """Report the photo's warning, and set ``aviso`` of a student whose photo may be damaged."""
        subject = photo.subject
        if photo.aviso:
            subject.outdated |= subject.student.aviso != photo.aviso
            subject.student = replace(subject.student, aviso=photo.aviso)
        self.report.warnings += (f"{photo.location} of {subject.student.matricula}: {photo.warning}",)

    def _count_already(self, subject: SubjectInRun) -> None:
        if subject.outdated:
            self.gallery.store.update(subject.student)
            self._count_updated(subject)
        self.report.already += 1
        self.progress(1)

    def _count_updated(self, subject: SubjectInRun) -> None:
        self.report.students_updated += subject.outdated
        subject.outdated = False

    def _read_and_align(self, entry: tuple[SourcePhoto, SubjectInRun]) -> AlignedPhoto | None:
        """In a worker thread. None when the gallery has the photo."""
        source_photo, subject = entry
        self.gallery.check_consent(subject.student)
        with self.crash_guard.reading(source_photo.location):
            photo = read_photo(source_photo, self.embedder, subject.stored_photos)
        if photo is None:
            return None
        return AlignedPhoto(
            subject,
            source_photo.location,
            photo.content,
            digest_of(photo.content),
            photo.media_type,
            photo.face,
            photo.warning,
            photo.aviso,
        )

    def _write(self, batch: Sequence[tuple[AlignedPhoto, EmbeddedFace]]) -> None:
        accepted = self.checks.accepted(batch)
        if not accepted:
            return
        by_student: dict[Student, list[EnrolledPhoto]] = {}
        for photo, face in accepted:
            by_student.setdefault(photo.subject.student, []).append(
                enrolled_photo(photo.content, photo.media_type, photo.location, face, self.gallery.pack)
            )
        self.gallery.enrol([Enrolment(student, tuple(photos)) for student, photos in by_student.items()])
        for photo, face in accepted:
            self._count_updated(photo.subject)
            photo.subject.written = True
            if photo.subject.student.kind == "student":
                self.report.enrolled.add(photo.subject.student.matricula)
            photo.subject.templates.append(face.template)
        self.report.done += len(accepted)
        self.attempt.journal.add_done(len(accepted))
        self.progress(len(accepted))

    def _refuse(self, location: str, error: BaseException) -> None:
        self.report.refused.append(refusal(location, error))
        self.progress(1, len(self.report.refused))


class _Rehearsal(_SourceEnrolment):
    """The same run without a write: it finds out what would be refused."""

    def run(self, workers: int) -> None:
        write_in_batches(
            embed_in_batches(self.embedder, self._aligned_photos(workers), workers),
            self._write,
            lambda photo, error: self._refuse(photo.location, error),
            owner=lambda photo: photo.subject,
        )

    def _write(self, batch: Sequence[tuple[AlignedPhoto, EmbeddedFace]]) -> None:
        for photo, face in self.checks.accepted(batch):
            photo.subject.templates.append(face.template)  # further photos of the student are compared with it
            self.progress(1)

    def _count_already(self, subject: SubjectInRun) -> None:
        subject.outdated = False  # for the run that follows, the student is looked up again
        super()._count_already(subject)
