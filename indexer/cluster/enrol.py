"""Enrols a source on the machines of a Ray cluster; the report is that of a local run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from faces.packs.model_pack import ModelPack
from gallery.gallery import Gallery
from indexer.cluster.batches import LostBatch, batch_size, in_whole_students
from indexer.cluster.pool import WorkerPool
from indexer.cluster.ray_cluster import RayCluster
from indexer.cluster.values import WorkerTask
from indexer.pipeline.enrol_source import begun_report
from indexer.pipeline.late_duplicates import note_late_duplicates
from indexer.pipeline.run_report import RunReport
from indexer.pipeline.stages import run_timed
from indexer.sources.values import Source
from presente import __version__
from presente.cli import ProgressBar
from presente.command_log import CommandRun
from presente.machine import machine_name
from presente.settings import Settings


def worker_task(
    source: Source, settings: Settings, pack: ModelPack, gallery: Gallery, run: CommandRun, force: bool, cores: int
) -> WorkerTask:
    """What the workers of a run are told.

    A worker works on as many photos at a time as it has ``cores``. It gets no key of the server.
    """
    return WorkerTask(
        settings=replace(settings, workers=cores, api_keys=(), api_key=""),
        folder=Path.cwd(),
        photos=source.folder,
        fields=source.fields,
        force=force,
        version=__version__,
        pack=pack.tag,
        store=gallery.store.identity(),
        machine=machine_name(),
        run=run,
    )


def enrol_on_cluster(
    source: Source,
    task: WorkerTask,
    cluster: RayCluster,
    gallery: Gallery,
    threshold: float,
    workers: int,
    progress: ProgressBar,
) -> RunReport:
    """Enrol the photos of a source as :func:`indexer.pipeline.enrol_source.enrol_source` does, on many machines.

    Args:
        source: what to enrol.
        task: what the workers are told.
        cluster: where they are.
        gallery: as it was before the run; it must not have followed the store since.
        threshold: of the gallery's pack.
        workers: how many there shall be; 0: one per core of the cluster, also of machines that come later.
        progress: is told of each photo.

    Raises:
        ConfigError: why the first worker cannot work; nothing was enrolled.
    """
    report = begun_report(source)
    size = batch_size(len(source.photos), workers or cluster.room())
    batches = math.ceil(len(source.photos) / size)
    pool = WorkerPool(
        cluster, cluster.share(task), lambda: min(workers or max(cluster.room(), 1), batches), report, progress
    )

    def enrol() -> None:
        try:
            pool.run(in_whole_students(source.photos, size))
        finally:
            pool.stop()
            _count_as_done(report, pool.lost, gallery)
        if not report.stopped:
            note_late_duplicates(source, gallery, threshold, report)

    try:
        if batches:
            pool.open()
            run_timed(report, enrol)
    finally:
        pool.close()
    return report


def _count_as_done(report: RunReport, lost: Iterable[LostBatch], gallery: Gallery) -> None:
    """Count as done what workers stored that were lost before they could say so; it was found there again.

    That is what the students of their batches have now and had not when the run began, as ``gallery`` still shows it.
    """
    for batch in lost:
        new = 0
        for matricula in batch.matriculas:
            stored = gallery.store.student(matricula)
            if stored is not None:
                with gallery.index.reading() as searcher:
                    before = len(searcher.subject_vectors(stored.id))
                added = len(gallery.store.embedded(matricula, gallery.pack)) - before
                new += max(0, added)
                if added > 0 and stored.student.kind == "student":
                    report.enrolled.add(matricula)
        found_again = min(batch.already, max(0, new - batch.done))
        report.done, report.already = report.done + found_again, report.already - found_again
