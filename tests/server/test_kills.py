"""The server is killed with SIGKILL at random points, again and again: what it acknowledged is there, once.

``PRESENTE_TEST_KILLS=200 python -m pytest tests/server/test_kills.py -s`` runs it for longer.
"""

import base64
import contextlib
import json
import os
import random
import sys
import threading
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from gallery.gallery import Gallery, GallerySettings
from gallery.snapshot import SnapshotStore
from presente.compose import open_store
from tests.conftest import SAMPLE
from tests.server.test_api import STUDENTS
from tests.server.test_attendance import CLASS, GROUP, HERE, WHOSE

KILLS = int(os.environ.get("PRESENTE_TEST_KILLS", "6"))
EXTRA = sorted((SAMPLE / "strangers").glob("*.jpg"))


@dataclass
class Promised:
    """What the server acknowledged, and what it was asked and did not answer."""

    there: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    took_part: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)

    def settle(self, name: str) -> None:
        self.open.discard(name)


class Client:
    """Enrols, erases, takes attendance, in random order, until the server is gone."""

    def __init__(self, running: Any, promised: Promised, rng: random.Random, number: int) -> None:
        self.running, self.promised, self.rng, self.number = running, promised, rng, number

    def work(self) -> None:
        with contextlib.suppress(OSError, HTTPException, urllib.error.URLError, ValueError):
            for step in range(1000):
                name = f"{self.number}-{step}"
                self.rng.choice([self.enrol, self.enrol, self.erase, self.attend, self.take_part])(name)

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        return self.running.ask(path, json.dumps(body).encode(), "application/json")

    def enrol(self, name: str) -> None:
        photos = self.rng.sample(EXTRA, 2)  # of two people: hence the force
        encoded = [base64.b64encode(path.read_bytes()).decode() for path in photos]
        self.promised.open.add(name)
        self.ask(
            "/v1/students?force=true", {"matricula": name, "nombre_del_alumno": name, "clase": "X", "images": encoded}
        )
        self.promised.there[name] = 2
        self.promised.settle(name)

    def erase(self, _: str) -> None:
        if self.promised.there:
            name = self.rng.choice(sorted(self.promised.there))
            del self.promised.there[name]
            self.promised.open.add(name)
            self.running.ask(f"/v1/students/{name}", method="DELETE")
            self.promised.gone.add(name)
            self.promised.settle(name)

    def attend(self, _: str) -> None:
        fecha = f"20{self.rng.randrange(10, 26)}-{self.rng.randrange(1, 13):02d}-{self.rng.randrange(1, 29):02d}"
        self.running.ask(f"/v1/attendance?clase={CLASS}&fecha={fecha}", GROUP)
        self.promised.taken.add(fecha)

    def take_part(self, name: str) -> None:
        self.ask("/v1/participations", {"matricula": HERE[0], "fecha": "2026-11-20", "note": name})
        self.promised.took_part.add(name)


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(  # type: ignore[no-untyped-def]
    serve: Callable[..., Any], command, store_url: str, tmp_path: Path, sample_pack
) -> None:
    command("indexer", "add", SAMPLE / "students.csv")
    for student in STUDENTS:
        if WHOSE[student["matricula"]] != student["clase"]:
            command("indexer", "remove", student["matricula"])
    rng = random.Random(20261121)
    promised = Promised()
    began = time.monotonic()
    for number in range(KILLS):
        running = serve()
        client = Client(running, promised, rng, number)
        worker = threading.Thread(target=client.work)
        worker.start()
        time.sleep(rng.uniform(0.0, 1.5))
        running.kill()
        worker.join()
        check(serve() if number == KILLS - 1 else None, promised, store_url, tmp_path, sample_pack)
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    sys.stdout.write(
        f"{store_url.split(':')[0]}: {KILLS} kills in {time.monotonic() - began:.0f} s; acknowledged and there: "
        f"{len(promised.there)} enrolments, {len(promised.gone)} erasures, {len(promised.taken)} roll calls, "
        f"{len(promised.took_part)} participations; never answered: {len(promised.open)}\n"
    )


def check(running: Any, promised: Promised, store_url: str, tmp_path: Path, sample_pack: Any) -> None:
    """After a restart documents and index agree, and hold what was promised."""
    gallery = Gallery(
        open_store(store_url),
        SnapshotStore(tmp_path / "index"),
        sample_pack.tag,
        sample_pack.dim,
        GallerySettings(sample_pack.threshold, "test"),
    )
    try:
        assert gallery.index.verify().agrees and gallery.store.records.miscounted() == []
        found = {stored.student.matricula: stored for stored in gallery.store.students(clase="X", limit=10_000)}
        assert promised.there.keys() <= found.keys() and not promised.gone & found.keys()
        assert found.keys() <= promised.there.keys() | promised.open
        assert {(stored.images, stored.templates) for stored in found.values()} <= {(2, 2)}
        counts = gallery.store.counts()
        assert counts.images == counts.templates == sum(s.images for s in gallery.store.students(limit=10_000))
        present = gallery.student(HERE[0])
        assert present.asistencias >= len(promised.taken) and present.participaciones >= len(promised.took_part)
    finally:
        gallery.close()
    if running is not None:  # and over HTTP
        for fecha in sorted(promised.taken)[:50]:
            lines = running.ask(f"/v1/attendance?clase={CLASS}&fecha={fecha}")["attendance"]
            assert sorted(line["matricula"] for line in lines if line["status"] == "present") == HERE
        listed = running.ask(f"/v1/participations?matricula={HERE[0]}")["participations"]
        notes = [line["note"] for line in listed]
        assert promised.took_part <= set(notes) and len(notes) == len(set(notes))
