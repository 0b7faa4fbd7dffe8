"""TLS by setting: what browsers are told, files that change, clients that say nothing, files that cannot be used."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from client import AsyncClient, Client, NoAnswer, Retries
from presente.errors import ConfigError
from server.front import tls_certificate
from server.front.tls_certificate import TlsCertificate
from tests.certificates import Authority, authority
from tests.conftest import Command, on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.people import wait_until
from tests.server.sample import JPEG, PROBE

STALLED_HANDSHAKE = b"\x16\x03\x01\x02\x00\x01"


@pytest.fixture
def trusted(tmp_path: Path) -> Authority:
    return authority(tmp_path)


@pytest.fixture
def serve_tls(serve: Serve, trusted: Authority, tmp_path: Path) -> Callable[..., Running]:
    """Starts a server with the certificate ``server.pem`` and its key ``server.key``."""
    trusted.sign(tmp_path / "server.pem", tmp_path / "server.key")
    files = {"PRESENTE_TLS_CERTIFICATE": str(tmp_path / "server.pem"), "PRESENTE_TLS_KEY": str(tmp_path / "server.key")}
    return lambda descriptors=None, **settings: serve(descriptors=descriptors, **files, **settings)


def client_of(running: Running, trusted: Authority) -> httpx.Client:
    return httpx.Client(base_url=running.address, verify=ssl.create_default_context(cafile=trusted.file), timeout=20)


def port_of(running: Running) -> int:
    return int(running.address.rsplit(":", 1)[1])


def shown_number(running: Running, trusted: Authority) -> int:
    """The number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=trusted.file)
    with (
        socket.create_connection(("127.0.0.1", port_of(running)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
        assert shown is not None and connection.selected_alpn_protocol() in (None, "http/1.1")
        return x509.load_der_x509_certificate(shown).serial_number


@contextlib.contextmanager
def holding(running: Running, count: int, sent: bytes) -> Iterator[None]:
    """Connections of another address that send something and then nothing."""
    with contextlib.ExitStack() as cleanup:
        for _ in range(count):
            connection = cleanup.enter_context(socket.socket())
            connection.settimeout(10)
            connection.bind(("127.0.0.2", 0))
            connection.connect(("127.0.0.1", port_of(running)))
            with contextlib.suppress(OSError):
                connection.sendall(sent)
        yield


@on_sqlite
def test_what_is_answered_over_tls(serve_tls: Callable[..., Running], serve: Serve, trusted: Authority) -> None:
    running = serve_tls(PRESENTE_ACCOUNTS="on")
    assert running.address.startswith("https://")
    with client_of(running, trusted) as client:
        assert client.get("/readyz").json()["status"] == "ready"
        ready = client.get("/readyz")
        assert ready.headers["Strict-Transport-Security"] == "max-age=31536000"
        refused = client.post("/v1/identify", content=PROBE, headers=JPEG)
        assert refused.status_code == 401 and "Strict-Transport-Security" in refused.headers
        own = {"Origin": running.address}
        assert client.post("/v1/login", json={"name": "no", "password": "one"}, headers=own).status_code == 401
        plainly = {"Origin": running.address.replace("https", "http")}
        assert client.post("/v1/login", json={"name": "no", "password": "one"}, headers=plainly).status_code == 403
    plain = serve()
    assert "Strict-Transport-Security" not in plain.fetch("GET", "/readyz").headers


@on_sqlite
def test_the_cookie_of_a_session_is_for_tls_alone(
    serve_tls: Callable[..., Running], trusted: Authority, command: Command, environment: dict[str, str], tmp_path: Path
) -> None:
    running = serve_tls(PRESENTE_ACCOUNTS="on")
    code = next(
        line.rpartition(" ")[2]
        for line in (tmp_path / "server.log").read_text().splitlines()
        if line.startswith("No admin has an account yet")
    )
    with client_of(running, trusted) as client:
        made = client.post("/v1/setup", json={"code": code, "name": "directora", "password": "una clave larga"})
        assert made.status_code in (201, 204), made.text
        login = client.post("/v1/login", json={"name": "directora", "password": "una clave larga"})
        cookie = next(each for each in login.headers.get_list("set-cookie") if "session" in each)
        assert cookie.startswith("__Host-presente_session=") and "Secure" in cookie
        assert client.get("/v1/session").json()["role"] == "admin"


@on_sqlite
def test_another_certificate_is_shown_without_a_pause_and_a_broken_one_is_not(
    serve_tls: Callable[..., Running], trusted: Authority, tmp_path: Path
) -> None:
    def refused() -> bool:
        return "The certificate that was read before holds" in (tmp_path / "server.log").read_text()

    running = serve_tls()
    first = shown_number(running, trusted)
    with client_of(running, trusted) as before:
        before.get("/livez")
        (tmp_path / "server.key").write_text("broken")
        wait_until(lambda: shown_number(running, trusted) == first and refused())
        second = trusted.sign(tmp_path / "server.pem", tmp_path / "server.key")
        wait_until(lambda: shown_number(running, trusted) == second)
        stream = before.get("/livez").extensions["network_stream"].get_extra_info("ssl_object")
        shown = x509.load_der_x509_certificate(stream.getpeercert(True))
        assert shown.serial_number == first  # the connection from before goes on


@on_sqlite
@pytest.mark.parametrize(
    ("count", "sent"), [(300, b""), (300, STALLED_HANDSHAKE)], ids=["silent", "stalled handshakes"]
)
def test_clients_that_never_finish_a_handshake_do_not_keep_others_waiting(
    serve_tls: Callable[..., Running], trusted: Authority, count: int, sent: bytes, tmp_path: Path
) -> None:
    running = serve_tls(descriptors=512)  # 256 connections, half of them for one address
    with holding(running, count, sent), client_of(running, trusted) as client:
        assert client.get("/livez").status_code == 200
        assert client.post("/v1/identify", content=PROBE, headers=JPEG).status_code == 200
        answer = client.get("/metrics").text
        (line,) = (each for each in answer.splitlines() if each.startswith("presente_connections "))
        assert 100 < float(line.split()[1]) <= 130
    assert running.stop() == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()


@on_sqlite
def test_plain_http_is_told_what_is_spoken_and_rubbish_ends_only_its_own_connection(
    serve_tls: Callable[..., Running], trusted: Authority, tmp_path: Path
) -> None:
    running = serve_tls()
    plain = httpx.get(running.address.replace("https", "http") + "/readyz", timeout=10)
    assert plain.status_code == 400 and plain.json()["code"] == "bad_request" and "HTTPS" in plain.json()["detail"]
    for rubbish in (b"\x16" * 3000, STALLED_HANDSHAKE + bytes(600), b"\x00"):
        with socket.create_connection(("127.0.0.1", port_of(running)), timeout=10) as connection:
            connection.sendall(rubbish)
            with contextlib.suppress(ConnectionError):
                while connection.recv(65536):
                    pass
    old = ssl.create_default_context(cafile=trusted.file)
    old.minimum_version, old.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", port_of(running)), timeout=10) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(raw, server_hostname="localhost")
    with client_of(running, trusted) as client:
        assert client.get("/livez").status_code == 200
    assert "Traceback" not in (tmp_path / "server.log").read_text()


@on_sqlite
def test_a_refusal_over_tls_is_read_and_a_large_answer_is_whole(
    serve_tls: Callable[..., Running], trusted: Authority
) -> None:
    running = serve_tls()
    with client_of(running, trusted) as client:
        assert client.get("/livez", headers={"X-A": "b" * 70_000}).status_code == 431
        assert client.post("/v1/identify", content=bytes(17_000_000)).status_code == 413
        page = client.get("/openapi.json")
        assert page.json()["openapi"] and len(page.content) == int(page.headers["Content-Length"])


@on_sqlite
def test_a_stop_while_clients_are_in_the_middle_of_something(
    serve_tls: Callable[..., Running], trusted: Authority, tmp_path: Path
) -> None:
    running = serve_tls()
    with holding(running, 20, STALLED_HANDSHAKE), holding(running, 20, b""), client_of(running, trusted) as client:
        client.get("/livez")
        stopped = threading.Thread(target=running.stop)
        stopped.start()
        stopped.join(30)
        assert not stopped.is_alive()
        with pytest.raises(httpx.HTTPError):
            client.get("/livez")
    assert "Traceback" not in (tmp_path / "server.log").read_text()


@on_sqlite
def test_the_client_trusts_an_authority_of_the_schools_own(
    serve_tls: Callable[..., Running], trusted: Authority, tmp_path: Path
) -> None:
    running = serve_tls()
    with Client(running.address, ca_file=trusted.file) as client:
        assert client.identify(PROBE).faces

    async def asked() -> bool:
        async with AsyncClient(running.address, ca_file=trusted.file) as client:
            return bool(await client.ready())

    assert asyncio.run(asked())
    with Client(running.address, retries=Retries(attempts=1)) as client, pytest.raises(NoAnswer):
        client.identify(PROBE)
    (tmp_path / "text").write_text("no certificate")
    with pytest.raises(ValueError, match="has no certificate"):
        Client(running.address, ca_file=tmp_path / "text")


@pytest.fixture
def pair(trusted: Authority, tmp_path: Path) -> tuple[Path, Path]:
    trusted.sign(tmp_path / "a.pem", tmp_path / "a.key")
    return tmp_path / "a.pem", tmp_path / "a.key"


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a_key_that_every_user_can_read_is_refused(pair: tuple[Path, Path], mode: int) -> None:
    certificate, key = pair
    key.chmod(0o640)
    TlsCertificate(certificate, key)
    key.chmod(mode)
    with pytest.raises(ConfigError, match="Every user of this machine") as caught:
        TlsCertificate(certificate, key)
    assert caught.value.code == "tls_unreadable"


def test_files_that_cannot_be_used_are_named(pair: tuple[Path, Path], trusted: Authority, tmp_path: Path) -> None:
    certificate, key = pair
    trusted.sign(tmp_path / "b.pem", tmp_path / "b.key", password=b"a password")
    (tmp_path / "text").write_text("no certificate")
    (tmp_path / "text").chmod(0o600)
    for wrong, says in [
        ((tmp_path / "b.pem", key), "do not belong together"),
        ((tmp_path / "b.pem", tmp_path / "b.key"), "has a password"),
        ((tmp_path / "none", key), "cannot be read"),
        ((certificate, tmp_path / "none"), "cannot be read"),
        ((tmp_path / "text", key), "is no PEM file"),
        ((certificate, tmp_path / "text"), "are no PEM files"),
        ((certificate, tmp_path), "cannot be read"),
    ]:
        with pytest.raises(ConfigError, match=says) as caught:
            TlsCertificate(*wrong)
        assert caught.value.code == "tls_unreadable" and str(tmp_path) in caught.value.what


def test_a_certificate_that_has_expired_is_shown_with_a_warning(
    trusted: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trusted.sign(tmp_path / "a.pem", tmp_path / "a.key", days=-1)
    TlsCertificate(tmp_path / "a.pem", tmp_path / "a.key")
    assert "has expired" in caplog.text


def test_unchanged_files_are_not_read_again(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_certificate, "LOOK_S", 0)
    shown = TlsCertificate(*pair)
    assert shown.context() is shown.context()
    pair[1].chmod(0o644)
    kept = shown.context()  # a key that others can read is not taken, nor is it read again
    pair[1].chmod(0o600)
    assert shown.context() is not kept


@on_sqlite
def test_one_of_the_two_settings_is_refused(command: Command, pair: tuple[Path, Path]) -> None:
    for name, path in zip(("PRESENTE_TLS_CERTIFICATE", "PRESENTE_TLS_KEY"), pair, strict=True):
        done = command("server", "--port", "0", **{name: str(path)})
        assert done.returncode == 2 and "tls_unreadable" in done.stderr and "Name both files" in done.stderr
