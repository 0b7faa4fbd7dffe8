"""Who a drawn person is: everything about them that does not change from photo to photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import colour
from .colour import Colour

SHORT_STYLES = ("bald", "buzz", "crop", "side_part", "quiff", "curly", "afro")
LONG_STYLES = ("bob", "long", "wavy", "ponytail", "bun", "braids", "curly_long", "pixie")
BEARDS = ("none", "stubble", "moustache", "goatee", "full", "chinstrap")


@dataclass(frozen=True)
class Shape:
    """The head: lengths in half face widths, y downwards from the line of the eyes."""

    forehead: float
    cheek: float
    jaw: float
    chin_width: float
    chin_y: float
    crown_y: float
    hairline_y: float
    ear_size: float
    ear_out: float
    neck: float
    cheekbone: float


@dataclass(frozen=True)
class Eyes:
    """Eyes and brows; lengths in half face widths, tilts in radians (positive: outer end up)."""

    spacing: float
    width: float
    height: float
    tilt: float
    roundness: float
    peak: float
    iris: float
    iris_colour: Colour
    crease: float
    lashes: float
    bags: float
    depth: float
    brow_gap: float
    brow_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_offset: float
    brow_taper: float
    brow_colour: Colour


@dataclass(frozen=True)
class Middle:
    """Nose and mouth; lengths in half face widths."""

    nose_y: float
    nose_width: float
    bridge: float
    nose_out: float
    nostril: float
    tip: float
    hook: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    bow: float
    corner: float
    lip_colour: Colour
    philtrum: float
    teeth: float


@dataclass(frozen=True)
class Marks:
    """Skin marks; positions are (x, y) in half face widths."""

    freckles: tuple[tuple[float, float, float], ...]
    moles: tuple[tuple[float, float, float], ...]
    folds: float
    wrinkles: float
    dimples: float
    cleft: float
    blush: float


@dataclass(frozen=True)
class Hair:
    """Hair of the head and of the face."""

    style: str
    colour: Colour
    volume: float
    side: float
    part: float
    fringe: str
    peak: float
    length: float
    curl: float
    strands: int
    beard: str
    beard_colour: Colour
    beard_length: float
    beard_line: float
    moustache: float


@dataclass(frozen=True)
class Identity:
    """One fictional person, wholly determined by `seed`."""

    seed: int
    feminine: bool
    age: float
    skin: Colour
    shape: Shape
    eyes: Eyes
    middle: Middle
    marks: Marks
    hair: Hair


def sample_identity(seed: int) -> Identity:
    """Return the person that belongs to `seed`."""
    rng = np.random.default_rng([0x1DE2717, seed])
    feminine = bool(rng.random() < 0.5)
    age = float(rng.beta(1.2, 3.0))
    tone = float(rng.beta(1.7, 2.0))
    skin = colour.jitter(colour.along(colour.SKIN, tone), rng, 4.0)
    hair_colour = _hair_colour(rng, age)
    return Identity(
        seed=seed,
        feminine=feminine,
        age=age,
        skin=skin,
        shape=_shape(rng, feminine),
        eyes=_eyes(rng, feminine, hair_colour, skin),
        middle=_middle(rng, feminine, skin),
        marks=_marks(rng, age, tone),
        hair=_hair(rng, feminine, age, hair_colour),
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a value that is uniform for the most part, with softly rounded ends."""
    return float(low + (high - low) * np.clip(0.5 + (rng.random() - 0.5) * 0.9 + rng.normal(0, 0.06), 0, 1))


def _hair_colour(rng: np.random.Generator, age: float) -> Colour:
    base = colour.jitter(colour.pick(colour.HAIR, rng, colour.HAIR_WEIGHTS), rng, 4.0)
    return colour.mix(base, (178, 178, 180), max(0.0, age - 0.45) * 1.4)


def _shape(rng: np.random.Generator, feminine: bool) -> Shape:
    u = _between
    chin = u(rng, 1.22, 1.58)
    return Shape(
        forehead=u(rng, 0.82, 1.0),
        cheek=u(rng, 0.86, 1.02),
        jaw=u(rng, 0.62, 0.84) if feminine else u(rng, 0.68, 0.93),
        chin_width=u(rng, 0.2, 0.42) if feminine else u(rng, 0.24, 0.54),
        chin_y=chin,
        crown_y=-u(rng, 1.2, 1.42),
        hairline_y=-u(rng, 0.62, 0.94),
        ear_size=u(rng, 0.2, 0.34),
        ear_out=u(rng, 0.02, 0.15),
        neck=u(rng, 0.42, 0.53) if feminine else u(rng, 0.5, 0.68),
        cheekbone=u(rng, 0.0, 1.0),
    )


