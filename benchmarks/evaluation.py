"""``python -m benchmarks.evaluation``: time and memory to score a large experiment.

Templates are made up; what is timed is what ``python -m evaluation identification`` does once photos are templates:
compare every probe with every person, write the table, read it back, compute every metric.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import common
from benchmarks.face_vectors import face_vectors
from evaluation import results, scores
from evaluation.protocols import Entry
from evaluation.templates import OK, TemplateResult


def main() -> int:
    """Measure and print."""
    parser = common.parser(
        "python -m benchmarks.evaluation",
        __doc__ or "",
        "python -m benchmarks.evaluation --gallery 10000",
        settings=False,
    )
    parser.add_argument("--gallery", type=int, default=10_000, metavar="N", help="templates enrolled")
    parser.add_argument("--probes", type=int, default=10_000, metavar="N", help="probes, half of them strangers")
    parser.add_argument("--dim", type=int, default=512, help="length of a template")
    given = parser.parse_args()
    made = face_vectors("crowded", given.gallery, given.dim, given.probes // 2, given.seed)
    entries, templates = [], []
    for role, names, rows in (
        ("gallery", made.people, made.gallery),
        ("probe", made.probed, made.probes),
        ("unknown", range(-len(made.strangers), 0), made.strangers),
    ):
        entries += [Entry(role, f"p{name:06d}", Path(f"{role}/{i}")) for i, name in enumerate(names)]  # type: ignore[arg-type]
        templates += [TemplateResult(row, OK) for row in rows]
    before, start = _peak_mb(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "scores.tsv"
        scores.write_scores(table, scores.identification_scores(entries, templates))
        scored = time.perf_counter()
        found = results.identification_result(scores.read_scores(table), (0.01, 0.001))
    done = time.perf_counter()
    result = {
        **common.about_this_run(given.seed),
        "gallery": len(made.gallery),
        "people": len(set(made.people.tolist())),
        "probes": len(made.probes) + len(made.strangers),
        "dim": given.dim,
        "scores_s": round(scored - start, 2),
        "metrics_s": round(done - scored, 2),
        "peak_rss_mb": round(_peak_mb()),
        "more_than_templates_mb": round(_peak_mb() - before),
        "rank1": found["rank1"],
        "open_set": [{name: point[name] for name in ("fpir_asked", "fnir")} for point in found["open_set"]],
    }
    common.publish(
        result,
        given.json,
        [
            f"{result['gallery']} templates of {result['people']} people, {result['probes']} probes, {given.dim}-d",
            f"{result['scores_s']} s to score and write, {result['metrics_s']} s to read and compute every metric",
            f"{result['peak_rss_mb']} MB at most, {result['more_than_templates_mb']} MB more than with templates alone",
        ],
    )
    return 0


def _peak_mb() -> float:
    """The largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


if __name__ == "__main__":
    sys.exit(main())
