"""How many requests a caller may send: fields, refusals before the body is read, counts in memory and in Redis."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import run_wsgi_app

import server
from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.api_keys import read_keys
from presente.errors import Busy, ConfigError
from presente.settings.values import RequestRate, request_rate
from server.access import administration
from server.access.caller import LOCAL, NO_ONE
from server.access.login_delays import BY_ADDRESS_AND_ACCOUNT, LoginAttempt, LoginDelays
from server.app import Access, create_app, refusal
from server.limits import DEFAULT_OF_CALLERS, DEFAULT_OF_STRANGERS, RequestLimits, open_limits, who
from server.service import ServiceHandle
from server.window_counts import WindowCounts
from tests.conftest import on_sqlite
from tests.mongo_server import free_port
from tests.server.conftest import Serve
from tests.server.people import PASSWORD, guarded_app, log_in, logged_in
from tests.server.redis_server import Redis
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
    problem(client.get("/v1/status", environ_overrides=elsewhere), 429, "too_many_requests")


def test_what_keeps_a_server_running_is_never_limited() -> None:
    client = client_with(in_memory("1/day", "1/day"))
    for _ in range(5):
        live = client.get("/livez")
        assert live.status_code == 200 and "RateLimit" not in live.headers
        assert client.get("/readyz").status_code == 503


def test_what_opens_a_page_is_not_limited() -> None:
    client = client_with(in_memory("1/day", "1/day"))
    for path in ("/", "/console/app.js", "/docs", "/docs/start.js", "/v1/login"):
        for method in ("GET", "GET", "HEAD"):
            reply = client.open(path, method=method, buffered=True)  # which closes the file
            assert reply.status_code == 200 and "RateLimit" not in reply.headers, path
    assert client.post("/").headers["RateLimit"].startswith('"address";r=0;')  # which reads nothing
    problem(client.post("/v1/login", json={}), 429, "too_many_requests")
    assert client.get("/", buffered=True).status_code == 200


def test_pages_of_other_sites_and_what_browsers_ask_for_them_are_counted() -> None:
    access = Access(read_keys(KEYS), origins=("https://aula.example",))
    foreign, listed = {"Origin": "https://evil.example"}, {"Origin": "https://aula.example"}
    asks = {"Access-Control-Request-Method": "POST"}

    def new_client() -> FlaskClient:
        limits = in_memory("9/day", "2/day")
        return create_app(ServiceHandle(), 1_000_000, access, request_limits=limits).test_client()

    for path, headers in (("/v1/status", foreign), ("/v1/login", foreign | asks)):
        client = new_client()
        for left in (1, 0):
            reply = client.options(path, headers=headers)
            problem(reply, 403, "foreign_origin")
            assert reply.headers["RateLimit"].startswith(f'"address";r={left};')
        problem(client.options(path, headers=headers), 429, "too_many_requests")
    client = new_client()
    for _ in range(2):
        assert client.options("/v1/status", headers=listed | asks).status_code == 204
    problem(client.options("/v1/status", headers=listed | asks), 429, "too_many_requests")
    with_key = client.get("/v1/status", headers=foreign | AS_ADMIN)
    problem(with_key, 403, "foreign_origin")
    assert with_key.headers["RateLimit"].startswith('"caller";r=8;')


def test_a_caller_is_counted_by_itself_where_no_key_is_asked_for_too() -> None:
    client = client_with(in_memory("9/day", "1/day"))
    problem(client.get("/v1/status"), 401, "missing_key")
    problem(client.get("/openapi.json"), 429, "too_many_requests")
    reply = client.get("/openapi.json", headers=AS_ADMIN)
    assert reply.status_code == 200 and reply.headers["RateLimit"].startswith('"caller";r=8;')
    problem(client.get("/openapi.json", headers={"X-API-Key": UNKNOWN}), 429, "too_many_requests")


@pytest.mark.usefixtures("quick_hashes")
def test_sixty_people_log_in_for_the_first_time_from_one_address(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    limits = in_memory("6000/day", f"{DEFAULT_OF_STRANGERS.count}/day")  # the window does not end in this test
    console = Path(server.__file__).parent / "console"
    files = [
        path.relative_to(console).as_posix()
        for kind in ("js", "css", "svg")
        for path in console.rglob(f"*.{kind}")
        if "build" not in path.parts
    ]
    assert len(files) >= 15
    with guarded_app(gallery, embedder, tmp_path, limits=limits) as app:
        for number in range(60):
            administration.add_account(gallery.store.access, f"ana-{number}", Grant(AccessRole.VIEWER), PASSWORD)
        for number in range(60):
            browser = app.test_client()
            opened = [
                browser.get(path, buffered=True).status_code for path in ("/", *(f"/console/{name}" for name in files))
            ]
            assert set(opened) == {200}
            assert browser.get("/v1/login").status_code == 200
            problem(browser.get("/v1/session"), 401, "missing_key")
            assert log_in(browser, f"ana-{number}").status_code == 204
            assert browser.get("/v1/session").get_json()["name"] == f"user:ana-{number}"


@pytest.mark.usefixtures("quick_hashes")
def test_a_stranger_who_used_up_the_window_of_an_address_shuts_out_no_one_who_is_known_there(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    with guarded_app(gallery, embedder, tmp_path, limits=in_memory("99/day", "6/day")) as app:
        browser, token = logged_in(app, gallery, "ruiz", Grant(AccessRole.ADMIN))
        stranger = app.test_client()
        statuses = [stranger.get("/v1/students").status_code for _ in range(9)]
        assert statuses[-1] == 429
        problem(log_in(stranger), 429, "too_many_requests")
        assert browser.get("/v1/students").status_code == 200
        wrong = browser.post("/v1/keys", json={"name": "gate", "role": "viewer"})
        problem(wrong, 403, "wrong_csrf_token")
        assert wrong.headers["RateLimit"].startswith('"caller";')
        again = log_in(browser)
        assert again.status_code == 204 and again.headers["RateLimit"].startswith('"caller";')
        token = {"X-CSRF-Token": browser.get("/v1/session").get_json()["csrf_token"]}
        assert browser.post("/v1/logout", headers=token).status_code == 204
        problem(browser.get("/v1/session"), 401, "missing_key")  # and so the page asks for a password
        reply = log_in(browser)
        assert reply.status_code == 204
        assert reply.headers["RateLimit-Policy"] == '"browser";q=6;w=86400'
        assert reply.headers["RateLimit"].startswith('"browser";r=4;')
        mark = browser.get_cookie("presente_device")
        assert mark is not None
        stranger.set_cookie("presente_device", mark.value[:-1] + ("0" if mark.value[-1] != "0" else "1"))
        problem(log_in(stranger), 429, "too_many_requests")


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
    counted = limits.count(who(LOCAL, "", "-")), limits.count(who(NO_ONE, "", "10.0.0.1"))
    assert tuple(each and each.rate for each in counted) == (caller, stranger)


@pytest.mark.parametrize("text", ["5", "5/week", "-5/minute", "0/minute", "x/minute", "5.5/minute", "9999999/day"])
def test_a_rate_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="600/minute"):
        request_rate(text)
    assert str(request_rate("600/minute")) == "600/minute" and str(request_rate("off")) == "off"


def test_a_window_ends() -> None:
    limits = RequestLimits(RequestRate(1, 1), None, WindowCounts())
    first = limits.count(who(LOCAL, "", "-"))
    assert first is not None and first.allowed
    deadline = time.monotonic() + 20
    while not (again := limits.count(who(LOCAL, "", "-"))) or not again.allowed:
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


def wrong(delays: LoginDelays, times: int, attempt: LoginAttempt) -> list[bool]:
    """Whether each of some wrong passwords was looked at, and not delayed."""
    looked_at = []
    for _ in range(times):
        try:
            delays.begin(attempt)
            looked_at.append(True)
        except Busy as refused:
            assert refused.code == "too_many_logins" and refused.retry_after_s
            looked_at.append(False)
    return looked_at


def test_servers_that_share_a_redis_delay_logins_together(
    redis: Redis, share: Callable[[], RequestLimits], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = share().login_delays(), share().login_delays()
    thief, owner = LoginAttempt("10.0.0.1", "ruiz"), LoginAttempt("10.0.0.2", "ruiz", "known")
    free = BY_ADDRESS_AND_ACCOUNT.free
    assert wrong(one, free - 1, thief) == [True] * (free - 1)
    assert wrong(two, 3, thief) == [True, True, False] and wrong(one, 1, thief) == [False]
    assert wrong(two, 1, owner) == [True], "a browser that the account knows"
    two.right(owner)
    assert wrong(one, free + 1, owner) == [True] * (free + 1), "its own count began again"
    keys = redis.run("--scan").split()
    assert keys and all(key.startswith("presente:login") for key in keys) and "ruiz" not in str(keys)
    assert all(int(redis.run("ttl", key)) > 0 for key in keys), "and nothing is kept for ever"
    redis.stop()
    assert wrong(one, 1, thief) == [False], "what a server knows holds without it"
    assert wrong(two, free + 2, LoginAttempt("10.0.0.9", "sosa")) == [True] * (free + 1) + [False]
    assert "counted by this server alone" in caplog.text


def test_logins_at_two_servers_at_once_are_all_counted(share: Callable[[], RequestLimits]) -> None:
    servers = [share().login_delays() for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        looked_at = pool.map(lambda n: wrong(servers[n % 2], 1, LoginAttempt("10.0.0.1", "ruiz"))[0], range(40))
    assert sum(looked_at) == BY_ADDRESS_AND_ACCOUNT.free + 1


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
