"""A photo of one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .background import draw_background
from .identity import Identity
from .look import Look
from .person import Truth, draw_person
from .photo import develop

__all__ = ["Portrait", "Truth", "render_portrait"]


@dataclass(frozen=True)
class Portrait:
    """A photo (H, W, 3), uint8, RGB, and where the face is in it."""

    pixels: NDArray[np.uint8]
    truth: Truth


def render_portrait(who: Identity, look: Look, width: int = 240, height: int = 300) -> Portrait:
    """Draw a photo of one person, `width` x `height` pixels."""
    face = look.face * width
    centre = (width * (0.5 + look.shift_x), height * (0.44 + look.shift_y))
    sprite = draw_person(who, look, centre, face, (width, height))
    behind = draw_background(look.background, look.background_seed, width, height)
    return Portrait(develop(sprite.colour + behind * (1 - sprite.alpha), look), sprite.truth)
