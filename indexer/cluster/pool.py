"""The workers of a run and the batches that they have under way: hands out, takes back, starts anew what was lost.

A batch whose worker was lost is given to another worker. When that one is lost, too, its photos are read one by one,
with nothing else under way in that worker; a photo that then ends two workers is refused. So a photo that crashes a
decoder ends four workers, and a machine that dies costs no photo.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from indexer.cluster.batches import Batch, LostBatch
from indexer.cluster.ray_cluster import RayCluster, RayWorker, WorkerLost
from indexer.cluster.values import PartResult, WorkerRefusal
from indexer.pipeline.crash_guard import crashed
from indexer.pipeline.run_report import RunReport
from indexer.pipeline.stages import refusal
from presente.cli import ProgressBar
from presente.errors import ConfigError

log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""How often the size of the cluster is looked at."""
_PATIENCE_S = 300.0
"""How long the run waits without any worker."""
_AHEAD = 2
"""Batches that a worker has: the one under way, and the next, so that it does not wait for the driver."""
_LOSSES = 2
"""Workers that are lost with a batch until its photos are read one by one, and with a photo until it is refused."""
_FAILED_STARTS = 3
"""Workers in a row that may end before they are open."""
_STOP_S = 60.0
"""How long workers that were told to stop are waited for."""
_INSTALL = "Install Presente and its requirements on every machine of the cluster; `ray logs` has more."


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker, and what it was told and has not answered: opening (None) or batches, the first is under way."""

    handle: RayWorker
    is_open: bool = False
    calls: dict[Any, Batch | None] = field(default_factory=dict)


class WorkerPool:
    """Has workers enrol batches, and adds what they report to the run's report.

    Attributes:
        lost: the batches that workers were lost with.
        report: of the run.
    """

    def __init__(
        self, cluster: RayCluster, task: Any, most: Callable[[], int], report: RunReport, progress: ProgressBar
    ) -> None:
        """Set up a pool without workers.

        Args:
            cluster: where the workers run.
            task: what they are told, as :meth:`RayCluster.share` gives it.
            most: how many workers there should be now.
            report: of the run.
            progress: is told of each photo.
        """
        self.lost: list[LostBatch] = []
        self.report = report
        self._cluster = cluster
        self._task = task
        self._most = most
        self._progress = progress
        self._workers: list[_Worker] = []
        self._again: deque[Batch] = deque()
        self._one_by_one: deque[Batch] = deque()
        self._all_handed_out = False
        self._failed_starts = 0
        self._looked = self._last_open = time.monotonic()

    def open(self) -> None:
        """Wait for the first worker that can work.

        Raises:
            ConfigError: why a worker cannot work; ``no_workers``.
        """
        self._start_workers()
        while not any(worker.is_open for worker in self._workers):
            self._take_next()

    def run(self, batches: Iterator[Batch]) -> None:
        """Enrol all batches, unless ``stopped`` of the report says why not.

        Raises:
            ConfigError: as :meth:`open`.
        """
        while self._hand_out(batches) and not self.report.stopped:
            self._take_next()

    def stop(self) -> None:
        """Have the workers end after the photos that are being written, and add what they report by then."""
        self._most = lambda: 0
        self._workers = [worker for worker in self._workers if worker.is_open]
        for worker in self._workers:
            worker.handle.stop()
        deadline = time.monotonic() + _STOP_S
        while any(worker.calls for worker in self._workers) and time.monotonic() < deadline:
            self._take(_LOOK_S)

    def close(self) -> None:
        """End the workers."""
        self._cluster.end([worker.handle for worker in self._workers if worker.is_open])
        self._cluster.end([worker.handle for worker in self._workers if not worker.is_open], politely=False)
        self._workers = []

    # -- handing out ------------------------------------------------------------------------------------------------

    def _hand_out(self, batches: Iterator[Batch]) -> bool:
        """Give every worker what it can take; whether anything is under way or waits."""
        reader = self._reader_of_single_photos()
        if reader is not None and not reader.calls and self._one_by_one:
            self._tell(reader, self._one_by_one.popleft())
        for place in range(_AHEAD):  # first one batch for each worker, then a second one
            for worker in self._workers:
                if worker.is_open and worker is not reader and len(worker.calls) == place:
                    batch = self._again.popleft() if self._again else next(batches, None)
                    self._all_handed_out |= batch is None
                    if batch is not None:
                        self._tell(worker, batch)
        waits = self._again or self._one_by_one or not self._all_handed_out
        return bool(waits) or any(self._under_way())

    def _reader_of_single_photos(self) -> _Worker | None:
        """The worker that has such a photo, or gets one when it has done what it was told; None when there is none."""
        ready = [worker for worker in self._workers if worker.is_open]
        alone = [worker for worker in ready if any(batch and batch.is_alone for batch in worker.calls.values())]
        return next(iter(alone or (ready if self._one_by_one else [])), None)

    @staticmethod
    def _tell(worker: _Worker, batch: Batch) -> None:
        worker.calls[worker.handle.enrol(batch.photos)] = batch

    def _under_way(self) -> Iterator[Batch]:
        return (batch for worker in self._workers for batch in worker.calls.values() if batch is not None)

    # -- taking back ------------------------------------------------------------------------------------------------

    def _take_next(self) -> None:
        """Wait for an answer for a moment, and look after the workers."""
        self._take(_LOOK_S)
        now = time.monotonic()
        if any(worker.is_open for worker in self._workers):
            self._last_open = now
        elif now - self._last_open > _PATIENCE_S:
            raise ConfigError(
                "no_workers",
                f"The cluster had no room for a worker for {_PATIENCE_S:.0f} seconds.",
                "Add machines (`ray start --address HOST:PORT`), or end what holds their cores (`ray status`).",
            )
        if now - self._looked > _LOOK_S:
            self._start_workers()

    def _take(self, seconds: float) -> None:
        calls = {call: worker for worker in self._workers for call in worker.calls}
        if not calls:
            time.sleep(seconds)
            return
        call = self._cluster.first_done(calls, seconds)
        if call is None:
            return
        worker = calls[call]
        try:
            answer = self._cluster.result(call)
        except WorkerLost as loss:
            self._take_loss(worker, loss)
            return
        except Exception as error:
            if worker.is_open:
                raise
            raise ConfigError("workers_end", f"Workers of the cluster cannot start: {error}", _INSTALL) from error
        batch = worker.calls.pop(call)
        if isinstance(answer, PartResult) and batch is not None:
            self._add(batch, answer)
        elif isinstance(answer, WorkerRefusal):
            raise ConfigError(answer.code, f"On {answer.place}: {answer.what}", answer.fix)
        else:
            worker.is_open, self._failed_starts = True, 0

    def _add(self, batch: Batch, result: PartResult) -> None:
        part = result.report
        for line in result.log:
            log.log(line.level, "%s", line.text)
        self.report.add(part)
        if batch.lost is not None:
            batch.lost.done += part.done
            batch.lost.already += part.already
        self.report.stopped = self.report.stopped or part.stopped
        self._progress(part.done + part.already + len(part.refused), len(self.report.refused))

    # -- losses -----------------------------------------------------------------------------------------------------

    def _take_loss(self, worker: _Worker, loss: WorkerLost) -> None:
        """Forget a worker that was lost; what it had is given to others."""
        self._take_finished(worker)
        self._workers.remove(worker)
        self._cluster.end([worker.handle], politely=False)
        log.warning("a worker was lost (%s); what it had under way is read again", str(loss).partition("\n")[0])
        if not worker.is_open:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise ConfigError("workers_end", f"Workers of the cluster end as they start: {loss}", _INSTALL)
        batches = [batch for batch in worker.calls.values() if batch is not None]
        for batch in batches[:1]:
            self._suspect(batch)
        self._again.extendleft(reversed(batches[1:]))
        self._start_workers()

    def _take_finished(self, worker: _Worker) -> None:
        """Add what a lost worker had finished."""
        for call, batch in list(worker.calls.items()):
            if batch is None or self._cluster.first_done([call], 0) is None:
                return
            try:
                answer = self._cluster.result(call)
            except WorkerLost:
                return
            del worker.calls[call]
            if isinstance(answer, PartResult):
                self._add(batch, answer)

    def _suspect(self, batch: Batch) -> None:
        """Decide what becomes of a batch that a worker was lost with."""
        lost = batch.note_loss()
        if lost not in self.lost:
            self.lost.append(lost)
        if batch.losses < _LOSSES:
            (self._again if len(batch.photos) > 1 else self._one_by_one).appendleft(batch)
        elif len(batch.photos) > 1:
            self._one_by_one.extendleft(reversed(batch.one_by_one()))
        else:
            self.report.refused.append(refusal(batch.photos[0].location, crashed()))
            self._progress(1, len(self.report.refused))

    def _start_workers(self) -> None:
        """Ask for as many workers as there should be."""
        self._looked = time.monotonic()
        for _ in range(self._most() - len(self._workers)):
            worker = _Worker(self._cluster.start_worker(self._task))
            worker.calls[worker.handle.open()] = None
            self._workers.append(worker)
