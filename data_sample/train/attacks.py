"""Pictures of live people and of presentation attacks, cut as the service cuts them; drawn once and kept on disk."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faces.detection.detected_face import DetectedFace
from faces.liveness.crops import cut_part
from faces.liveness.description import CropRule

from ..draw import Identity, Look, Seat, Truth, render_portrait, sample_identity, sample_look, seeds
from ..draw.attack import Held, render_filling, render_held
from ..draw.medium import HELD, KINDS, Kind
from .poses import draw_people, jittered

SIDE = 80
"""Side of a crop in pixels."""

RULE = CropRule(around="box", scale=2.4, beyond="shrink", resize="area", least_seen=0.55)
"""What the net sees: portraits of the class show the face, hair and shoulders, and 1.3 times the face at least."""

LEAST_FACE = 28
"""Pixels of a face's shorter side from which it is judged."""


class Presented(NamedTuple):
    """A face of a picture: of a live person, or on what is presented instead (None: it is live)."""

    truth: Truth
    attack: Kind | None


class Picture(NamedTuple):
    """A picture (H, W, 3), uint8, RGB, and the faces in it that are seen well."""

    pixels: NDArray[np.uint8]
    faces: list[Presented]


def draw_picture(rng: np.random.Generator, people: range) -> Picture:
    """Draw live people, or an attack, or both: someone who holds up a photo of another one."""
    choice = float(rng.random())
    if choice < 0.22:
        return _live_portrait(rng, people)
    if choice < 0.28:
        scene, drawn = draw_people(rng, people)
        truths = {truth.box: truth for truth in scene.truths}
        return Picture(scene.pixels, [Presented(truths[person.face], None) for person in drawn])
    if choice < 0.56:
        return _filling(rng, people)
    return _held(rng, people)


def _someone(rng: np.random.Generator, people: range) -> Identity:
    return sample_identity(int(rng.integers(people.start, people.stop)))


def _place(rng: np.random.Generator, face: float) -> Look:
    """Place and camera of a picture; a small face is not blurred as a large one."""
    look = sample_look(int(rng.integers(1 << 30)))
    small = min(1.0, face / 90)
    return dataclasses.replace(
        look, blur=look.blur * small, noise=look.noise * small, jpeg=look.jpeg or int(rng.integers(60, 97))
    )


def _live_portrait(rng: np.random.Generator, people: range) -> Picture:
    face = float(np.exp(rng.uniform(np.log(40), np.log(180))))
    look = _place(rng, face)
    width = round(face / look.face)
    portrait = render_portrait(_someone(rng, people), look, width, round(width * float(rng.uniform(1.0, 1.4))))
    return Picture(portrait.pixels, [Presented(portrait.truth, None)])


def _filling(rng: np.random.Generator, people: range) -> Picture:
    face = float(np.exp(rng.uniform(np.log(50), np.log(180))))
    look = _place(rng, face)
    kind: Kind = ("screen", "print")[int(rng.integers(2))]
    width = round(face / look.face)
    height = round(width * float(rng.uniform(1.0, 1.4)))
    shown = render_filling(_someone(rng, people), kind, look, int(rng.integers(1 << 30)), (width, height))
    return Picture(shown.pixels, [Presented(shown.truth, kind)])


