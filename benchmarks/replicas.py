"""``python -m benchmarks.replicas``: servers with index folders of their own on one store.

How soon one knows whom another enrolled, and forgets whom another erased, in answers and in files; identifications per
second of one server and of all, each on a core of its own where there are as many; and what is left of acknowledged
enrolments when a server is killed while clients go on at the others. ``--mongodb mongodb://HOST:PORT``: in a database
of its own there; else all servers share a SQLite file.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.http_load import Request, always, answers, form
from benchmarks.servers import SAMPLE_CLASS, BenchmarkServer, served
from gallery.documents.protocol import DocumentStore
from presente.composition import open_store
from presente.installation import IMPORT_ROOT as ROOT

_SAMPLE = ROOT / "data_sample"
_STRANGERS = sorted((_SAMPLE / "strangers").glob("*.jpg"))
_PATIENCE_S = 60.0
_JPEG = "image/jpeg"


def ask(server: str, method: str, path: str, body: bytes = b"", kind: str = "", key: str = "") -> tuple[int, Any]:
    """One request on a connection of its own: status and reply."""
    connection = http.client.HTTPConnection(server, timeout=_PATIENCE_S)
    headers = {name: text for name, text in (("Content-Type", kind), ("Idempotency-Key", key)) if text}
    try:
        connection.request(method, path, body or None, headers)
        reply = connection.getresponse()
        content = reply.read()
    finally:
        connection.close()
    return reply.status, json.loads(content) if content else None


def done(server: str, method: str, path: str, body: bytes = b"", kind: str = "") -> Any:
    """The reply to a request that has to succeed."""
    status, reply = ask(server, method, path, body, kind)
    if status >= 300:
        raise RuntimeError(f"{method} {path} was answered with {status}: {reply}")
    return reply


def enrol(server: str, matricula: str, photo: Path, key: str = "") -> int:
    """Enrol a student with one photo; the status."""
    fields = {"matricula": matricula, "nombre_del_alumno": matricula, "clase": "B-101"}
    body, kind = form(fields, photo.read_bytes())
    return ask(server, "POST", "/v1/students?force=true", body, kind, key)[0]


def named(server: str, photo: Path) -> set[str]:
    """Whom a server names in a photo."""
    found = done(server, "POST", "/v1/identify?k=1", photo.read_bytes(), _JPEG)["faces"]
    return {face["matricula"] for face in found}


def seconds_until(holds: Any) -> float:
    """How long it takes until something holds."""
    start = time.perf_counter()
    while not holds():
        if time.perf_counter() - start > _PATIENCE_S:
            raise RuntimeError(f"it did not hold within {_PATIENCE_S:.0f} s")
        time.sleep(0.005)
    return time.perf_counter() - start


def holding(folder: Path, vectors: np.ndarray) -> int:
    """How many files below a folder contain any of some vectors."""
    while True:
        try:
            files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        except FileNotFoundError:  # deleted or renamed meanwhile: look again
            continue
        return sum(any(row.tobytes() in content for row in vectors) for content in files)


def following(servers: Sequence[BenchmarkServer], store: DocumentStore, count: int) -> dict[str, Any]:
    """What the last server knows of what the first one was told."""
    first, last = servers[0].address, servers[-1]
    known, knows_s, unknown = 0, [], 0
    for number in range(count):
        matricula, photo = f"NEW-{number}", _STRANGERS[number % len(_STRANGERS)]
        if enrol(first, matricula, photo) != 201:
            raise RuntimeError("an enrolment failed")
        start = time.perf_counter()
        known += matricula in named(last.address, photo)
        knows_s.append(time.perf_counter() - start)
        done(first, "DELETE", f"/v1/students/{matricula}")
        unknown += matricula not in named(last.address, photo)
    pack = (store.pack() or ("",))[0]
    held, clean_s = 0, []
    for stored in store.students(limit=count):
        vectors = np.concatenate([batch.vectors[batch.subjects == stored.id] for batch in store.templates(None, pack)])
        held += holding(last.folder / "index", vectors) > 0
        done(first, "DELETE", f"/v1/students/{stored.student.matricula}")
        clean_s.append(seconds_until(lambda vectors=vectors: not holding(last.folder / "index", vectors)))
    return {
        "asked": count,
        "known_at_the_first_question": known,
        "that_question_ms": round(statistics.median(knows_s) * 1000, 1),
        "unknown_at_the_first_question_after_erasing": unknown,
        "erased_from_published_files": len(clean_s),
        "files_held_them_before": held,
        "files_clean_after_s": {"median": round(statistics.median(clean_s), 2), "longest": round(max(clean_s), 2)},
    }


def throughput(servers: Sequence[BenchmarkServer], seconds: float, rounds: int) -> dict[str, Any]:
    """Identifications per second of one server and of all, four clients each, in turns."""
    photos = tuple(path.read_bytes() for path in sorted((_SAMPLE / "probes").glob("*/*.jpg")))
    work = always("identify", Request("POST", "/v1/identify", photos, _JPEG))

    def rate(chosen: Sequence[BenchmarkServer]) -> float:
        with ThreadPoolExecutor(len(chosen)) as pool:
            found = list(pool.map(lambda each: answers(each.address, work, 4, seconds), chosen))
        return sum(len(answered) / took for answered, took in found)

    pairs = [(rate(servers[:1]), rate(servers)) for _ in range(rounds)]
    return {
        "one_per_s": round(statistics.median(one for one, _ in pairs), 1),
        "all_per_s": round(statistics.median(every for _, every in pairs), 1),
        "ratio": round(statistics.median(every / one for one, every in pairs), 2),
    }


@dataclass
class Clients:
    """Clients that enrol at one server after another, with a key per enrolment; at the next one where that fails."""

    servers: list[str]
    acknowledged: set[str] = field(default_factory=set)
    moved: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self, client: int) -> None:
        """Enrol until told to stop."""
        number = 0
        while not self.stop.is_set():
            matricula = f"K{client}-{number}"
            for turn in range(len(self.servers)):
                server = self.servers[(client + number + turn) % len(self.servers)]
                with suppress(OSError, http.client.HTTPException):
                    if enrol(server, matricula, _STRANGERS[number % len(_STRANGERS)], key=matricula) == 201:
                        self.acknowledged.add(matricula)
                        self.moved += turn > 0
                        break
            number += 1


def killed(servers: Sequence[BenchmarkServer], store: DocumentStore) -> dict[str, Any]:
    """Kill the first server while four clients enrol; what was acknowledged and is known to the last one."""
    clients, last = Clients([each.address for each in servers]), servers[-1].address
    threads = [threading.Thread(target=clients.work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    seconds_until(lambda: len(clients.acknowledged) >= 20)
    os.kill(servers[0].process.pid, 9)
    at = len(clients.acknowledged)
    seconds_until(lambda: len(clients.acknowledged) >= at + 20)
    clients.stop.set()
    for thread in threads:
        thread.join()
    stored = {each.student.matricula: each.images for each in store.students(clase="B-101", limit=100_000)}
    return {
        "acknowledged": len(clients.acknowledged),
        "after_the_kill": len(clients.acknowledged) - at,
        "answered_by_the_next_server": clients.moved,
        "lost": len(clients.acknowledged - stored.keys()),
        "doubled": sum(images != 1 for images in stored.values()),
        "readyz_of_the_last": done(last, "GET", "/readyz"),
    }


@contextmanager
def replicas(given: argparse.Namespace, folder: Path, store: str) -> Iterator[list[BenchmarkServer]]:
    """Servers whose indexes begin with a copy of the first one's; each on a core of its own where there are as many."""
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as running:
        servers: list[BenchmarkServer] = []
        for number in range(given.servers):
            own = folder / f"server{number}"
            own.mkdir()
            words = {"PRESENTE_STORE": store, "PRESENTE_IMPORTS": str(own / "imports")}
            if servers:
                copy = [sys.executable, "-m", "indexer", "copy-index", str(servers[0].folder / "index"), "--json"]
                environment = common.environment_in(given, own, **words)
                subprocess.run(copy, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            if len(cores) >= given.servers:
                os.sched_setaffinity(0, {cores[number]})  # what is started now inherits it
            try:
                source = None if servers else SAMPLE_CLASS
                servers.append(
                    running.enter_context(served(given, source, folder=own, checkout=ROOT, descriptors=None, **words))
                )
            finally:
                os.sched_setaffinity(0, cores)
        yield servers


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    store = f"sqlite:///{folder}/gallery.db"
    if given.mongodb:
        store = f"{given.mongodb.rstrip('/')}/replicas_{time.time_ns()}"
    with replicas(given, folder, store) as servers:
        documents = open_store(store)
        try:
            return {
                "store": store.partition(":")[0],
                "servers": given.servers,
                "a_core_each": len(os.sched_getaffinity(0)) >= given.servers,
                "identify": throughput(servers, given.seconds, given.rounds),
                "following": following(servers, documents, given.count),
                "one_killed": killed(servers, documents),
            }
        finally:
            documents.close()


def lines(found: dict[str, Any]) -> list[str]:
    """What people read."""
    follows, rate, kill = found["following"], found["identify"], found["one_killed"]
    return [
        f"{found['servers']} servers on {found['store']}",
        f"enrolled at one, known at another at once: {follows['known_at_the_first_question']} of {follows['asked']}; "
        f"erased likewise: {follows['unknown_at_the_first_question_after_erasing']}",
        f"files of another free of an erased student after {follows['files_clean_after_s']['median']} s, at most "
        f"{follows['files_clean_after_s']['longest']} s",
        f"identify: {rate['one_per_s']} per second of one server, {rate['all_per_s']} of all ({rate['ratio']} times)",
        f"one killed: {kill['acknowledged']} enrolments acknowledged, {kill['lost']} lost, {kill['doubled']} doubled",
    ]


def main() -> None:
    """Run it."""
    arguments = common.parser("benchmarks.replicas", "Several servers on one store.", "benchmarks.replicas --json")
    arguments.add_argument("--servers", type=int, default=2, help="how many")
    arguments.add_argument("--mongodb", help="address of a MongoDB server, for a new database; else a SQLite file")
    arguments.add_argument("--count", type=int, default=20, help="students who are enrolled and erased, at most 24")
    arguments.add_argument("--seconds", type=float, default=3.0, help="of each round of identifications")
    arguments.add_argument("--rounds", type=int, default=3, help="of identifications, of which the median is taken")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = common.about_this_run(given.seed) | measure(given, Path(folder))
    common.publish(found, given.json, lines(found))


if __name__ == "__main__":
    main()
