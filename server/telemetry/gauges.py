"""What is read when a scrape asks for it: the index, the threads, the memory. Only the number of the store's last
change is not in memory already."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gallery.gallery import Gallery
from presente import __version__
from presente.errors import PresenteError
from server.decoding.admission import Admission
from server.readiness import READY
from server.service import ServiceHandle
from server.telemetry.front_state import FrontSource, FrontState


class Gauges(Collector):
    """Reads the gauges of one server.

    Attributes:
        front: the front, once it runs.
        admission: of photos that are decoded, once there is one.
    """

    def __init__(self, service_handle: ServiceHandle, registry: CollectorRegistry) -> None:
        """Register these gauges, and those of the process."""
        self._service_handle = service_handle
        self.front: FrontSource | None = None
        self.admission: Admission | None = None
        registry.register(self)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def describe(self) -> list[Metric]:
        """Nothing: the registry would otherwise collect once to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every gauge that has a value now."""
        yield _info("presente_build_info", "The version that runs.", version=__version__)
        yield _gauge("presente_ready", "Whether queries are answered.", int(self._service_handle.ready() == READY))
        service = self._service_handle.loaded()
        if service is not None:
            yield _info(
                "presente_pack_info", "The model pack.", pack=service.embedder.pack.name, dim=str(service.gallery.dim)
            )
            yield from _of_index(service.gallery)
        if self.front is not None:
            yield from _of_front(self.front())
        yield from _of_memory(self.front, self.admission)


def _of_index(gallery: Gallery) -> Iterator[Metric]:
    state = gallery.index.state()
    yield _info("presente_index_info", "Kind of the published index.", kind=state.kind)
    yield _gauge("presente_index_templates", "Templates that searches find.", state.templates)
    yield _gauge("presente_index_subjects", "Subjects who have a template.", state.subjects)
    yield _gauge("presente_index_unpublished_templates", "Templates since the newest generation.", state.unpublished)
    yield _gauge("presente_index_unerased_templates", "Removed templates that files may still hold.", state.unerased)
    yield _gauge("presente_index_generation", "Number of the newest generation; 0: none.", state.generation)
    if state.generation_age_s is not None:
        yield _gauge("presente_index_generation_age_seconds", "Since it was published.", state.generation_age_s)
    if state.recall is not None and state.recall_floor is not None:
        yield _gauge("presente_index_gate_recall", "Its recall at 10, as the gate measured it.", state.recall)
        yield _gauge("presente_index_gate_recall_floor", "The recall that the gate asked for.", state.recall_floor)
    yield _gauge("presente_index_last_look_seconds", "Since the store last told the index of changes.", state.looked_s)
    if state.shards:
        yield _gauge("presente_index_shards", "Shards of the index.", state.shards)
        yield _gauge("presente_index_shards_ready", "Those of them that are there.", state.shards_ready)
    try:
        behind = gallery.index.behind()
    except PresenteError:  # it is counted as an error of the store's, and how far behind the index is is not known
        return
    yield _gauge("presente_index_behind_changes", "Change numbers of the store that the index has not seen.", behind)


def _of_front(state: FrontState) -> Iterator[Metric]:
    yield _gauge("presente_connections", "Open connections.", state.connections)
    yield _gauge("presente_connections_limit", "How many may be open.", state.connections_limit)
    yield _gauge("presente_threads", "Threads that answer requests.", state.threads)
    yield _gauge("presente_threads_busy", "Threads that are at work.", state.threads_busy)
    yield _gauge("presente_requests_waiting", "Requests that wait for a thread.", state.requests_waiting)


def _of_memory(front: FrontSource | None, admission: Admission | None) -> Iterator[Metric]:
    budget = GaugeMetricFamily("presente_memory_budget_bytes", "Bytes that may be taken.", labels=["use"])
    used = GaugeMetricFamily("presente_memory_used_bytes", "Bytes that are taken.", labels=["use"])
    waiting = GaugeMetricFamily("presente_photos_waiting", "Photos that wait for their turn.", labels=["lane"])
    if front is not None:
        state = front()
        budget.add_metric(["bodies"], state.body_budget)
        used.add_metric(["bodies"], state.body_bytes)
    for name, lane in () if admission is None else (("cheap", admission.cheap), ("costly", admission.costly)):
        budget.add_metric([f"decoding_{name}"], lane.memory)
        used.add_metric([f"decoding_{name}"], lane.used)
        waiting.add_metric([name], lane.queued)
    yield from (budget, used, waiting)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _info(name: str, about: str, **labels: str) -> Metric:
    made = GaugeMetricFamily(name, about, labels=list(labels))
    made.add_metric(list(labels.values()), 1)
    return made
