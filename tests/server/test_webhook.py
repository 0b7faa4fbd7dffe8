"""What is recorded is told to another program: signed, in order, again until it answers, and without a face."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from flask.testing import FlaskClient

from gallery.gallery import Gallery
from presente.errors import ConfigError
from presente.settings import load_settings
from server.webhook import sender
from server.webhook.attempt import NotTaken, post
from server.webhook.sender import WebhookSender, open_webhook
from tests.conftest import on_sqlite
from tests.films import SEATED
from tests.server.conftest import Serve
from tests.server.people import wait_until
from tests.server.sample import CLASS, GROUP, HERE, JPEG

SECRET = "whsec_" + base64.b64encode(b"a secret of the school").decode()


class Receiver:
    """A program that is told: its requests, and with which statuses it answers, the last of them for good."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.requests: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(({name.lower(): text for name, text in self.headers.items()}, body))
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/hook?token=hidden"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self) -> list[Any]:
        """What it was told by requests that are signed as they should be."""
        found = []
        for headers, body in self.requests:
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            digest = hmac.new(b"a secret of the school", signed, hashlib.sha256).digest()
            assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
            found += json.loads(body)["events"]
        return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_SETTLED", timedelta(0))
    monkeypatch.setattr(sender, "_LOOK_S", 0.05)


