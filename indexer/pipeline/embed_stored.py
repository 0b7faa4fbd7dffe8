"""``sync``: embeds the photos that the document store holds and the pack has not embedded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import StoredPhoto
from gallery.threshold.calibration import CalibrationCurve
from indexer.pipeline.crash_guard import CrashGuard
from indexer.pipeline.run_report import Refusal, RunReport
from indexer.pipeline.stages import embed_in_batches, reading_threads, refusal, run_timed, write_in_batches
from presente.cli import ProgressBar
from presente.errors import PresenteError
from presente.installation import command_line
from presente.parallel import in_threads
from presente.recognition import as_template
from presente.supervisor import SupervisedRun


def embed_stored_photos(
    store: DocumentStore,
    embedder: FaceEmbedder,
    workers: int,
    progress: ProgressBar,
    attempt: SupervisedRun | None = None,
) -> RunReport:
    """Embed every stored photo that this pack has not embedded, then make the pack the gallery's.

    Another pack's calibration is dropped, because its scores are others; a note of the report says so.
    """
    report = RunReport("the document store", 0)
    run = _StoreEmbedding(store, embedder, report, progress, attempt or SupervisedRun())
    run_timed(report, lambda: run.run(workers))
    report.faces_per_call = embedder.batch_size.chosen
    return report


class _StoreEmbedding:
    """One run of :func:`embed_stored_photos`."""

    def __init__(
        self,
        store: DocumentStore,
        embedder: FaceEmbedder,
        report: RunReport,
        progress: ProgressBar,
        attempt: SupervisedRun,
    ) -> None:
        self.store = store
        self.embedder = embedder
        self.report = report
        self.progress = progress
        self.attempt = attempt
        self.crash_guard = CrashGuard(attempt)
        report.photos = report.done = attempt.done_before

    def run(self, workers: int) -> None:
        faces = embed_in_batches(self.embedder, self._aligned_photos(workers), workers)
        write_in_batches(faces, self._write, self._refuse)
        self._adopt_pack()

    def _aligned_photos(self, workers: int) -> Iterator[tuple[StoredPhoto, AlignedFace]]:
        for missing in self.store.adopt():
            self.report.refused.append(Refusal(missing.which, missing.code, missing.reason))
            self.report.photos += 1
        unembedded = self.store.unembedded(self.embedder.pack.tag)
        for photo, future in in_threads(self._read_and_align, unembedded, reading_threads(self.embedder, workers)):
            self.report.photos += 1
            error = future.exception()
            if error is None:
                yield photo, future.result()
            else:
                self._refuse(photo, error)

    def _read_and_align(self, photo: StoredPhoto) -> AlignedFace:
        """In a worker thread."""
        with self.crash_guard.reading(_location(photo)):
            return self.embedder.read_portrait(photo.content)[1]

    def _write(self, batch: Sequence[tuple[StoredPhoto, EmbeddedFace]]) -> None:
        tag = self.embedder.pack.tag
        self.store.add_templates([(photo.id, as_template(face, tag)) for photo, face in batch])
        self.report.done += len(batch)
        self.attempt.journal.add_done(len(batch))
        self.progress(len(batch))

    def _refuse(self, photo: StoredPhoto, error: BaseException) -> None:
        self.report.refused.append(refusal(_location(photo), error))
        self.progress(1, len(self.report.refused))

    def _adopt_pack(self) -> None:
        """Make the pack the gallery's; note a calibration that is dropped with the pack before."""
        pack, before = self.embedder.pack, self.store.pack()
        if before == (pack.tag, pack.dim):
            return
        calibration = self.store.calibration()
        self.store.adopt_pack(pack.tag, pack.dim)
        if before is not None and calibration is not None and self.store.calibration() is None:
            self.report.notes += (
                f"the calibration was dropped: it holds for scores of pack {before[0]}, and the gallery has pack "
                f"{pack.tag} now; to calibrate again: {command_line('evaluation calibrate')}{_rate_flag(calibration)}",
            )


def _location(photo: StoredPhoto) -> str:
    return f"{photo.matricula} photo {photo.sha256[:12]}"


def _rate_flag(calibration: str) -> str:
    """The flag that asks for the rate of a stored calibration; empty when the calibration cannot be read."""
    try:
        curve = CalibrationCurve.from_json(calibration)
    except PresenteError:
        curve = None
    return "" if curve is None else f" --fpir {curve.target:g}"
