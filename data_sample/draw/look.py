"""How one photo of a person looks: everything that changes from photo to photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import colour
from .colour import Colour

GLASSES = ("round", "square", "cat", "wire", "heavy")
BACKGROUNDS = ("plain", "gradient", "bokeh", "stripes", "shelf", "window", "texture", "shapes", "board")
CLOTHES = ("round", "v_neck", "shirt", "hoodie", "jacket", "striped")


@dataclass(frozen=True)
class Look:
    """Nuisance factors of one photo.

    Angles are in radians; `yaw` > 0 turns the face to the right of the image, `pitch` > 0 looks
    down, `roll` > 0 leans clockwise.  `face` is the face's width as a share of the frame's width,
    `shift` its centre's offset as a share of the frame.  `blur` is a Gaussian radius and `noise` a
    standard deviation in grey levels, both in the finished photo.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    light_x: float = 0.0
    light_y: float = -0.4
    contrast: float = 0.35
    gain: float = 1.0
    gamma: float = 1.0
    warmth: float = 0.0
    dark: float = 0.0
    dark_angle: float = 0.0
    dark_offset: float = 0.0
    smile: float = 0.2
    mouth_open: float = 0.0
    brow_raise: float = 0.0
    eye_open: float = 1.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    glasses: str | None = None
    glasses_colour: Colour = (40, 36, 36)
    background: str = "plain"
    background_seed: int = 0
    clothes: str = "round"
    cloth_colour: Colour = (38, 50, 84)
    under_colour: Colour = (236, 232, 224)
    face: float = 0.45
    shift_x: float = 0.0
    shift_y: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Spread:
    """How far looks may stray: 1.0 is the full range, 0.0 a passport photo."""

    pose: float = 1.0
    light: float = 1.0
    expression: float = 1.0
    camera: float = 1.0
    glasses: float = 0.25
    face: tuple[float, float] = (0.3, 0.6)


ENROLLED = Spread(pose=0.6, light=0.6, expression=0.7, camera=0.4, glasses=0.12, face=(0.4, 0.56))
"""Photos that a person hands in when they are enrolled."""

EVERYDAY = Spread(pose=0.85, light=0.85, expression=0.9, camera=0.7, glasses=0.2, face=(0.32, 0.6))
"""Photos taken later: less careful."""

TRAINING = Spread()
"""The full range."""


def sample_look(seed: int, spread: Spread = TRAINING) -> Look:
    """Return the look that belongs to `seed` within `spread`."""
    rng = np.random.default_rng([0x100C, seed])

    def bell(limit: float, share: float) -> float:
        return float(np.clip(rng.normal(0, 0.5), -1, 1)) * limit * share

    dark = float(rng.uniform(0.2, 0.6)) * spread.light if rng.random() < 0.18 * spread.light else 0.0
    blur = float(rng.uniform(0.3, 1.4)) * spread.camera if rng.random() < 0.35 else 0.0
    noise = float(rng.uniform(1, 9)) * spread.camera if rng.random() < 0.6 else 0.0
    opened = rng.random() < 0.22 * spread.expression
    return Look(
        yaw=bell(0.55, spread.pose),
        pitch=bell(0.27, spread.pose),
        roll=bell(0.35, spread.pose * 0.8),
        light_x=bell(0.9, spread.light),
        light_y=-0.45 + bell(0.4, spread.light),
        contrast=0.3 + 0.25 * spread.light * float(rng.random()),
        gain=1.0 + float(np.clip(rng.normal(0, 0.14), -0.4, 0.3)) * spread.light,
        gamma=float(np.exp(np.clip(rng.normal(0, 0.17), -0.45, 0.45) * spread.light)),
        warmth=bell(0.13, spread.light),
        dark=dark,
        dark_angle=float(rng.uniform(0, 2 * np.pi)),
        dark_offset=float(rng.uniform(-0.25, 0.25)),
        smile=float(np.clip(rng.normal(0.3, 0.42 * spread.expression), -0.5, 1.0)),
        mouth_open=float(rng.uniform(0.2, 1.0)) * spread.expression if opened else 0.0,
        brow_raise=bell(1.0, spread.expression),
        eye_open=float(np.clip(1.0 + rng.normal(0, 0.16) * spread.expression, 0.45, 1.2)),
        gaze_x=bell(1.0, spread.expression),
        gaze_y=bell(0.6, spread.expression),
        glasses=GLASSES[int(rng.integers(len(GLASSES)))] if rng.random() < spread.glasses else None,
        glasses_colour=_glasses_colour(rng),
        background=BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))],
        background_seed=int(rng.integers(1 << 30)),
        clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
        cloth_colour=colour.jitter(colour.pick(colour.CLOTH, rng), rng, 12),
        under_colour=colour.jitter(colour.pick(colour.CLOTH, rng), rng, 12),
        face=float(rng.uniform(*spread.face)),
        shift_x=bell(0.09, spread.camera),
        shift_y=bell(0.06, spread.camera),
        blur=blur,
        noise=noise,
        jpeg=int(rng.integers(45, 96)) if rng.random() < 0.6 else None,
        seed=seed,
    )


def _glasses_colour(rng: np.random.Generator) -> Colour:
    palette: tuple[Colour, ...] = ((34, 32, 34), (92, 58, 40), (140, 34, 42), (150, 140, 120), (52, 70, 110))
    return palette[int(rng.integers(len(palette)))]
