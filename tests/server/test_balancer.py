"""Two servers of one store behind deploy/haproxy/haproxy.cfg: what is begun at one goes on at the other."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.mongo_server import answers, free_port
from tests.server.conftest import Running, Serve
from tests.server.people import PASSWORD, presente_at, wait_until
from tests.server.redis_server import Redis
from tests.server.sample import ADMIN, ANA, JPEG, KEYS, PROBE
from tests.server.scraped import Scraped

pytestmark = pytest.mark.parametrize("store_url", ["mongo"], indirect=True)

CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
AS_ADMIN = {"X-API-Key": ADMIN}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A PEM file with a certificate of ``localhost`` and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    made = subprocess.run([*words.split(), "-keyout", "-", "-out", "-"], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "site.pem").write_bytes(made.stdout)
    return tmp_path / "site.pem"


@pytest.fixture
def replicas(serve: Serve, sample_gallery: None, tmp_path: Path, request: pytest.FixtureRequest) -> list[Running]:
    """Two servers of the sample class, each with folders of its own; they count in Redis where there is one."""
    shared = {"PRESENTE_ACCOUNTS": "on", "PRESENTE_API_KEYS": KEYS, "PRESENTE_TRUSTED_PROXIES": "127.0.0.1"}
    if shutil.which("redis-server"):
        redis: Redis = request.getfixturevalue("redis")
        shared["PRESENTE_LIMITS_STORE"] = redis.url
    started = []
    for name in ("first", "second"):
        shutil.copytree(tmp_path / "index", tmp_path / name / "index")
        own = {each: str(tmp_path / name / each) for each in ("index", "imports", "export")}
        started.append(serve(**shared, **{f"PRESENTE_{each.upper()}": path for each, path in own.items()}))
    return started


@pytest.fixture
def balancer(replicas: list[Running], certificate: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of HAProxy over TLS, with the configuration that is shipped."""
    if shutil.which("haproxy") is None:
        pytest.skip("HAProxy is not installed (Debian: apt-get install haproxy)")
    http, https = free_port(), free_port()
    first, second = (running.address.removeprefix("http://") for running in replicas)
    own = {"SERVER_1": first, "SERVER_2": second, "CERTIFICATE": str(certificate), "PATH": "/usr/sbin:/usr/bin"}
    own |= {"HTTP_BIND": f"127.0.0.1:{http}", "HTTPS_BIND": f"127.0.0.1:{https}"}
    with (tmp_path / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", CONFIGURATION], env=own, stdout=log, stderr=log)
    assert answers(https), (tmp_path / "haproxy.log").read_text()
    trusted = ssl.create_default_context(cafile=certificate)
    with httpx.Client(base_url=f"https://localhost:{https}", verify=trusted, timeout=20) as client:
        assert httpx.get(f"http://127.0.0.1:{http}/livez").headers["Location"] == f"https://127.0.0.1:{http}/livez"
        wait_until(lambda: client.get("/readyz").status_code == 200)
        yield client
    process.kill()
    process.wait(20)


def log_in(client: httpx.Client, environment: dict[str, str], folder: Path) -> None:
    """Make an admin, and log in; the client has the token of the session from then on."""
    words = ("users", "add", "directora", "--role", "admin")
    assert presente_at(folder, environment, *words, typed=f"{PASSWORD}\n").returncode == 0
    reply = client.post("/v1/login", json={"name": "directora", "password": PASSWORD})
    assert reply.status_code == 204, reply.text
    assert "__Host-presente_session" in client.cookies  # each server believed that the request came over TLS
    client.headers["X-CSRF-Token"] = client.get("/v1/session").json()["csrf_token"]


def answered(running: Running, route: str) -> float:
    text = running.fetch("GET", "/metrics", None, X_API_Key=ADMIN).body.decode()
    return Scraped.read(text).sum("presente_http_requests_total", route=route)


def test_what_is_begun_at_one_server_goes_on_at_the_other(
    replicas: list[Running], balancer: httpx.Client, environment: dict[str, str], tmp_path: Path
) -> None:
    log_in(balancer, environment, tmp_path)
    replies = [balancer.get("/v1/session") for _ in range(12)]
    assert {reply.status_code for reply in replies} == {200}
    assert all(answered(each, "/v1/session") >= 4 for each in replicas)
    if shutil.which("redis-server"):  # both count in one place: each request leaves one fewer
        left = [int(re.search(r"r=(\d+)", reply.headers["RateLimit"])[1]) for reply in replies]  # type: ignore[index]
        assert left == list(range(left[0], left[0] - 12, -1))
    taken = {"matricula": ANA["matricula"], "clase": ANA["clase"], "kind": "pregunta"}
    once = [balancer.post("/v1/participations", json=taken, headers={"Idempotency-Key": "p-1"}) for _ in range(4)]
    assert {reply.status_code for reply in once} == {201} and len({reply.text for reply in once}) == 1
    assert all(answered(each, "/v1/participations") >= 1 for each in replicas)
    assert balancer.get("/v1/participations").json()["count"] == 1


def test_requests_go_on_while_a_server_is_killed(
    replicas: list[Running], balancer: httpx.Client, environment: dict[str, str], tmp_path: Path
) -> None:
    log_in(balancer, environment, tmp_path)
    gone, left = replicas
    gone.kill()
    for _ in range(6):  # the balancer has not noticed yet
        assert balancer.get("/v1/session").status_code == 200
        known = balancer.post("/v1/identify", content=PROBE, headers=JPEG).json()
        assert [face["matricula"] for face in known["faces"]] == [ANA["matricula"]]
    assert answered(left, "/v1/identify") == 6
    assert balancer.post("/v1/logout").status_code == 204
    assert balancer.get("/v1/session").status_code == 401


def test_what_a_client_claims_is_overwritten_and_metrics_stay_inside(
    replicas: list[Running], balancer: httpx.Client
) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "Forwarded": "for=203.0.113.9"}
    assert balancer.get("/v1/students", headers=claims | AS_ADMIN).status_code == 200
    wait_until(lambda: b"127.0.0.1" in balancer.get("/v1/access-log", headers=AS_ADMIN).content)
    assert b"203.0.113.9" not in balancer.get("/v1/access-log", headers=AS_ADMIN).content
    assert balancer.get("/metrics", headers=AS_ADMIN).status_code == 404


def test_an_import_is_found_wherever_it_is_asked_for(balancer: httpx.Client) -> None:
    sheet = f"matricula,nombre_del_alumno,clase,fotos\nN1,Nadia Sol,{ANA['clase']},1.jpg\n".encode()
    files = [("file", ("students.csv", sheet, "text/csv")), ("file", ("1.jpg", PROBE, "image/jpeg"))]
    made = balancer.post("/v1/imports", files=files, headers=AS_ADMIN)
    assert made.status_code == 201, made.text
    asked = [balancer.get(made.headers["Location"], headers=AS_ADMIN).status_code for _ in range(4)]
    assert asked == [200] * 4
