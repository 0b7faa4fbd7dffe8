"""``python -m benchmarks.shards``: an index in shards on the nodes of a Ray cluster, beside that of one process.

The nodes are processes of this machine with loopback addresses. Templates are drawn and enrolled once; then the index
of one process and indexes of so many shards answer the same probes in turns. At last a node with a shard is killed
while clients search: what they are answered meanwhile, and how soon all is searched again. ``--mongodb
mongodb://HOST:PORT``: in a database of its own there; else all use a SQLite file.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymongo import MongoClient

from benchmarks import common
from benchmarks.face_vectors import EACH, People
from benchmarks.ray_nodes import RayNodes
from gallery.decision import Candidate, Decision
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from gallery.gallery import Gallery
from gallery.index.gallery_index import GalleryIndex
from gallery.settings import GallerySettings
from gallery.shards.ray_shards import RayShards
from gallery.shards.sharded_index import ShardedIndex
from presente import composition
from presente.composition import open_store
from presente.errors import StoreError
from presente.installation import IMPORT_ROOT as ROOT
from presente.settings import Settings, load_settings
from presente.sharding import open_sharded_index

PACK, DIM, K = "made-up@000000000000", 512, 10
_TIE = 1e-6
_CLIENTS = 2
_AT_ONCE = 500
"""People enrolled in one transaction."""
_PATIENCE_S = 120.0


def store_of(settings: Settings) -> DocumentStore:
    """The store of settings; other processes call it by its name."""
    return open_store(settings.store)


def opened(settings: Settings) -> Gallery:
    """A gallery of the settings' store: in shards if the settings say so."""
    store = store_of(settings)

    def shards() -> GalleryIndex:
        return open_sharded_index(settings, store, (PACK, DIM), store_of, composition.store_file(settings))

    generations, asked = composition.open_generations(settings, None), GallerySettings(0.5, "made up")
    return Gallery(store, generations, PACK, DIM, asked, shards if settings.shards else None)


def fill(gallery: Gallery, people: People, count: int) -> None:
    """Enrol ``count`` templates of the first people."""
    made: list[Enrolment] = []
    for whose, vectors in people.gallery(count):
        for person in np.unique(whose).tolist():
            made.append(_enrolment(person, vectors[whose == person]))
            if len(made) == _AT_ONCE:
                gallery.enrol(made)
                made = []
    if made:
        gallery.enrol(made)


def _enrolment(person: int, vectors: NDArray[np.float32]) -> Enrolment:
    photos = tuple(
        EnrolledPhoto(
            b"photo", f"{person:032x}{number:032x}", "image/jpeg", "made up", Template(vector, PACK, (0, 0, 9, 9), {})
        )
        for number, vector in enumerate(vectors)
    )
    return Enrolment(Student(f"P{person:07d}", f"Persona {person}", "A-1"), photos)


@dataclass
class Answers:
    """What one index answered, and how long that took."""

    milliseconds: list[float] = field(default_factory=list)
    found: list[list[Candidate]] = field(default_factory=list)

    def ask(self, gallery: Gallery, probe: NDArray[np.float32]) -> None:
        """One search for ten people."""
        start = time.perf_counter()
        found = gallery.search(probe, K)[0]
        self.milliseconds.append((time.perf_counter() - start) * 1000)
        self.found.append(found)


def in_turns(galleries: dict[int, Gallery], probes: NDArray[np.float32], rounds: int) -> dict[str, Any]:
    """Each index searches for every probe, one at a time, the indexes in turns; p50 and what differs."""
    answers: dict[int, list[Answers]] = {shards: [] for shards in galleries}
    for _ in range(rounds):
        for shards, gallery in galleries.items():
            answers[shards].append(made := Answers())
            for probe in probes:
                made.ask(gallery, probe[None, :])
    beside = [statistics.median(each.milliseconds) for each in answers[0]]
    found: dict[str, Any] = {}
    for shards, rows in answers.items():
        medians = [statistics.median(each.milliseconds) for each in rows]
        found["one process" if shards == 0 else f"{shards} shards"] = {
            "p50_ms": round(statistics.median(medians), 2),
            "p99_ms": round(common.percentile([ms for each in rows for ms in each.milliseconds], 0.99), 2),
            "times": round(statistics.median(a / b for a, b in zip(medians, beside, strict=True)), 2),
            "same_top_10": sum(_same(a, b) for a, b in zip(rows[0].found, answers[0][0].found, strict=True)),
            "of": len(probes),
        }
    return found


