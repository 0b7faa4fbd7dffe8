"""``python -m benchmarks.attendance_lists``: seconds and memory of a long attendance list, per page and as CSV.

The store is a file of its own, unless ``--store`` names an empty one.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks import common
from benchmarks.fuzz_requests import ADMIN, ATTENDANCE
from benchmarks.processes import ServerProcess, peak
from benchmarks.servers import served
from gallery.documents.values import Enrolment, Student
from presente.composition import open_store

_AT = "2026-01-01T08:00:00+00:00"
_STUDENTS = 200


def fill(store_url: str, entries: int) -> None:
    """Enrol students without photos, and write attendance of theirs: one class, one date after the other.

    Into the tables themselves: writing through the store counts each student anew per entry.
    """
    store = open_store(store_url)
    people = [Student(f"L{number:04}", f"Nombre {number}", "L-1", "2026-01-01") for number in range(_STUDENTS)]
    for start in range(0, _STUDENTS, 50):
        store.enrol([Enrolment(person, ()) for person in people[start : start + 50]])
    ids = [int(i) for i in store.roster(clase="L-1")]
    store.close()
    rows = (
        (
            ids[number % _STUDENTS],
            "L-1",
            f"{1000 + number // _STUDENTS:04}-01-01",
            0,
            "present",
            "hand",
            _AT,
            "",
            "",
            "",
        )
        for number in range(entries)
    )
    names = ("student", "clase", "fecha", "turn", "status", "source", "at", "note", "request", "face_group")
    if store_url.startswith("sqlite"):
        with sqlite3.connect(store_url.removeprefix("sqlite:///")) as db:
            db.executemany(f"INSERT INTO attendance ({', '.join(names)}) VALUES ({', '.join('?' * 10)})", rows)
        db.close()
        return
    from bson import Int64
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](store_url) as client:
        attendance = client.get_default_database().attendance
        number = 0
        while some := list(islice(rows, 1000)):
            documents: list[dict[str, Any]] = []
            for row in some:
                number += 1
                kept = dict(zip(names, row, strict=True))
                documents.append({"_id": Int64(number), **kept, "student": Int64(row[0])})
            attendance.insert_many(documents)


def ask(address: str, path: str) -> tuple[float, int, bytes]:
    """Seconds of a request, bytes of its reply, and the reply itself unless it is long."""
    connection = http.client.HTTPConnection(address, timeout=600)
    start = time.perf_counter()
    connection.request("GET", path, headers={"X-API-Key": ADMIN})
    reply = connection.getresponse()
    if reply.status != 200:
        raise RuntimeError(f"the server answered {reply.status}: {reply.read()!r}")
    kept, length = b"", 0
    while some := reply.read(65536):
        length += len(some)
        kept = kept + some if length < 4_000_000 else b""
    connection.close()
    return time.perf_counter() - start, length, kept


def more_memory(process: ServerProcess, work: Callable[[], object]) -> float:
    """The MiB by which a server's memory grew at most while ``work`` was done."""
    before = process.memory_mb()
    with peak(process.memory_mb, 0.02) as most:
        work()
    return round(max(0.0, most[0] - before), 1)


def measure(address: str, process: ServerProcess) -> dict[str, Any]:
    """Figures of the attendance list."""
    found: dict[str, Any] = {}
    ask(address, "/v1/attendance?limit=1")

    def page(name: str, query: str) -> str:
        taken: list[tuple[float, int, bytes]] = []
        more_mb = more_memory(process, lambda: taken.append(ask(address, f"/v1/attendance?{query}")))
        body = json.loads(taken[0][2])
        lines = len(body["attendance"])
        found[name] = {"seconds": round(taken[0][0], 3), "bytes": taken[0][1], "more_mb": more_mb, "lines": lines}
        found["present"] = body["present"]
        return str(body["next_cursor"])

    cursor = page("first_page", "clase=L-1")
    page("second_page", f"clase=L-1&cursor={quote(cursor)}")
    page("page_of_a_date", "clase=L-1&fecha=1012-01-01")
    page("history_page", "history=true")
    taken: list[tuple[float, int, bytes]] = []
    table = "/v1/attendance?format=csv"
    more_mb = more_memory(process, lambda: taken.append(ask(address, table)))
    found["csv"] = {"seconds": round(taken[0][0], 2), "bytes": taken[0][1], "more_mb": more_mb}

    def eight() -> None:
        threads = [threading.Thread(target=ask, args=(address, table)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    start = time.perf_counter()
    more_mb = more_memory(process, eight)
    found["csv_eight_at_once"] = {"seconds": round(time.perf_counter() - start, 2), "more_mb": more_mb}
    return found


def main() -> int:
    """Fill, ask, print."""
    arguments = common.parser(
        "python -m benchmarks.attendance_lists", __doc__ or "", "python -m benchmarks.attendance_lists --entries 20000"
    )
    arguments.add_argument("--entries", type=int, default=200_000, help="entries of attendance")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = given.setting_store or f"sqlite:///{folder}/lists.db"
        fill(url, given.entries)
        keys = f"admin:{ADMIN},attendance:{ATTENDANCE}"
        with served(given, folder=folder, PRESENTE_STORE=url, PRESENTE_API_KEYS=keys) as server:
            figures = measure(server.address, server.process)
    result = common.about_this_run(given.seed) | {"entries": given.entries, **figures}
    common.publish(result, given.json, [f"{name}: {value}" for name, value in figures.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
