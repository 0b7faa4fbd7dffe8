"""Pictures with faces, and pictures without, for the detector; drawn once and kept on disk."""

from __future__ import annotations

import dataclasses
import multiprocessing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..draw import Look, Seat, render_scene, sample_identity, sample_look, seeds
from ..draw.background import draw_background
from ..draw.decoy import draw_decoys
from ..draw.look import BACKGROUNDS
from ..draw.person import Truth
from ..draw.photo import develop

MOST = 12
"""Most faces that one picture's labels hold."""

COLUMNS = 15
"""Columns of a label: x1, y1, x2, y2, ten landmark coordinates, and 1 for a face or -1 to ignore."""

Picture = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""A picture (S, S, 3), uint8, RGB, and its labels (MOST, COLUMNS), float32, zero rows for no face."""


def draw_picture(seed: int, side: int) -> Picture:
    """Return one training picture of `side` x `side` pixels."""
    rng = np.random.default_rng([0xF1C7, seed])
    kind = rng.random()
    if kind < 0.12:
        return _empty(rng, side), np.zeros((MOST, COLUMNS), np.float32)
    if kind < 0.45:
        return _bordered(rng, side)
    if kind < 0.7 or side > 300:
        face = float(np.exp(rng.uniform(np.log(0.12), np.log(0.85)))) * side
        spot = (float(rng.uniform(0.3, 0.7)) * side, float(rng.uniform(0.3, 0.6)) * side)
        return _scene(rng, [(*spot, face)], side, side)
    return _crowd(rng, side)


def _crowd(rng: np.random.Generator, side: int) -> Picture:
    """Return a picture with several people, in rows from back to front."""
    face = float(np.exp(rng.uniform(np.log(20), np.log(64))))
    pitch = face * float(rng.uniform(1.25, 2.0))
    rows = min(int(rng.integers(1, 4)), max(1, int(side / (2.2 * face))))
    spots: list[tuple[float, float, float]] = []
    for row in range(rows):
        y = side * (0.5 if rows == 1 else 0.2 + 0.55 * row / (rows - 1)) + float(rng.normal(0, 0.04)) * side
        x = float(rng.uniform(0.3, 0.9)) * pitch
        while x < side - 0.4 * face and len(spots) < MOST:
            if rng.random() < 0.8:
                size = face * float(rng.uniform(0.85, 1.18))
                spots.append((x + float(rng.normal(0, 0.08)) * face, y + float(rng.normal(0, 0.12)) * face, size))
            x += pitch
    return _scene(rng, spots, side, side)


def _bordered(rng: np.random.Generator, side: int) -> Picture:
    """Return a portrait, perhaps filled by its face, inside a plain border."""
    width = side * float(rng.uniform(0.62, 1.0))
    height = min(side, width * float(rng.uniform(0.95, 1.35)))
    w, h = round(width), round(height)
    face = w * float(rng.uniform(0.35, 1.02))
    spot = (w * float(rng.uniform(0.44, 0.56)), h * float(rng.uniform(0.36, 0.5)), face)
    pixels, labels = _scene(rng, [spot], w, h)
    tone = (127, 0, 127, 255, int(rng.integers(256)))[int(rng.integers(5))]
    frame = np.full((side, side, 3), tone, np.uint8)
    x, y = int(rng.integers(0, side - w + 1)), int(rng.integers(0, side - h + 1))
    frame[y : y + h, x : x + w] = pixels
    found = labels[:, 14] != 0
    labels[found, 0:14:2] += x
    labels[found, 1:14:2] += y
    return frame, labels


def _scene(rng: np.random.Generator, spots: list[tuple[float, float, float]], width: int, height: int) -> Picture:
    """Draw people with faces at `spots` (x, y between the eyes, width of the face)."""
    place = sample_look(int(rng.integers(1 << 30)))
    small = min((s[2] for s in spots), default=60.0)
    place = dataclasses.replace(place, blur=place.blur * min(1.0, small / 60), noise=place.noise * min(1.0, small / 50))
    seats = [
        Seat(sample_identity(int(rng.integers(seeds.TRAIN.start, seeds.TRAIN.stop))), _own(place, rng), *spot)
        for spot in spots
    ]
    scene = render_scene(seats, place, width, height)
    labels = np.zeros((MOST, COLUMNS), np.float32)
    for k, truth in enumerate(scene.truths[:MOST]):
        hidden = any(_covers(seats[later], truth) for later in range(k + 1, len(seats)))
        labels[k] = _label(truth, width, height, hidden)
    return scene.pixels, labels


def _own(place: Look, rng: np.random.Generator) -> Look:
    """Return a person's own look under the light of the place."""
    own = sample_look(int(rng.integers(1 << 30)))
    return dataclasses.replace(own, light_x=place.light_x, light_y=place.light_y, contrast=place.contrast)


def _covers(seat: Seat, truth: Truth) -> bool:
    """Return whether a person in front of a face hides a good part of it."""
    half = seat.face_width * 0.62
    x1, y1, x2, y2 = truth.box
    top = seat.y - 1.5 * half
    wide = half if seat.y + half > y2 else 1.7 * half
    over = max(0.0, min(x2, seat.x + wide) - max(x1, seat.x - wide)) * max(0.0, y2 - max(y1, top))
    return over > 0.25 * (x2 - x1) * (y2 - y1)


def _label(truth: Truth, width: int, height: int, hidden: bool) -> NDArray[np.float32]:
    """Return the label (COLUMNS,) of a face; one that is hidden or mostly outside is to be ignored."""
    points = np.array(truth.points, np.float32)
    inside = (points >= 0).all() and (points < (width, height)).all()
    x1, y1, x2, y2 = truth.box
    shown = (min(x2, width) - max(x1, 0)) * (min(y2, height) - max(y1, 0))
    whole = shown > 0.7 * (x2 - x1) * (y2 - y1)
    mark = 1.0 if inside and whole and not hidden else -1.0
    return np.concatenate([np.array(truth.box, np.float32), points.ravel(), np.array([mark], np.float32)])


def _empty(rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    """Return a picture without a face: walls and things that are almost heads."""
    kind = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    pixels = draw_background(kind, int(rng.integers(1 << 30)), side, side)
    if rng.random() < 0.75:
        pixels = draw_decoys(pixels, rng)
    return develop(pixels, sample_look(int(rng.integers(1 << 30))))


def load_pictures(work: Path, count: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return pictures (N, S, S, 3) and labels (N, MOST, COLUMNS), drawing them if not on disk yet."""
    path, table = work / f"pictures_{count}x{side}.npy", work / f"labels_{count}x{side}.npy"
    if not (path.exists() and table.exists()):
        work.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        store = np.lib.format.open_memmap(part, "w+", np.uint8, (count, side, side, 3))
        labels = np.zeros((count, MOST, COLUMNS), np.float32)
        with multiprocessing.get_context("spawn").Pool() as pool:
            jobs = ((k + side * 1_000_000, side) for k in range(count))
            for k, (pixels, label) in enumerate(pool.imap(_job, jobs, chunksize=16)):
                store[k], labels[k] = pixels, label
        store.flush()
        np.save(table, labels)
        part.rename(path)
    return np.load(path, mmap_mode="r"), np.load(table)


def _job(job: tuple[int, int]) -> Picture:
    return draw_picture(*job)
