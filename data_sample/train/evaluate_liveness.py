"""Measures the exported liveness pack on held-out people, on the faces that the sample pack finds."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.detection.detected_face import DetectedFace
from faces.image.decode import DecodedPhoto
from faces.liveness.liveness_pack import load_liveness_pack
from faces.liveness.reader import LivenessReader
from faces.liveness.values import LivenessScore
from faces.reading import AlignedFace
from faces.runtime.session import RuntimeOptions

from ..draw.medium import KINDS
from ..draw.seeds import ATTACKS_HELD_OUT, HELD_OUT
from .attacks import Presented, draw_picture
from .service import Recogniser, overlap

PICTURES = 1000
BPCER = 0.01

Report = dict[str, Any]


def judged_faces(
    recogniser: Recogniser, reader: LivenessReader, pictures: int
) -> Iterator[tuple[Presented, LivenessScore | None]]:
    """Faces of held-out pictures, with what the pack says of each; None of one that is not found."""
    for number in range(pictures):
        rng = np.random.default_rng([0xE7A2, ATTACKS_HELD_OUT.start + number])
        picture = draw_picture(rng, HELD_OUT)
        photo = DecodedPhoto(picture.pixels, "image/png", picture.pixels.shape[:2])
        found = recogniser.embedder.detect(photo)
        for shown in picture.faces:
            face = nearest(found, np.array(shown.truth.box, np.float32))
            yield shown, None if face is None else reader.scores([reader.cut(picture.pixels, face.face)])[0]


def nearest(found: Sequence[AlignedFace], box: NDArray[np.float32]) -> AlignedFace | None:
    """Return the face that lies where a box (4,) is; None when none does."""
    best = max(found, key=lambda each: overlap(each.face.box, box), default=None)
    return best if best is not None and overlap(best.face.box, box) > 0.4 else None


def evaluate(models: Path, folder: Path, pictures: int = PICTURES) -> Report:
    """Return every figure of the liveness pack that README.md quotes."""
    reader = LivenessReader(load_liveness_pack(str(folder), []), RuntimeOptions("onnxruntime"))
    scores: dict[str, list[float]] = defaultdict(list)
    unjudged: Counter[str] = Counter()
    for shown, said in judged_faces(Recogniser(models), reader, pictures):
        kind = shown.attack or "live"
        if said is None or said.score is None:
            unjudged[f"{kind}: {'not found' if said is None else said.reason}"] += 1
        else:
            scores[kind].append(said.score)
    live = np.sort(scores["live"])
    strict = float(live[int(BPCER * len(live))])
    return {
        "pack": reader.pack.tag,
        "pictures": pictures,
        "not_judged": dict(sorted(unjudged.items())),
        "at_the_declared_threshold": _rates(scores, reader.threshold),
        f"at_bpcer_{BPCER}": _rates(scores, strict),
        "milliseconds_per_face": speed(reader),
        "bytes": sum(file.stat().st_size for file in reader.pack.files),
    }


def _rates(scores: dict[str, list[float]], threshold: float) -> Report:
    """APCER per kind and BPCER at a threshold, with how many faces each is of."""
    live = np.array(scores["live"])
    return {
        "threshold": round(threshold, 4),
        "bpcer": {"faces": len(live), "rate": round(float((live < threshold).mean()), 4)},
        "apcer": {
            kind: {"faces": len(scores[kind]), "rate": round(float((np.array(scores[kind]) >= threshold).mean()), 4)}
            for kind in KINDS
        },
    }


def speed(reader: LivenessReader) -> float:
    """Return milliseconds per face on one thread, cutting included, for one face at a time."""
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    points = np.array([(315, 220), (335, 220), (325, 232), (317, 242), (333, 242)], np.float32)
    face, times = DetectedFace(np.array((300, 200, 350, 260), np.float32), points, 1.0), []
    for _ in range(30):
        began = time.perf_counter()
        reader.scores([reader.cut(pixels, face)])
        times.append(time.perf_counter() - began)
    return round(1000 * float(np.median(times)), 2)