def _same(mine: Sequence[Candidate], others: Sequence[Candidate]) -> bool:
    """Whether both are the same people in the same order by the same scores; those that tie may change places."""
    scores = np.array([[each.score for each in found] for found in (mine, others)])
    if scores.shape[1] != len(mine) or not np.allclose(scores[0], scores[1], atol=_TIE):
        return False
    placed = zip(mine, others, strict=True)
    return all(a.subject == b.subject or (np.abs(scores[1] - b.score) < _TIE).sum() > 1 for a, b in placed)


@dataclass
class Clients:
    """Clients that search for known people without end, patiently or for whatever is there."""

    gallery: Gallery
    probes: NDArray[np.float32]
    expected: Sequence[str]
    since: float = 0.0
    longest_right: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self, partial: bool, seed: int) -> None:
        """Search until told to stop."""
        chance = np.random.default_rng(seed)
        while not self.stop.is_set():
            place = int(chance.integers(len(self.probes)))
            start = time.perf_counter()
            ask = functools.partial(_decided, probe=self.probes[place : place + 1])
            try:
                decision, covers = self.gallery.partially(ask) if partial else (ask(self.gallery), 1.0)
            except StoreError as error:
                self._count("refused" if error.code == "shards_missing" else error.code, start)
                time.sleep(0.02)
                continue
            kind = "" if covers == 1.0 else "partial, "
            if decision.student is None:
                self._count(f"{kind}{decision.verdict}", start)
            else:
                right = decision.student.matricula == self.expected[place]
                self._count(f"{kind}{'right' if right else 'wrong'}", start)

    def _count(self, what: str, start: float) -> None:
        self.counts[what] += 1
        now = time.perf_counter()
        if self.since and what == "right":
            self.longest_right = max(self.longest_right, now - start)
        if self.since and what not in self.first:
            self.first[what] = now - self.since


def _decided(gallery: Gallery, probe: NDArray[np.float32]) -> Decision:
    return gallery.identify(probe, 1)[1][0]


def killed(nodes: RayNodes, settings: Settings, probes: NDArray[np.float32], whose: NDArray[np.int64]) -> Any:
    """Kill a node with a shard while clients search; a free node takes its place."""
    gallery = opened(settings)
    index = gallery.index
    assert isinstance(index, ShardedIndex) and isinstance(index.shards, RayShards)
    expected = [f"P{person:07d}" for person in whose.tolist()]
    gallery.search(probes[:1], 1)
    clients = Clients(gallery, probes, expected)
    threads = [
        threading.Thread(target=clients.work, args=(partial, seed))
        for seed in range(_CLIENTS)
        for partial in (False, True)
    ]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2.0)
        before = clients.counts["right"]
        clients.since = time.perf_counter()
        nodes.kill(int(index.shards.places[0].rpartition(".")[2]) - 3)
        noticed = _until(lambda: bool(index.shards.missing()), clients.since)
        whole = _until(lambda: not index.shards.missing(), clients.since)
        at = clients.counts["right"]
        _until(lambda: clients.counts["right"] >= at + 100, clients.since)
    finally:
        clients.stop.set()
        for thread in threads:
            thread.join()
        agreement = gallery.index.verify()
        gallery.close()
    return {
        "shards": settings.shards,
        "right_before": before,
        "answers": dict(clients.counts),
        "first_s": {what: round(seconds, 2) for what, seconds in clients.first.items()},
        "longest_right_s": round(clients.longest_right, 2),
        "noticed_s": round(noticed, 2),
        "whole_again_s": round(whole, 2),
        "agrees": agreement.agrees,
    }


