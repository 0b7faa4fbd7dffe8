"""``python -m benchmarks.bulk``: insightface's usual loop against ``indexer add``, same photos, same pack, one run."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.pairs import read_pairs, scores_of, ten_fold_accuracy
from benchmarks.sides import Apart, IndexerAdd, Loop
from benchmarks.stages import by_stage
from indexer.sources.folder import read_folder
from presente import compose
from presente.config import ROOT, load_settings


def measure(given: argparse.Namespace, settings: Mapping[str, str], locations: list[str]) -> dict[str, Any]:
    """The sides take the photos in turn, slice by slice, so that a noisy moment hits all."""
    folder = compose.open_pack(load_settings(environment=settings)).detection.parent
    sides = {"baseline": Apart(Loop, folder, False)}
    if given.defaults:
        sides["baseline_defaults"] = Apart(Loop, folder, True)
    sides["presente"] = Apart(IndexerAdd, given.source, settings)
    slices = [frozenset(locations[start :: given.slices]) for start in range(given.slices)]
    for photos in slices:
        for side in sides.values():
            side.take(photos)
    result: dict[str, Any] = {
        name: {
            "images_per_s": round(len(locations) / sum(side.seconds), 1),
            "cpu_ms": round(side.cpu_seconds / len(locations) * 1000, 2),
            "lfw_accuracy": accuracy(given.source, side, locations),
            "peak_rss_mb": round(side.peak_mb()),
            "without_face": len(locations) - len(side.templates),
        }
        for name, side in sides.items()
    }
    result["presente"]["runtime"] = sides["presente"].runtime()
    result["ratio"] = _ratio(sides["baseline"], sides["presente"])
    if given.defaults:
        result["ratio_defaults"] = _ratio(sides["baseline_defaults"], sides["presente"])
    for side in sides.values():
        side.close()
    return result


def _ratio(slow: Apart, quick: Apart) -> float:
    """Median over the slices of how many times quicker."""
    return round(statistics.median(a / b for a, b in zip(slow.seconds, quick.seconds, strict=True)), 2)


def accuracy(root: Path, side: Apart, locations: list[str]) -> float | None:
    """On LFW's pairs, a photo without a template counting as the lowest score; None elsewhere, or on a part of LFW."""
    if not (root / "pairs.txt").exists():
        return None
    pairs = read_pairs(root)
    if not {photo for pair in pairs.photos for photo in pair} <= set(locations):
        return None
    return round(ten_fold_accuracy(scores_of(pairs, side.templates), pairs), 5)


def lines(result: dict[str, Any]) -> list[str]:
    """The result for people."""
    names = {"baseline": "insightface's loop", "baseline_defaults": "its defaults", "presente": "indexer add"}
    return [
        f"{result['images']} photos, pack {result['pack']}",
        *(
            f"{names[side]:20s} {made['images_per_s']:7.1f} images/s, {made['cpu_ms']:.1f} ms of CPU each; "
            f"{made['peak_rss_mb']} MB; {made['without_face']} without a face; "
            f"LFW accuracy {made['lfw_accuracy'] or '-'}"
            for side, made in result.items()
            if side in names
        ),
        f"{result['presente']['runtime']}: {result['ratio']} times",
        *(f"{stage:8s} {ms:7.3f} ms of CPU a photo" for stage, ms in result.get("stages_ms", {}).items()),
    ]


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.bulk", __doc__ or "", "python -m benchmarks.bulk --source data_sample/students"
    )
    arguments.add_argument(
        "--source", type=Path, default=ROOT / "data_sample" / "students", help="one folder a person; LFW's root, too"
    )
    arguments.add_argument("--pack", default="sample", help="a pack's name or folder")
    arguments.add_argument("--runtime", default="auto", help="as PRESENTE_RUNTIME")
    arguments.add_argument("--precision", default="f32", help="as PRESENTE_PRECISION")
    arguments.add_argument("--limit", type=int, help="only so many photos, spread evenly")
    arguments.add_argument("--slices", type=int, default=4, help="how often the sides take turns")
    arguments.add_argument(
        "--defaults", action="store_true", help="insightface's defaults as well: all models, two scales"
    )
    arguments.add_argument("--per-stage", action="store_true", help="CPU time of each stage, and of inference alone")
    given = arguments.parse_args()
    given.source = given.source.resolve()
    photos = [photo.location for photo in read_folder(given.source).photos]
    if given.limit:
        photos = photos[:: max(1, len(photos) // given.limit)][: given.limit]
    settings = {
        "PRESENTE_PACK": given.pack,
        "PRESENTE_RUNTIME": given.runtime,
        "PRESENTE_PRECISION": given.precision,
    }
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "images": len(photos),
        "pack": given.pack,
        **measure(given, settings, photos),
    }
    if given.per_stage:
        result["stages_ms"] = by_stage(settings, photos)
    common.publish(result, given.json, lines(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
