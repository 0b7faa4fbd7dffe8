"""``python -m benchmarks.audit_levels``: measurements behind the levels of an audit, on the settings' gallery.

Pairs of one person's photos, by the quality of the faces; and photos that are saved again, made smaller or blurred,
compared with the original and with other photos of the same person.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks import common
from faces.embedder import FaceEmbedder
from gallery.audit.audit import IDENTICAL
from gallery.audit.rules import TURNED
from gallery.audit.similarity import Similarity
from gallery.documents.values import EnrolledTemplate
from gallery.gallery import Gallery
from presente import cli, composition
from presente.errors import PhotoRefused
from presente.settings import Settings, load_settings

Change = Callable[[Image.Image, float], Image.Image]


def changes() -> dict[str, tuple[Change, int]]:
    """What is done to a photo whose face has a width in pixels, and the JPEG quality that it is saved with."""

    def scaled(photo: Image.Image, by: float) -> Image.Image:
        size = (max(1, round(photo.width * by)), max(1, round(photo.height * by)))
        return photo.resize(size, Image.Resampling.LANCZOS)

    def cropped(photo: Image.Image, _: float) -> Image.Image:
        width, height = photo.size
        return photo.crop((width // 20, height // 20, width - width // 20, height - height // 20))

    made: dict[str, tuple[Change, int]] = {
        "JPEG of quality 60": (lambda photo, _: photo, 60),
        "three quarters of the size": (lambda photo, _: scaled(photo, 0.75), 90),
        "half the size": (lambda photo, _: scaled(photo, 0.5), 85),
        "cropped by a twentieth": (cropped, 90),
        "grey": (lambda photo, _: photo.convert("L").convert("RGB"), 90),
    }
    for side in (20, 25, 30, 40):
        made[f"face of {side} pixels"] = (lambda photo, size, side=side: scaled(photo, side / size), 95)  # type: ignore[misc]
    for radius in (1, 2, 3, 4):
        made[f"blurred by {radius} pixels"] = (
            lambda photo, _, radius=radius: photo.filter(ImageFilter.GaussianBlur(radius)),  # type: ignore[misc]
            95,
        )
    return made


def pairs(like: Similarity, known: dict[int, EnrolledTemplate]) -> dict[str, Any]:
    """Scores of all pairs of one person's photos: how many, how many are one photo, and misses by yaw."""
    scores: list[NDArray[np.float32]] = []
    turned: list[NDArray[np.float64]] = []
    yaw = np.array([abs(known[int(template)].quality.get("yaw", 0.0)) for template in like.templates])
    for person in like.people.tolist():
        rows = like.rows_of(person)
        one, other = np.triu_indices(len(rows), 1)
        scores.append(like.between(rows, rows)[one, other])
        turned.append(np.maximum(yaw[rows][one], yaw[rows][other]))
    score, most = np.concatenate(scores), np.concatenate(turned)
    below = score < like.levels.known
    bins = [0.0, 0.8, 1.2, TURNED, np.inf]
    return {
        "pairs": len(score),
        "one_photo": int((score >= like.levels.identical).sum()),
        "missed": round(float(below.mean()), 4),
        "missed_by_yaw": {
            f"{low} to {high}": [int(inside.sum()), round(float(below[inside].mean()), 3)]
            for low, high in pairwise(bins)
            if (inside := (most >= low) & (most < high)).any()
        },
    }


def changed(
    gallery: Gallery,
    embedder: FaceEmbedder,
    like: Similarity,
    known: dict[int, EnrolledTemplate],
    count: int,
    seed: int,
) -> dict[str, Any]:
    """For each change: how many photos were still taken, how many of these would pass for the same photo, how many miss
    their person's others, and their sharpness."""
    sizes = np.array([len(like.rows_of(int(subject))) for subject in like.subjects])
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(sizes > 2))[:count]
    wanted = {known[int(like.templates[row])].sha256: int(row) for row in chosen}
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in changes()}
    for stored in gallery.store.photos():
        row = wanted.get(stored.sha256)
        if row is None:
            continue
        photo = Image.open(io.BytesIO(stored.content)).convert("RGB")
        rows = like.rows_of(int(like.subjects[row]))
        others = rows[rows != row]
        size = known[int(like.templates[row])].quality["size"]
        for name, (change, quality) in changes().items():
            saved = io.BytesIO()
            change(photo, size).save(saved, "JPEG", quality=quality)
            try:
                face = embedder.embed_portrait(saved.getvalue())[1]
            except PhotoRefused:
                continue
            with_itself = float(like.vectors(np.array([row]))[0] @ face.template)
            with_others = float((like.vectors(others) @ face.template).max())
            results[name].append((with_itself, with_others, face.quality.sharpness))
    return {
        name: {
            "photos": len(found),
            "one_photo": round(float((np.array(found)[:, 0] >= like.levels.identical).mean()), 3),
            "missed": round(float((np.array(found)[:, 1] < like.levels.known).mean()), 3),
            "sharpness": round(float(np.median(np.array(found)[:, 2])), 1),
        }
        for name, found in results.items()
        if found
    }


def measure(settings: Settings, count: int, seed: int) -> dict[str, Any]:
    """Open the gallery and measure."""
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    try:
        with gallery.index.reading() as live:
            frozen = live.snapshot()
        known = {each.template: each for each in gallery.store.enrolled()}
        threshold = gallery.operating_point(cohort=True).threshold
        identical = threshold + IDENTICAL * (1 - threshold)
        like = Similarity(frozen, np.arange(len(frozen)), threshold, identical)
        embedder = composition.open_embedder(settings, pack)
        levels = {"threshold": threshold, "identical": round(identical, 4), "usual": round(like.levels.usual, 4)}
        return {**levels, **pairs(like, known), "changed": changed(gallery, embedder, like, known, count, seed)}
    finally:
        gallery.close()


def main() -> int:
    """Measure and print."""
    arguments = common.parser("python -m benchmarks.audit_levels", __doc__ or "", "python -m benchmarks.audit_levels")
    arguments.add_argument("--photos", type=int, default=200, help="how many photos are changed")
    given = arguments.parse_args()
    figures = measure(load_settings(given), given.photos, given.seed)
    lines = [f"{name:28s} {value}" for name, value in figures.items() if name != "changed"]
    lines += [f"{name:28s} {value}" for name, value in figures["changed"].items()]
    common.publish({**common.about_this_run(given.seed), **figures}, given.json, lines)
    return cli.DONE


if __name__ == "__main__":
    sys.exit(main())
