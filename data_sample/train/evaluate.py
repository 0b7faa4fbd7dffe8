"""Measures the exported pack on held-out people and on the sample class; chooses the threshold."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..draw.seeds import CALIBRATE, HELD_OUT
from .people import Person, Tally, gather
from .service import Found, Recogniser, overlap

ENROLLED, PROBES, GALLERY = 4, 2, 24
Report = dict[str, Any]


def best_scores(people: Sequence[Person], probes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each probe's best cosine with any enrolled photo of each person: (probes, people)."""
    columns = [(probes @ p.enrolled.T).max(1, initial=-1.0) for p in people]
    return np.stack(columns, 1)


def measure(people: Sequence[Person], strangers: Sequence[Person], threshold: float | None) -> Report:
    """Return figures of identification; without a threshold, choose one."""
    probes = np.concatenate([p.probes for p in people])
    owners = np.repeat(np.arange(len(people)), [len(p.probes) for p in people])
    scores = best_scores(people, probes)
    genuine = scores[np.arange(len(owners)), owners]
    others = scores.copy()
    others[np.arange(len(owners)), owners] = -1
    outside = best_scores(people, np.concatenate([np.concatenate([s.enrolled, s.probes]) for s in strangers]))
    galleries = np.random.default_rng(0x6A11).permuted(np.tile(np.arange(len(people)), (50, 1)), axis=1)[:, :GALLERY]
    small = np.concatenate([outside[:, g].max(1) for g in galleries])
    chosen = threshold if threshold is not None else choose_threshold(genuine, small)
    return {
        "people": len(people),
        "probes": len(probes),
        "strangers": len(strangers),
        "stranger_photos": len(outside),
        "rank1": round(float((scores.argmax(1) == owners).mean()), 5),
        "genuine_percentiles_0.1_1_5_50": _percentiles(genuine, (0.1, 1, 5, 50)),
        "best_other_percentiles_50_99_max": _percentiles(others.max(1), (50, 99, 100)),
        "stranger_best_of_24_percentiles_50_99_99.9_max": _percentiles(small, (50, 99, 99.9, 100)),
        "threshold": chosen,
        "fnir_24": round(float((genuine < chosen).mean()), 5),
        "fpir_24": round(float((small >= chosen).mean()), 6),
        "fpir_all": round(float((outside.max(1) >= chosen).mean()), 5),
    }


def choose_threshold(genuine: NDArray[np.float32], impostors: NDArray[np.float32]) -> float:
    """Return a threshold between the strangers' highest scores and the lowest genuine ones."""
    high, low = float(np.percentile(impostors, 99.95)), float(np.percentile(genuine, 1))
    return round(max(high + 0.02, 0.5 * (high + low)) if low > high else high + 0.02, 2)


def _percentiles(values: NDArray[np.float32], which: Sequence[float]) -> list[float]:
    return [round(float(v), 3) for v in np.percentile(values, which)]


def held_out(recogniser: Recogniser, start: int, people: int, strangers: int, threshold: float | None) -> Report:
    """Draw held-out people from `start`, and return what was measured on them."""
    tally = Tally()
    known = gather(recogniser, range(start, start + people), ENROLLED, PROBES, tally)
    unknown = gather(recogniser, range(start + people, start + people + strangers), 1, 1, tally)
    return {"detection": tally.report(), "identification": measure(known, unknown, threshold)}


def _photo(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.uint8)


def _named(found: Found, gallery: dict[str, NDArray[np.float32]], threshold: float) -> tuple[str | None, float]:
    """Return whose face this is, or None, and the best cosine."""
    scores = {who: float((vectors @ found.vector).max()) for who, vectors in gallery.items()}
    who = max(scores, key=lambda key: scores[key])
    return (who if scores[who] >= threshold else None), scores[who]


