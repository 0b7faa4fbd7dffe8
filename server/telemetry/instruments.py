"""The counters and histograms of one server. Their labels are bounded: a client cannot make a new time series."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

# Of the library as a whole: a further series per series, which tells nothing here.
disable_created_metrics()  # type: ignore[no-untyped-call]

UNMATCHED = "unmatched"
"""The route of every request that no route takes."""
OTHER_METHOD = "other"
NO_ROLE = "none"
"""The role of a request that was refused before its key was looked at, or for its key."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STORE_ERRORS = ("store_unavailable", "lease_lost", "pack_mismatch", "unexpected")
"""Kinds of store errors that are there from the start, at 0."""
STAGES = ("queue", "decode", "detect", "embed", "liveness", "search", "store", "total")

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SCORES = (-0.1, 0.0, *(round(0.05 * step, 2) for step in range(1, 21)))
_RATES = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)


class Instruments:
    """What is counted as it happens. Safe to use from several threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all of them."""
        self._requests = Counter(
            "presente_http_requests",
            "Requests that were answered.",
            ["route", "method", "status", "role"],
            registry=registry,
        )
        self.abandoned = Counter(
            "presente_http_abandoned_requests",
            "Requests whose clients hung up before there was an answer.",
            registry=registry,
        )
        self._durations = Histogram(
            "presente_http_request_duration_seconds",
            "From a request's last byte to its answer, by route; without requests that were refused (4xx).",
            ["route"],
            registry=registry,
            buckets=_SECONDS,
        )
        stages = Histogram(
            "presente_stage_duration_seconds",
            "What requests spent in each stage; queue is waiting for a thread, total is all.",
            ["stage"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._stages = {name: stages.labels(name) for name in STAGES}
        self._photos = Counter("presente_photos", "Photos that were read.", ["task"], registry=registry)
        self._faces = Counter("presente_faces", "Faces that were found in them.", ["task"], registry=registry)
        self._decisions = Counter(
            "presente_decisions",
            "Decisions about faces: verdicts of identify and verify, statuses of attendance.",
            ["task", "verdict"],
            registry=registry,
        )
        self._scores = Histogram(
            "presente_decision_score",
            "The best score of each face that was compared with anyone.",
            ["task"],
            registry=registry,
            buckets=_SCORES,
        )
        self._rates = Histogram(
            "presente_decision_fpir",
            "The share of strangers whose best score would be as high; only of a calibrated gallery.",
            ["task"],
            registry=registry,
            buckets=_RATES,
        )
        self._liveness = Counter(
            "presente_liveness",
            "Decisions whether faces are live, where that is asked: live, attack, not_judged.",
            ["task", "decision"],
            registry=registry,
        )
        self._unknown_faces = Counter(
            "presente_unknown_faces",
            "Faces of unknown people, where they are kept: added, seen_again, not_ours, known, not_good, full, "
            "queue_full, failed.",
            ["outcome"],
            registry=registry,
        )
        self._store_errors = Counter(
            "presente_store_errors", "Calls of the document store that failed.", ["kind"], registry=registry
        )
        for kind in STORE_ERRORS:  # from the first scrape on: a series that begins at 1 has no increase
            self._store_errors.labels(kind)
        self._unwritable = Counter(
            "presente_http_unwritable", "Requests for which the disk had no room (507).", registry=registry
        )
        self._answered: dict[tuple[str, str, int, str], Counter] = {}
        self._by_route: dict[str, Histogram] = {}

    def request(self, route: str, method: str, status: int, role: str) -> None:
        """One request was answered."""
        key = route, method if method in METHODS else OTHER_METHOD, status, role
        counter = self._answered.get(key)
        if counter is None:  # looking labels up takes longer than counting
            counter = self._answered[key] = self._requests.labels(key[0], key[1], str(status), role)
        counter.inc()
        if status == HTTPStatus.INSUFFICIENT_STORAGE:
            self._unwritable.inc()

    def took(self, route: str, status: int, seconds: float, stages: Mapping[str, float]) -> None:
        """How long a request took, and each of its stages; names that are no stage of ours are passed over.

        The route's own times leave out what was refused: that is quick, and would hide what is slow.
        """
        by_route = self._by_route.get(route)
        if by_route is None:
            by_route = self._by_route[route] = self._durations.labels(route)
        if not 400 <= status < 500:
            by_route.observe(seconds)
        self._stages["total"].observe(seconds)
        for name, spent in stages.items():
            if name in self._stages:
                self._stages[name].observe(spent)

    def photos(self, task: str, photos: int, faces: int) -> None:
        """Photos were read, with so many faces."""
        self._photos.labels(task).inc(photos)
        self._faces.labels(task).inc(faces)

    def decision(self, task: str, verdict: str, score: float | None, fpir: float | None) -> None:
        """Something was decided about a face."""
        self._decisions.labels(task, verdict).inc()
        if score is not None:
            self._scores.labels(task).observe(score)
        if fpir is not None:
            self._rates.labels(task).observe(fpir)

    def liveness(self, task: str, decision: str) -> None:
        """It was decided whether a face is live."""
        self._liveness.labels(task, decision).inc()

    def unknown_face(self, outcome: str) -> None:
        """Something became of the face of an unknown person."""
        self._unknown_faces.labels(outcome).inc()

    def store_failed(self, kind: str) -> None:
        """A call of the document store failed."""
        self._store_errors.labels(kind).inc()
