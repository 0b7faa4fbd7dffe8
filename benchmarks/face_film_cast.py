"""Who is in a film of photos of real people, when and where, by a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.classroom import box_of
from evaluation.composites import Cutout, Place, cutout
from evaluation.protocols import read_people
from faces.embedder import FaceEmbedder
from faces.image.decode import RGB
from presente.errors import InvalidInput, PhotoRefused

_LATE_SHARE = 0.3
"""Of the film, after which a student is late; the first 10 minutes at most."""
_WALK_S = 2.5
_AWAY_BLUR = 0.09
"""Sigma as a share of the face's side at which a face is taken to be turned away."""


@dataclass(frozen=True, slots=True)
class View:
    """A photo of a person, and what is cut out of it."""

    pixels: RGB
    cut: Cutout


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone in the film: a student, or a stranger, who may only pass.

    ``away`` is when the face is blurred beyond recognition; ``phases`` make the movements of two people differ.
    """

    name: str
    student: bool
    views: tuple[View, ...]
    x: float
    y: float
    size: float
    comes_s: float
    passes_s: float | None
    away: tuple[tuple[float, float], ...]
    phases: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Stance:
    """How a face is at a moment: where, how large, turned by how many degrees, how blurred (a share), how bright."""

    place: Place
    turn: float
    blur: float
    gain: float
    view: View


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for."""

    seconds: float
    width: int
    height: int
    fps: float
    students: int
    absent: int
    visitors: int
    passers: int
    enrolled: int
    seed: int

    @property
    def late_after_s(self) -> float:
        """A student who comes later is late."""
        return round(min(600.0, _LATE_SHARE * self.seconds), 2)


def stance(actor: Actor, at_s: float, width: int) -> Stance | None:
    """How an actor is at a moment; None before coming and after passing."""
    since = at_s - actor.comes_s
    if since < 0 or (actor.passes_s is not None and since > actor.passes_s):
        return None
    a, b, c, d = actor.phases
    size = actor.size * (1 + 0.08 * math.sin(0.23 * at_s + a))
    x = actor.x + 0.1 * size * (math.sin(0.7 * at_s + b) + math.sin(1.7 * at_s + c))
    y = actor.y + 0.05 * size * math.sin(0.9 * at_s + d)
    blur = 0.012 * (1 + math.sin(0.31 * at_s + c))
    edge = -size if actor.x < width / 2 else width + size
    if actor.passes_s is not None:
        x, blur = edge + (width - 2 * edge) * since / actor.passes_s, 0.02
    elif actor.comes_s > 0 and since < _WALK_S:
        x, blur = edge + (x - edge) * since / _WALK_S, 0.03
    if any(start <= at_s <= end for start, end in actor.away):
        blur = _AWAY_BLUR
    view = actor.views[int(at_s / 11 + a) % len(actor.views)]
    return Stance(Place(x, y, size), 6 * math.sin(0.4 * at_s + d), blur, 1 + 0.12 * math.sin(0.17 * at_s + b), view)


def cast(folder: Path, plan: Plan, embedder: FaceEmbedder) -> tuple[list[Actor], dict[str, list[Path]]]:
    """Who is in the film; and by the name of each student, absent ones included, the photos to enrol.

    Raises:
        InvalidInput: ``too_few_people``, ``unreadable_folder``.
    """
    chance = np.random.default_rng([0xF11A, plan.seed])
    photos: dict[str, list[Path]] = {}
    for entry in read_people(folder):
        photos.setdefault(entry.person, []).append(entry.path)
    names = [name for name in sorted(photos) if photos[name]]
    chance.shuffle(names)
    several = [name for name in names if len(photos[name]) > plan.enrolled]
    chosen = _usable(several, photos, plan.enrolled, plan.students, embedder)
    absent = [name for name in several if name not in chosen][: plan.absent]
    others = [name for name in names if name not in chosen and name not in absent]
    strangers = _usable(others, photos, 0, plan.visitors + plan.passers, embedder)
    if len(chosen) < plan.students or len(absent) < plan.absent or len(strangers) < plan.visitors + plan.passers:
        raise InvalidInput(
            "too_few_people",
            f"{folder} has too few people: {len(chosen)} students with more than {plan.enrolled} photos, "
            f"{len(absent)} absent ones, {len(strangers)} strangers.",
            "Ask for fewer with --students, --absent, --visitors and --passers, or name a larger folder.",
        )
    enrolled = {name: photos[name][: plan.enrolled] for name in (*chosen, *absent)}
    return _placed(chosen, strangers, plan, chance), enrolled


