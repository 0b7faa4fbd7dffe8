"""``python -m benchmarks.bulk``: insightface's usual loop against ``indexer add``, same photos, same pack, one run."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from benchmarks import common
from benchmarks.bulk_indexers import IndexerAdd, InOwnProcess, InsightfaceLoop
from benchmarks.bulk_stages import by_stage
from evaluation.pairs import read_pairs
from evaluation.verification import ScoredPairs, accuracy_by_fold
from indexer.sources.folder import read_folder
from presente import composition
from presente.installation import IMPORT_ROOT as ROOT
from presente.settings import Settings, load_settings


def measure(given: argparse.Namespace, settings: Settings, locations: list[str]) -> dict[str, Any]:
    """The indexers take the photos in turns, part by part, so that a noisy moment hits all."""
    folder = composition.open_pack(settings).detection.parent
    indexers = {"baseline": InOwnProcess(InsightfaceLoop, folder, False)}
    if given.defaults:
        indexers["baseline_defaults"] = InOwnProcess(InsightfaceLoop, folder, True)
    indexers["presente"] = InOwnProcess(IndexerAdd, given.source, settings)
    if given.landmarks:
        indexers["presente_landmarks"] = InOwnProcess(IndexerAdd, given.source, settings, True)
    for precision in given.precisions:
        indexers[f"presente_{precision}"] = InOwnProcess(
            IndexerAdd, given.source, replace(settings, precision=precision)
        )
    for photos in [frozenset(locations[start :: given.slices]) for start in range(given.slices)]:
        for indexer in indexers.values():
            indexer.take(photos)
    result: dict[str, Any] = {
        name: {
            "images_per_s": round(len(locations) / sum(indexer.seconds), 1),
            "cpu_ms": round(indexer.cpu_seconds / len(locations) * 1000, 2),
            "lfw_accuracy": accuracy(given.source, indexer, locations),
            "peak_rss_mb": round(indexer.peak_mb()),
            "without_face": len(locations) - len(indexer.templates),
        }
        for name, indexer in indexers.items()
    }
    result["presente"]["runtime"] = indexers["presente"].runtime()
    result["ratio"] = _ratio(indexers["baseline"], indexers["presente"])
    if given.defaults:
        result["ratio_defaults"] = _ratio(indexers["baseline_defaults"], indexers["presente"])
    if given.landmarks:
        result["ratio_landmarks"] = _ratio(indexers["baseline"], indexers["presente_landmarks"])
    for precision in given.precisions:
        result[f"ratio_{precision}"] = _ratio(indexers["baseline"], indexers[f"presente_{precision}"])
    for indexer in indexers.values():
        indexer.close()
    return result


def _ratio(slow: InOwnProcess, quick: InOwnProcess) -> float:
    """How many times quicker the second is: the median over the parts."""
    return round(statistics.median(a / b for a, b in zip(slow.seconds, quick.seconds, strict=True)), 2)


def accuracy(root: Path, indexer: InOwnProcess, locations: list[str]) -> float | None:
    """On LFW's pairs, ten folds; None elsewhere, or on a part of LFW.

    A pair of which a photo gave no template scores -1, that is, it counts as two people, as programs that use the loop
    have it. (``evaluation verification`` is stricter: such a pair is wrong either way.)
    """
    if not (root / "pairs.txt").exists():
        return None
    pairs = read_pairs(root / "pairs.txt", root)
    if not {str(photo) for pair in pairs for photo in (pair.left, pair.right)} <= set(locations):
        return None
    scores = [
        -1.0 if left is None or right is None else float(left @ right)
        for left, right in (
            (indexer.templates.get(str(pair.left)), indexer.templates.get(str(pair.right))) for pair in pairs
        )
    ]
    scored = ScoredPairs(
        np.array([pair.fold for pair in pairs]), np.array([pair.same for pair in pairs]), np.array(scores)
    )
    return round(float(np.mean([fold.accuracy for fold in accuracy_by_fold(scored)])), 5)


def cut_to(size: tuple[int, int], root: Path, folder: Path) -> Path:
    """A copy of a tree of photos in ``folder``, the middle of each cut to this width and height, JPEG quality 95."""
    for photo in read_folder(root).photos:
        target = (folder / Path(photo.location).relative_to(root)).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(photo.location) as picture:
            ImageOps.fit(picture.convert("RGB"), size).save(target, quality=95)
    if (root / "pairs.txt").exists():
        shutil.copy(root / "pairs.txt", folder)
    return folder


def _size(text: str) -> tuple[int, int]:
    """``178x218`` as (178, 218)."""
    try:
        width, height = (int(side) for side in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 178x218.") from None
    return width, height


def lines(result: dict[str, Any]) -> list[str]:
    """The result for people."""
    names = {
        "baseline": "insightface's loop",
        "baseline_defaults": "its defaults",
        "presente": "indexer add",
        "presente_landmarks": "... with landmarks",
        "presente_bf16": "... in bf16",
        "presente_int8": "... in int8",
    }
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
        *([f"landmarks given: {result['ratio_landmarks']} times"] if "ratio_landmarks" in result else []),
        *(f"in {name}: {result[f'ratio_{name}']} times" for name in ("bf16", "int8") if f"ratio_{name}" in result),
        *(f"{stage:8s} {ms:7.3f} ms of CPU per photo" for stage, ms in result.get("stages_ms", {}).items()),
    ]


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.bulk", __doc__ or "", "python -m benchmarks.bulk --source data_sample/students"
    )
    arguments.add_argument(
        "--source", type=Path, default=ROOT / "data_sample" / "students", help="one folder per person; LFW's root, too"
    )
    arguments.add_argument("--limit", type=int, help="only so many photos, spread evenly")
    arguments.add_argument("--slices", type=int, default=4, help="number of parts, which the indexers take in turns")
    arguments.add_argument(
        "--defaults", action="store_true", help="insightface's defaults as well: all models, two scales"
    )
    arguments.add_argument(
        "--crop",
        type=_size,
        metavar="WxH",
        help="the middle of each photo, cut to this size: 178x218 is CelebA's aligned",
    )
    arguments.add_argument(
        "--landmarks", action="store_true", help="also with five points given for each photo, as CelebA's lists do"
    )
    arguments.add_argument(
        "--precisions", nargs="+", choices=("bf16", "int8"), default=[], help="also in these, which the pack has passed"
    )
    arguments.add_argument("--per-stage", action="store_true", help="CPU time of each stage, and of inference alone")
    given = arguments.parse_args()
    given.source = given.source.resolve()
    with tempfile.TemporaryDirectory() as folder:
        if given.crop:
            given.source = cut_to(given.crop, given.source, Path(folder))
        result = run(given)
    common.publish(result, given.json, lines(result))
    return 0


def run(given: argparse.Namespace) -> dict[str, Any]:
    """What the flags ask for."""
    photos = [photo.location for photo in read_folder(given.source).photos]
    if given.limit:
        photos = photos[:: max(1, len(photos) // given.limit)][: given.limit]
    settings = load_settings(given)
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "images": len(photos),
        "pack": settings.pack,
        "crop": given.crop,
        **measure(given, settings, photos),
    }
    if given.per_stage:
        result["stages_ms"] = by_stage(settings, photos)
    return result


if __name__ == "__main__":
    sys.exit(main())
