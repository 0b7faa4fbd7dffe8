"""Dashboard and alerts name metrics that exist; the log names no one; traces reach a collector."""

from __future__ import annotations

import gzip
import http.server
import json
import logging
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from presente.logs import HidingFormatter, JsonFormatter
from tests.conftest import ROOT, on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ADMIN, ANA, CLASS, GROUP, KEYS, PROBE, UNKNOWN

_METRIC = re.compile(r"\b(?:presente|process|python)_[a-z_]+")


@on_sqlite
def test_the_dashboard_and_the_alerts_name_metrics_that_exist(serve: Serve, sample_gallery: None) -> None:
    running = serve()
    running.ask("/v1/identify", PROBE)
    text = running.fetch("GET", "/metrics").body.decode()
    known = set(re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE))
    known |= {name + end for name in known for end in ("_bucket", "_sum", "_count")}
    panels = json.loads((ROOT / "deploy/grafana/presente.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    page = (ROOT / "docs/observability.md").read_text()
    for expression in [*queries, alerts]:
        for name in _METRIC.findall(expression):
            assert name in known, name
    for name in re.findall(r"alert: (\w+)", alerts):
        assert f"| `{name}` |" in page
    for name in re.findall(r"^# TYPE (presente_\S+)", text, flags=re.MULTILINE):
        assert f"`{name}`" in page, name


@on_sqlite
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_names_no_one(serve: Serve, sample_gallery: None, tmp_path: Path, form: str) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS, PRESENTE_LOG_FORMAT=form)
    name, matricula = ANA["nombre_del_alumno"], ANA["matricula"]
    running.fetch("POST", "/v1/identify", PROBE, Content_Type="image/jpeg", X_API_Key=ADMIN)
    running.fetch("POST", f"/v1/attendance?clase={CLASS}", GROUP, Content_Type="image/jpeg", X_API_Key=ADMIN)
    running.fetch("GET", f"/v1/students/{matricula}", X_API_Key=ADMIN, X_Request_Id="mine")
    running.fetch("GET", f"/v1/students?q={name.split()[0]}", X_API_Key=ADMIN)
    running.fetch("GET", f"/v1/students?q={matricula}", X_API_Key=UNKNOWN)
    (tmp_path / "gallery.db").write_bytes(b"no database any more" * 1000)
    running.fetch("GET", f"/v1/students/{matricula}", X_API_Key=ADMIN)
    running.stop()
    log = (tmp_path / "server.log").read_text()
    for word in (*name.split(), matricula, ADMIN, UNKNOWN, "q="):
        assert word not in log, word
    if form == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        (mine,) = [line for line in lines if line.get("request_id") == "mine"]
        assert (mine["route"], mine["status"], mine["role"]) == ("/v1/students/<matricula>", 200, "admin")
        assert mine["duration_ms"] > 0 and mine["time"].endswith("Z")


@pytest.mark.parametrize("formatter", [HidingFormatter("%(message)s", private=True), JsonFormatter(private=True)])
def test_an_error_that_quotes_a_name_is_logged_without_it(formatter: logging.Formatter) -> None:
    try:
        dict[str, str]()["A0178"]
    except KeyError as error:
        failed = error
    record = logging.LogRecord("x", 40, "x", 1, "failed: %s", (failed,), (KeyError, failed, failed.__traceback__))
    text = formatter.format(record)
    assert "KeyError" in text and "test_observability.py" in text
    assert "'A0178'" not in text.replace('()["A0178"]', "")


@on_sqlite
def test_spans_reach_a_collector(serve: Serve, sample_gallery: None) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="OpenTelemetry is not installed (`make otel`)")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    got: list[Any] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            got.append(service.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        running = serve(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}")
        trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
        headers = {"Content_Type": "image/jpeg", "traceparent": f"00-{trace}-{parent}-01"}
        assert running.fetch("POST", "/v1/identify", PROBE, **headers).status == 200
        running.stop()
        collector.shutdown()
    spans = [span for each in got for resource in each.resource_spans for s in resource.scope_spans for span in s.spans]
    (root,) = [span for span in spans if span.name == "POST /v1/identify"]
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (trace, parent)
    children = {span.name for span in spans if span.parent_span_id == root.span_id}
    assert {"queue", "decode", "detect", "embed", "search", "store"} <= children
    named = {each.key: each.value for each in root.attributes}
    assert named["http.route"].string_value == "/v1/identify" and named["http.response.status_code"].int_value == 200