def test_what_is_recorded_is_told_once_and_in_order(
    client: FlaskClient, school: Gallery, receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    note = tmp_path / "cache" / "webhook.json"
    said = {"matricula": HERE[0], "clase": CLASS, "status": "excused", "note": "un secreto"}
    session = client.post("/v1/sessions", json={"clase": CLASS, "starts": "00:00"}).get_json()["id"]
    client.post(f"/v1/sessions/{session}/entries", json={"matricula": HERE[0], "status": "excused"})  # of before
    with closing_webhook(school, receiver, note):
        wait_until(note.exists)
    receiver.statuses = [500, 302, 200]
    client.post(f"/v1/sessions/{session}/photos", data=GROUP, headers=JPEG)  # while no one sends: they go at once
    with closing_webhook(school, receiver, note):
        wait_until(lambda: len(receiver.events()) >= 3 * (len(HERE) - 1))
        took = client.post("/v1/participations", json={"matricula": HERE[1], "kind": "pregunta", "note": said["note"]})
        wait_until(lambda: receiver.events()[-1]["type"] == "participation")
    ids = [headers["webhook-id"] for headers, _ in receiver.requests]
    assert ids[0] == ids[1] == ids[2] != ids[3]  # sent again until it was taken
    told = receiver.events()
    (last,) = told[-1:]
    assert last == {
        "type": "participation", "id": took.get_json()["id"], "at": took.get_json()["at"], "matricula": HERE[1],
        "clase": CLASS, "fecha": took.get_json()["fecha"], "kind": "pregunta", "withdraws": None,
    }  # fmt: skip
    entries = json.loads(receiver.requests[2][1])["events"]
    assert sorted(each["matricula"] for each in entries) == sorted(HERE[1:])
    assert {(each["status"], each["source"], each["session"], each["undoes"]) for each in entries} == {
        ("present", "photo", session, None)
    }
    sent = b"".join(body for _, body in receiver.requests).decode()
    assert "secreto" not in sent and "box" not in sent and "score" not in sent and "nombre" not in sent
    assert "token" not in caplog.text and "it answered 500" in caplog.text and "it answered 302" in caplog.text

    receiver.requests.clear()
    client.post(f"/v1/sessions/{session}/undo", json={"photo": 1})  # while no one sends
    school.remove([HERE[1]])
    with closing_webhook(school, receiver, note):
        wait_until(lambda: len(receiver.events()) == len(HERE) - 2)  # of no one who was erased
    assert {each["status"] for each in receiver.events()} == {"withdrawn"}
    assert all(each["undoes"] for each in receiver.events()) and HERE[1] not in str(receiver.requests)


def closing_webhook(gallery: Gallery, receiver: Receiver, note: Path) -> Any:
    made = open_webhook(gallery.store, receiver.address, SECRET, note)
    assert isinstance(made, WebhookSender)
    return stopping(made)


@contextmanager
def stopping(made: WebhookSender) -> Iterator[None]:
    try:
        yield
    finally:
        made.stop()


@on_sqlite
def test_a_receiver_that_is_away_for_long_gets_the_newest(
    client: FlaskClient, school: Gallery, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "MOST_BEHIND", 2)
    note = tmp_path / "webhook.json"
    said = {"store": school.store.identity(), "entry": 0, "participation": 0}
    note.write_text(json.dumps(said))
    for each in HERE[:4]:
        client.post("/v1/participations", json={"matricula": each})
    with closing_webhook(school, receiver, note):
        wait_until(lambda: len(receiver.events()) == 2)
    assert [each["matricula"] for each in receiver.events()] == HERE[2:4]
    note.write_text(json.dumps(said | {"store": "another"}))  # of another store
    receiver.requests.clear()
    with closing_webhook(school, receiver, note):
        wait_until(lambda: json.loads(note.read_text())["store"] != "another")
    assert receiver.requests == []


@on_sqlite
@pytest.mark.usefixtures("sample_gallery")
def test_no_line_of_a_servers_log_has_the_address(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    running = serve(PRESENTE_WEBHOOK=receiver.address, PRESENTE_WEBHOOK_SECRET=SECRET)
    wait_until((tmp_path / "cache" / "webhook.json").exists)
    said = json.dumps({"matricula": SEATED[0], "kind": "pregunta"}).encode()
    assert running.fetch("POST", "/v1/participations", said, Content_Type="application/json").status == 201
    wait_until(lambda: len(receiver.events()) == 1)
    assert running.stop() == 0
    log = (tmp_path / "server.log").read_text()
    assert "hook?" not in log and "token" not in log and "/v1/participations" in log


@contextmanager
def answering(pieces: Iterator[bytes], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of what answers every connection with these pieces, one each tenth of a second."""
    over = Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve_one() -> None:
        with suppress(OSError):
            connection = server.accept()[0]
            with connection if tls is None else tls.wrap_socket(connection, server_side=True) as open_one:
                open_one.recv(65_536)
                for piece in pieces:
                    open_one.sendall(piece)
                    if over.wait(0.1):
                        return
                open_one.shutdown(socket.SHUT_WR)
                over.wait(20)

    Thread(target=serve_one, daemon=True).start()
    yield f"{'https' if tls else 'http'}://127.0.0.1:{server.getsockname()[1]}/hook?token=hidden"
    over.set()
    server.close()


def why_not(address: str) -> str:
    """In which words it is said that a receiver did not take what it was sent."""
    with pytest.raises(NotTaken) as refused:
        asyncio.run(post(address, b"{}", {}, 1.0))
    assert "hidden" not in str(refused.value)
    return str(refused.value)


def test_why_a_receiver_did_not_take_it(tmp_path: Path) -> None:
    with answering(itertools.chain([b"HTTP/1.1 200 OK\r\nX-A: "], itertools.repeat(b"x"))) as address:
        assert why_not(address) == "it did not answer within 1 seconds"  # a byte came all the time
    with answering(itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x"))) as address:
        asyncio.run(post(address, b"{}", {}, 1.0))  # the status is enough
    with answering(iter([b"SSH-2.0-OpenSSH\r\n"])) as address:
        assert why_not(address) == "it answered nothing, or no HTTP"
    assert why_not(address) == "it refused the connection"
    assert why_not("https://no-such-host.invalid/?token=hidden") in (
        "there is no such host", "its host cannot be looked up now",
    )  # fmt: skip
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=h -keyout {key} -out {certificate}"
    subprocess.run(words.split(), check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with answering(iter([]), tls) as address:
        assert why_not(address).startswith("its certificate is not accepted (")


def test_which_addresses_are_called(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as unsigned:
        open_webhook(None, "https://escuela.example/hook", "", tmp_path / "note")  # type: ignore[arg-type]
    assert unsigned.value.code == "webhook_unsigned"
    assert open_webhook(None, "", "", tmp_path / "note") is None  # type: ignore[arg-type]
    for address in ("http://escuela.example/hook", "escuela.example", "ftp://127.0.0.1/x", "https://"):
        with pytest.raises(ConfigError):
            load_settings(environment={"PRESENTE_WEBHOOK": address}, folder=tmp_path)
    for wrong in ("whsec_geheim!", "whsec_abc", "whsec_"):
        with pytest.raises(ConfigError) as refused:
            load_settings(environment={"PRESENTE_WEBHOOK_SECRET": wrong}, folder=tmp_path)
        assert "must be base64" in str(refused.value) and "geheim" not in str(refused.value)
    secret = {"PRESENTE_WEBHOOK": "https://u:p@escuela.example/hook?token=x", "PRESENTE_WEBHOOK_SECRET": "geheim"}
    shown = {each["name"]: each["value"] for each in load_settings(environment=secret, folder=tmp_path).described()}
    assert shown["PRESENTE_WEBHOOK"] == "https://escuela.example/..." and shown["PRESENTE_WEBHOOK_SECRET"] == "set"