def _until(holds: Any, since: float) -> float:
    """Seconds since a moment until something holds."""
    while not holds():
        if time.perf_counter() - since > _PATIENCE_S:
            raise RuntimeError(f"it did not hold within {_PATIENCE_S:.0f} s")
        time.sleep(0.005)
    return time.perf_counter() - since


def measure(given: argparse.Namespace, folder: Path, store: str) -> dict[str, Any]:
    """All figures."""
    people = People("spread", DIM, given.seed)
    known = np.random.default_rng(given.seed).choice(-(-given.templates // EACH["spread"]), given.probes, replace=False)
    probes = people.probes(known)
    most = max(given.numbers)
    nodes = RayNodes(folder, max(most + 1, 3), {**os.environ, "PYTHONPATH": str(ROOT)}, ROOT)
    os.environ.update(nodes.token)  # before Ray is imported
    plain = replace(load_settings(given), store=store, index=folder / "plain", shards=0)
    sharded = replace(plain, index=folder / "shards", shards_address=nodes.address, shards_wait=given.wait)
    result: dict[str, Any] = {"templates": given.templates, "store": store.partition(":")[0], "wait_s": given.wait}
    try:
        start = time.perf_counter()
        single = opened(plain)
        fill(single, people, given.templates)
        single.index.rebuild()
        result["filled_s"] = round(time.perf_counter() - start, 1)
        result["side_by_side"] = {}
        for number in given.numbers:
            start = time.perf_counter()
            gallery = opened(replace(sharded, shards=number))
            gallery.index.rebuild()
            opened_s = round(time.perf_counter() - start, 1)
            try:
                found = in_turns({0: single, number: gallery}, probes, given.rounds)
                result["side_by_side"][str(number)] = {"opened_s": opened_s, **found}
            finally:
                gallery.close(publish=True)
        single.close()
        result["one_killed"] = killed(nodes, replace(sharded, shards=most), probes, known)
    finally:
        nodes.stop()
    return result


def lines(found: dict[str, Any]) -> Iterator[str]:
    """What people read."""
    yield f"{found['templates']} templates on {found['store']}"
    for made in found["side_by_side"].values():
        for name, each in made.items():
            if name != "opened_s":
                yield (
                    f"{name}: p50 {each['p50_ms']} ms ({each['times']} times one process), "
                    f"same ten people {each['same_top_10']} of {each['of']}"
                )
    for name, value in found["one_killed"].items():
        yield f"one of {found['one_killed']['shards']} killed: {name} {value}"


def main() -> None:
    """Run it."""
    arguments = common.parser("benchmarks.shards", "An index in shards.", "benchmarks.shards --json")
    arguments.add_argument("--templates", type=int, default=100_000, help="in the gallery, 20 of each person")
    arguments.add_argument("--numbers", type=int, nargs="+", default=[1, 2, 3], help="numbers of shards")
    arguments.add_argument("--probes", type=int, default=200, help="searches of each index and round")
    arguments.add_argument("--rounds", type=int, default=3, help="turns of each index")
    arguments.add_argument("--wait", type=float, default=1.0, help="seconds that a search waits for a lost shard")
    arguments.add_argument("--mongodb", help="address of a MongoDB server, for a new database; else a SQLite file")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        store = f"sqlite:///{name}/gallery.db"
        database = f"shards_{uuid.uuid4().hex[:12]}"
        if given.mongodb:
            store = f"{given.mongodb.rstrip('/')}/{database}"
        try:
            found = common.about_this_run(given.seed) | measure(given, Path(name), store)
        finally:
            if given.mongodb:
                with MongoClient[dict[str, Any]](given.mongodb) as client:
                    client.drop_database(database)
    common.publish(found, given.json, lines(found))


if __name__ == "__main__":
    main()
