"""``python -m benchmarks.access_log``: what the access log costs a request.

Two servers, of which one writes the log and one does not, answer the same requests in turn.
"""

from __future__ import annotations

import csv
import json
import sys
from contextlib import ExitStack
from typing import Any

from benchmarks import common
from benchmarks.server import Request, compare, measure
from benchmarks.servers import SAMPLE_CLASS, served
from presente.installation import IMPORT_ROOT as ROOT


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
        addresses = []
        for level in ("all", "off"):
            store = {"PRESENTE_STORE": f"{given.mongo}/access_log_benchmark_{level}"} if given.mongo else {}
            server = cleanup.enter_context(served(given, SAMPLE_CLASS, PRESENTE_ACCESS_LOG=level, **store))
            addresses.append(server.address)
            measure(server.address, requests["identify"], 1, 0.5)
        found = compare(addresses[0], addresses[1], requests, given.clients, given.rounds, given.seconds)
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "store": "mongodb" if given.mongo else "sqlite",
        "clients": given.clients,
        "requests": found,
    }
    lines = [
        f"{name}: {each['requests_per_s']} requests/s with the log, "
        f"{each['against_per_s']} without: {each['ratio']} times"
        for name, each in found.items()
    ]
    common.publish(result, given.json, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
