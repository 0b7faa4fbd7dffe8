"""Draws fictional people: the same seed always gives the same person and the same picture."""

from .figure import KEYPOINTS, Figure, draw_figure
from .figure_scene import FigureScene, FigureSeat, render_figures
from .identity import Identity, sample_identity
from .look import ENROLLED, EVERYDAY, TRAINING, Look, Spread, sample_look
from .portrait import Portrait, Truth, render_portrait
from .posture import KINDS, RAISED, RESTING, Kind, Posture, between, sample_posture
from .scene import Desk, Scene, Seat, render_scene

__all__ = [
    "ENROLLED",
    "EVERYDAY",
    "KEYPOINTS",
    "KINDS",
    "RAISED",
    "RESTING",
    "TRAINING",
    "Desk",
    "Figure",
    "FigureScene",
    "FigureSeat",
    "Identity",
    "Kind",
    "Look",
    "Portrait",
    "Posture",
    "Scene",
    "Seat",
    "Spread",
    "Truth",
    "between",
    "draw_figure",
    "render_figures",
    "render_portrait",
    "render_scene",
    "sample_identity",
    "sample_look",
    "sample_posture",
]
