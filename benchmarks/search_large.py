"""``python -m benchmarks.search_large``: an index of millions of templates on this machine, from nothing to answers.

The templates are drawn batch by batch and published as ``indexer compact`` publishes them, in a process of their own. A
second process opens the generation and asks, once with its files out of the page cache and once with them in it.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from benchmarks.face_vectors import LATENT, People
from gallery.documents.values import Position, TemplateBatch
from gallery.index.generations import Generation, GenerationStore
from gallery.index.kinds.flat import nearest, on_one_core
from gallery.index.manifest import IndexedDocuments
from gallery.index.recall_gate import IndexSettings
from gallery.index.searcher import Searcher
from gallery.index.template_parts import PublishedTemplates

K = 10
_HALF_FLOAT_SHARE = 10
"""fp16 is tried on one in so many of the vectors."""


def build(folder: Path, people: People, count: int, kind: str) -> dict[str, Any]:
    """Publish a generation; how long it took, and how much memory beside what is mapped from files."""
    drawing = 0.0

    def batches() -> Iterator[TemplateBatch]:
        nonlocal drawing
        first, start = 0, time.perf_counter()
        for whose, vectors in people.gallery(count):
            drawing += time.perf_counter() - start
            yield TemplateBatch(np.arange(first, first + len(whose)), whose, vectors)
            first, start = first + len(whose), time.perf_counter()

    with _AnonymousMemory() as memory:
        start = time.perf_counter()
        store = GenerationStore(folder, IndexSettings(kind))  # type: ignore[arg-type]
        generation = store.publish(batches(), people.dim, IndexedDocuments("bench", "bench", 1, ""))
        seconds = time.perf_counter() - start - drawing
    gate = generation.manifest.gate
    return {
        "build_s": round(seconds, 1),
        "build_mb": round(memory.most_mb),
        "kind": generation.manifest.kind,
        "parameters": generation.manifest.parameters,
        "gate": [[each.kind, each.parameters, each.recall, each.seconds] for each in gate.tried] if gate else [],
        "bytes_per_template": {
            path.name: round(path.stat().st_size / count, 2) for path in sorted(store.path(1).iterdir())
        },
    }


def first_answer(folder: Path, people: People, from_disk: bool) -> dict[str, Any]:
    """How long a new process takes, its modules loaded, from opening the generation to its first answer."""
    probe = people.probes(np.array([0]))
    if from_disk:
        _drop_from_cache(folder)
    with _AnonymousMemory() as memory:
        start = time.perf_counter()
        searcher = _opened(_generation(folder))
        opened = time.perf_counter() - start
        searcher.best_subjects(probe, K)
        answered = time.perf_counter() - start
    return {"open_s": round(opened, 2), "first_answer_s": round(answered, 2), "memory_mb": round(memory.most_mb)}


def ask(folder: Path, people: People, probes: int) -> dict[str, Any]:
    """Searches for one probe each: from the disk, from the page cache, on one core and on all, and exactly."""
    generation = _generation(folder)
    searcher = _opened(generation)
    known = np.unique(np.asarray(generation.templates[1]))
    probed = np.random.default_rng(people.seed).choice(known, min(probes, len(known)), replace=False)
    asked = people.probes(probed)
    strangers = people.probes(np.arange(int(known[-1]) + 1, int(known[-1]) + 1 + len(probed)))
    searcher.best_subjects(strangers[:1], K)

    def people_of(probe: NDArray[np.float32]) -> object:
        return searcher.best_subjects(probe, K)

    def templates_of(probe: NDArray[np.float32]) -> object:
        return generation.index.search(probe, K)

    found: dict[str, Any] = {}
    _drop_from_cache(folder)
    found["from_disk_ms"] = _milliseconds(people_of, strangers[1:])
    _read_into_cache(folder)
    _milliseconds(people_of, asked)
    found["people_one_core_ms"] = _milliseconds(people_of, asked, alone=True)
    found["people_ms"] = _milliseconds(people_of, asked)
    found["templates_one_core_ms"] = _milliseconds(templates_of, asked, alone=True)
    found["templates_ms"] = _milliseconds(templates_of, asked)
    found["flat_one_core_ms"] = _milliseconds(
        lambda probe: nearest(generation.vectors, probe, K), asked[:5], alone=True
    )
    exact = nearest(generation.vectors, asked, K)[0]
    scores = np.vstack([generation.index.search(probe[None, :], K)[0] for probe in asked])
    found["recall_at_1"] = float((scores[:, 0] >= exact[:, 0] - 1e-6).mean())
    found["recall_at_10"] = float((scores >= exact[:, -1:] - 1e-6).mean())
    best = [searcher.best_subjects(probe[None, :], 1)[0][0] for probe in asked]
    found["right_person"] = float(np.mean([person == wanted for (person, _), wanted in zip(best, probed, strict=True)]))
    found["times_flat"] = round(found["flat_one_core_ms"]["p50"] / found["templates_one_core_ms"]["p50"], 1)
    return found


def half_floats(folder: Path, people: People) -> dict[str, Any]:
    """What ranking by vectors of fp16 would change: the cosines of neighbours, their order, and the time."""
    vectors = _generation(folder).vectors
    floats = np.array(vectors[: -(-len(vectors) // _HALF_FLOAT_SHARE)])
    halves = floats.astype(np.float16)
    probes = people.probes(np.arange(200))
    times: dict[str, list[float]] = {"float32": [], "fp16": []}
    changed, moved = [], []
    for probe, near in zip(probes, nearest(floats, probes, 224)[1], strict=True):
        rows, cosines = np.sort(near), {}
        for name, matrix in (("float32", floats), ("fp16", halves)):
            start = time.perf_counter()
            cosines[name] = matrix[rows].astype(np.float32, copy=False) @ probe
            times[name].append((time.perf_counter() - start) * 1000)
        moved.append(float(np.abs(cosines["fp16"] - cosines["float32"]).max()))
        ranks = [np.argsort(-cosines[name])[:K] for name in times]
        changed.append(float(np.mean(ranks[0] != ranks[1])))
    return {
        "rows": len(floats),
        **{f"rank_224_{name}_ms": round(statistics.median(each), 4) for name, each in times.items()},
        "largest_difference": max(moved),
        "ranks_changed": round(statistics.mean(changed), 4),
    }


def _generation(folder: Path) -> Generation:
    generation, warnings = GenerationStore(folder).latest()
    assert generation is not None, warnings
    return generation


def _opened(generation: Generation) -> Searcher:
    published = PublishedTemplates(generation.templates, generation.vectors, generation.index, generation.files)
    return Searcher(published, Position())


def _milliseconds(
    search: Callable[[NDArray[np.float32]], object], probes: NDArray[np.float32], alone: bool = False
) -> dict[str, float]:
    """Percentiles of searches for one probe each; ``alone``: each on one core."""
    times = []
    with on_one_core() if alone else nullcontext():
        for probe in probes:
            start = time.perf_counter()
            search(probe[None, :])
            times.append((time.perf_counter() - start) * 1000)
    return {"p50": round(statistics.median(times), 2), "p99": round(common.percentile(times, 0.99), 2)}


def _drop_from_cache(folder: Path) -> None:
    """Take the files of a folder out of the page cache; pages that a process maps stay."""
    os.sync()
    for path in folder.rglob("*.*"):
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read_into_cache(folder: Path) -> None:
    for path in folder.rglob("*.*"):
        with path.open("rb", buffering=0) as stream:
            while stream.read(1 << 24):
                pass


class _AnonymousMemory:
    """The most memory of this process inside a block, beside what it maps from files, MiB; every 20 ms."""

    def __enter__(self) -> _AnonymousMemory:
        self.most_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            self.most_mb = max(self.most_mb, int(status.partition("RssAnon:")[2].split()[0]) / 1024)


def _in_a_process_of_its_own(work: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.search_large",
        __doc__ or "",
        "python -m benchmarks.search_large --n 1000000 --json",
        settings=False,
    )
    arguments.add_argument("--n", type=int, default=10_000_000, help="templates in the gallery")
    arguments.add_argument("--dim", type=int, default=512, help="length of a template")
    arguments.add_argument("--probes", type=int, default=200, help="how many searches")
    arguments.add_argument("--data", choices=list(LATENT), default="spread", help="how people are spread")
    arguments.add_argument("--kind", default="auto", help="PRESENTE_INDEX_KIND")
    arguments.add_argument("--folder", type=Path, help="where the index is written and kept; else it is deleted")
    given = arguments.parse_args()
    people = People(given.data, given.dim, given.seed)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="search-large-"))
    result: dict[str, Any] = {**common.about_this_run(given.seed), "n": given.n, "dim": given.dim, "data": given.data}
    stages: dict[str, tuple[Callable[..., dict[str, Any]], tuple[object, ...]]] = {
        "build": (build, (folder, people, given.n, given.kind)),
        "start_from_disk": (first_answer, (folder, people, True)),
        "start": (first_answer, (folder, people, False)),
        "ask": (ask, (folder, people, given.probes)),
        "fp16": (half_floats, (folder, people)),
    }
    try:
        for name, (work, parameters) in stages.items():
            if name == "build" and GenerationStore(folder).numbers():
                continue  # it was kept by an earlier run
            result[name] = _in_a_process_of_its_own(work, *parameters)
            print(f"{name}: {result[name]}", file=sys.stderr)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    common.publish(result, given.json, [f"{name}: {result[name]}" for name in stages if name in result])
    return 0


if __name__ == "__main__":
    sys.exit(main())
