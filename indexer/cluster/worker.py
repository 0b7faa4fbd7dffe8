"""A worker of a cluster's run: reads, embeds and writes the photos that it is given, through the one pipeline."""

from __future__ import annotations

import logging
import os
import platform
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from gallery.gallery import Gallery
from indexer.access_log import log_changes
from indexer.cluster.values import LogLine, PartResult, WorkerRefusal, WorkerTask
from indexer.pipeline.enrol_source import enrol_source
from indexer.pipeline.run_report import INTERRUPTED, RunReport
from indexer.sources.values import Source, SourcePhoto
from presente import composition
from presente.cluster_checks import check_store_is_shared, check_version, store_not_shared
from presente.enrolment import EnrolmentJudge
from presente.errors import ConfigError, PresenteError
from presente.supervisor import SupervisedRun

_NAME = "a part of the source"


class EnrolmentWorker:
    """One process of the cluster, with a gallery and models of its own. It is told to do one thing after the other, but
    for :meth:`stop`, which may come meanwhile.

    It never publishes an index: it has what the gallery holds in memory, from the published generation where its
    machine has that.
    """

    def __init__(self, task: WorkerTask) -> None:
        self._task = task
        self._attempt = SupervisedRun()
        self._stopped = threading.Event()
        self._gallery: Gallery | None = None

    def open(self) -> WorkerRefusal | None:
        """Open store, gallery and models; why that cannot be, or None."""
        try:
            self._check_files()
            self._open()
        except PresenteError as error:
            return WorkerRefusal(platform.node(), error.code, error.what, error.fix)
        return None

    def enrol(self, photos: Sequence[SourcePhoto]) -> PartResult:
        """Enrol photos; of no student only a part at a time. What stops it is in the report."""
        if self._gallery is None:
            raise RuntimeError("open() comes first")
        if self._stopped.is_set():
            return PartResult(RunReport(_NAME, len(photos), stopped=INTERRUPTED), ())
        source = Source(_NAME, tuple(photos), self._task.fields)
        with _logged() as lines:
            report = enrol_source(
                source,
                self._embedder,
                self._gallery,
                self._task.settings.workers,
                self._progress,
                self._attempt,
                self._task.force,
                judge=self._judge,
            )
        return PartResult(report, tuple(lines))

    def stop(self) -> None:
        """End :meth:`enrol` after the photos that are being written, as Ctrl-C does in a local run."""
        self._stopped.set()

    def close(self) -> None:
        """Give the store back."""
        if self._gallery is not None:
            self._gallery.close()

    def _progress(self, count: int, refused: int = 0) -> None:  # noqa: ARG002 - as ProgressBar
        if self._stopped.is_set():
            raise KeyboardInterrupt

    def _check_files(self) -> None:
        task = self._task
        check_version(task.version)
        with suppress(OSError):  # absolute paths do without
            os.chdir(task.folder)
        if task.photos is not None and not task.photos.is_dir():
            raise ConfigError(
                "source_not_shared",
                f"{task.folder / task.photos} does not exist there.",
                "Put the photos into a folder that every machine of the cluster has under the same path.",
            )
        check_store_is_shared(composition.store_file(task.settings), task.machine)

    def _open(self) -> None:
        task = self._task
        pack = composition.open_pack(task.settings)
        if pack.tag != task.pack:
            raise ConfigError(
                "other_pack",
                f"The pack there is {pack.tag!r}, and the command's is {task.pack!r}.",
                "Put the same pack on every machine of the cluster.",
            )
        opened = composition.open_gallery(task.settings, pack, publishes=False)
        gallery = log_changes(opened, task.settings, task.run)
        if gallery.store.identity() != task.store:
            gallery.close()
            raise store_not_shared("its address leads to another store there")
        self._embedder = composition.open_embedder(task.settings, pack)
        self._judge = EnrolmentJudge(gallery, pack.threshold)
        self._gallery = gallery


class _Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[LogLine] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(LogLine(record.levelno, self.format(record)))


@contextmanager
def _logged() -> Iterator[list[LogLine]]:
    """The warnings and errors that are logged inside the block."""
    handler = _Lines()
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield handler.lines
    finally:
        logging.getLogger().removeHandler(handler)
