"""``python -m benchmarks.decoding``: identifications per second, decoded in the asking threads and in processes."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import common
from faces.embedder import FaceEmbedder
from faces.image.decoder import Decoder, InlineDecoder
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente import composition
from presente.installation import IMPORT_ROOT as ROOT
from presente.recognition import IdentifyQuery, enrolled_photo, identify
from server.decoding.admission import open_admission
from server.decoding.decoder import AdmittedDecoder, open_decoder


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.decoding", __doc__ or "", "python -m benchmarks.decoding --rounds 3"
    )
    arguments.add_argument(
        "--probes", type=Path, default=ROOT / "data_sample" / "probes", help="folder of photos to identify"
    )
    arguments.add_argument("--threads", type=int, default=8, help="how many ask at once")
    arguments.add_argument("--seconds", type=float, default=0.5, help="how long each round lasts")
    arguments.add_argument("--rounds", type=int, default=20, help="of each kind, by turns; the ratio is their median")
    given = arguments.parse_args()
    photos = [path.read_bytes() for path in sorted(given.probes.rglob("*.jpg"))]
    admitted = open_decoder(open_admission(0))
    decoders: dict[str, Decoder] = {"own_thread": InlineDecoder(), "processes": admitted}
    with tempfile.TemporaryDirectory() as folder:
        settings = common.settings_in(given, Path(folder))
        pack = composition.open_pack(settings)
        gallery = composition.open_gallery(settings, pack)
        embedders = {name: composition.open_embedder(settings, pack, each) for name, each in decoders.items()}
        _enrol(gallery, embedders["own_thread"], photos)
        rates: dict[str, list[float]] = {name: [] for name in embedders}
        spent: dict[str, list[float]] = {name: [] for name in embedders}
        for turn in range(given.rounds + 1):
            for name, embedder in embedders.items():
                before = _cpu_seconds(admitted)
                done, rate = _rate(gallery, embedder, photos, given.threads, given.seconds)
                if turn:  # the first is to warm up
                    rates[name].append(rate)
                    spent[name].append((_cpu_seconds(admitted) - before) / done * 1000)
        gallery.close()
    admitted.close()
    medians = {name: round(statistics.median(found), 1) for name, found in rates.items()}
    result: dict[str, Any] = {
        **common.about_this_run(given.seed),
        "pack": pack.name,
        "threads": given.threads,
        "identifications_per_s": medians,
        "cpu_ms": {name: round(statistics.median(found), 2) for name, found in spent.items()},
        "rounds": {name: [round(rate, 1) for rate in found] for name, found in rates.items()},
        "ratio": round(statistics.median(there / here for here, there in zip(*rates.values(), strict=True)), 3),
    }
    common.publish(result, given.json, [f"{name}: {rate} per second" for name, rate in medians.items()])
    return 0


def _enrol(gallery: Gallery, embedder: FaceEmbedder, photos: list[bytes]) -> None:
    for number, content in enumerate(photos):
        face = embedder.embed_portrait(content)[1]
        made = enrolled_photo(content, "image/jpeg", "benchmark", face, gallery.pack)
        gallery.enrol([Enrolment(Student(f"B{number:04}", f"Student {number}"), (made,))])


def _cpu_seconds(decoder: AdmittedDecoder) -> float:
    """CPU seconds of this process and of those that decode or have decoded."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for process in decoder.processes:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _rate(
    gallery: Gallery, embedder: FaceEmbedder, photos: list[bytes], threads: int, seconds: float
) -> tuple[int, float]:
    """The number of identifications, and their rate per second."""
    done: list[int] = []
    end = time.perf_counter() + seconds

    def ask(first: int) -> None:
        turn = first
        while time.perf_counter() < end:
            identify(photos[turn % len(photos)], embedder, gallery, IdentifyQuery())
            turn += 1
        done.append(turn - first)

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    start = time.perf_counter()
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    return sum(done), sum(done) / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
