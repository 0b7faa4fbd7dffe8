"""``python -m benchmarks.search``: the gallery's index against plain numpy, on face-like vectors."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from gallery.vectors.flat import FlatIndex

GENUINE_COSINE = 0.64
"""Mean cosine of two templates of one person, as measured on LFW with a MobileFaceNet."""


def face_like(people: int, each: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Templates of people who are spread out, ``each`` a person: float32 (people * each, dim), unit rows."""
    chance = np.random.default_rng(seed)
    centres = _unit(chance.normal(size=(people, dim)).astype(np.float32))
    spread = np.sqrt(1 / GENUINE_COSINE - 1)
    noise = _unit(chance.normal(size=(people * each, dim)).astype(np.float32))
    return _unit(np.repeat(centres, each, axis=0) + spread * noise)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def measure_flat(gallery: NDArray[np.float32], probes: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Latency of single probes, rate of a batch, build time, recall and bytes of the exact index."""
    ids = np.arange(len(gallery), dtype=np.int64)
    index = FlatIndex(gallery.shape[1])
    build = common.seconds(lambda: FlatIndex(gallery.shape[1]).add(ids, gallery), 3)
    index.add(ids, gallery)
    single = [common.seconds(lambda row=row: index.search(row[None, :], 10), 1)[0] for row in probes]  # type: ignore[misc]
    batch = common.seconds(lambda: index.search(probes, 10), 3)
    found = index.search(probes, 10)[1]
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder) / "index")
        disk = (Path(folder) / "index").stat().st_size
    return {
        "p50_ms": round(statistics.median(single) * 1000, 3),
        "p99_ms": round(common.percentile(single, 0.99) * 1000, 3),
        "batch_per_s": round(len(probes) / statistics.median(batch), 1),
        "build_s": round(statistics.median(build), 3),
        "recall_at_1": round(float((found[:, 0] == truth[:, 0]).mean()), 6),
        "recall_at_10": round(
            float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)])), 6
        ),
        "memory_bytes_per_vector": gallery.shape[1] * 4,
        "disk_bytes_per_vector": round(disk / len(gallery), 1),
    }


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.search", __doc__ or "", "python -m benchmarks.search --n 20000 --json"
    )
    arguments.add_argument("--n", type=int, default=203_540, help="templates in the gallery")
    arguments.add_argument("--dim", type=int, default=512, help="length of a template")
    arguments.add_argument("--probes", type=int, default=200, help="how many searches")
    given = arguments.parse_args()
    people = given.n // 2
    rows = face_like(people, 3, given.dim, given.seed)
    gallery = np.concatenate([rows[0::3], rows[1::3]])
    chosen = np.random.default_rng(given.seed).choice(people, given.probes, replace=False)
    probes = rows[2::3][chosen]

    def by_numpy(row: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.argsort(-(gallery @ row), kind="stable")[:10]

    truth = np.stack([by_numpy(row) for row in probes])
    plain = [common.seconds(lambda row=row: by_numpy(row), 1)[0] for row in probes[:20]]  # type: ignore[misc]
    flat = measure_flat(gallery, probes, truth)
    numpy_ms = round(statistics.median(plain) * 1000, 3)
    result = {
        **common.about_this_run(given.seed),
        "n": len(gallery),
        "dim": given.dim,
        "probes": given.probes,
        "numpy_p50_ms": numpy_ms,
        "kinds": {"flat": flat},
        "ratio": round(numpy_ms / flat["p50_ms"], 2),
    }
    common.publish(
        result,
        given.json,
        [
            f"{len(gallery)} x {given.dim}: flat {flat['p50_ms']} ms a probe, numpy with a full sort {numpy_ms} ms "
            f"({result['ratio']} times), {flat['batch_per_s']} probes/s in a batch, recall@10 {flat['recall_at_10']}"
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