def on_class(sample: Path, recogniser: Recogniser, threshold: float) -> Report:
    """Return how the pack does on the class itself, which chose nothing."""
    with (sample / "students.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    photos = single = 0
    gallery: dict[str, NDArray[np.float32]] = {}
    for row in rows:
        found = [recogniser.find(_photo(sample / path)) for path in row["fotos"].split(";")]
        photos, single = photos + len(found), single + sum(len(f) == 1 for f in found)
        gallery[row["matricula"]] = np.stack([f[0].vector for f in found if f])
    right, nearest, genuine = 0, 0, []
    probes = sorted((sample / "probes").glob("*/*.jpg"))
    for path in probes:
        faces = recogniser.find(_photo(path))
        photos, single = photos + 1, single + (len(faces) == 1)
        if faces:
            genuine.append(float((gallery[path.parent.name] @ faces[0].vector).max()))
            right += _named(faces[0], gallery, threshold)[0] == path.parent.name
            nearest += _named(faces[0], gallery, -1.0)[0] == path.parent.name
    outside = []
    for path in sorted((sample / "strangers").glob("*.jpg")):
        faces = recogniser.find(_photo(path))
        photos, single = photos + 1, single + (len(faces) == 1)
        outside += [_named(f, gallery, threshold)[1] for f in faces]
    return {
        "photos": photos,
        "photos_with_exactly_one_face": single,
        "probes": len(probes),
        "probes_rank1": nearest,
        "probes_accepted_and_named_rightly": right,
        "lowest_genuine": round(min(genuine), 3),
        "strangers_highest": round(max(outside), 3),
        "strangers_accepted": sum(s >= threshold for s in outside),
        "groups": _groups(sample, recogniser, gallery, threshold),
    }


def _groups(sample: Path, recogniser: Recogniser, gallery: dict[str, NDArray[np.float32]], threshold: float) -> Report:
    """Return how faces of the group photos are found and named."""
    truth = json.loads((sample / "groups" / "groups.json").read_text(encoding="utf-8"))
    faces = found = right = false = 0
    stranger = []
    for name, seats in truth.items():
        seen = recogniser.find(_photo(sample / "groups" / name))
        taken = 0
        for seat in seats:
            box = np.array(seat["box"], np.float32)
            match = [f for f in seen if overlap(f.box, box) > 0.4]
            faces, found, taken = faces + 1, found + bool(match), taken + bool(match)
            if match:
                who, score = _named(match[0], gallery, threshold)
                right += who == seat["matricula"]
                stranger += [round(score, 3)] if seat["matricula"] is None else []
        false += len(seen) - taken
    return {
        "faces": faces,
        "found": found,
        "named_rightly": right,
        "false_faces": false,
        "stranger_best": stranger,
    }


def speed(recogniser: Recogniser) -> Report:
    """Return milliseconds on one thread: the detector on a 320 x 320 canvas and the embedder on one crop."""
    blank, crop = np.zeros((256, 256, 3), np.uint8), np.zeros((112, 112, 3), np.uint8)

    def best(work: Callable[[], object]) -> float:
        times = []
        for _ in range(15):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        return round(1000 * min(times), 2)

    return {
        "detect_320_ms": best(lambda: recogniser.embedder.finder.detector.detect(blank)),
        "embed_ms": best(lambda: recogniser.embedder.recogniser.embed([crop])),
    }


def calibrate(models: Path) -> float:
    """Choose the threshold on the calibration people and return it."""
    report = held_out(Recogniser(models), CALIBRATE.start, 300, 400, None)
    return float(report["identification"]["threshold"])


def evaluate(sample: Path, threshold: float, people: int = 320, strangers: int = 320) -> Report:
    """Return every figure that README.md quotes."""
    models = sample / "models" / "sample"
    recogniser = Recogniser(models)
    return {
        "held_out": held_out(recogniser, HELD_OUT.start, people, strangers, threshold),
        "class": on_class(sample, recogniser, threshold),
        "speed_one_thread": speed(recogniser),
        "bytes": {name: (models / name).stat().st_size for name in ("det.onnx", "rec.onnx")},
    }
