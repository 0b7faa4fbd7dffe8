"""``python -m benchmarks.sealing``: what encryption at rest costs: storing, bulk enrolment, starts, searches, sizes.

Each figure is measured side by side, in turns: in the clear, sealed, and sealed with the names.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.face_vectors import face_vectors
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.index.recall_gate import IndexSettings
from gallery.settings import GallerySettings
from presente import composition
from presente.installation import IMPORT_ROOT as ROOT
from presente.sealing import MasterKey

_PACK, _DIM = "made@up", 512
_KEY = bytes(32)
_BATCH = 32
_PROBES = 64


@dataclass(frozen=True)
class Variant:
    """One way to keep a gallery: a name, what the store is sealed with, and whether its index is sealed."""

    name: str
    sealing: Sealing | None
    index: bool = True


VARIANTS = (
    Variant("clear", None),
    Variant("sealed", Sealing(MasterKey(_KEY))),
    Variant("names", Sealing(MasterKey(_KEY), names=True)),
    Variant("index_in_the_clear", Sealing(MasterKey(_KEY)), index=False),
)


def store_of(variant: Variant, given: argparse.Namespace, folder: Path) -> DocumentStore:
    """The variant's own store."""
    url = f"{given.mongo}/sealing_{variant.name}" if given.mongo else f"sqlite:///{folder}/{variant.name}/gallery.db"
    return composition.open_store(url, sealing=variant.sealing)


def gallery_of(variant: Variant, given: argparse.Namespace, folder: Path, index: str = "index") -> Gallery:
    """The variant's gallery, with the index in a folder."""
    store = store_of(variant, given, folder)
    kind = IndexSettings(sealed=variant.index)
    generations = GenerationStore(folder / variant.name / index, kind, cipher=composition.index_cipher(store))
    return Gallery(store, generations, _PACK, _DIM, GallerySettings(0.5, "made up"))


