"""``/metrics``: what an operator's Prometheus reads."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from server.access.permissions import Permission, needs
from server.telemetry.telemetry import METRICS_TYPE, telemetry_of
from server.typed_routes import answers

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
@needs(Permission.STATUS)
@answers(str, streams="text/plain")
def metrics() -> Response:
    """Counters, histograms and gauges in Prometheus' text format."""
    return Response(telemetry_of(current_app).exposition(), content_type=METRICS_TYPE)
