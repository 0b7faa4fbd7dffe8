"""``python -m benchmarks.bulk_cluster``: photos per CPU second of two parts (``--shard``) and of two workers of a Ray
cluster on this machine (``--engine ray``), beside one local run of the same photos.

Each form is run with few and with many photos, by turns; the difference of the two is what photos cost, and the rest is
what starting costs. CPU time is that of every process of ours: for Ray its daemons, too, but for those of the head.
``--kill`` kills one of the two nodes when two fifths of the photos are stored, and checks that each is there once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks import common
from benchmarks.long_run import make_tree
from benchmarks.ray_nodes import RayNodes
from presente import composition
from presente.installation import IMPORT_ROOT as ROOT

_KILL_AT = 0.4
_EVERY_S = 0.1
_FEW = 8
"""The few photos are one in so many of the many."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock and of CPU that enrolling took."""

    wall: float
    cpu: float


class Bench:
    """Trees of photos, galleries that are made of them, and the nodes."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given = given
        self._folder = folder
        self._galleries = 0
        self._used: list[str] = []
        self.many, self.few = given.count, max(given.count // _FEW, 2)
        for count in (self.many, self.few):
            make_tree(folder / str(count), count, None)
        self.nodes = RayNodes(folder, 2, {**os.environ, "PYTHONPATH": str(ROOT)}, ROOT)

    def local(self, count: int) -> Cost:
        """One process with two threads."""
        return self._run(count, [["--workers", "2"]])

    def shards(self, count: int) -> Cost:
        """Two processes with one thread each."""
        return self._run(count, [["--workers", "1", "--shard", f"{part}/2"] for part in (1, 2)])

    def ray(self, count: int) -> Cost:
        """Two workers."""
        return self._run(count, [["--engine", "ray", "--address", self.nodes.address]])

    def killed(self) -> dict[str, Any]:
        """A run of the cluster, of which a node is killed; what is there then."""
        settings = self._gallery()
        words = ["--engine", "ray", "--address", self.nodes.address]
        store = composition.open_store(settings["PRESENTE_STORE"])
        start = time.perf_counter()
        process = self._start(self.many, words, settings, "killed")
        while store.counts().templates < _KILL_AT * self.many and process.poll() is None:
            time.sleep(_EVERY_S)
        at = store.counts().templates
        self.nodes.kill(1)
        process.wait()
        report = json.loads((self._folder / "killed.json").read_text())
        counts = store.counts()
        store.close()
        verify = [sys.executable, "-m", "indexer", "verify", "--json"]
        verified = json.loads(subprocess.run(verify, cwd=ROOT, env=settings, capture_output=True, check=False).stdout)
        return {
            "photos": self.many,
            "killed_at": at,
            "report": {name: report[name] for name in ("done", "already", "refused", "left", "stopped")},
            "lost": self.many - counts.images - report["refused"],
            "doubled": max(0, counts.images - self.many),
            "agrees": verified["agrees"] and verified["templates"] == counts.templates,
            "seconds": round(time.perf_counter() - start, 1),
        }

    def close(self) -> None:
        """End the nodes, and drop the databases."""
        self.nodes.stop()
        if self._given.mongodb:
            with MongoClient[dict[str, Any]](self._given.mongodb) as client:
                for name in self._used:
                    client.drop_database(name)

    def _run(self, count: int, runs: list[list[str]]) -> Cost:
        settings = self._gallery()
        before = self.nodes.cpu_by_process()
        seen = dict(before)
        start = time.perf_counter()
        processes = [self._start(count, words, settings, str(place)) for place, words in enumerate(runs)]
        left, own = list(processes), 0.0
        while left:
            for process in left[:]:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    own += usage.ru_utime + usage.ru_stime
                    left.remove(process)
            seen |= self.nodes.cpu_by_process()
            time.sleep(_EVERY_S)
        wall = time.perf_counter() - start
        reports = [json.loads((self._folder / f"{place}.json").read_text()) for place in range(len(runs))]
        if sum(report["done"] for report in reports) != count or any(process.returncode for process in processes):
            raise RuntimeError(f"a run did not enrol its {count} photos: {reports}")
        daemons = sum(seen.values()) - sum(before.values())
        return Cost(wall, own + (daemons if "ray" in runs[0] else 0.0))

    def _start(self, count: int, words: list[str], settings: Mapping[str, str], name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "indexer", "add", str(self._folder / str(count)), "--json", *words]
        with (self._folder / f"{name}.json").open("wb") as out, (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=dict(settings), stdout=out, stderr=log)

    def _gallery(self) -> dict[str, str]:
        """The settings of a new, empty gallery."""
        self._galleries += 1
        folder = self._folder / f"gallery-{self._galleries}"
        folder.mkdir()
        settings = common.environment_in(self._given, folder, **self.nodes.token)
        if self._given.mongodb:
            self._used.append(f"bulk_cluster_{uuid.uuid4().hex[:12]}")
            settings["PRESENTE_STORE"] = f"{self._given.mongodb.rstrip('/')}/{self._used[-1]}"
        return settings


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the forms by turns, then kill a node if that is asked for."""
    bench = Bench(given, folder)
    try:
        forms: dict[str, Callable[[int], Cost]] = {"local": bench.local, "shards": bench.shards, "ray": bench.ray}
        costs: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in forms}
        for _ in range(given.rounds):
            for name, form in forms.items():
                costs[name].append((form(bench.few), form(bench.many)))
        killed = {"kill": bench.killed()} if given.kill else {}
    finally:
        bench.close()
    more = bench.many - bench.few
    rates = {name: [more / (many.cpu - few.cpu) for few, many in found] for name, found in costs.items()}
    return {
        **common.about_this_run(given.seed),
        "photos": [bench.few, bench.many],
        "rounds": given.rounds,
        "photos_per_cpu_s": {name: round(statistics.median(found), 1) for name, found in rates.items()},
        "ratio_to_local": {name: _ratio(found, rates["local"]) for name, found in rates.items() if name != "local"},
        "start_cpu_s": {
            name: round(statistics.median(few.cpu - bench.few * (many.cpu - few.cpu) / more for few, many in found), 1)
            for name, found in costs.items()
        },
        "wall_s": {name: round(statistics.median(many.wall for _, many in found), 1) for name, found in costs.items()},
        **killed,
    }


def _ratio(rates: list[float], local: list[float]) -> float:
    """The median of the ratios within each round."""
    return round(statistics.median(rate / beside for rate, beside in zip(rates, local, strict=True)), 2)


def main() -> None:
    """Parse, run, print."""
    made = common.parser(
        "python -m benchmarks.bulk_cluster",
        "Parts, and workers of a Ray cluster, beside a local run of `indexer add`.",
        "python -m benchmarks.bulk_cluster --count 800 --kill",
    )
    made.add_argument("--count", type=int, default=800, help="photos")
    made.add_argument("--rounds", type=int, default=3, help="how often each form is run")
    made.add_argument("--kill", action="store_true", help="also kill a node of a run of the cluster")
    made.add_argument("--mongodb", metavar="URL", help="a server, in which databases are made; SQLite without")
    made.add_argument("--work", type=Path, metavar="DIR", help="where the photos go meanwhile; a temporary folder")
    given = made.parse_args()
    with tempfile.TemporaryDirectory(prefix="presente-cluster-", dir=given.work) as folder:
        result = measure(given, Path(folder))
    common.publish(result, given.json, [f"{name}: {value}" for name, value in result.items()])


if __name__ == "__main__":
    main()
