"""A cluster of workers on Ray: joins or starts it, starts workers in it, waits for what they were told.

Ray's own retries are not used (``max_task_retries`` hung when a node was killed): the driver learns that a worker is
lost, and decides.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

from indexer.cluster.values import PartResult, WorkerRefusal, WorkerTask
from indexer.cluster.worker import EnrolmentWorker
from indexer.sources.values import SourcePhoto
from presente.parallel import default_workers
from presente.ray_cluster import join_cluster, leave_cluster

_CONTROL = "control"
_CLOSE_S = 10.0


class WorkerLost(Exception):
    """A worker's process or its machine ended, or cannot be reached."""


@dataclass(frozen=True, slots=True, eq=False)
class RayWorker:
    """An actor. Each call gives a reference to wait for."""

    actor: Any

    def open(self) -> Any:
        """See :meth:`EnrolmentWorker.open`."""
        return self.actor.open.remote()

    def enrol(self, photos: Sequence[SourcePhoto]) -> Any:
        """See :meth:`EnrolmentWorker.enrol`."""
        return self.actor.enrol.remote(photos)

    def stop(self) -> None:
        """See :meth:`EnrolmentWorker.stop`; it is not waited for."""
        self.actor.stop.options(concurrency_group=_CONTROL).remote()


class RayCluster:
    """A cluster that this process has joined."""

    def __init__(self, ray: Any, on_gpus: bool) -> None:
        self._ray = ray
        self._on_gpus = on_gpus

    def room(self) -> int:
        """How many workers the machines that are up have room for: one per core, or one per GPU."""
        return int(self._ray.cluster_resources().get("GPU" if self._on_gpus else "CPU", 0))

    def cores_per_worker(self) -> int:
        """One; or, on GPUs, the cores per GPU of the machine that has fewest."""
        if not self._on_gpus:
            return 1
        up = [node["Resources"] for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
        return max(1, min((int(has.get("CPU", 0) / has["GPU"]) for has in up), default=1))

    def start_worker(self, task: Any) -> RayWorker:
        """Ask for a worker. It starts where and when there is room; ``task`` is what :meth:`share` gave."""
        actor = self._ray.remote(
            num_cpus=self.cores_per_worker(),
            num_gpus=1 if self._on_gpus else 0,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={_CONTROL: 1},
        )
        return RayWorker(actor(EnrolmentWorker).remote(task))

    def share(self, task: WorkerTask) -> Any:
        """What :meth:`start_worker` takes."""
        return self._ray.put(task)

    def first_done(self, calls: Collection[Any], seconds: float) -> Any | None:
        """The first of some calls that is done, or whose worker was lost; None after a time."""
        done, _ = self._ray.wait(list(calls), num_returns=1, timeout=seconds)
        return done[0] if done else None

    def result(self, call: Any) -> WorkerRefusal | PartResult | None:
        """What a worker answered.

        Raises:
            WorkerLost: the worker was lost.
        """
        errors = self._ray.exceptions
        try:
            return self._ray.get(call)  # type: ignore[no-any-return]
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except errors.RayError as error:
            raise WorkerLost(str(error).strip()) from error

    def end(self, workers: Collection[RayWorker], politely: bool = True) -> None:
        """End workers; ``politely``: after they gave back what they hold."""
        if politely and workers:
            with suppress(self._ray.exceptions.RayError):
                closing = [worker.actor.close.remote() for worker in workers]
                self._ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_S)
        for worker in workers:
            with suppress(self._ray.exceptions.RayError):
                self._ray.kill(worker.actor)


@contextmanager
def joined_cluster(address: str | None, on_gpus: bool) -> Iterator[RayCluster]:
    """Join the Ray cluster at an address; without one, that of ``RAY_ADDRESS``, or else a cluster of this machine
    alone, which ends with the block. ``on_gpus``: each worker gets a GPU.

    Raises:
        ConfigError: ``ray_missing``, ``cluster_unavailable``.
        InvalidInput: ``unsuitable_address``.
    """
    ray = join_cluster(address, default_workers(), "--engine ray")
    with redirect_stdout(sys.stderr):  # Ray prints what its daemons say of lost workers, some of it at the end
        try:
            yield RayCluster(ray, on_gpus)
        finally:
            leave_cluster(ray)
