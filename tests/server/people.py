"""A server with keys and accounts in its store: one caller of each role, and how each sends its requests."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from faces.embedder import FaceEmbedder
from gallery.access_log.recorder import AccessLog
from gallery.documents.access import Grant
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.access_roles import AccessRole
from presente.api_keys import read_keys
from server.access import administration
from server.access.authentication import Access, Authenticator
from server.access.login_delays import LoginDelays
from server.access.register import AccessRegister
from server.app import create_app
from server.films.folder import FilmFolder
from server.imports.desk import ImportDesk
from server.limits import RequestLimits
from server.photo_enrolment import PhotoRoom
from server.service import STUDENT_ROOM, Service, ServiceHandle
from server.unknown_faces import UnknownFaces
from tests.server.conftest import Running
from tests.server.sample import KEYS

BOTH = Access(read_keys(KEYS), accounts=True)
"""Keys of settings, and accounts."""
PASSWORD = "un caballo con alas"


def grants(clase: str, matricula: str) -> dict[str, Grant]:
    """What each role is given: a teacher has the class, a student is the one of the matricula."""
    return {
        "viewer": Grant(AccessRole.VIEWER),
        "student": Grant(AccessRole.STUDENT, frozenset(), matricula),
        "teacher": Grant(AccessRole.TEACHER, frozenset({clase})),
        "attendance": Grant(AccessRole.ATTENDANCE),
        "admin": Grant(AccessRole.ADMIN),
    }


@contextmanager
def guarded_app(
    gallery: Gallery,
    embedder: FaceEmbedder,
    folder: Path,
    access: Access = BOTH,
    log: AccessLog | None = None,
    room: PhotoRoom = STUDENT_ROOM,
    limits: RequestLimits | None = None,
    unknown_faces: UnknownFaces | None = None,
) -> Iterator[Flask]:
    """A server of a gallery that follows the keys and accounts of its store."""
    handle, register = ServiceHandle(), AccessRegister()
    export = PhotoExport(folder / "export")
    films = FilmFolder(folder / "films", 1_000_000)
    app = create_app(handle, 4_000_000, access, register, request_limits=limits, films=films)
    register.follow(gallery.store.access)
    imports = ImportDesk(folder / "imports")
    own = {"access_log": log, "student_room": room, "imports": imports, "unknown_faces": unknown_faces}
    handle.put(Service(embedder, gallery, export, export.forget, **own))  # type: ignore[arg-type]
    try:
        yield app
    finally:
        register.stop()


def log_in(client: FlaskClient, name: str = "ruiz", password: str = PASSWORD, **more: Any) -> TestResponse:
    return client.post("/v1/login", json={"name": name, "password": password}, **more)


def wait_until(holds: Any) -> None:
    """Until something holds, for as long as a test may take."""
    patience = threading.Event()
    for _ in range(1000):
        if holds():
            return
        patience.wait(0.02)
    raise AssertionError("it never held")


def authenticator_of(app: Flask) -> Authenticator:
    found: Authenticator = app.extensions["presente.authenticator"]
    return found


def key_of(app: Flask, gallery: Gallery, name: str, grant: Grant) -> dict[str, str]:
    """A new key of the store, as the header that carries it."""
    _, text = administration.add_key(gallery.store.access, name, grant)
    authenticator_of(app).register.refresh()
    return {"Authorization": f"Bearer {text}"}


def logged_in(app: Flask, gallery: Gallery, name: str, grant: Grant) -> tuple[FlaskClient, dict[str, str]]:
    """A browser in which the owner of a new account has logged in, and the header that its requests need."""
    administration.add_account(gallery.store.access, name, grant, PASSWORD)
    authenticator_of(app).register.refresh()
    browser = app.test_client()
    assert browser.post("/v1/login", json={"name": name, "password": PASSWORD}).status_code == 204
    return browser, {"X-CSRF-Token": browser.get("/v1/session").get_json()["csrf_token"]}


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def stop_the_clock(app: Flask) -> Hands:
    """Let no delay of an app's logins pass, however long the test takes; the clock."""
    clock = Hands()
    app.extensions["presente.login_desk"]._delays = LoginDelays(clock)
    return clock


def presente_at(
    folder: Path, environment: dict[str, str], *words: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to whose standard input something is written."""
    command = [sys.executable, "-m", "presente", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, input=typed, capture_output=True, text=True, timeout=120
    )


def logged_in_at(running: Running, name: str, password: str = PASSWORD) -> dict[str, str]:
    """The headers of a browser that has logged in."""
    body = json.dumps({"name": name, "password": password}).encode()
    reply = running.fetch("POST", "/v1/login", body, Content_Type="application/json")
    assert reply.status == 204, reply.body
    cookies = [line.partition(";")[0] for line in reply.headers.get_all("Set-Cookie") or ()]
    headers = {"Cookie": "; ".join(cookies)}
    return headers | {"X_CSRF_Token": running.fetch("GET", "/v1/session", None, **headers).json["csrf_token"]}


def setup_code(folder: Path) -> str:
    found = re.search(r"with this code: ([0-9a-f-]{39})\n", (folder / "server.log").read_text())
    assert found is not None
    return found[1]


def ended(running: Running, number: int) -> Any:
    """The job once it has ended."""
    found: Any = {}

    def has_ended() -> bool:
        found.update(running.ask(f"/v1/jobs/{number}"))
        return found["state"] not in ("queued", "running")

    wait_until(has_ended)
    return found


def process_of(running: Running) -> int:
    """The process of the job that a server runs, once there is one."""
    found: list[int] = []

    def is_there() -> bool:
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                except OSError:
                    continue
                if b"server.jobs.child" in words and int(parent) == running.process.pid:
                    found.append(int(folder.name))
        return bool(found)

    wait_until(is_there)
    return found[0]
