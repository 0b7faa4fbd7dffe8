"""Everything that a server tells of itself, in one place: counted as it happens, read when it is asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gallery.attendance.face_attendance import FaceAttendance
from gallery.decision import Decision
from gallery.documents.attendance import LivenessDecision
from gallery.documents.protocol import DocumentStore
from gallery.threshold.operating_point import OperatingPoint
from presente.settings.liveness import LivenessUse
from presente.stages import unheard
from server.service import ServiceHandle
from server.telemetry.gauges import Gauges
from server.telemetry.instruments import NO_ROLE, OTHER_METHOD, UNMATCHED, Instruments
from server.telemetry.observed_store import observed
from server.telemetry.request_record import RequestRecord
from server.telemetry.tracing import AnsweredRequest, Tracing
from server.unknown_faces import UnknownOutcome

_EXTENSION = "presente.telemetry"
METRICS_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Telemetry:
    """The metrics of one server, in a registry of their own, and its traces. A :class:`server.observer.Observer`.

    Attributes:
        instruments: what is counted as it happens.
        gauges: what is read when a scrape asks for it.
        tracing: where traces go; None: nowhere.
    """

    def __init__(self, service_handle: ServiceHandle, tracing: Tracing | None = None) -> None:
        self.registry = CollectorRegistry()
        self.instruments = Instruments(self.registry)
        self.gauges = Gauges(service_handle, self.registry)
        self.tracing = tracing

    def exposition(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        with unheard():
            return generate_latest(self.registry)

    def observed(self, store: DocumentStore) -> DocumentStore:
        """The same store; its calls are timed and its errors counted."""
        return observed(store, self.instruments.store_failed)

    # -- requests ----------------------------------------------------------------------------------------------------

    def answered(
        self,
        record: RequestRecord,
        method: str,
        route: str | None,
        status: int,
        role: str | None,
        sent: Mapping[str, str],
    ) -> None:
        """The application has an answer to a request, a refusal among them.

        Args:
            record: what the request took.
            method: as it was sent.
            route: the rule, never the path; None when no route takes the request.
            status: of the answer.
            role: of the client; None when the request was refused before that was known.
            sent: the request's headers.
        """
        end = time.perf_counter()
        route = route or UNMATCHED
        self.instruments.request(route, method, status, role or NO_ROLE)
        self.instruments.took(route, status, end - record.begun, record.seconds)
        if self.tracing is not None:
            self.tracing.trace(AnsweredRequest(record, end, method, route, status, role or NO_ROLE), sent)

    def refused_unread(self, status: int) -> None:
        """The front has refused what never became a request."""
        self.instruments.request(UNMATCHED, OTHER_METHOD, status, NO_ROLE)

    def abandoned(self) -> None:
        """A client hung up before there was an answer."""
        self.instruments.abandoned.inc()

    # -- decisions ---------------------------------------------------------------------------------------------------

    def identified(self, decisions: Sequence[Decision], point: OperatingPoint) -> None:
        """See :class:`server.observer.Observer`."""
        self.instruments.photos("identify", 1, len(decisions))
        for made in decisions:
            self.instruments.decision("identify", made.verdict, made.score, point.fpir(made.score))

    def attended(self, faces: Sequence[FaceAttendance], point: OperatingPoint) -> None:
        """See :class:`server.observer.Observer`."""
        self.instruments.photos("attendance", 1, len(faces))
        for face in faces:
            score = face.candidates[0].score if face.candidates else None
            self.instruments.decision("attendance", face.status, score, point.fpir(score))

    def verified(self, same_person: bool, score: float | None) -> None:
        """See :class:`server.observer.Observer`. No FPIR: one person was compared with, not the people of a search."""
        self.instruments.photos("verify", 1, 1)
        self.instruments.decision("verify", "same_person" if same_person else "another_person", score, None)

    def judged(self, use: LivenessUse, decisions: Sequence[LivenessDecision]) -> None:
        """See :class:`server.observer.Observer`."""
        for made in decisions:
            self.instruments.liveness(use, made)

    def kept_unknown(self, outcome: UnknownOutcome) -> None:
        """See :class:`server.observer.Observer`."""
        self.instruments.unknown_face(outcome)

    def enrolled(self, photos: int) -> None:
        """See :class:`server.observer.Observer`."""
        self.instruments.photos("enrol", photos, photos)


def install(app: Flask, telemetry: Telemetry) -> None:
    """Give an application its telemetry."""
    app.extensions[_EXTENSION] = telemetry


def telemetry_of(app: Any) -> Telemetry:
    """The telemetry of an application."""
    found: Telemetry = app.extensions[_EXTENSION]
    return found