def _held(rng: np.random.Generator, people: range) -> Picture:
    """One or two people, one of whom holds something up: a photo of someone, or a thing that shows no one."""
    face = float(np.exp(rng.uniform(np.log(36), np.log(110))))
    look = _place(rng, face)
    width, height = (round(face * float(rng.uniform(*span))) for span in ((4.2, 8.0), (4.4, 6.5)))
    seats = []
    for _ in range(int(rng.integers(1, 3))):
        x, y = float(rng.uniform(0.15, 0.85)) * width, float(rng.uniform(0.24, 0.5)) * height
        own = sample_look(int(rng.integers(1 << 30)))
        own = dataclasses.replace(own, light_x=look.light_x, light_y=look.light_y, contrast=look.contrast)
        seats.append(Seat(_someone(rng, people), own, x, y, face * float(rng.uniform(0.9, 1.1))))
    kind = HELD[int(rng.integers(len(HELD)))]
    who = _someone(rng, people) if rng.random() < 0.75 else None
    holder = seats[-1]
    beside = float(rng.choice([-1.6, 0.0, 1.6])) * face + float(rng.normal(0, 0.3)) * face
    down = float(rng.uniform(0.4, 2.4)) * face
    held = Held(
        who,
        kind,
        float(np.clip(holder.x + beside, 0.1 * width, 0.9 * width)),
        float(np.clip(holder.y + down, 0.15 * height, 0.9 * height)),
        face * float(rng.uniform(0.75, 1.15)),
        holder.who.skin,
        int(rng.integers(1 << 30)),
    )
    scene, (shown,) = render_held(seats, [held], look, width, height)
    faces = [
        Presented(truth, None)
        for number, truth in enumerate(scene.truths)
        if _is_free(truth, held, [other for place, other in enumerate(scene.truths) if place > number])
    ]
    if shown is not None:
        faces.append(Presented(shown, kind))
    inside = [each for each in faces if _is_inside(each.truth, width, height)]
    return Picture(scene.pixels, inside)


def _is_free(truth: Truth, held: Held, before: list[Truth]) -> bool:
    """Whether a face is hidden neither by what is held up nor by those who sit before it."""
    across, down = 1.5 * held.face_width, (2.5 if held.who is not None else 3.0) * held.face_width
    thing = (held.x - across, held.y - down, held.x + across, held.y + down)
    area = (truth.box[2] - truth.box[0]) * (truth.box[3] - truth.box[1])
    return all(_shared(truth.box, other) < 0.3 * area for other in (thing, *(each.box for each in before)))


def _shared(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, across) * max(0.0, down)


def _is_inside(truth: Truth, width: int, height: int) -> bool:
    """Whether all of a face's points are in the picture."""
    return all(0 <= x < width and 0 <= y < height for x, y in truth.points)


def as_detected(truth: Truth, box: tuple[float, float, float, float], width: int, height: int) -> DetectedFace:
    """A face as a detector might give it."""
    face = DetectedFace(np.array(box, np.float32), np.array(truth.points, np.float32), 1.0)
    return face.clipped(height, width)


def _crops(number: int) -> list[tuple[NDArray[np.uint8], int]]:
    """Crops of the faces of one training picture, and what each is: 0 live, else a kind's place in KINDS and 1."""
    seed = seeds.ATTACKS_TRAIN.start + number
    rng = np.random.default_rng([0xA77, seed])
    picture = draw_picture(rng, seeds.TRAIN)
    height, width = picture.pixels.shape[:2]
    found = []
    for truth, attack in picture.faces:
        face = as_detected(truth, jittered(rng, truth.box), width, height)
        crop = cut_part(picture.pixels, face, RULE, SIDE, SIDE) if face.side >= LEAST_FACE else None
        if crop is not None:
            found.append((crop, 0 if attack is None else 1 + KINDS.index(attack)))
    return found


def _all_crops(count: int, workers: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for crops in pool.imap(_crops, range(count), chunksize=8):
            yield from crops


def load_crops(work: Path, count: int, workers: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return crops (N, SIDE, SIDE, 3) and what they are (N,), drawing them if they are not on disk yet."""
    path, table = work / f"attacks_{count}.npy", work / f"attacks_{count}_kinds.npy"
    if not (path.exists() and table.exists()):
        work.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        store = np.lib.format.open_memmap(part, "w+", np.uint8, (count, SIDE, SIDE, 3))
        kinds = np.zeros(count, np.int64)
        for filled, (pixels, kind) in zip(range(count), _all_crops(count, workers), strict=False):
            store[filled], kinds[filled] = pixels, kind
            if filled % 1000 == 999:
                print(f"drawn {filled + 1}/{count}", flush=True)
        store.flush()
        np.save(table, kinds)
        part.rename(path)
    return np.load(path, mmap_mode="r"), np.load(table)
