"""Draws fictional people: the same seed always gives the same person and the same picture."""

from .identity import Identity, sample_identity
from .look import ENROLLED, EVERYDAY, TRAINING, Look, Spread, sample_look
from .portrait import Portrait, Truth, render_portrait
from .scene import Desk, Scene, Seat, render_scene

__all__ = [
    "ENROLLED",
    "EVERYDAY",
    "TRAINING",
    "Desk",
    "Identity",
    "Look",
    "Portrait",
    "Scene",
    "Seat",
    "Spread",
    "Truth",
    "render_portrait",
    "render_scene",
    "sample_identity",
    "sample_look",
]
