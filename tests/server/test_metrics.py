"""``/metrics``: what was sent is what is counted, whoever answered it; gauges say what the server has."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import io
import socket
import sqlite3
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gallery.documents.attendance import EntryFilter
from gallery.gallery import Gallery
from presente import stages
from presente.composition import open_store
from presente.errors import NotFound, StoreError
from server.app import Access, create_app
from server.service import ServiceHandle
from server.telemetry.observed_store import observed
from server.telemetry.telemetry import Telemetry
from tests.conftest import DIM, SAMPLE, OpenGallery, enrolment, on_sqlite, unit
from tests.mongo_server import MongoServer, binary
from tests.server.conftest import Running, Serve
from tests.server.sample import ADMIN, ANA, ATTENDANCE, CLASS, DAY, GROUP, KEYS, PROBE, STRANGER, UNKNOWN
from tests.server.scraped import Scraped

REQUESTS = "presente_http_requests_total"
STAGE_COUNT = "presente_stage_duration_seconds_count"


def scrape(running: Running, key: str = ATTENDANCE) -> Scraped:
    reply = running.fetch("GET", "/metrics", X_API_Key=key)
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return Scraped.read(reply.body.decode())


def raw(address: str, sent: bytes) -> int:
    """The status that some bytes are answered with."""
    host, _, port = address.removeprefix("http://").partition(":")
    with contextlib.closing(socket.create_connection((host, int(port)), timeout=20)) as connection:
        connection.sendall(sent)
        answer = connection.recv(65536)
    return int(answer.split()[1])


def posted(running: Running, path: str, body: bytes, key: str = ATTENDANCE, kind: str = "image/jpeg") -> int:
    return int(running.fetch("POST", path, body, Content_Type=kind, X_API_Key=key).status)


def test_what_is_sent_is_what_is_counted(serve: Serve, sample_gallery: None) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS)
    assert scrape(running).sum(REQUESTS) == 0  # the scrape itself is counted when it is answered
    huge = b"POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n"
    sent = [
        *[posted(running, "/v1/identify", PROBE) for _ in range(3)],
        *[posted(running, "/v1/identify", STRANGER) for _ in range(2)],
        posted(running, "/v1/identify", b"GIF89a not a photo"),
        posted(running, "/v1/identify?k=0", PROBE),
        posted(running, "/v1/students", b"{}", kind="application/json"),  # 403: the key is not an admin's
        posted(running, "/v1/identify", PROBE, key=UNKNOWN),
        running.fetch("GET", "/v1/students/nobody", X_API_Key=ADMIN).status,
        running.fetch("GET", "/somewhere/A0178", X_API_Key=ADMIN).status,
        running.fetch("GET", "/livez").status,
        raw(running.address, huge),  # refused by its head: before Flask, which is not given it
        raw(running.address, b"this is not HTTP\r\n\r\n"),
        raw(running.address, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n"),
        raw(running.address, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        raw(
            running.address,
            b"PURGE /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: " + ADMIN.encode() + b"\r\n\r\n",
        ),
    ]
    expected = Counter(map(str, sent)) + Counter({"200": 1})  # and the first scrape
    assert {"200", "400", "401", "403", "404", "405", "415", "431"} <= expected.keys()
    found = scrape(running)
    assert found.by("status", REQUESTS) == expected
    by_route = found.by("route", REQUESTS)
    assert by_route["/v1/identify"] == 9 and by_route["/v1/students/<matricula>"] == 1 and by_route["/livez"] == 1
    assert found.one(REQUESTS, route="unmatched", status="404", method="GET", role="admin") == 1
    assert found.sum(REQUESTS, method="other") == 3  # PURGE, and two that never became requests
    assert found.by("role", REQUESTS, route="/v1/identify") == {"attendance": 7, "none": 2}
    unread = found.sum(REQUESTS, method="other", role="none")
    assert unread == 2
    refused = Counter(dict.fromkeys(by_route, 0))
    for status in expected:
        if status.startswith("4"):
            refused += Counter(found.by("route", REQUESTS, status=status))
    done = {route: count - refused[route] for route, count in by_route.items()}  # refusals would hide what is slow
    assert found.by("route", "presente_http_request_duration_seconds_count") == done
    assert found.one("presente_http_unwritable_total") == 0
    assert found.one(STAGE_COUNT, stage="total") == sum(expected.values()) - unread
    assert {stage: found.one(STAGE_COUNT, stage=stage) for stage in ("decode", "detect", "embed", "search")} == {
        "decode": 6,  # what is no photo failed there
        "detect": 5,
        "embed": 5,
        "search": 5,
    }
    assert found.one(STAGE_COUNT, stage="store") >= 5 and found.one(STAGE_COUNT, stage="queue") >= 10
    assert found.by("verdict", "presente_decisions_total", task="identify") == {"known": 3, "unknown": 2}
    assert found.one("presente_photos_total", task="identify") == 5
    assert found.one("presente_faces_total", task="identify") == 5
    assert found.one("presente_decision_score_count", task="identify") == 5


def test_scores_fall_into_the_buckets_of_what_was_answered(serve: Serve, sample_gallery: None) -> None:
    running = serve()
    faces = [running.ask("/v1/identify", photo)["faces"][0] for photo in (PROBE, STRANGER)]
    found = scrape(running)
    for face in faces:
        buckets = [
            (float(of["le"]), count) for of, count in found.all("presente_decision_score_bucket", task="identify")
        ]
        below = max((edge for edge, _ in buckets if edge < face["score"]), default=-1.0)
        counted = dict(buckets)
        assert counted[min(edge for edge, _ in buckets if edge >= face["score"])] > counted.get(below, 0)
    assert found.one("presente_decision_score_count", task="identify") == 2
    rates = [face["fpir"] for face in faces if face["fpir"] is not None]
    assert found.sum("presente_decision_fpir_count", task="identify") == len(rates)
    if rates:
        assert found.one("presente_decision_fpir_sum", task="identify") == pytest.approx(sum(rates))


def test_attendance_verify_and_enrolment(serve: Serve, sample_gallery: None) -> None:
    running = serve()
    taken = running.ask(f"/v1/attendance?clase={CLASS}&fecha={DAY}", GROUP)
    verified = [running.ask(f"/v1/verify?matricula={ANA['matricula']}", photo) for photo in (PROBE, STRANGER)]
    assert [each["same_person"] for each in verified] == [True, False]
    new = {"matricula": "N1", "nombre_del_alumno": "Nadia Sol", "clase": CLASS}
    before = scrape(running)
    with contextlib.closing(http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=30)) as asked:
        body, kind = form(new, [STRANGER])
        asked.request("POST", "/v1/students", body, {"Content-Type": kind})
        assert asked.getresponse().status == 201
    found = scrape(running)
    statuses = Counter(face["status"] for face in taken["faces"])
    assert found.by("verdict", "presente_decisions_total", task="attendance") == statuses and len(statuses) > 1
    assert found.one("presente_faces_total", task="attendance") == len(taken["faces"])
    assert found.by("verdict", "presente_decisions_total", task="verify") == {"same_person": 1, "another_person": 1}
    assert found.one("presente_photos_total", task="enrol") == 1
    for stage in ("decode", "detect", "embed", "search"):
        assert found.one(STAGE_COUNT, stage=stage) - before.one(STAGE_COUNT, stage=stage) == 1, stage
    assert before.one("presente_index_unpublished_templates") == 0
    assert found.one("presente_index_unpublished_templates") == 1
    assert found.one("presente_index_templates") == before.one("presente_index_templates") + 1


def form(fields: dict[str, str], photos: list[bytes]) -> tuple[bytes, str]:
    """A multipart body and its type."""
    edge = uuid.uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="1.jpg"\r\n\r\n'.encode()
    parts += [head + photo + b"\r\n" for photo in photos]
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def test_gauges_say_what_status_says(serve: Serve, sample_gallery: None) -> None:
    running = serve(PRESENTE_SERVER_THREADS="3", PRESENTE_MEMORY_MB="2000")
    status, found = running.ask("/v1/status"), scrape(running)
    assert found.one("presente_index_templates") == status["indexed"]
    assert found.one("presente_index_subjects") == status["subjects"]
    assert found.one("presente_index_generation") == status["generation"] > 0
    assert found.one("presente_index_info", kind=status["index_kind"]) == 1
    assert found.one("presente_pack_info", pack=status["pack"], dim=str(status["dim"])) == 1
    assert found.one("presente_build_info", version=status["version"]) == 1
    assert found.one("presente_index_gate_recall") == status["index_gate"]["recall"]
    assert found.one("presente_index_gate_recall_floor") == status["index_gate"]["floor"]
    assert found.one("presente_index_generation_age_seconds") >= 0
    assert found.one("presente_index_behind_changes") == 0
    assert 0 <= found.one("presente_index_last_look_seconds") < 60
    assert found.one("presente_ready") == 1
    assert found.one("presente_threads") == 6 and found.one("presente_threads_busy") == 1  # the scrape's own
    assert found.one("presente_connections") >= 1
    budget = found.by("use", "presente_memory_budget_bytes")
    assert budget["decoding_cheap"] + budget["decoding_costly"] == 2_000_000_000 and budget["bodies"] > 0
    assert found.by("use", "presente_memory_used_bytes") == {"bodies": 0, "decoding_cheap": 0, "decoding_costly": 0}
    assert found.by("lane", "presente_photos_waiting") == {"cheap": 0, "costly": 0}
    assert found.one("process_resident_memory_bytes") > 10e6 and found.one("process_cpu_seconds_total") > 0


@on_sqlite
def test_requests_without_a_thread_are_counted(serve: Serve, sample_gallery: None) -> None:
    running = serve(PRESENTE_SERVER_THREADS="1")
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (2500, 2500, 3), dtype=np.uint8)).save(stream, "JPEG")
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answered = list(
            pool.map(
                lambda _: running.fetch("POST", "/v1/identify", stream.getvalue(), Content_Type="image/jpeg").status,
                range(40),
            )
        )
    statuses = Counter(map(str, answered))
    assert statuses["503"] > 0 and statuses["200"] > 0
    found = scrape(running)
    assert found.by("status", REQUESTS, route="/v1/identify") == statuses
    assert found.sum(REQUESTS, status="503", role="none") == statuses["503"]  # whose key no one has looked at
    assert found.one(STAGE_COUNT, stage="queue") >= 40


@on_sqlite
def test_errors_of_the_store_are_counted_by_kind(serve: Serve, sample_gallery: None, tmp_path: Path) -> None:
    running = serve()
    assert scrape(running).sum("presente_store_errors_total") == 0
    other = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None, timeout=30)
    other.execute("ALTER TABLE students RENAME TO elsewhere")
    assert posted(running, "/v1/identify", PROBE) == 503
    found = scrape(running)
    assert found.one("presente_store_errors_total", kind="store_unavailable") >= 1
    assert found.one(REQUESTS, route="/v1/identify", status="503", method="POST", role="admin") == 1
    other.execute("ALTER TABLE elsewhere RENAME TO students")
    other.close()


def test_a_scrape_while_the_store_is_away(serve: Serve, command: Any, tmp_path: Path) -> None:
    if not binary().exists():
        pytest.skip("no MongoDB server that can be stopped: build one with `make mongoserver` (needs Go)")
    folder = tmp_path / "own"
    folder.mkdir()
    own = MongoServer(folder)
    url = f"{own.url}/presente"
    try:
        assert command("indexer", "add", SAMPLE / "students.csv", PRESENTE_STORE=url).returncode == 0
        running = serve(PRESENTE_STORE=url)
        assert scrape(running).one("presente_index_behind_changes") == 0
        own.stop()
        scrape(running)
        found = scrape(running)  # which has what the one before met
        assert "presente_index_behind_changes" not in found.names
        assert found.one("presente_store_errors_total", kind="store_unavailable") >= 1
        assert found.one("presente_index_templates") > 0
    finally:
        own.stop()


test_a_scrape_while_the_store_is_away = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)(
    test_a_scrape_while_the_store_is_away
)


def test_changes_that_the_index_has_not_seen(open_gallery: OpenGallery) -> None:
    ours, other = open_gallery(), open_gallery()
    vectors = unit(np.random.default_rng(3).standard_normal((3, DIM)).astype(np.float32))
    other.enrol([enrolment("A1", vectors)])
    assert ours.index.behind() >= 3 and ours.index.state().templates == 0
    ours.index.catch_up()
    assert ours.index.behind() == 0
    state = ours.index.state()
    assert (state.templates, state.subjects, state.unpublished, state.generation) == (3, 1, 3, 0)
    assert state.generation_age_s is None and state.recall is None
    ours.index.publish()
    state = ours.index.state()
    assert (state.unpublished, state.generation, state.recall, state.kind) == (0, 1, 1.0, "flat")
    assert state.generation_age_s is not None and state.generation_age_s >= 0


# -- what is counted, in this process ----------------------------------------------------------------------------------


def ask_metrics(telemetry: Telemetry) -> Scraped:
    return Scraped.read(telemetry.exposition().decode())


def test_a_client_cannot_make_new_series() -> None:
    handle = ServiceHandle()
    telemetry = Telemetry(handle)
    client = create_app(handle, 1000, telemetry=telemetry).test_client()
    client.get("/nowhere")
    client.open("/nowhere", method="BREW")
    before = len(ask_metrics(telemetry).samples)
    for number in range(200):
        client.open(f"/nowhere/{number}?x={number}", method=f"BREW{number}")
        client.get(f"/{uuid.uuid4().hex}", headers={"X-Request-Id": str(number), "traceparent": str(number)})
    found = ask_metrics(telemetry)
    assert len(found.samples) == before
    assert found.sum(REQUESTS) == 402


def test_each_application_counts_for_itself() -> None:
    handles = ServiceHandle(), ServiceHandle()
    telemetries = [Telemetry(handle) for handle in handles]
    apps = [create_app(handle, 1000, telemetry=each) for handle, each in zip(handles, telemetries, strict=True)]
    apps[0].test_client().get("/livez")
    assert [ask_metrics(each).sum(REQUESTS) for each in telemetries] == [1, 0]
    assert ask_metrics(telemetries[0]).one("presente_ready") == 0  # it is still loading
    assert "presente_index_templates" not in ask_metrics(telemetries[0]).names


def test_metrics_need_a_key_where_there_are_keys() -> None:
    from presente.api_keys import read_keys

    client = create_app(ServiceHandle(), 1000, Access(read_keys(KEYS))).test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {ATTENDANCE}"}).status_code == 200


def test_a_store_that_is_observed(store_url: str) -> None:
    failures: list[str] = []
    heard: list[str] = []
    store = observed(open_store(store_url), failures.append)
    stages.listen(lambda name, begin, end: heard.append(name))
    try:
        store.claim_pack("test@000000000000", DIM)
        store.enrol([enrolment("A1", unit(np.eye(2, DIM, dtype=np.float32)))])
        heard.clear()
        batches = list(store.templates())  # an iterator, which reads when it is asked
        assert sum(len(batch.ids) for batch in batches) == 2 and len(heard) >= 2
        heard.clear()
        assert store.attendance.entries(EntryFilter()) == [] and heard == ["store"]  # a part of the store
        assert store.attendance is store.attendance
        with pytest.raises(NotFound):  # refused on purpose: the store is well
            store.merge("A1", "nobody")
        assert failures == []
    finally:
        stages.listen(None)
        store.close()


@on_sqlite
def test_errors_of_an_observed_store(store_url: str) -> None:
    failures: list[str] = []
    store = observed(open_store(store_url), failures.append)
    other = sqlite3.connect(store_url.removeprefix("sqlite:///"))
    other.execute("ALTER TABLE templates RENAME TO elsewhere")
    other.commit()
    with pytest.raises(StoreError):
        store.counts()
    with pytest.raises(StoreError):
        list(store.templates())  # inside the iteration
    assert failures == ["store_unavailable"] * 2
    other.close()
    store.close()


def test_a_listener_hears_only_its_own_request(gallery: Gallery) -> None:
    probe = np.zeros((1, gallery.dim), np.float32)
    probe[0, 0] = 1
    heard: list[str] = []
    stages.listen(lambda name, begin, end: heard.append(name))
    gallery.search(probe, 1)
    stages.listen(None)
    gallery.search(probe, 1)
    assert heard == ["search"]
