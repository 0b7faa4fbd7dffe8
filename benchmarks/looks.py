"""``python -m benchmarks.looks``: how closely a photo has to be looked at, the figures of docs/adr/0028-looks.md.

It takes a folder with one folder per person, of photos in which the person is the face nearest the middle.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import common
from evaluation.composites import Box, cutout, empty_room, matched, paste, places
from faces.detection.detected_face import DetectedFace, most_prominent
from faces.detection.detector import Detector
from faces.detection.finder import FaceFinder, Found
from faces.embedder import FaceEmbedder
from faces.image.decode import RGB, decode
from presente import composition
from presente.settings import load_settings

_WIDTH, _HEIGHT, _FACES = 4000, 3000, 40
_SAME_FACE = 0.35


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo and the face of its person."""

    pixels: RGB
    face: DetectedFace


def portraits(folder: Path, count: int, embedder: FaceEmbedder) -> list[Portrait]:
    """The first photo of so many people, without those in which no face is found."""
    found: list[Portrait] = []
    for person in sorted(each for each in folder.iterdir() if each.is_dir()):
        photo = next(iter(sorted(person.glob("*.jpg"))), None)
        if photo is None or len(found) == count:
            continue
        pixels = embedder.decode(photo.read_bytes()).pixels
        faces = embedder.finder.first_looks(pixels).faces
        if faces:
            found.append(Portrait(pixels, faces[most_prominent(faces, *pixels.shape[:2])]))
    return found


def class_photos(people: Sequence[Portrait], size: float, seed: int) -> tuple[RGB, list[Box]]:
    """A photo of 12 megapixels with faces of one size, and where they are."""
    photo = empty_room(_WIDTH, _HEIGHT, seed)
    truth: list[Box] = []
    for person, place in zip(people, places([size] * len(people), _WIDTH, _HEIGHT, None, seed), strict=True):
        height, width = person.pixels.shape[:2]
        cut = cutout(_box(person.face), [], width, height)
        if cut is not None:
            truth.append(paste(photo, person.pixels, cut, place))
    return photo, truth


def by_closer_pixels(
    embedder: FaceEmbedder, people: Sequence[Portrait], sizes: Sequence[float], megapixels: Sequence[float], seed: int
) -> list[dict[str, Any]]:
    """Faces found, and found where none is, by the pixels of the closer look (0: none) and the size of the faces."""
    rows = []
    for size in sizes:
        chosen = [people[(start + seed) % len(people)] for start in range(min(_FACES, len(people)))]
        photo, truth = class_photos(chosen, size, seed)
        for most in megapixels:
            settings = replace(embedder.settings.detection, closer_pixels=round(most * 1e6))
            finder = FaceFinder(Detector(embedder.finder.detector.network, settings))
            found = finder.first_looks(photo)
            if most:
                found = finder.closer_look(photo, found)
            boxes = [_box(face) for face in found.faces]
            hits = sum(place is not None for place in matched(truth, boxes, _SAME_FACE))
            rows.append(
                {"size": size, "megapixels": most, "faces": len(truth), "found": hits, "others": len(boxes) - hits}
            )
    return rows


def turned(embedder: FaceEmbedder, people: Sequence[Portrait]) -> list[dict[str, Any]]:
    """Per turn: photos read in that turn; and the score of the face, upside down less as it lies, where it is found."""
    rows = []
    for turns in range(4):
        photos = [np.ascontiguousarray(np.rot90(person.pixels, -turns)) for person in people]
        read = [embedder.finder.first_looks(photo).turns for photo in photos]
        row: dict[str, Any] = {"turned": 90 * turns, "photos": len(photos), "right": read.count((4 - turns) % 4)}
        if turns in (0, 2):
            seen = [embedder.finder.detector.detect(photo) for photo in photos]
            row["difference"] = _percentiles(
                [
                    embedder.finder.detector.turned_score(photo, faces[0], 2, 64) - faces[0].score
                    for photo, faces in zip(photos, seen, strict=True)
                    if faces
                ]
            )
        rows.append(row)
    return rows


def reduced(
    embedder: FaceEmbedder, people: Sequence[Portrait], sizes: Sequence[float], seed: int
) -> list[dict[str, Any]]:
    """Cosines of the templates of a 12-megapixel photo decoded in fewer pixels and in all, by the face's size."""
    rows = []
    for size in sizes:
        cosines = []
        for number, person in enumerate(people):
            photo, _ = class_photos([person], size, seed + number)
            noise = np.random.default_rng(seed + number).normal(0, 6, (*photo.shape[:2], 1))
            stream = io.BytesIO()
            Image.fromarray(np.clip(photo + noise, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=88)
            made = [_largest_template(embedder, stream.getvalue(), enough) for enough in (None, embedder.portrait_side)]
            if made[0] is not None and made[1] is not None:
                cosines.append(float(made[0] @ made[1]))
        rows.append({"size": size, "cosine": _percentiles(cosines)})
    return rows


def _largest_template(embedder: FaceEmbedder, content: bytes, enough: int | None) -> NDArray[np.float32] | None:
    photo = decode(content, enough=enough)
    found = embedder.finder.first_looks(photo.pixels)
    if not found.faces:
        return None
    return embedder.embed(embedder.read(photo, Found(found.faces[:1], found.turns)).faces)[0].template


def _box(face: DetectedFace) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in face.box)
    return x1, y1, x2, y2


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    least, middle, most = np.percentile(values, [0, 50, 100]) if values else (np.nan,) * 3
    return {"least": round(float(least), 4), "median": round(float(middle), 4), "most": round(float(most), 4)}


def main() -> int:
    """Measure and print."""
    example = "python -m benchmarks.looks --folder ../shared/faces/lfw --pack ../shared/models/research_mbf"
    parser = common.parser("python -m benchmarks.looks", __doc__ or "", example)
    parser.add_argument("--folder", type=Path, required=True, help="one folder per person")
    parser.add_argument("--people", type=int, default=150, help="how many people at most")
    parser.add_argument("--size", type=float, nargs="+", default=[60, 40, 30], help="faces of the class photos, pixels")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0, 2, 4, 6], help="of the closer look; 0: none")
    parser.add_argument("--reduced", type=float, nargs="+", default=[400, 640, 900], help="faces of portraits, pixels")
    given = parser.parse_args()
    settings = load_settings(given)
    embedder = composition.open_embedder(settings, composition.open_pack(settings))
    people = portraits(given.folder, given.people, embedder)
    figures: dict[str, Any] = {
        "people": len(people),
        "class_photos": by_closer_pixels(embedder, people, given.size, given.megapixels, given.seed),
        "turned": turned(embedder, people),
        "reduced": reduced(embedder, people[:24], given.reduced, given.seed),
    }
    lines = [
        f"faces of {row['size']:.0f} pixels, {row['megapixels']:.1f} megapixels: {row['found']} of {row['faces']} "
        f"found, {row['others']} others"
        for row in figures["class_photos"]
    ]
    lines += [f"turned by {row['turned']}: {row['right']} of {row['photos']} read so" for row in figures["turned"]]
    lines += [f"a face of {row['size']:.0f} pixels, decoded in fewer: {row['cosine']}" for row in figures["reduced"]]
    common.publish(common.about_this_run(given.seed) | figures, given.json, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
