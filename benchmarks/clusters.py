"""``python -m benchmarks.clusters``: seconds and peak memory of grouping many templates, beside DBSCAN."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from benchmarks.face_vectors import EACH, face_vectors
from evaluation.cluster_metrics import cluster_figures
from evaluation.clusters import compared
from gallery.threshold.operating_point import OperatingPoint
from gallery.threshold.raised_threshold import threshold_among
from gallery.unknowns.grouping import Grouping

_ASKED = 200
"""Templates that are searched one by one once all are grouped."""

Method = Literal["served", "dbscan"]


def measure(method: Method, data: str, count: int, dim: int, threshold: float, seed: int) -> dict[str, Any]:
    """Group ``count`` templates of made-up people in an order by chance; the threshold rises as the service's does.

    DBSCAN is given the threshold that holds for so many people.
    """
    made = face_vectors(data, count, dim, 1, seed)
    order = np.random.default_rng(seed).permutation(count)
    vectors, people = np.ascontiguousarray(made.gallery[order]), made.people[order].tolist()
    del made
    raised = partial(threshold_among, OperatingPoint(threshold, "benchmark", 0, None))
    began, spent = time.perf_counter(), time.process_time()
    grouping = Grouping(dim, raised)
    ends = raised(-(-count // EACH[data]))
    labels = grouping.add(vectors) if method == "served" else compared("dbscan", vectors, ends)
    took = {"seconds": round(time.perf_counter() - began, 1), "cpu_s": round(time.process_time() - spent, 1)}
    memory = {"peak_rss_mb": _peak_mb(), "templates_mb": vectors.nbytes >> 20}
    more = _ended(grouping, vectors[:_ASKED]) if method == "served" else {"threshold": round(ends, 4)}
    figures = {name: round(value, 4) for name, value in asdict(cluster_figures(people, labels.tolist())).items()}
    return {"templates": count, **took, **memory, **more, **figures}


def _ended(grouping: Grouping, vectors: NDArray[np.float32]) -> dict[str, Any]:
    """The threshold at the end, how many templates are kept, and how long the search of one more takes."""
    times = [common.seconds(partial(grouping.near, vector), 1)[0] for vector in vectors]
    return {
        "threshold": round(grouping.threshold, 4),
        "kept": grouping.represented,
        "one_p50_ms": round(common.percentile(times, 0.5) * 1000, 2),
    }


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.clusters",
        __doc__ or "",
        "python -m benchmarks.clusters --templates 20000 --dbscan 20000 --json",
        settings=False,
    )
    arguments.add_argument("--templates", type=int, default=100_000, help="how many are grouped as by the service")
    arguments.add_argument("--dbscan", type=int, default=20_000, help="how many by DBSCAN; 0: none")
    arguments.add_argument("--dim", type=int, default=512, help="length of a template")
    arguments.add_argument("--data", choices=list(EACH), default="spread", help="20 templates per person, or 2")
    arguments.add_argument("--threshold", type=float, default=0.42, help="which rises with the number of groups")
    given = arguments.parse_args()
    runs: list[tuple[Method, int]] = [("served", given.templates)]
    runs += [(method, given.dbscan) for method in ("served", "dbscan") if given.dbscan]
    figures = []
    for method, count in runs:  # each in a process of its own: a peak is that of all before it
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            run = pool.submit(measure, method, given.data, count, given.dim, given.threshold, given.seed)
            figures.append({"method": method, **run.result()})
    lines = [f"{name:20s} {value}" for run in figures for name, value in run.items()]
    common.publish({**common.about_this_run(given.seed), "dim": given.dim, "runs": figures}, given.json, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