def enrolments(given: argparse.Namespace) -> Iterator[list[Enrolment]]:
    """Made-up students with a template and a photo of random bytes each, batch by batch."""
    vectors = face_vectors("spread", given.templates, _DIM, 1, given.seed).gallery
    random = np.random.default_rng(given.seed)
    batch: list[Enrolment] = []
    for number, vector in enumerate(vectors):
        content = random.bytes(given.photo_bytes)
        template = Template(vector, _PACK, (0.0, 0.0, 100.0, 100.0), {"size": 100.0})
        photo = EnrolledPhoto(content, hashlib.sha256(content).hexdigest(), "image/jpeg", f"{number}.jpg", template)
        batch.append(Enrolment(Student(f"P{number:06d}", f"Person {number}", "IA-101"), (photo,)))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def measure_storing(given: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Students stored per second; the batches of all variants alternate."""
    taken = dict.fromkeys((variant.name for variant in VARIANTS), 0.0)
    stores = {variant.name: store_of(variant, given, folder) for variant in VARIANTS}
    try:
        for store in stores.values():
            store.claim_pack(_PACK, _DIM)
        for batch in enrolments(given):
            for name, store in stores.items():
                begun = time.perf_counter()
                store.enrol(batch)
                taken[name] += time.perf_counter() - begun
    finally:
        for store in stores.values():
            store.close()
    return {name: given.templates / each for name, each in taken.items()}


def measure_starts(given: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds of opening a gallery without a generation, of publishing one, and of opening it again: medians."""
    taken: dict[str, dict[str, list[float]]] = {
        what: {variant.name: [] for variant in VARIANTS} for what in ("from_documents", "publish", "from_generation")
    }
    for round_ in range(given.rounds):
        for variant in VARIANTS:
            index = f"index{round_}"
            begun = time.perf_counter()
            gallery = gallery_of(variant, given, folder, index)
            taken["from_documents"][variant.name].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            gallery.index.publish()
            taken["publish"][variant.name].append(time.perf_counter() - begun)
            gallery.close()
            begun = time.perf_counter()
            with closing(gallery_of(variant, given, folder, index)):
                taken["from_generation"][variant.name].append(time.perf_counter() - begun)
            if round_:
                shutil.rmtree(folder / variant.name / index)
    return {what: {name: statistics.median(each) for name, each in names.items()} for what, names in taken.items()}


def measure_searches(given: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """Milliseconds of a search for one face with the students' names, and of one for many, per face: medians."""
    probes = face_vectors("spread", _PROBES, _DIM, 1, given.seed + 1).gallery
    galleries = {variant.name: gallery_of(variant, given, folder, "index0") for variant in VARIANTS}
    one: dict[str, list[float]] = {name: [] for name in galleries}
    many: dict[str, list[float]] = {name: [] for name in galleries}
    try:
        for round_ in range(given.rounds + 1):
            for name, gallery in galleries.items():
                for probe in probes:
                    begun = time.perf_counter()
                    gallery.search(probe[None, :], 5)
                    if round_:
                        one[name].append(1000 * (time.perf_counter() - begun))
                begun = time.perf_counter()
                gallery.search(probes, 5)
                if round_:
                    many[name].append(1000 * (time.perf_counter() - begun) / len(probes))
    finally:
        for gallery in galleries.values():
            gallery.close()
    found = {"identify_ms": one, "identify_many_ms": many}
    return {what: {name: statistics.median(each) for name, each in names.items()} for what, names in found.items()}


def measure_bulk(given: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Seconds of ``indexer add`` of a folder of photos, start of the program included: medians."""
    taken: dict[str, list[float]] = {variant.name: [] for variant in VARIANTS}
    for round_ in range(given.rounds):
        for variant in VARIANTS:
            own = folder / f"bulk-{variant.name}-{round_}"
            own.mkdir()
            sealed = {} if variant.sealing is None else {"PRESENTE_MASTER_KEY": _KEY.hex()}
            sealed |= {"PRESENTE_SEAL_NAMES": "true"} if variant.sealing and variant.sealing.names else {}
            sealed |= {} if variant.index else {"PRESENTE_INDEX_SEALED": "off"}
            environment = common.environment_in(given, own, **sealed)
            words = [sys.executable, "-m", "indexer", "add", str(given.source), "--json"]
            begun = time.perf_counter()
            subprocess.run(words, cwd=ROOT, env=environment, check=True, capture_output=True)
            taken[variant.name].append(time.perf_counter() - begun)
            shutil.rmtree(own)
    return {name: statistics.median(each) for name, each in taken.items()}


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures, and for each how many times that of the clear it is."""
    for variant in VARIANTS:
        (folder / variant.name).mkdir()
    found: dict[str, dict[str, float]] = {"stored_per_s": measure_storing(given, folder)}
    found |= {f"{what}_s": each for what, each in measure_starts(given, folder).items()}
    found |= measure_searches(given, folder)
    found["bytes"] = {
        variant.name: sum(path.stat().st_size for path in (folder / variant.name).rglob("*") if path.is_file())
        for variant in VARIANTS
    }
    found["bulk_s"] = measure_bulk(given, folder)
    return {
        "store": "mongodb" if given.mongo else "sqlite",
        "templates": given.templates,
        "photo_bytes": given.photo_bytes,
        "figures": {what: {name: _rounded(value) for name, value in each.items()} for what, each in found.items()},
        "times_the_clear": {
            what: {name: round(value / each["clear"], 3) for name, value in each.items()}
            for what, each in found.items()
        },
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """The command line."""
    made = common.parser("python -m benchmarks.sealing", (__doc__ or "").split("\n")[0], "python -m benchmarks.sealing")
    made.add_argument("--templates", type=int, default=203_540)
    made.add_argument("--photo-bytes", type=int, default=4_000, help="size of each made-up photo")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--source", type=Path, default=ROOT / "data_sample" / "students", help="photos for `indexer add`")
    made.add_argument("--mongo", default="", metavar="URL", help="a MongoDB server, instead of SQLite files")
    given = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given, Path(folder))
    lines = [f"{what}: {each}" for what, each in figures["figures"].items()]
    lines += [f"{what}, times the clear: {each}" for what, each in figures["times_the_clear"].items()]
    common.publish({**common.about_this_run(given.seed), **figures}, given.json, lines)


if __name__ == "__main__":
    main()
