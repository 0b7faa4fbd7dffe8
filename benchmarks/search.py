"""``python -m benchmarks.search``: the gallery's indexes against FAISS's and others', on face-like vectors."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from benchmarks.face_vectors import LATENT, FaceVectors, face_vectors, real_vectors
from benchmarks.search_indexes import BuiltIndex, Found, index_builders
from gallery.index.kinds.flat import nearest
from gallery.index.kinds.pq import PQ
from presente.settings import load_settings

OURS = PQ.kind
"""The kind that ``auto`` takes for a large gallery."""
K = 10
FPIR = 0.01
"""The threshold is the one at which exact search gives one stranger in a hundred a name."""
_ROUNDS = 4
"""Number of turns of every index, each with a share of the single probes."""


def measure(
    vectors: FaceVectors, names: list[str], build: dict[str, Any], clients: list[int], batches: list[int]
) -> dict[str, Any]:
    """Build every index, then time them in turns; their figures by name."""
    built: dict[str, BuiltIndex] = {}
    kinds: dict[str, Any] = {}
    for name in names:
        start = time.perf_counter()
        built[name] = build[name](vectors.gallery, vectors.people)
        kinds[name] = {"build_s": round(time.perf_counter() - start, 2)}
        print(f"{name}: built in {kinds[name]['build_s']} s", file=sys.stderr)
    single: dict[str, list[float]] = {name: [] for name in names}
    found: dict[str, dict[int, Found]] = {name: {} for name in names}
    batch: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(_ROUNDS):
        for name in names:
            for row in range(turn, len(vectors.probes), _ROUNDS):
                start = time.perf_counter()
                found[name][row] = built[name].search(vectors.probes[row : row + 1], K)
                single[name].append(time.perf_counter() - start)
            batch[name] += common.seconds(lambda name=name: built[name].search(vectors.probes, K), 1)  # type: ignore[misc]
    exact = nearest(vectors.gallery, vectors.probes, K)[0]
    strangers = np.sort(nearest(vectors.gallery, vectors.strangers, 1)[0][:, 0])
    first = max(1, int((1 - FPIR) * len(strangers)))
    threshold = float(strangers[first - 1 : first + 1].mean())  # between two, where rounding decides nothing
    for name in names:
        kinds[name] |= {
            "p50_ms": round(statistics.median(single[name]) * 1000, 3),
            "p99_ms": round(common.percentile(single[name], 0.99) * 1000, 3),
            "batches": batch_costs(built[name], vectors, batches),
            "batch_per_s": round(len(vectors.probes) / statistics.median(batch[name]), 1),
            "memory_bytes_per_vector": round(built[name].memory / len(vectors.gallery), 1),
            "disk_bytes_per_vector": round(built[name].disk / len(vectors.gallery), 1),
            **quality([found[name][row] for row in sorted(found[name])], vectors, exact),
            **open_set(built[name], [found[name][row] for row in sorted(found[name])], vectors, threshold),
            **({"by_clients": throughput(built[name], vectors.probes, clients)} if name == OURS else {}),
            **built[name].notes,
        }
    return kinds


def batch_costs(built: BuiltIndex, vectors: FaceVectors, batches: list[int]) -> dict[str, dict[str, float]]:
    """Milliseconds of some numbers of probes in one call, wall clock and CPU, and of one product with everything."""
    found = {}
    for size in batches:
        probes = np.ascontiguousarray(np.resize(vectors.probes, (size, vectors.probes.shape[1])))
        works = {"": lambda p=probes: built.search(p, K), "product_": lambda p=probes: p @ vectors.gallery.T}
        costs: dict[str, float] = {}
        for name, work in works.items():
            timed = [_both_clocks(work) for _ in range(_ROUNDS)]
            costs |= {f"{name}ms": min(wall for wall, _ in timed), f"{name}cpu_ms": min(cpu for _, cpu in timed)}
        found[str(size)] = costs
    return found


def _both_clocks(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return round((time.perf_counter() - wall) * 1000, 2), round((time.process_time() - cpu) * 1000, 2)


def throughput(
    built: BuiltIndex, probes: NDArray[np.float32], clients: list[int], for_s: float = 2.0
) -> dict[str, float]:
    """Single probes a second, by how many threads ask at once."""

    def ask(number: int) -> int:
        asked = 0
        while time.perf_counter() < until:
            built.search(probes[(number + asked) % len(probes)][None, :], K)
            asked += 1
        return asked

    found = {}
    for count in clients:
        with ThreadPoolExecutor(count) as pool:
            until = time.perf_counter() + for_s
            found[str(count)] = round(sum(pool.map(ask, range(count))) / for_s, 1)
    return found


def quality(found: list[Found], vectors: FaceVectors, exact: NDArray[np.float32]) -> dict[str, float]:
    """Recall of what the probes found, each asked alone; of neighbours that tie any."""
    rows = np.vstack([rows for _, rows in found])
    scores = np.einsum("md,mkd->mk", vectors.probes, vectors.gallery[np.maximum(rows, 0)])
    scores = -np.sort(-np.where(rows < 0, -np.inf, scores), axis=1)
    return {
        "recall_at_1": round(float((scores[:, 0] >= exact[:, 0] - 1e-6).mean()), 6),
        "recall_at_10": round(float((scores >= exact[:, -1:] - 1e-6).mean()), 6),
    }


def open_set(built: BuiltIndex, found: list[Found], vectors: FaceVectors, threshold: float) -> dict[str, float]:
    """The two errors at the threshold: FNIR of the probes, FPIR of strangers, each asked alone."""
    right = [
        vectors.people[rows[0, 0]] == probed and scores[0, 0] >= threshold
        for (scores, rows), probed in zip(found, vectors.probed, strict=True)
    ]
    named = [built.search(stranger[None, :], 1)[0][0, 0] >= threshold for stranger in vectors.strangers]
    return {"fnir": round(1 - float(np.mean(right)), 6), "fpir": round(float(np.mean(named)), 6)}


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.search", __doc__ or "", "python -m benchmarks.search --n 20000 --json"
    )
    build = index_builders()
    arguments.add_argument(
        "--n", type=int, nargs="+", default=[203_540], help="templates in the gallery; several sizes"
    )
    arguments.add_argument("--dim", type=int, default=512, help="length of a template")
    arguments.add_argument("--probes", type=int, default=200, help="how many searches")
    arguments.add_argument(
        "--data",
        choices=[*LATENT, "both", "real"],
        default="both",
        help="how people are spread; real: the templates of the gallery that the settings name",
    )
    arguments.add_argument(
        "--kinds",
        nargs="+",
        choices=list(build),
        default=[kind for kind in build if kind != "auto"],
        help="what is compared",
    )
    arguments.add_argument(
        "--clients",
        type=int,
        nargs="+",
        default=[1, 2, 4, 8, 32],
        help="threads that ask pq at once, two seconds each",
    )
    arguments.add_argument(
        "--batches", type=int, nargs="*", default=[], help="numbers of probes in one call, timed beside one product"
    )
    given = arguments.parse_args()
    runs = []
    for count in given.n:
        for data in LATENT if given.data == "both" else [given.data]:
            if data == "real":
                vectors = real_vectors(load_settings(given), count, given.probes, given.seed)
            else:
                vectors = face_vectors(data, count, given.dim, given.probes, given.seed)
            kinds = measure(vectors, given.kinds, build, given.clients, given.batches)
            flat = min((figures["p50_ms"] for name, figures in kinds.items() if "flat" in name), default=None)
            ratio = round(flat / kinds[OURS]["p50_ms"], 2) if flat and OURS in kinds else None
            runs.append({"n": count, "dim": vectors.gallery.shape[1], "data": data, "ratio": ratio, "kinds": kinds})
    about = {**common.about_this_run(given.seed), "probes": given.probes}
    common.publish({**about, **(runs[0] if len(runs) == 1 else {"runs": runs})}, given.json, lines(runs))
    return 0


def lines(runs: list[dict[str, Any]]) -> list[str]:
    """The runs, for people."""
    shown = []
    for run in runs:
        shown.append(f"{run['n']} x {run['dim']}, {run['data']}: {OURS} {run['ratio']} times the best flat")
        for name, figures in run["kinds"].items():
            shown.append(
                f"  {name:22s} p50 {figures['p50_ms']:8.3f} ms  p99 {figures['p99_ms']:8.3f}  "
                f"{figures['batch_per_s']:9.1f}/s  build {figures['build_s']:7.2f} s  "
                f"{figures['memory_bytes_per_vector']:7.1f} B  recall@1 {figures['recall_at_1']:.4f} "
                f"@10 {figures['recall_at_10']:.5f}  FNIR {figures['fnir']:.4f} FPIR {figures['fpir']:.4f}"
            )
            shown += [
                f"    {size} in one call: {each['ms']} ms, CPU {each['cpu_ms']}; "
                f"a product alone {each['product_ms']}, {each['product_cpu_ms']}"
                for size, each in figures["batches"].items()
            ]
            if "by_clients" in figures:
                asked = ", ".join(f"{clients}: {each:.0f}/s" for clients, each in figures["by_clients"].items())
                shown.append(f"    clients at once {asked}")
            tried = figures.get("gate_tried", ())
            shown += [f"    tried {kind} {parameters}: {recall}, {s} s" for kind, parameters, recall, s in tried]
    return shown


if __name__ == "__main__":
    sys.exit(main())
