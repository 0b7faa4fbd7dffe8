"""Aligned face crops for the embedder, drawn once and kept on disk."""

from __future__ import annotations

import dataclasses
import multiprocessing
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..draw import Spread, render_portrait, sample_identity, sample_look, seeds
from .align import TEMPLATE, jitter, similarity

MARGIN = 4
"""Pixels around the 112 x 112 crop, from which training takes shifted crops."""

SIDE = 112 + 2 * MARGIN
_SPREAD = Spread(pose=1.0, light=1.0, expression=1.0, camera=0.9, glasses=0.25)


def draw_crop(seed: int, look_seed: int) -> NDArray[np.uint8]:
    """Return one aligned crop (SIDE, SIDE, 3), RGB, of the person `seed`."""
    rng = np.random.default_rng([0xC209, look_seed])
    face = float(np.exp(rng.uniform(np.log(46), np.log(135))))
    look = sample_look(look_seed, _SPREAD)
    look = dataclasses.replace(look, face=0.5, shift_x=0.0, shift_y=0.0, blur=look.blur * face / 90)
    photo = render_portrait(sample_identity(seed), look, round(2.0 * face), round(2.2 * face))
    points = jitter(np.array(photo.truth.points), rng, 0.018)
    matrix = similarity(points, TEMPLATE + MARGIN)
    return np.asarray(cv2.warpAffine(photo.pixels, matrix, (SIDE, SIDE)), dtype=np.uint8)


def _person(job: tuple[int, int]) -> NDArray[np.uint8]:
    """Return all crops (looks, SIDE, SIDE, 3) of one person."""
    seed, looks = job
    assert seed in seeds.TRAIN, "training draws training identities only"
    return np.stack([draw_crop(seed, seed * 64 + k) for k in range(looks)])


def load_crops(work: Path, people: int, looks: int) -> NDArray[np.uint8]:
    """Return crops (people, looks, SIDE, SIDE, 3), uint8, drawing them if they are not on disk yet."""
    path = work / f"crops_{people}x{looks}.npy"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        shape = (people, looks, SIDE, SIDE, 3)
        store = np.lib.format.open_memmap(part, "w+", np.uint8, shape)
        jobs = [(seeds.TRAIN.start + k, looks) for k in range(people)]
        with multiprocessing.get_context("spawn").Pool() as pool:
            for k, crops in enumerate(pool.imap(_person, jobs, chunksize=8)):
                store[k] = crops
        store.flush()
        part.rename(path)
    loaded: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return loaded
