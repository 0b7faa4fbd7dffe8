"""``python -m benchmarks.server``: identify requests a second and their latency, by how many clients ask at once."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import common
from presente.config import ROOT


@contextmanager
def served(pack: str, source: Path) -> Iterator[str]:
    """A server of its own process over a gallery of its own, with ``source`` indexed; its host and port."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PRESENTE_PACK": pack,
            "PRESENTE_STORE": f"sqlite:///{folder}/gallery.db",
            "PRESENTE_INDEX": f"{folder}/index",
        }
        program = [sys.executable, "-m"]
        subprocess.run(
            [*program, "indexer", "add", str(source), "--json"],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        words = [*program, "server", "--port", "0", "--json"]
        with subprocess.Popen(
            words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield str(json.loads(process.stdout.readline())["address"]).removeprefix("http://")
            finally:
                process.terminate()


def ask(address: str, photos: list[bytes], stop_at: float, taken: list[float]) -> None:
    """One client: photo after photo on one connection until the time is up; seconds of each request."""
    connection = http.client.HTTPConnection(address, timeout=30)
    turn = 0
    while time.perf_counter() < stop_at:
        start = time.perf_counter()
        connection.request("POST", "/v1/identify", photos[turn % len(photos)], {"Content-Type": "image/jpeg"})
        reply = connection.getresponse()
        if reply.status != 200:
            raise RuntimeError(f"the server answered {reply.status}: {reply.read()!r}")
        reply.read()
        taken.append(time.perf_counter() - start)
        turn += 1
    connection.close()


def measure(address: str, photos: list[bytes], clients: int, seconds: float) -> dict[str, float]:
    """Requests a second of all clients together, and the latency that one of them sees."""
    taken: list[float] = []
    start = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(address, photos, start + seconds, taken)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "requests_per_s": round(len(taken) / (time.perf_counter() - start), 1),
        "p50_ms": round(statistics.median(taken) * 1000, 2),
        "p99_ms": round(common.percentile(taken, 0.99) * 1000, 2),
    }


def main() -> int:
    """Measure and print."""
    arguments = common.parser("python -m benchmarks.server", __doc__ or "", "python -m benchmarks.server --seconds 5")
    arguments.add_argument("--pack", default="sample", help="a pack's name or folder")
    arguments.add_argument("--source", type=Path, default=ROOT / "data_sample" / "students.csv", help="what is indexed")
    arguments.add_argument(
        "--probes", type=Path, default=ROOT / "data_sample" / "probes", help="folder of photos to send"
    )
    arguments.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8], help="how many ask at once")
    arguments.add_argument("--seconds", type=float, default=3.0, help="how long each number of clients asks")
    given = arguments.parse_args()
    photos = [path.read_bytes() for path in sorted(given.probes.rglob("*.jpg"))]
    with served(given.pack, given.source.resolve()) as address:
        measure(address, photos, 1, 0.5)
        by_clients = {str(clients): measure(address, photos, clients, given.seconds) for clients in given.clients}
    first = next(iter(by_clients.values()))["requests_per_s"]
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "pack": given.pack,
        "photos": len(photos),
        "clients": by_clients,
        "ratio": {clients: round(found["requests_per_s"] / first, 2) for clients, found in by_clients.items()},
    }
    common.publish(
        result,
        given.json,
        [
            f"{clients} clients: {found['requests_per_s']} requests/s ({result['ratio'][clients]} times), "
            f"p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms"
            for clients, found in by_clients.items()
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
