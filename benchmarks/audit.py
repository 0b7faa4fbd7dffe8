"""``python -m benchmarks.audit``: time and memory of an audit as large as CelebA; the planted faults it finds."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from benchmarks.face_vectors import EACH, face_vectors
from gallery.audit.audit import audit
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente import composition

PACK = "made-up@000000000000"
THRESHOLD = 0.42
_BATCH = 500


def plant(vectors: NDArray[np.float32], people: NDArray[np.int64], each: int) -> set[tuple[str, int]]:
    """Put faults of three kinds into a gallery, changing both arrays: (kind, person) of each. No person has two."""
    planted: set[tuple[str, int]] = set()
    count = int(people.max()) + 1
    rows = EACH["spread"]
    for fault in range(each):
        person = fault * 4  # the next one is part of a swap, too
        mine, theirs = person * rows, (person + 1) * rows
        vectors[[mine, theirs]] = vectors[[theirs, mine]]
        planted |= {("mislabelled", person), ("mislabelled", person + 1)}
        split = (person + 2) * rows
        people[split : split + rows // 2] = count + fault
        planted.add(("same_person", person + 2))
        again = (person + 3) * rows
        noise = np.random.default_rng(fault).standard_normal(vectors.shape[1], dtype=np.float32)
        copied = vectors[again] + 0.1 * noise / np.linalg.norm(noise)
        vectors[again + 1] = copied / np.linalg.norm(copied)
        planted.add(("duplicate", person + 3))
    return planted


def enrolment(person: int, vectors: NDArray[np.float32], first: int) -> Enrolment:
    """A person with one made-up photo per template; names say nothing."""
    photos = []
    for number, vector in enumerate(vectors, start=first):
        made = Template(vector, PACK, (0.0, 0.0, 100.0, 100.0), {"size": 100.0})
        photos.append(EnrolledPhoto(b"", f"{number:064x}", "image/jpeg", f"{number}", made))
    return Enrolment(Student(f"{person:06d}", f"{person:06d}"), tuple(photos))


def measure(count: int, dim: int, each: int, seed: int, folder: Path) -> dict[str, Any]:
    """Fill a gallery, publish it, audit it."""
    made = face_vectors("spread", count, dim, 1, seed)
    vectors, people = made.gallery, made.people.copy()
    planted = plant(vectors, people, each)
    settings = GallerySettings(THRESHOLD, "benchmark")
    gallery = Gallery(
        composition.open_store(f"sqlite:///{folder}/gallery.db"), GenerationStore(folder / "index"), PACK, dim, settings
    )
    order = np.argsort(people, kind="stable")
    edges = np.append(np.flatnonzero(np.diff(people[order], prepend=-1)), len(order))
    whole = [order[start:end] for start, end in pairwise(edges)]
    for start in range(0, len(whole), _BATCH):
        some = whole[start : start + _BATCH]
        gallery.enrol([enrolment(int(people[rows[0]]), vectors[rows], int(rows[0]) * 100) for rows in some])
    gallery.index.publish()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, spent = time.perf_counter(), time.process_time()
    found = audit(gallery)
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kind = gallery.status().spec.kind
    gallery.close()
    concerning = {(each.kind, int(person.student.matricula)) for each in found.findings for person in each.people[:1]}
    concerning |= {(each.kind, int(each.people[-1].student.matricula)) for each in found.findings if not each.photos}
    return {
        "templates": found.photos,
        "people": found.people,
        "dim": dim,
        "index_kind": kind,
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu, 1),
        "peak_rss_mb_before": before // 1024,
        "peak_rss_mb": after // 1024,
        "planted": dict(Counter(kind for kind, _ in planted)),
        "found": dict(Counter(kind for kind, _ in planted & concerning)),
        "findings": dict(Counter(each.kind for each in found.findings)),
    }


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.audit", __doc__ or "", "python -m benchmarks.audit --n 20000 --json", settings=False
    )
    arguments.add_argument("--n", type=int, default=202_599, help="templates in the gallery")
    arguments.add_argument("--dim", type=int, default=512, help="length of a template")
    arguments.add_argument("--each", type=int, default=50, help="how many faults of each kind are planted")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given.n, given.dim, given.each, given.seed, Path(folder))
    lines = [f"{name:20s} {value}" for name, value in figures.items()]
    common.publish({**common.about_this_run(given.seed), **figures}, given.json, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
