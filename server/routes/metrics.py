"""``/metrics``: what an operator's Prometheus reads."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from presente.api_keys import AccessRole
from server.auth import needs
from server.telemetry.telemetry import METRICS_TYPE, telemetry_of
from server.typed_routes import answers

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
@needs(AccessRole.ATTENDANCE)
@answers(str, streams="text/plain")
def metrics() -> Response:
    """Counters, histograms and gauges in Prometheus' text format."""
    return Response(telemetry_of(current_app).exposition(), content_type=METRICS_TYPE)
