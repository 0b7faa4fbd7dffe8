"""Traces: one span per request and one per stage, sent to an OpenTelemetry collector. OpenTelemetry is imported only
where traces are wanted.

A request's spans are made of its record when it is over, so that nothing has to be done before. The SDK reads the
standard variables by itself: endpoint, headers, sampler, resource attributes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from presente import __version__
from presente.errors import ConfigError
from server.telemetry.request_record import RequestRecord

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_FLUSH_MS = 5000


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """A request that has an answer.

    ``end`` is in seconds of :func:`time.perf_counter`; ``route`` is the rule, never the path.
    """

    record: RequestRecord
    end: float
    method: str
    route: str
    status: int
    role: str


class Tracing:
    """Makes spans of requests. Safe to use from several threads.

    The attributes are those of OpenTelemetry's semantic conventions for HTTP servers, without ``url.path`` and
    ``url.query``: a path may hold a matricula.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("presente", __version__)
        self._extract = TraceContextTextMapPropagator().extract

    def trace(self, request: AnsweredRequest, sent: Mapping[str, str]) -> None:
        """Make a request's spans, below the one that its ``traceparent`` names; ``sent`` are its headers."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        now = time.time_ns()

        def wall(seconds: float) -> int:
            return now - int((request.end - seconds) * 1e9)

        carrier = {name.lower(): text for name, text in sent.items() if name.lower() in ("traceparent", "tracestate")}
        method = request.method if request.method in _KNOWN_METHODS else "_OTHER"
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "http.response.status_code": request.status,
            "url.scheme": "http",
            "presente.role": request.role,
        }
        if request.route.startswith("/"):
            attributes["http.route"] = request.route
        if request.status >= 500:
            attributes["error.type"] = str(request.status)
        name = f"{'HTTP' if method == '_OTHER' else method} {attributes.get('http.route', '')}".strip()
        span = self._tracer.start_span(
            name, self._extract(carrier), SpanKind.SERVER, attributes, start_time=wall(request.record.begun)
        )
        inside = set_span_in_context(span)
        for stage, begin, end in request.record.spans:
            self._tracer.start_span(stage, inside, start_time=wall(begin)).end(wall(end))
        if request.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(wall(request.end))

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()


def open_tracing() -> Tracing:
    """Tracing to the collector that the standard variables name; by default one on this machine, port 4318.

    Raises:
        ConfigError: ``traces_unavailable`` when the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as exc:
        raise ConfigError(
            "traces_unavailable",
            "Traces are asked for, and OpenTelemetry is not installed.",
            "Install presente[otel], or in a clone run `make otel`; or set PRESENTE_TRACES=off.",
        ) from exc
    ours = {"service.name": "presente", "service.version": __version__}
    named = OTELResourceDetector().detect().attributes  # by the standard variables, which go first
    provider = TracerProvider(resource=Resource.create({**ours, **named}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
