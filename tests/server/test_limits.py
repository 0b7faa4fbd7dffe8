"""How many requests a caller may send: fields, refusals before the body is read, counts in memory and in Redis."""

import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import run_wsgi_app

from presente.api_keys import read_keys
from presente.errors import ConfigError
from presente.settings.values import RequestRate, request_rate
from server.access.caller import LOCAL, NO_ONE
from server.app import Access, create_app, refusal
from server.limits import DEFAULT_OF_CALLERS, DEFAULT_OF_STRANGERS, RequestLimits, open_limits
from server.service import ServiceHandle
from server.window_counts import WindowCounts
from tests.conftest import on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ADMIN, ATTENDANCE, KEYS, UNKNOWN, problem

AS_ADMIN, AS_ATTENDANCE = {"X-API-Key": ADMIN}, {"X-API-Key": ATTENDANCE}


def client_with(limits: RequestLimits, keys: str = KEYS) -> FlaskClient:
    return create_app(ServiceHandle(), 1_000_000, Access(read_keys(keys)), request_limits=limits).test_client()


def in_memory(callers: str, strangers: str = "off") -> RequestLimits:
    return open_limits(request_rate(callers), request_rate(strangers), "memory", has_keys=True)


def test_each_caller_and_each_address_has_a_limit_of_its_own() -> None:
    client = client_with(in_memory("2/minute", "1/hour"))
    for left in (1, 0):
        reply = client.get("/v1/status", headers=AS_ADMIN)
        assert reply.status_code == 503  # nothing is loaded here
        assert reply.headers["RateLimit-Policy"] == '"caller";q=2;w=60'
        assert reply.headers["RateLimit"].startswith(f'"caller";r={left};t=')
    refused = client.get("/v1/status", headers=AS_ADMIN)
    detail = problem(refused, 429, "too_many_requests")
    assert "More than 2/minute came from this caller." in detail
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"] == f'"caller";r=0;t={refused.headers["Retry-After"]}'
    assert client.get("/v1/status", headers=AS_ATTENDANCE).status_code == 503  # another caller
    stranger = client.get("/v1/status")
    problem(stranger, 401, "missing_key")
    assert stranger.headers["RateLimit-Policy"] == '"address";q=1;w=3600'
    problem(client.get("/v1/status", headers={"X-API-Key": UNKNOWN}), 429, "too_many_requests")
    elsewhere = {"REMOTE_ADDR": "10.1.2.3"}
    problem(client.get("/v1/status", environ_overrides=elsewhere), 401, "missing_key")
    problem(client.get("/", environ_overrides=elsewhere), 429, "too_many_requests")


def test_what_keeps_a_server_running_is_never_limited() -> None:
    client = client_with(in_memory("1/day", "1/day"))
    for _ in range(5):
        live = client.get("/livez")
        assert live.status_code == 200 and "RateLimit" not in live.headers
        assert client.get("/readyz").status_code == 503


def test_a_caller_whose_role_does_not_suffice_is_counted() -> None:
    client = client_with(in_memory("1/minute"))
    assert client.delete("/v1/students/A1", headers=AS_ATTENDANCE).status_code == 403
    problem(client.get("/v1/status", headers=AS_ATTENDANCE), 429, "too_many_requests")


def test_a_request_is_refused_by_its_head_and_counted_once() -> None:
    app = client_with(in_memory("3/minute")).application

    def environ(**more: Any) -> dict[str, Any]:
        with app.test_request_context(
            "/v1/identify", method="POST", headers=AS_ADMIN, content_type="image/jpeg"
        ) as made:
            return dict(made.request.environ) | more

    for left in (2, 1, 0):
        sent = environ(CONTENT_LENGTH="500000")
        assert refusal(app, sent, 500_000) is None  # its body may be read, which comes with the same environment
        headers = run_wsgi_app(app.wsgi_app, sent)[2]
        assert f"r={left};" in headers["RateLimit"]
    refused = refusal(app, environ(CONTENT_LENGTH="500000"), 500_000)
    assert refused is not None and refused.status_code == 429 and "Retry-After" in refused.headers


@pytest.mark.parametrize(
    ("given", "has_keys", "caller", "stranger"),
    [
        (("", ""), False, None, None),
        (("", ""), True, DEFAULT_OF_CALLERS, DEFAULT_OF_STRANGERS),
        (("off", "off"), True, None, None),
        (("5/second", ""), True, RequestRate(5, 1), DEFAULT_OF_STRANGERS),
        (("5/second", "7/day"), False, RequestRate(5, 1), RequestRate(7, 86_400)),
    ],
)
def test_without_a_setting_there_is_a_limit_where_there_are_keys(
    given: tuple[str, str], has_keys: bool, caller: RequestRate | None, stranger: RequestRate | None
) -> None:
    limits = open_limits(request_rate(given[0]), request_rate(given[1]), "memory", has_keys)
    counted = limits.count(LOCAL, "-"), limits.count(NO_ONE, "10.0.0.1")
    assert tuple(each and each.rate for each in counted) == (caller, stranger)


