"""Pictures of people with arms, cut as the service cuts them, and their keypoints; drawn once and kept on disk."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces.pose.keypoints import Box, longer_side
from faces.pose.neighbourhood import Crop, cut

from ..draw import (
    Desk,
    FigureScene,
    FigureSeat,
    Look,
    Seat,
    render_figures,
    sample_identity,
    sample_look,
    sample_posture,
    seeds,
)
from ..draw.figure import VISIBLE
from ..draw.posture import KINDS, Posture, between

SIDE = 128
"""Side of a crop in pixels."""

_DESK = 4.6
"""Where a desk's edge is below the eyes, in half face widths."""

_MOST = 4
"""Most people of a picture: each of them takes 30 ms."""


@dataclasses.dataclass(frozen=True)
class DrawnPerson:
    """A person of a picture: what they do, whether on the way to it from another posture, the box of the face, and
    keypoints (17, 3), x and y in pixels, visibility."""

    posture: Posture
    between: bool
    face: Box
    keypoints: NDArray[np.float64]


def draw_people(rng: np.random.Generator, identities: range) -> tuple[FigureScene, list[DrawnPerson]]:
    """Draw a part of a class: people in one or two rows, near each other or not, at desks or not.

    Those whose nose is hidden or outside are left out of the list.
    """
    face = float(np.exp(rng.uniform(np.log(20), np.log(60))))
    width, height = (round(face * float(rng.uniform(*span))) for span in ((6.0, 11.0), (5.5, 8.5)))
    place = sample_look(int(rng.integers(1 << 30)))
    place = dataclasses.replace(place, blur=place.blur * min(1.0, face / 60), noise=place.noise * min(1.0, face / 50))
    seats: list[tuple[FigureSeat, bool]] = []
    desks: list[Desk] = []
    row_y = height * float(rng.uniform(0.15, 0.5))
    for size in [face * float(rng.uniform(0.7, 0.95)), face][-int(rng.integers(1, 3)) :]:
        seats += _row(rng, identities, place, row_y, size, width, _MOST - len(seats))
        if rng.random() < 0.65:
            top = row_y + size / 2 * (_DESK + float(rng.uniform(-0.4, 0.6)))
            tone = tuple(int(v) for v in rng.integers(60, 230, 3))
            desks.append(Desk(len(seats), top, top + size * float(rng.uniform(0.8, 3.0)), (tone[0], tone[1], tone[2])))
        row_y += size * float(rng.uniform(0.9, 2.2))
    scene = render_figures([seat for seat, _ in seats], place, width, height, desks)
    people = [
        DrawnPerson(seat.posture, moving, truth.box, keypoints)
        for (seat, moving), truth, keypoints in zip(seats, scene.truths, scene.keypoints, strict=True)
        if keypoints[0, 2] == VISIBLE
    ]
    return scene, people


def _row(
    rng: np.random.Generator, identities: range, place: Look, y: float, size: float, width: int, most: int
) -> Iterator[tuple[FigureSeat, bool]]:
    """People of one row, from left to right, and whether each is on the way from one posture to another."""
    pitch = size * float(rng.uniform(1.9, 4.5))
    x = float(rng.uniform(0.1, 0.9)) * pitch
    while x < width and most > 0:
        who = sample_identity(int(rng.integers(identities.start, identities.stop)))
        own = sample_look(int(rng.integers(1 << 30)))
        own = dataclasses.replace(own, light_x=place.light_x, light_y=place.light_y, contrast=place.contrast)
        first, second = (
            sample_posture(who, KINDS[int(rng.integers(len(KINDS)))], int(rng.integers(1 << 30)), _DESK)
            for _ in range(2)
        )
        moving = rng.random() < 0.25
        posture = between(first, second, float(rng.random())) if moving else first
        seat = Seat(who, own, x, y + float(rng.normal(0, 0.08)) * size, size * float(rng.uniform(0.92, 1.08)))
        yield FigureSeat(seat, posture), moving
        x, most = x + pitch * float(rng.uniform(0.85, 1.2)), most - 1


def labels_in(crop: Crop, keypoints: NDArray[np.float64]) -> NDArray[np.float32]:
    """Keypoints (17, 3) of a picture in a crop's pixels; those outside the crop are absent, all zero."""
    points = keypoints.astype(np.float32)
    points[:, :2] = (points[:, :2] - (crop.left, crop.top)) / crop.scale
    height, width = crop.pixels.shape[:2]
    inside = (points[:, :2] >= 0).all(axis=1) & (points[:, :2] < (width, height)).all(axis=1)
    points[~inside | (keypoints[:, 2] == 0)] = 0
    return points


def jittered(rng: np.random.Generator, face: Box) -> Box:
    """A box as a detector might give it."""
    side, grow = longer_side(face), float(np.exp(rng.normal(0, 0.07)))
    x, y = ((face[k] + face[k + 2]) / 2 + float(rng.normal(0, 0.06)) * side for k in (0, 1))
    half_x, half_y = (grow * (face[k + 2] - face[k]) / 2 for k in (0, 1))
    return x - half_x, y - half_y, x + half_x, y + half_y


def _crops(seed: int) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Crops of the people of one training picture, with their labels."""
    rng = np.random.default_rng([0x905E, seed])
    scene, people = draw_people(rng, seeds.TRAIN)
    crops = [(cut(scene.pixels, jittered(rng, person.face), SIDE, SIDE), person) for person in people]
    return [(crop.pixels, labels_in(crop, person.keypoints)) for crop, person in crops]


def load_crops(work: Path, count: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return crops (N, SIDE, SIDE, 3) and labels (N, 17, 3), drawing them if they are not on disk yet."""
    path, table = work / f"poses_{count}.npy", work / f"poses_{count}_labels.npy"
    if not (path.exists() and table.exists()):
        work.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        store = np.lib.format.open_memmap(part, "w+", np.uint8, (count, SIDE, SIDE, 3))
        labels = np.zeros((count, 17, 3), np.float32)
        filled = 0
        with multiprocessing.get_context("spawn").Pool() as pool:
            for crops in pool.imap(_crops, range(count), chunksize=8):
                for pixels, points in crops[: count - filled]:
                    store[filled], labels[filled] = pixels, points
                    filled += 1
                if filled == count:
                    break
        store.flush()
        np.save(table, labels)
        part.rename(path)
    return np.load(path, mmap_mode="r"), np.load(table)
