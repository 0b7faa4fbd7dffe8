"""``python -m benchmarks.bulk``: insightface's usual loop against ``indexer add``, same photos, same pack, one run."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2

from benchmarks import common
from indexer.pipeline import add
from indexer.report import Report
from indexer.sources.folder import read_folder
from indexer.sources.model import Source
from presente import compose
from presente.config import load_settings


def by_insightface(pack_folder: Path, source: Source) -> tuple[float, int]:
    """The loop that most projects use, ``FaceAnalysis.get`` at 640; images/s, and photos without a face."""
    from insightface.app import FaceAnalysis

    app = FaceAnalysis(name=str(pack_folder), allowed_modules=["detection", "recognition"])
    app.prepare(ctx_id=-1, det_size=(640, 640))
    start, missed = time.perf_counter(), 0
    for photo in source.photos:
        picture = cv2.imread(photo.location)
        missed += not (picture is not None and app.get(picture, max_num=1))
    return len(source.photos) / (time.perf_counter() - start), missed


def by_presente(settings_folder: Path, pack: str, source: Source) -> Report:
    """``indexer add`` into an empty gallery, decode and write included."""
    with tempfile.TemporaryDirectory(dir=settings_folder) as folder:
        settings = load_settings(
            environment={
                "PRESENTE_PACK": pack,
                "PRESENTE_STORE": f"sqlite:///{folder}/gallery.db",
                "PRESENTE_INDEX": f"{folder}/index",
            }
        )
        model = compose.open_pack(settings)
        gallery = compose.open_gallery(settings, model)
        try:
            return add(source, compose.open_embedder(settings, model), gallery, settings.workers, lambda _: None)
        finally:
            gallery.close()


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.bulk",
        __doc__ or "",
        "python -m benchmarks.bulk --folder data_sample/students --pack sample",
    )
    arguments.add_argument("--folder", type=Path, default=Path("data_sample/students"), help="one folder a person")
    arguments.add_argument("--pack", default="sample", help="a pack's name or folder")
    arguments.add_argument("--repeats", type=int, default=3, help="rounds; the median is printed")
    given = arguments.parse_args()
    source = read_folder(given.folder)
    pack = compose.open_pack(load_settings(environment={"PRESENTE_PACK": given.pack}))
    rounds: list[tuple[float, int, Report]] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.repeats):  # turn about, so that a noisy moment hits both
            rate, missed = by_insightface(pack.detection.parent, source)
            rounds.append((rate, missed, by_presente(Path(folder), given.pack, source)))
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "images": len(source.photos),
        "pack": pack.name,
        "baseline": {
            "images_per_s": round(statistics.median(rate for rate, _, _ in rounds), 1),
            "without_face": rounds[0][1],
        },
        "presente": {
            "images_per_s": round(statistics.median(report.rate for _, _, report in rounds), 1),
            "without_face": len(rounds[0][2].refused),
            "runtime": "onnxruntime",
        },
        "ratio": round(statistics.median(report.rate / rate for rate, _, report in rounds), 2),
    }
    common.publish(
        result,
        given.json,
        [
            f"{len(source.photos)} photos, pack {pack.name}, images/s (photos without a face):",
            "insightface's loop {images_per_s} ({without_face})".format(**result["baseline"]),
            "indexer add {images_per_s} ({without_face}): ".format(**result["presente"]) + f"{result['ratio']} times",
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
