"""The server: in this process for its answers, as a process of its own for what happens around them."""

import contextlib
import http.client
import json
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.documents.values import EnrolledPhoto, Enrolment, Student
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.photo_export import PhotoExport
from gallery.settings import GallerySettings
from presente.clock import MACHINE_CLOCK, Clock
from presente.composition import open_store
from presente.liveness import NOT_JUDGED, LivenessPolicy
from presente.recognition import enrolled_photo
from server.access import passwords
from server.app import create_app
from server.films.folder import FilmFolder
from server.imports.desk import ImportDesk
from server.service import Service, ServiceHandle
from tests import programs
from tests.server.declared_answers import CheckedClient, undeclared_anywhere
from tests.server.redis_server import Redis
from tests.server.sample import CLASS_OF, STUDENTS, photos

Flask.test_client_class = CheckedClient
"""Every test client compares what it gets with what the route declares."""


@pytest.fixture
def gallery(tmp_path: Path, store_url: str, embedder: FaceEmbedder) -> Iterator[Gallery]:
    pack = embedder.pack
    made = Gallery(
        open_store(store_url),
        GenerationStore(tmp_path / "index"),
        pack.tag,
        pack.dim,
        GallerySettings(pack.threshold, f"pack {pack.name}"),
    )
    yield made
    made.close()


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take no time, for tests of many logins."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def client(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> FlaskClient:
    return client_of(gallery, embedder, tmp_path)


def client_of(
    gallery: Gallery,
    embedder: FaceEmbedder,
    folder: Path,
    clock: Clock = MACHINE_CLOCK,
    liveness: LivenessPolicy = NOT_JUDGED,
) -> FlaskClient:
    """A client of a server of one gallery."""
    service_handle = ServiceHandle()
    export, imports = PhotoExport(folder / "export"), ImportDesk(folder / "imports")
    service_handle.put(Service(embedder, gallery, export, export.forget, clock, imports=imports, liveness=liveness))
    return create_app(service_handle, 4_000_000, films=FilmFolder(folder / "films", 50_000_000)).test_client()


@dataclass(frozen=True)
class Reply:
    """What came over the wire."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server process and how to reach it."""

    process: programs.Process
    address: str
    started_s: float
    environment: dict[str, str] = field(repr=False)

    def ask(self, path: str, body: bytes | None = None, kind: str = "image/jpeg", method: str | None = None) -> Any:
        request = urllib.request.Request(
            self.address + path, body, {"Content-Type": kind} if body else {}, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read() or "null")

    def fetch(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Any answer, errors too; ``X_API_Key="..."`` is the header X-API-Key."""
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            reply = connection.getresponse()
            found = Reply(reply.status, reply.headers, reply.read())
        wrong = undeclared_anywhere(method, path, found.status, found.headers.get_content_type(), found.body)
        assert not wrong, wrong
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


Serve = Callable[..., Running]
"""What the fixture `serve` is."""

LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
sys.argv[:2] = ["server"]
runpy.run_module("server", run_name="__main__", alter_sys=True)
"""


def words(port: int, descriptors: int | None) -> list[str]:
    """Of a server, after ``python``."""
    begin = ["-m", "server"] if descriptors is None else ["-c", LIMITED, str(descriptors)]
    return [*begin, "--json", "--port", str(port)]


def start_server(environment: dict[str, str], folder: Path, port: int = 0, descriptors: int | None = None) -> Running:
    """Start a server that works in a folder, and logs there; ``descriptors``: how many files it may have open."""
    begin = time.monotonic()
    reader, writer = os.pipe()
    with open(reader) as printed, open(writer, "w") as out, (folder / "server.log").open("a") as log:
        process = programs.start(words(port, descriptors), folder, environment, out, log)
        out.close()
        line = printed.readline()
    assert line, (folder / "server.log").read_text()
    return Running(process, json.loads(line)["address"], time.monotonic() - begin, environment)


@pytest.fixture
def serve(environment: dict[str, str], tmp_path: Path) -> Iterator[Serve]:
    """Starts servers on free ports; all are killed in the end."""
    started: list[Running] = []

    def start(port: int = 0, descriptors: int | None = None, **settings: str) -> Running:
        started.append(start_server(environment | settings, tmp_path, port, descriptors))
        return started[-1]

    yield start
    for running in started:
        if "COVERAGE_PROCESS_CONFIG" in os.environ:  # one that is killed says nothing of what it ran
            running.stop()
        running.kill()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server is installed")
    made = Redis(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def school(gallery: Gallery, embedder: FaceEmbedder) -> Gallery:
    """The sample class, all of it, with one student moved to another class."""
    gallery.enrol([enrolment_of(student, embedder) for student in STUDENTS])
    return gallery


def enrolment_of(student: dict[str, str], embedder: FaceEmbedder) -> Enrolment:
    matricula, nombre = student["matricula"], student["nombre_del_alumno"]
    kept = _enrolled(tuple(photos(student)), embedder)
    return Enrolment(Student(matricula, nombre, CLASS_OF[matricula], student["fecha_de_registro"]), kept)


@cache
def _enrolled(contents: tuple[bytes, ...], embedder: FaceEmbedder) -> tuple[EnrolledPhoto, ...]:
    """Photos as they are enrolled, which nothing changes: read and embedded once for all tests."""
    faces = [embedder.embed([embedder.portrait(embedder.decode(content))])[0] for content in contents]
    return tuple(
        enrolled_photo(content, "image/jpeg", "test", face, embedder.pack.tag)
        for content, face in zip(contents, faces, strict=True)
    )
