"""The server: in this process for its answers, as a process of its own for what happens around them."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery, GallerySettings
from gallery.snapshot import SnapshotStore
from presente.compose import open_store
from server.app import create_app
from server.service import Holder, Service


@pytest.fixture
def gallery(tmp_path: Path, store_url: str, embedder: FaceEmbedder) -> Iterator[Gallery]:
    pack = embedder.pack
    made = Gallery(
        open_store(store_url),
        SnapshotStore(tmp_path / "index"),
        pack.tag,
        pack.dim,
        GallerySettings(pack.threshold, f"pack {pack.name}"),
    )
    yield made
    made.close()


@pytest.fixture
def client(gallery: Gallery, embedder: FaceEmbedder) -> FlaskClient:
    holder = Holder()
    holder.put(Service(embedder, gallery, lambda: None))
    return create_app(holder, 4_000_000).test_client()


@dataclass
class Running:
    """A server process and how to reach it."""

    process: subprocess.Popen[str]
    address: str
    started_s: float
    environment: dict[str, str] = field(repr=False)

    def ask(self, path: str, body: bytes | None = None, kind: str = "image/jpeg", method: str | None = None) -> Any:
        request = urllib.request.Request(
            self.address + path, body, {"Content-Type": kind} if body else {}, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read() or "null")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture
def serve(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts servers on free ports; all are killed in the end."""
    started: list[Running] = []

    def start(port: int = 0) -> Running:
        begin = time.monotonic()
        with (tmp_path / "server.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "server", "--json", "--port", str(port)],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        with process.stdout as printed:
            line = printed.readline()
        assert line, (tmp_path / "server.log").read_text()
        started.append(Running(process, json.loads(line)["address"], time.monotonic() - begin, environment))
        return started[-1]

    yield start
    for running in started:
        running.kill()
