"""Clients of a server that is killed, and what has to be there afterwards."""

import base64
import contextlib
import json
import random
import urllib.error
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente.composition import open_store
from tests.conftest import SAMPLE
from tests.server.sample import CLASS, GROUP, HERE

EXTRA = sorted((SAMPLE / "strangers").glob("*.jpg"))


@dataclass
class Promised:
    """What the server acknowledged, and what it was asked and did not answer."""

    there: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    took_part: set[str] = field(default_factory=set)
    by_hand: dict[str, str] = field(default_factory=dict)
    """Statements with a key, answered or not: which is it, and of which date."""
    open: set[str] = field(default_factory=set)

    def answered(self, name: str) -> None:
        self.open.discard(name)


class Client:
    """Enrols, erases, takes attendance, in random order, until the server is gone."""

    def __init__(self, running: Any, promised: Promised, rng: random.Random, number: int) -> None:
        self.running, self.promised, self.rng, self.number = running, promised, rng, number

    def work(self) -> None:
        with contextlib.suppress(OSError, HTTPException, urllib.error.URLError, ValueError):
            for step in range(1000):
                name = f"{self.number}-{step}"
                work = (self.enrol, self.enrol, self.erase, self.attend, self.take_part, self.record_by_hand)
                self.rng.choice(work)(name)

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
        self.promised.answered(name)

    def erase(self, _: str) -> None:
        if self.promised.there:
            name = self.rng.choice(sorted(self.promised.there))
            del self.promised.there[name]
            self.promised.open.add(name)
            self.running.ask(f"/v1/students/{name}", method="DELETE")
            self.promised.gone.add(name)
            self.promised.answered(name)

    def attend(self, _: str) -> None:
        fecha = f"20{self.rng.randrange(10, 26)}-{self.rng.randrange(1, 13):02d}-{self.rng.randrange(1, 29):02d}"
        self.running.ask(f"/v1/attendance?clase={CLASS}&fecha={fecha}", GROUP)
        self.promised.taken.add(fecha)

    def take_part(self, name: str) -> None:
        self.ask("/v1/participations", {"matricula": HERE[0], "fecha": "2026-11-20", "note": name})
        self.promised.took_part.add(name)

    def record_by_hand(self, name: str) -> None:
        self.promised.by_hand[name] = f"2025-11-{self.rng.randrange(1, 29):02d}"
        assert say_again(self.running, self.promised, name) == 201


def say_again(running: Any, promised: Promised, name: str) -> int:
    """The status of a statement of which it does not matter how often it is sent."""
    body = json.dumps({"matricula": HERE[1], "note": name}).encode()
    path = f"/v1/attendance?clase=S&fecha={promised.by_hand[name]}"
    return int(running.fetch("POST", path, body, Content_Type="application/json", Idempotency_Key=name).status)


def opened(store_url: str, index: Path, sample_pack: Any) -> Gallery:
    settings = GallerySettings(sample_pack.threshold, "test")
    return Gallery(open_store(store_url), GenerationStore(index), sample_pack.tag, sample_pack.dim, settings)


def check(gallery: Gallery, promised: Promised, sources: int = 0) -> None:
    """The documents hold what was promised, and of the bulk run so many whole sources."""
    found = {stored.student.matricula: stored for stored in gallery.store.students(clase="X", limit=10_000)}
    assert promised.there.keys() <= found.keys() and not promised.gone & found.keys()
    assert found.keys() <= promised.there.keys() | promised.open
    assert {(stored.images, stored.templates) for stored in found.values()} <= {(2, 2)}
    present = gallery.student(HERE[0])
    assert present.asistencias >= len(promised.taken) and present.participaciones >= len(promised.took_part)
    if sources:  # and nothing is written any more
        counts = gallery.store.counts()
        everyone = gallery.store.students(limit=100_000)
        assert counts.images == counts.templates == sum(stored.images for stored in everyone)
        bulk = [stored.images for stored in everyone if stored.student.matricula.startswith("B")]
        assert sum(bulk) == 36 * sources


def check_over_http(running: Any, promised: Promised) -> None:
    for fecha in sorted(promised.taken)[:50]:
        lines = running.ask(f"/v1/attendance?clase={CLASS}&fecha={fecha}")["attendance"]
        assert sorted(line["matricula"] for line in lines if line["status"] == "present") == HERE
    listed = running.ask(f"/v1/participations?matricula={HERE[0]}")["participations"]
    notes = [line["note"] for line in listed]
    assert promised.took_part <= set(notes) and len(notes) == len(set(notes))
    for name in promised.by_hand:
        assert say_again(running, promised, name) == 201
    if not promised.by_hand:  # in a short run; then no one has heard of the class
        return
    entries = running.ask(f"/v1/attendance?clase=S&matricula={HERE[1]}&history=true")["attendance"]
    assert sorted(line["note"] for line in entries) == sorted(promised.by_hand)
