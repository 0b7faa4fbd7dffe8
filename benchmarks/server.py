"""``python -m benchmarks.server``: requests per second and their latency, by the number of clients.

Always: identify requests, beside the same photos read and embedded without a server. With ``--templates N``: the same
at a gallery of N templates, and searches of many embeddings. With ``--mixed``: identifying, enrolling, erasing and
attendance at once. With ``--mongodb``: the same on both stores. With ``--against CHECKOUT``: all of it beside another
version.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.http_load import (
    Request,
    answers,
    beside,
    by_name,
    cheap_requests,
    compare,
    enrol_and_erase,
    measure,
    mixed,
    search_of,
    spread,
)
from benchmarks.servers import SAMPLE_CLASS, BenchmarkServer, served
from faces.embedder import FaceEmbedder
from presente import composition
from presente.installation import IMPORT_ROOT as ROOT
from presente.parallel import default_workers
from presente.settings import load_settings

BATCHES = (1, 4, 31, 32, 100, 127, 128, 1000, 5000)
"""Embeddings in one search."""
_POPULATE = (
    "import sys; from pathlib import Path; from benchmarks import common, erasure; "
    "given = common.parser('', '', '').parse_args(sys.argv[3:]); "
    "erasure.populate(common.settings_in(given, Path(sys.argv[1])), int(sys.argv[2]), given.seed)"
)
"""Made by the version that serves it, in its own formats."""


def floor(embedder: FaceEmbedder, photos: Sequence[bytes], threads: int, seconds: float) -> float:
    """Photos per second that are read and embedded in this process: what no server on these cores exceeds."""
    stop_at = time.perf_counter() + seconds

    def work(first: int) -> int:
        done = 0
        while not done or time.perf_counter() < stop_at:
            embedder.embed(embedder.read_faces(photos[(first + done) % len(photos)]).faces)
            done += 1
        return done

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
    return done / (time.perf_counter() - start)


class Benchmark:
    """The servers of one run, started as they are asked for, and what is sent to them."""

    def __init__(self, given: argparse.Namespace, cleanup: ExitStack) -> None:
        self.given = given
        self.clients = max(given.clients)
        self._cleanup = cleanup
        self.photos = [path.read_bytes() for path in sorted(given.probes.rglob("*.jpg"))]
        self.identify = Request("POST", "/v1/identify", tuple(self.photos), "image/jpeg")
        self.settings = load_settings(given)

    def serve(self, checkout: Path = ROOT, templates: int = 0, store: str | None = None) -> str:
        """The address of a new server: of the source, or of a gallery of so many made-up templates."""
        folder = None
        if templates:
            folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory()))
            flags = [] if self.given.setting_pack is None else ["--pack", self.given.setting_pack]
            words = [sys.executable, "-c", _POPULATE, str(folder), str(templates), *flags]
            subprocess.run(words, cwd=checkout, check=True, stdout=subprocess.DEVNULL)
        source = None if templates else self.given.source
        settings = {} if store is None else {"PRESENTE_STORE": store}
        serving = served(self.given, source, folder=folder, checkout=checkout, descriptors=None, **settings)
        server: BenchmarkServer = self._cleanup.enter_context(serving)
        measure(server.address, self.identify, 1, 0.5)
        return server.address

    def rate(self, address: str) -> float:
        """Identify requests per second of all clients."""
        return measure(address, self.identify, self.clients, self.given.seconds)["requests_per_s"]

    def of_floor(self, address: str) -> dict[str, float]:
        """The rate beside that of the same photos without a server."""
        embedder = composition.open_embedder(self.settings, composition.open_pack(self.settings))
        return beside(
            lambda: self.rate(address),
            lambda: floor(embedder, self.photos, default_workers(), self.given.seconds),
            self.given.rounds,
        )

    def large(self, address: str, small: str) -> dict[str, Any]:
        """Identifying in a large gallery beside a small one, and searches of many embeddings."""
        return {
            "templates": self.given.templates,
            **_index_of(address),
            "identify": beside(lambda: self.rate(address), lambda: self.rate(small), self.given.rounds),
            "search": {str(size): self.search(address, size) for size in BATCHES},
        }

    def search(self, address: str, size: int) -> dict[str, float]:
        """A search for so many embeddings by one client, milliseconds."""
        return measure(address, search_of(size, _dim(address)), 1, self.given.seconds)

    def mixed(self, address: str) -> dict[str, Any]:
        """All sorts of requests at once: latency of all together and of each."""
        with self.given.source.open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        clase = rows[0]["clase"]
        matriculas = [row["matricula"] for row in rows if row["clase"] == clase]
        work = mixed(self.photos, self.given.class_photo.read_bytes(), clase, matriculas)
        answered, took = answers(address, work, self.clients, self.given.seconds * self.given.rounds)
        every = spread([each.seconds for each in answered])
        return {
            "clients": self.clients,
            "requests_per_s": round(len(answered) / took, 1),
            **every,
            "p99_of_p50": round(every["p99_ms"] / every["p50_ms"], 2),
            "by_request": by_name(answered),
        }

    def enrolments(self, address: str, other: str) -> dict[str, float]:
        """Students enrolled and erased per second by one client at two servers."""

        def rate(at: str) -> float:
            work = enrol_and_erase(self.photos)
            answered, took = answers(at, work, 1, self.given.seconds)
            return sum(each.name == "enrol" for each in answered) / took

        return beside(lambda: rate(address), lambda: rate(other), self.given.rounds)


def _status(address: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", "/v1/status")
    found: dict[str, Any] = json.load(connection.getresponse())
    connection.close()
    return found


def _dim(address: str) -> int:
    return int(_status(address)["dim"])


def _index_of(address: str) -> dict[str, Any]:
    status = _status(address)
    return {"index": status["index_kind"], "parameters": status["index_parameters"], "dim": status["dim"]}


def sections(run: Benchmark) -> dict[str, Any]:
    """Everything that the flags ask for."""
    given = run.given
    here = run.serve()
    found: dict[str, Any] = {
        "clients": {str(clients): measure(here, run.identify, clients, given.seconds) for clients in given.clients},
        "floor": run.of_floor(here),
    }
    there = None if given.against is None else run.serve(given.against.resolve())
    if there is not None:
        requests = {"identify": run.identify, **cheap_requests(_dim(here))}
        found["against"] = compare(here, there, requests, run.clients, given.rounds, given.seconds)
    if given.templates:
        large = run.serve(templates=given.templates)
        found["large"] = run.large(large, here)
        if there is not None:
            old = run.serve(given.against.resolve(), templates=given.templates)
            found["large_before"] = run.large(old, there)
            found["large_against"] = beside(lambda: run.rate(large), lambda: run.rate(old), given.rounds)
    if given.mixed:
        found["mixed"] = run.mixed(here)
        if there is not None:
            found["mixed_before"] = run.mixed(there)
    if given.mongodb:
        found["mongodb"] = on_both_stores(run, here, there)
    return found


def on_both_stores(run: Benchmark, here: str, there: str | None) -> dict[str, Any]:
    """The MongoDB server beside SQLite: identifying, enrolling, and mixed load; and beside the other version."""
    name = f"{run.given.mongodb.rstrip('/')}/benchmark_{time.time_ns()}"
    mongo = run.serve(store=name)
    found: dict[str, Any] = {
        "identify": beside(lambda: run.rate(mongo), lambda: run.rate(here), run.given.rounds),
        "enrol_and_erase": run.enrolments(mongo, here),
    }
    if run.given.mixed:
        found["mixed"] = run.mixed(mongo)
    if there is not None:
        old = run.serve(run.given.against.resolve(), store=f"{name}_before")
        found["identify_against"] = beside(lambda: run.rate(mongo), lambda: run.rate(old), run.given.rounds)
        found["enrol_and_erase_against"] = run.enrolments(mongo, old)
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """The figures, for people."""
    shown = [
        f"{clients} clients: {each['requests_per_s']} requests/s ({found['ratio'][clients]} times), "
        f"p50 {each['p50_ms']} ms, p99 {each['p99_ms']} ms"
        for clients, each in found["clients"].items()
    ]
    each = found["floor"]
    shown.append(f"of the same photos without a server ({each['against_per_s']}/s): {each['ratio']}")
    pairs: list[tuple[str, dict[str, Any]]] = list(found.get("against", {}).items())
    for name in ("large", "large_before"):
        if name in found:
            pairs.append((f"identify, {name} gallery against a small one", found[name]["identify"]))
            shown += [f"{name}: search of {size}: {s['p50_ms']} ms" for size, s in found[name]["search"].items()]
    if "large_against" in found:
        pairs.append(("identify, large gallery", found["large_against"]))
    for name, load in (("mixed", found.get("mixed")), ("mixed before", found.get("mixed_before"))):
        shown += _mixed_lines(name, load)
    for name, each in found.get("mongodb", {}).items():
        if name == "mixed":
            shown += _mixed_lines("mixed on MongoDB", each)
        else:
            pairs.append((f"{name} on MongoDB", each))
    return shown + [
        f"{name}: {each['requests_per_s']} requests/s, the other {each['against_per_s']}: {each['ratio']} times"
        for name, each in pairs
    ]


def _mixed_lines(name: str, load: dict[str, Any] | None) -> list[str]:
    if load is None:
        return []
    return [
        f"{name}: {load['requests_per_s']} requests/s, p50 {load['p50_ms']}, p99 {load['p99_ms']} ms: "
        f"{load['p99_of_p50']} times",
        *(
            f"    {sort}: {each['n']}, p50 {each['p50_ms']}, p99 {each['p99_ms']} ms"
            for sort, each in load["by_request"].items()
        ),
    ]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    arguments = common.parser("python -m benchmarks.server", __doc__ or "", "python -m benchmarks.server --seconds 5")
    arguments.add_argument("--source", type=Path, default=SAMPLE_CLASS, help="the source that is indexed")
    arguments.add_argument(
        "--probes", type=Path, default=ROOT / "data_sample" / "probes", help="folder of photos to send"
    )
    arguments.add_argument(
        "--clients", type=int, nargs="+", default=[1, 2, 4, 8], help="numbers of clients that ask at once"
    )
    arguments.add_argument("--seconds", type=float, default=3.0, help="duration per number of clients")
    arguments.add_argument("--templates", type=int, default=0, help="a large gallery beside the small one")
    arguments.add_argument("--mixed", action="store_true", help="all sorts of requests at once; the source is a sheet")
    arguments.add_argument(
        "--class-photo",
        type=Path,
        default=ROOT / "data_sample" / "groups" / "group_01.jpg",
        help="what attendance is taken by in mixed load",
    )
    arguments.add_argument("--mongodb", metavar="URL", help="a MongoDB server, for new databases beside SQLite")
    arguments.add_argument("--against", type=Path, help="another checkout of this project, served beside this one")
    arguments.add_argument("--rounds", type=int, default=5, help="turns of each of the two")
    return arguments


def main() -> int:
    """Measure and print."""
    given = parser().parse_args()
    with ExitStack() as cleanup:
        run = Benchmark(given, cleanup)
        found = sections(run)
        first = next(iter(found["clients"].values()))["requests_per_s"]
        result: dict[str, Any] = {
            **common.about_this_run(given.seed),
            "pack": run.settings.pack,
            "photos": len(run.photos),
            **found,
            "ratio": {clients: round(each["requests_per_s"] / first, 2) for clients, each in found["clients"].items()},
        }
    common.publish(result, given.json, lines(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