def _usable(
    names: Sequence[str], photos: dict[str, list[Path]], skipped: int, count: int, embedder: FaceEmbedder
) -> dict[str, tuple[View, ...]]:
    """So many people who have photos, beside the first ``skipped``, in which their face can be cut out."""
    found: dict[str, tuple[View, ...]] = {}
    for name in names:
        if len(found) >= count:
            break
        views = tuple(view for path in photos[name][skipped:][:6] if (view := _view(path, embedder)) is not None)
        if views:
            found[name] = views
    return found


def _view(path: Path, embedder: FaceEmbedder) -> View | None:
    try:
        content = path.read_bytes()
        read = embedder.read_faces(content)
        pixels = embedder.decode(content).pixels
    except PhotoRefused:
        return None
    if read.prominent is None or read.rotated:
        return None
    others = [box_of(face.face.box) for face in read.faces if face is not read.prominent]
    cut = cutout(box_of(read.prominent.face.box), others, pixels.shape[1], pixels.shape[0])
    return None if cut is None else View(pixels, cut)


def _placed(
    students: dict[str, tuple[View, ...]],
    strangers: dict[str, tuple[View, ...]],
    plan: Plan,
    chance: np.random.Generator,
) -> list[Actor]:
    """The actors at their places: rows of seats, the small faces behind; those who pass walk before all."""
    seated = [*((name, views, True) for name, views in students.items())]
    unknown = list(strangers.items())
    seated += [(name, views, False) for name, views in unknown[: plan.visitors]]
    chance.shuffle(seated)
    rows = max(1, round(math.sqrt(len(seated) * plan.height / plan.width)))
    columns = math.ceil(len(seated) / rows)
    late = set(list(students)[: max(1, len(students) // 8)])
    actors = []
    for number, (name, views, student) in enumerate(seated):
        row, column = divmod(number, columns)
        x, y = (column + 0.5) * plan.width / columns, (row + 0.55) * plan.height / rows
        size = min(plan.width / columns, plan.height / rows) * (0.36 + 0.12 * row / max(1, rows - 1))
        comes = _coming(name in late, plan, chance)
        actors.append(Actor(name, student, views, x, y, size, comes, None, _away(comes, plan, chance), _phases(chance)))
    for number, (name, views) in enumerate(unknown[plan.visitors :]):
        slot = plan.seconds / plan.passers
        comes = slot * (number + float(chance.uniform(0.2, 0.5)))
        x = float(chance.choice((0, plan.width)))
        y, size = float(chance.uniform(0.35, 0.65)) * plan.height, 0.17 * plan.height
        actors.append(Actor(name, False, views, x, y, size, comes, min(8.0, 0.4 * slot), (), _phases(chance)))
    return actors


def _coming(late: bool, plan: Plan, chance: np.random.Generator) -> float:
    if late:
        return float(chance.uniform(1.15 * plan.late_after_s, min(2.5 * plan.late_after_s, 0.7 * plan.seconds)))
    return 0.0 if chance.random() < 0.6 else float(chance.uniform(0, min(120, 0.1 * plan.seconds)))


def _away(comes: float, plan: Plan, chance: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """When someone is not to be recognised: for 3 to 12 seconds, about once per minute."""
    spans, at = [], comes + _WALK_S + float(chance.exponential(40))
    while at < plan.seconds - 4:
        end = min(plan.seconds, at + float(chance.uniform(3, 12)))
        spans.append((round(at, 2), round(end, 2)))
        at = end + 3 + float(chance.exponential(50))
    return tuple(spans)


def _phases(chance: np.random.Generator) -> tuple[float, ...]:
    return tuple(float(phase) for phase in chance.uniform(0, 2 * math.pi, 4))
