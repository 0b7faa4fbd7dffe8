"""``python -m benchmarks.unknown_faces``: what keeping unknown faces costs an identify request, and the thread."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import common
from gallery.photo_export import PhotoExport
from presente import composition
from presente.installation import SAMPLE
from presente.recognition import IdentifyQuery
from presente.settings import Settings
from server.service import Service
from server.unknown_faces import UnknownFaces

PHOTO = "groups/group_01.jpg"
"""Ten faces; no one is enrolled, so that all of them are unknown."""


def measure(settings: Settings, times: int) -> dict[str, Any]:
    """Identify a photo with and without keeping its faces, in turn."""
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    outcomes: Counter[str] = Counter()
    unknown = UnknownFaces(gallery, lambda outcome: outcomes.update([outcome]))
    export = PhotoExport(settings.export)
    services = {
        "off": Service(composition.open_embedder(settings, pack), gallery, export, export.forget),
        "keep": Service(
            composition.open_embedder(settings, pack, pictures=True),
            gallery,
            export,
            export.forget,
            unknown_faces=unknown,
        ),
    }
    content, took = (SAMPLE / PHOTO).read_bytes(), {name: list[float]() for name in services}
    behind, faces = [], 0
    for turn in range(times + 1):
        for name, service in services.items():
            began = time.perf_counter()
            found = service.identify(content, IdentifyQuery())
            answered = time.perf_counter()
            unknown.settle()
            if turn:  # the first time loads what is loaded once
                took[name].append(answered - began)
                faces = len(found.faces)
                behind += [time.perf_counter() - answered] if name == "keep" else []
    unknown.close()
    gallery.close()
    return {
        "requests": times,
        "faces": faces,
        **{f"identify_{name}_ms": round(1000 * statistics.median(each), 1) for name, each in took.items()},
        "thread_ms_per_face": round(1000 * statistics.median(behind) / faces, 2),
        "outcomes": dict(outcomes),
    }


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.unknown_faces", __doc__ or "", "python -m benchmarks.unknown_faces --times 40 --json"
    )
    arguments.add_argument("--times", type=int, default=40, help="requests of each kind")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(common.settings_in(given, Path(folder)), given.times)
    lines = [f"{name:20s} {value}" for name, value in figures.items()]
    common.publish({**common.about_this_run(given.seed), **figures}, given.json, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
