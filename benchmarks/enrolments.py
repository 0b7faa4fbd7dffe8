"""``python -m benchmarks.enrolments``: what storing an enrolment costs, and what documents add to an identification.

Templates are made up, and no photo is read: the time is that of the documents and of the index. The store is a file of
its own, unless ``--store`` names an empty one. Commands are those that MongoDB was sent, counted below HTTP.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pymongo import monitoring

from benchmarks import common
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente.composition import open_store

_DIM, _PACK = 128, "made-up@000000000000"
_PHOTO = b"photo" * 4000


class SentCommands(monitoring.CommandListener):
    """Counts the commands that are sent to MongoDB."""

    def __init__(self) -> None:
        self.sent = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Count a command."""
        self.sent += event.command_name not in ("hello", "endSessions")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing is counted twice."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing is counted twice."""


def measure(gallery: Gallery, vectors: np.ndarray[Any, np.dtype[np.float32]], commands: SentCommands) -> dict[str, Any]:
    """Enrol a student per vector, then identify each of some of them twice."""
    enrolments = [_enrolment(number, vector) for number, vector in enumerate(vectors)]
    gallery.enrol(enrolments[:1], "create")  # takes the lease, and makes what a first write makes
    sent: list[int] = []
    start, cpu = time.perf_counter(), time.process_time()
    for enrolment in enrolments[1:]:
        before = commands.sent
        gallery.enrol([enrolment], "create")
        sent.append(commands.sent - before)
    seconds, cpu, count = time.perf_counter() - start, time.process_time() - cpu, len(sent)
    first, again = (_identifications(gallery, vectors[:50], commands) for _ in range(2))
    return {
        "enrolments_per_s": round(count / seconds, 1),
        "enrolment_cpu_ms": round(1000 * cpu / count, 2),
        "enrolment_commands": median(sent),
        "identify": first,
        "identify_again": again,
    }


def _identifications(
    gallery: Gallery, probes: Iterable[np.ndarray[Any, np.dtype[np.float32]]], commands: SentCommands
) -> dict[str, float]:
    taken, sent = [], commands.sent
    for probe in probes:
        start = time.perf_counter()
        gallery.identify(probe[None, :])
        taken.append(time.perf_counter() - start)
    return {"ms": round(1000 * median(taken), 2), "commands": round((commands.sent - sent) / len(taken), 2)}


def _enrolment(number: int, vector: np.ndarray[Any, np.dtype[np.float32]]) -> Enrolment:
    template = Template(vector, _PACK, (0.0, 0.0, 100.0, 100.0), {"size": 100.0})
    photo = EnrolledPhoto(_PHOTO, f"{number:064x}", "image/jpeg", f"{number}", template)
    return Enrolment(Student(f"E{number:06d}", f"Nombre {number}", "IA-101"), (photo,))


def main() -> int:
    """Enrol, identify, print."""
    arguments = common.parser(
        "python -m benchmarks.enrolments", __doc__ or "", "python -m benchmarks.enrolments --students 2000"
    )
    arguments.add_argument("--students", type=int, default=300, help="students, with a photo each")
    given = arguments.parse_args()
    vectors = np.random.default_rng(given.seed).normal(size=(given.students + 1, _DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    commands = SentCommands()
    monitoring.register(commands)
    with tempfile.TemporaryDirectory() as name:
        store = open_store(given.setting_store or f"sqlite:///{name}/gallery.db")
        settings = GallerySettings(0.5, "made up")
        gallery = Gallery(store, GenerationStore(Path(name) / "index"), _PACK, _DIM, settings)
        figures = measure(gallery, vectors, commands)
        gallery.close()
    result = common.about_this_run(given.seed) | {"students": given.students, **figures}
    common.publish(result, given.json, [f"{name}: {value}" for name, value in figures.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