def _eyes(rng: np.random.Generator, feminine: bool, hair: Colour, skin: Colour) -> Eyes:
    u = _between
    brow = colour.mix(colour.scale(hair, u(rng, 0.7, 1.0)), skin, u(rng, 0.0, 0.25))
    thick = u(rng, 0.03, 0.1) if feminine else u(rng, 0.045, 0.14)
    return Eyes(
        spacing=u(rng, 0.36, 0.5),
        width=u(rng, 0.16, 0.25),
        height=u(rng, 0.075, 0.15),
        tilt=u(rng, -0.16, 0.24),
        roundness=u(rng, 1.3, 3.0),
        peak=u(rng, -0.35, 0.35),
        iris=u(rng, 0.078, 0.112),
        iris_colour=colour.jitter(colour.pick(colour.IRIS, rng, colour.IRIS_WEIGHTS), rng, 8.0),
        crease=u(rng, 0.0, 1.0),
        lashes=u(rng, 0.5, 1.0) if feminine else u(rng, 0.0, 0.5),
        bags=max(0.0, u(rng, -0.6, 1.0)),
        depth=u(rng, 0.0, 1.0),
        brow_gap=u(rng, 0.2, 0.38),
        brow_length=u(rng, 0.22, 0.36),
        brow_thickness=thick,
        brow_arch=u(rng, -0.01, 0.12),
        brow_tilt=u(rng, -0.28, 0.24),
        brow_offset=u(rng, -0.06, 0.06),
        brow_taper=u(rng, 0.1, 0.8),
        brow_colour=brow,
    )


def _middle(rng: np.random.Generator, feminine: bool, skin: Colour) -> Middle:
    u = _between
    nose_y = u(rng, 0.4, 0.64)
    gap = u(rng, 0.24, 0.4)
    lip = colour.mix(colour.scale(skin, 0.86), (176, 66, 74), u(rng, 0.18, 0.42))
    if feminine and rng.random() < 0.4:
        lip = colour.mix(lip, ((186, 44, 58), (158, 50, 84), (208, 92, 88))[int(rng.integers(3))], 0.55)
    return Middle(
        nose_y=nose_y,
        nose_width=u(rng, 0.15, 0.32),
        bridge=u(rng, 0.04, 0.12),
        nose_out=u(rng, 0.2, 0.42),
        nostril=u(rng, 0.3, 1.0),
        tip=u(rng, 0.0, 1.0),
        hook=u(rng, -0.08, 0.09),
        mouth_y=nose_y + gap,
        mouth_width=u(rng, 0.26, 0.46),
        upper_lip=u(rng, 0.03, 0.11),
        lower_lip=u(rng, 0.05, 0.15),
        bow=u(rng, 0.0, 1.0),
        corner=u(rng, -0.05, 0.05),
        lip_colour=lip,
        philtrum=u(rng, 0.0, 1.0),
        teeth=u(rng, 0.0, 1.0),
    )


def _marks(rng: np.random.Generator, age: float, tone: float) -> Marks:
    count = int(rng.integers(18, 60)) if rng.random() < 0.35 - 0.25 * tone else 0
    freckles = tuple(
        (float(x), float(y), float(r))
        for x, y, r in zip(
            np.clip(rng.normal(0, 0.38, count), -0.8, 0.8),
            np.clip(rng.normal(0.32, 0.13, count), 0.05, 0.75),
            rng.uniform(0.012, 0.026, count),
            strict=True,
        )
    )
    moles = tuple(
        (float(rng.uniform(-0.75, 0.75)), float(rng.uniform(0.2, 1.1)), float(rng.uniform(0.018, 0.034)))
        for _ in range(int(rng.choice(4, p=(0.5, 0.3, 0.14, 0.06))))
    )
    return Marks(
        freckles=freckles,
        moles=moles,
        folds=float(np.clip(age * 1.1 + rng.normal(0, 0.15), 0, 1)),
        wrinkles=float(np.clip(age * 1.5 - 0.35 + rng.normal(0, 0.1), 0, 1)),
        dimples=float(rng.random() < 0.25),
        cleft=float(rng.random() < 0.15),
        blush=_between(rng, 0.1, 1.0),
    )


def _hair(rng: np.random.Generator, feminine: bool, age: float, hair_colour: Colour) -> Hair:
    u = _between
    if feminine:
        weights = (1.2, 1.6, 1.5, 1.3, 1.1, 0.7, 1.2, 0.9)
        style = LONG_STYLES[int(rng.choice(8, p=np.asarray(weights) / sum(weights)))]
        beard = "none"
    else:
        short = (0.4 + age, 1.0, 1.5, 1.6, 1.4, 1.2, 0.6)
        style = SHORT_STYLES[int(rng.choice(7, p=np.asarray(short) / sum(short)))]
        beards = (4.0, 1.6, 0.9, 0.9, 1.4, 0.5)
        beard = BEARDS[int(rng.choice(6, p=np.asarray(beards) / sum(beards)))]
    fringes = ("none", "straight", "side", "curtain") if feminine else ("none", "side", "spiky", "none")
    return Hair(
        style=style,
        colour=hair_colour,
        volume=u(rng, 0.06, 0.24),
        side=u(rng, 0.03, 0.14),
        part=u(rng, -0.6, 0.6),
        fringe=fringes[int(rng.integers(4))],
        peak=u(rng, -0.16, 0.12),
        length=u(rng, 0.0, 1.0),
        curl=u(rng, 0.0, 1.0),
        strands=int(rng.integers(4, 9)),
        beard=beard,
        beard_colour=colour.scale(hair_colour, u(rng, 0.75, 1.05)),
        beard_length=u(rng, 0.03, 0.2),
        beard_line=u(rng, 0.3, 0.75),
        moustache=u(rng, 0.0, 1.0),
    )
