"""A photo of several people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .background import draw_background
from .colour import Colour, scale
from .identity import Identity
from .look import Look
from .person import Truth, draw_person
from .photo import develop


@dataclass(frozen=True)
class Seat:
    """Where one person is in a scene: the middle between the eyes and the face's width, in pixels."""

    who: Identity
    look: Look
    x: float
    y: float
    face_width: float


@dataclass(frozen=True)
class Scene:
    """A photo (H, W, 3), uint8, RGB, with one truth for each seat, in the seats' order."""

    pixels: NDArray[np.uint8]
    truths: tuple[Truth, ...]


@dataclass(frozen=True)
class Desk:
    """A row of desks across the picture: it stands before the first `behind` seats, from `top` to `bottom`."""

    behind: int
    top: float
    bottom: float
    colour: Colour


def render_scene(seats: Sequence[Seat], look: Look, width: int, height: int, desks: Sequence[Desk] = ()) -> Scene:
    """Draw people from the first seat (behind) to the last (in front); `look` gives place and camera."""
    pixels = draw_background(look.background, look.background_seed, width, height)
    truths = []
    for number, seat in enumerate(seats, start=1):
        truths.append(paste_person(pixels, seat))
        for desk in desks:
            if desk.behind == number:
                draw_desk(pixels, desk)
    return Scene(develop(pixels, look), tuple(truths))


def draw_desk(pixels: NDArray[np.float32], desk: Desk) -> None:
    """Draw a desk's top and its darker front."""
    top, bottom = round(desk.top), round(desk.bottom)
    edge = top + max(2, (bottom - top) // 8)
    pixels[top:edge] = np.array(desk.colour, dtype=np.float32) / 255
    pixels[edge:bottom] = np.array(scale(desk.colour, 0.72), dtype=np.float32) / 255


def paste_person(pixels: NDArray[np.float32], seat: Seat) -> Truth:
    """Draw one person into `pixels` (H, W, 3) and return where the face is."""
    height, width = pixels.shape[:2]
    reach = seat.face_width * 1.9
    x0, x1 = int(max(0, seat.x - reach)), int(min(width, seat.x + reach))
    y0, y1 = int(max(0, seat.y - reach)), int(min(height, seat.y + 3.3 * reach))
    if x1 <= x0 or y1 <= y0:
        x0, y0, x1, y1 = 0, 0, min(8, width), min(8, height)
    sprite = draw_person(seat.who, seat.look, (seat.x - x0, seat.y - y0), seat.face_width, (x1 - x0, y1 - y0))
    region = pixels[y0:y1, x0:x1]
    region *= 1 - sprite.alpha
    region += sprite.colour
    a, b, c, d = sprite.truth.box
    points = tuple((x + x0, y + y0) for x, y in sprite.truth.points)
    return Truth((a + x0, b + y0, c + x0, d + y0), points)
