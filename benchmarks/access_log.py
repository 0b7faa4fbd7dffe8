"""``python -m benchmarks.access_log``: what the access log costs a request.

Two servers, of which one writes the log and one does not, answer the same requests in turn.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks import common
from benchmarks.http_load import Request, always, answers, measure
from benchmarks.servers import SAMPLE_CLASS, BenchmarkServer, served
from presente.installation import IMPORT_ROOT as ROOT


def turn(server: BenchmarkServer, request: Request, clients: int, seconds: float) -> tuple[float, float]:
    """Requests per second of all clients together, and milliseconds of the server's CPU time per request."""
    cpu = server.process.cpu_seconds()
    answered, elapsed = answers(server.address, always("", request), clients, seconds)
    return len(answered) / elapsed, (server.process.cpu_seconds() - cpu) * 1000 / len(answered)


def compare(
    servers: Sequence[BenchmarkServer], request: Request, clients: int, rounds: int, seconds: float
) -> dict[str, float]:
    """Medians over the turns of two servers, with the log and without."""
    turns = [[turn(server, request, clients, seconds) for server in servers] for _ in range(rounds)]
    (rate, cpu), (bare_rate, bare_cpu) = (
        tuple(statistics.median(pair[which][value] for pair in turns) for value in (0, 1)) for which in (0, 1)
    )
    return {
        "requests_per_s": round(rate, 1),
        "without_per_s": round(bare_rate, 1),
        "ratio": round(statistics.median(mine / theirs for (mine, _), (theirs, _) in turns), 2),
        "cpu_ms": round(cpu, 3),
        "without_cpu_ms": round(bare_cpu, 3),
        "cpu_ratio": round(statistics.median(mine / theirs for (_, mine), (_, theirs) in turns), 2),
    }


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.access_log", __doc__ or "", "python -m benchmarks.access_log --rounds 9"
    )
    arguments.add_argument("--clients", type=int, default=8, help="clients that ask at once")
    arguments.add_argument("--rounds", type=int, default=7, help="turns of each of the two servers")
    arguments.add_argument("--seconds", type=float, default=2.0, help="duration of a turn")
    arguments.add_argument("--mongo", help="address of a MongoDB server, for two new databases; else SQLite")
    given = arguments.parse_args()
    with SAMPLE_CLASS.open(encoding="utf-8") as stream:
        matricula = next(csv.DictReader(stream))["matricula"]
    photos = [path.read_bytes() for path in sorted((ROOT / "data_sample" / "probes").rglob("*.jpg"))]
    change = json.dumps({"aviso": ""}).encode()
    requests = {
        "identify": Request("POST", "/v1/identify", tuple(photos), "image/jpeg"),
        "one student": Request("GET", f"/v1/students/{matricula}"),
        "change of a student": Request("PATCH", f"/v1/students/{matricula}", (change,)),
    }
    with ExitStack() as cleanup:
        servers = []
        for level in ("all", "off"):
            store: dict[str, Any] = (
                {"PRESENTE_STORE": f"{given.mongo}/access_log_benchmark_{level}"} if given.mongo else {}
            )
            server = cleanup.enter_context(served(given, SAMPLE_CLASS, PRESENTE_ACCESS_LOG=level, **store))
            servers.append(server)
            measure(server.address, requests["identify"], 1, 0.5)
        found = {
            name: compare(servers, request, given.clients, given.rounds, given.seconds)
            for name, request in requests.items()
        }
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "store": "mongodb" if given.mongo else "sqlite",
        "clients": given.clients,
        "requests": found,
    }
    lines = [
        f"{name}: {each['requests_per_s']} requests/s with the log, {each['without_per_s']} without: "
        f"{each['ratio']} times; "
        f"CPU {each['cpu_ms']} ms, {each['without_cpu_ms']} without: {each['cpu_ratio']} times"
        for name, each in found.items()
    ]
    common.publish(result, given.json, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