@pytest.mark.parametrize("text", ["5", "5/week", "-5/minute", "0/minute", "x/minute", "5.5/minute", "9999999/day"])
def test_a_rate_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="600/minute"):
        request_rate(text)
    assert str(request_rate("600/minute")) == "600/minute" and str(request_rate("off")) == "off"


def test_a_window_ends() -> None:
    limits = RequestLimits(RequestRate(1, 1), None, WindowCounts())
    first = limits.count(LOCAL, "-")
    assert first is not None and first.allowed
    deadline = time.monotonic() + 20
    while not (again := limits.count(LOCAL, "-")) or not again.allowed:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_counting_is_exact_among_threads_and_starts_none() -> None:
    counts, before = WindowCounts(), threading.active_count()
    found: list[int] = []

    def count() -> None:
        found.extend(counts.incr("caller", 60) for _ in range(500))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 2001)) and counts.get("caller") == 2000
    assert threading.active_count() == before


def test_windows_are_bounded_and_the_oldest_goes() -> None:
    counts = WindowCounts()
    for number in range(10_001):
        counts.incr(f"address {number}", 60)
    assert (counts.get("address 0"), counts.get("address 1"), counts.reset()) == (0, 1, 10_000)
    assert counts.get("address 1") == 0


# -- Redis ---------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Redis:
    """A Redis server that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        words = ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(20)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server is installed")
    made = Redis(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def share(redis: Redis) -> Callable[[], RequestLimits]:
    return lambda: open_limits(RequestRate(3, 3600), RequestRate(1, 3600), redis.url, has_keys=True)


def test_servers_that_share_a_redis_count_together(share: Callable[[], RequestLimits]) -> None:
    clients = [client_with(share()) for _ in range(2)]
    left = [clients[number % 2].get("/v1/status", headers=AS_ADMIN).headers["RateLimit"] for number in range(3)]
    assert [text.partition("r=")[2][0] for text in left] == ["2", "1", "0"]
    for client in clients:
        problem(client.get("/v1/status", headers=AS_ADMIN), 429, "too_many_requests")


def test_without_its_redis_a_server_lets_everyone_through_and_says_so_once(
    redis: Redis, share: Callable[[], RequestLimits], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.limits._AWAY_S", 0.0)
    client = client_with(share())
    problem(client.get("/v1/status"), 401, "missing_key")
    problem(client.get("/v1/status"), 429, "too_many_requests")
    redis.stop()
    with caplog.at_level(logging.ERROR, "server.limits"):
        for _ in range(4):
            reply = client.get("/v1/status")
            problem(reply, 401, "missing_key")
            assert "RateLimit" not in reply.headers
    (line,) = [record for record in caplog.records if record.name == "server.limits"]
    assert "no request is limited" in line.getMessage()
    redis.start()
    problem(client.get("/v1/status"), 401, "missing_key")
    problem(client.get("/v1/status"), 429, "too_many_requests")


def test_a_server_starts_without_its_redis() -> None:
    limits = open_limits(RequestRate(1, 60), None, f"redis://127.0.0.1:{free_port()}", has_keys=True)
    client = client_with(limits)
    assert [client.get("/v1/status", headers=AS_ADMIN).status_code for _ in range(3)] == [503] * 3


@pytest.mark.parametrize("store", ["disk", "http://127.0.0.1", "redis://127.0.0.1:port"])
def test_another_store_is_refused(store: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_limits(None, None, store, has_keys=True)
    assert caught.value.code == "unknown_limits_store"


@on_sqlite
def test_a_running_server_limits(serve: Serve) -> None:
    server = serve(PRESENTE_API_KEYS=KEYS, PRESENTE_REQUEST_LIMIT="3/hour")
    statuses = [server.fetch("GET", "/v1/students", None, X_API_Key=ADMIN).status for _ in range(3)]
    assert statuses == [200] * 3
    big = b"x" * 300_000
    refused = server.fetch("POST", "/v1/identify", big, X_API_Key=ADMIN, Content_Type="image/jpeg")
    assert refused.status == 429 and refused.json["code"] == "too_many_requests"
    assert int(refused.headers["Retry-After"]) > 3000 and '"caller";r=0;' in refused.headers["RateLimit"]
    assert server.fetch("GET", "/livez").status == 200
