"""``python -m benchmarks.server``: requests per second and their latency, by the number of clients.

Identify requests; with ``--against CHECKOUT`` also those that cost little, of two versions of this project in turn.
"""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.servers import SAMPLE_CLASS, served
from presente.installation import IMPORT_ROOT as ROOT
from presente.settings import load_settings


@dataclass(frozen=True)
class Request:
    """A request that is made over and over, with its bodies in turn."""

    method: str
    path: str
    bodies: tuple[bytes, ...] = (b"",)
    kind: str = "application/json"


def cheap_requests(dim: int) -> dict[str, Request]:
    """Requests of every other sort: their cost is mostly the server's own."""
    probe = json.dumps({"embeddings": [[1.0] * dim]}).encode()
    probes = json.dumps({"embeddings": [[0.0123456789 * (place + 1) for place in range(dim)]] * 64, "k": 1}).encode()
    return {
        "livez": Request("GET", "/livez"),
        "status": Request("GET", "/v1/status"),
        "students": Request("GET", "/v1/students?limit=20"),
        "search": Request("POST", "/v1/search", (probe,)),
        "search of 64": Request("POST", "/v1/search", (probes,)),
    }


def ask(address: str, request: Request, stop_at: float, taken: list[float]) -> None:
    """One client: request after request on one connection until the time is up; seconds of each."""
    connection = http.client.HTTPConnection(address, timeout=30)
    turn = 0
    while time.perf_counter() < stop_at:
        body = request.bodies[turn % len(request.bodies)]
        start = time.perf_counter()
        connection.request(request.method, request.path, body or None, {"Content-Type": request.kind} if body else {})
        reply = connection.getresponse()
        if reply.status != 200:
            raise RuntimeError(f"the server answered {reply.status}: {reply.read()!r}")
        reply.read()
        taken.append(time.perf_counter() - start)
        turn += 1
    connection.close()


def measure(address: str, request: Request, clients: int, seconds: float) -> dict[str, float]:
    """Requests per second of all clients together, and the latency that one of them sees."""
    taken: list[float] = []
    start = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(address, request, start + seconds, taken)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "requests_per_s": round(len(taken) / (time.perf_counter() - start), 1),
        "p50_ms": round(statistics.median(taken) * 1000, 2),
        "p99_ms": round(common.percentile(taken, 0.99) * 1000, 2),
    }


def compare(
    here: str, there: str, requests: dict[str, Request], clients: int, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Of each request the median requests per second of two servers that take turns, and their ratio."""
    found = {}
    for name, request in requests.items():
        pairs = []
        for _ in range(rounds):
            pairs.append([measure(address, request, clients, seconds)["requests_per_s"] for address in (here, there)])
        found[name] = {
            "requests_per_s": statistics.median(mine for mine, _ in pairs),
            "against_per_s": statistics.median(theirs for _, theirs in pairs),
            "ratio": round(statistics.median(mine / theirs for mine, theirs in pairs), 2),
        }
    return found


def main() -> int:
    """Measure and print."""
    arguments = common.parser("python -m benchmarks.server", __doc__ or "", "python -m benchmarks.server --seconds 5")
    arguments.add_argument("--source", type=Path, default=SAMPLE_CLASS, help="the source that is indexed")
    arguments.add_argument(
        "--probes", type=Path, default=ROOT / "data_sample" / "probes", help="folder of photos to send"
    )
    arguments.add_argument(
        "--clients", type=int, nargs="+", default=[1, 2, 4, 8], help="numbers of clients that ask at once"
    )
    arguments.add_argument("--seconds", type=float, default=3.0, help="duration per number of clients")
    arguments.add_argument("--against", type=Path, help="another checkout of this project, served beside this one")
    arguments.add_argument("--rounds", type=int, default=5, help="turns of each of the two")
    given = arguments.parse_args()
    photos = [path.read_bytes() for path in sorted(given.probes.rglob("*.jpg"))]
    identify = Request("POST", "/v1/identify", tuple(photos), "image/jpeg")
    with ExitStack() as cleanup:
        address = cleanup.enter_context(served(given, given.source)).address
        measure(address, identify, 1, 0.5)
        by_clients = {str(clients): measure(address, identify, clients, given.seconds) for clients in given.clients}
        beside = {}
        if given.against is not None:
            server = served(given, given.source, checkout=given.against.resolve())
            other = cleanup.enter_context(server).address
            status = http.client.HTTPConnection(address, timeout=30)
            status.request("GET", "/v1/status")
            requests = {"identify": identify, **cheap_requests(json.load(status.getresponse())["dim"])}
            status.close()
            measure(other, identify, 1, 0.5)
            beside = compare(address, other, requests, max(given.clients), given.rounds, given.seconds)
    first = next(iter(by_clients.values()))["requests_per_s"]
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "pack": load_settings(given).pack,
        "photos": len(photos),
        "clients": by_clients,
        "against": beside,
        "ratio": {clients: round(found["requests_per_s"] / first, 2) for clients, found in by_clients.items()},
    }
    common.publish(
        result,
        given.json,
        [
            f"{clients} clients: {found['requests_per_s']} requests/s ({result['ratio'][clients]} times), "
            f"p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms"
            for clients, found in by_clients.items()
        ]
        + [
            f"{name}: {found['requests_per_s']} requests/s, the other {found['against_per_s']}: {found['ratio']} times"
            for name, found in beside.items()
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
