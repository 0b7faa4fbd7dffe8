"""``python -m benchmarks.erasure``: what erasing a student of a large gallery costs, and how long others wait.

A server of its own process serves made-up templates of the pack's dimension. Students are erased one after the
other, then eight at once, while one client asks ``/livez`` and another identifies a photo, over and over.
"""

from __future__ import annotations

import argparse
import http.client
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.face_vectors import face_vectors
from benchmarks.servers import served
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from presente import composition
from presente.installation import IMPORT_ROOT as ROOT
from presente.settings import Settings

_BATCH = 1000
_PROBE = ROOT / "data_sample" / "probes" / "A0178" / "1.jpg"


def populate(settings: Settings, count: int, seed: int) -> list[bytes]:
    """A gallery of ``count`` templates of as many people, published; their vectors as bytes."""
    pack = composition.open_pack(settings)
    vectors = face_vectors("spread", count, pack.dim, 1, seed).gallery
    gallery = composition.open_gallery(settings, pack)
    gallery.store.claim_pack(pack.tag, pack.dim)
    for start in range(0, count, _BATCH):
        gallery.store.enrol([_enrolment(i, vectors[i], pack.tag) for i in range(start, min(start + _BATCH, count))])
    gallery.index.rebuild()
    gallery.close()
    return [row.tobytes() for row in vectors]


def _enrolment(person: int, vector: np.ndarray[Any, np.dtype[np.float32]], tag: str) -> Enrolment:
    made = Template(vector, tag, (0.0, 0.0, 100.0, 100.0), {"size": 100.0})
    photo = EnrolledPhoto(b"photo", f"{person:064x}", "image/jpeg", f"{person}", made)
    return Enrolment(Student(f"P{person:06d}", f"P{person:06d}", "IA-101"), (photo,))


def ask(address: str, method: str, path: str, body: bytes | None = None) -> float:
    """Seconds until the answer to one request, which must not be an error."""
    connection = http.client.HTTPConnection(address, timeout=300)
    start = time.perf_counter()
    connection.request(method, path, body, {"Content-Type": "image/jpeg"} if body else {})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    if reply.status >= 300:
        raise RuntimeError(f"{method} {path} was answered with {reply.status}")
    return time.perf_counter() - start


@contextmanager
def watched(work: Callable[[], float]) -> Iterator[list[float]]:
    """A client that asks the same over and over inside the block; seconds of each request."""
    taken: list[float] = []
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            taken.append(work())
            time.sleep(0.005)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield taken
    finally:
        stop.set()
        thread.join()


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    start, count, erasures = time.perf_counter(), given.templates, given.erasures
    vectors = populate(common.settings_in(given, folder), count, given.seed)
    populated = time.perf_counter() - start
    photo = _PROBE.read_bytes()

    def beside(address: str, work: Callable[[], object]) -> dict[str, Any]:
        with (
            watched(lambda: ask(address, "GET", "/livez")) as alive,
            watched(lambda: ask(address, "POST", "/v1/identify", photo)) as identified,
        ):
            work()
        return {"livez_ms": _spread(alive), "identify_ms": _spread(identified)}

    with served(given, None, folder=folder, PRESENTE_SERVER_THREADS="16") as server:
        address, process = server.address, server.process
        ask(address, "POST", "/v1/identify", photo)
        quiet = beside(address, lambda: time.sleep(3))
        before = process.cpu_seconds()
        one_by_one = [ask(address, "DELETE", f"/v1/students/P{i:06d}") for i in range(erasures)]
        cpu = (process.cpu_seconds() - before) / erasures
        left = sum(vector in file.read_bytes() for file in (folder / "index").rglob("*.npy") for vector in vectors[:3])

        def eight() -> None:
            with ThreadPoolExecutor(8) as pool:
                names = [f"/v1/students/P{i:06d}" for i in range(erasures, erasures + 8)]
                list(pool.map(lambda name: ask(address, "DELETE", name), names))

        at_once = beside(address, eight)
    return {
        "templates": count,
        "populate_s": round(populated, 1),
        "erasures": erasures,
        "cpu_ms_per_erasure": round(cpu * 1000, 1),
        "erase_ms": _spread(one_by_one),
        "erased_vectors_left_in_files": left,
        "quiet": quiet,
        "beside_eight_erasures": at_once,
        "peak_rss_of_this_process_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _spread(taken: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(taken) * 1000, 1),
        "p99": round(common.percentile(taken, 0.99) * 1000, 1),
        "max": round(max(taken) * 1000, 1),
        "n": len(taken),
    }


def main() -> None:
    """The command line."""
    made = common.parser("python -m benchmarks.erasure", (__doc__ or "").split("\n")[0], "python -m benchmarks.erasure")
    made.add_argument("--templates", type=int, default=203_540)
    made.add_argument("--erasures", type=int, default=20)
    given = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given, Path(folder))
    common.publish(
        {**common.about_this_run(given.seed), **figures},
        given.json,
        [f"{name}: {value}" for name, value in figures.items()],
    )


if __name__ == "__main__":
    main()
