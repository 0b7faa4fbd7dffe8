"""A photo of several people with arms, behind desks or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .background import draw_background
from .figure import ABSENT, Figure, Plane, draw_figure, hide, leave_out
from .look import Look
from .person import Truth
from .photo import develop
from .posture import Posture
from .scene import Desk, Seat, draw_desk

_REACH_X, _REACH_UP, _REACH_DOWN = 3.6, 3.2, 5.2
"""How far a person with arms goes from between the eyes, in face widths: to the sides, up, and down."""


@dataclass(frozen=True)
class FigureSeat:
    """Where one person is in a scene, as `Seat` says it, and what they do with their arms."""

    seat: Seat
    posture: Posture


@dataclass(frozen=True)
class FigureScene:
    """A photo (H, W, 3), uint8, RGB, with the truth of each face and the keypoints (N, 17, 3), in the seats' order."""

    pixels: NDArray[np.uint8]
    truths: tuple[Truth, ...]
    keypoints: NDArray[np.float64]


def render_figures(
    seats: Sequence[FigureSeat], look: Look, width: int, height: int, desks: Sequence[Desk] = ()
) -> FigureScene:
    """Draw people from the first seat (behind) to the last (in front); `look` gives place and camera.

    A desk stands before the first `behind` seats; hands of those after the desk before it lie on it.
    """
    pixels = draw_background(look.background, look.background_seed, width, height)
    figures: list[tuple[Figure, tuple[int, int]]] = []
    keypoints = np.zeros((len(seats), 17, 3))
    at_desk = 0
    for number, seat in enumerate(seats, start=1):
        figure, corner = place_figure(seat, width, height)
        figures.append((figure, corner))
        for earlier in keypoints[: number - 1]:
            hide(earlier, figure.body.alpha, corner)
        keypoints[number - 1] = figure.keypoints
        paste(pixels, figure.body, corner)
        for desk in (desk for desk in desks if desk.behind == number):
            draw_desk(pixels, desk)
            _put_behind(keypoints[:number], figures, at_desk, desk)
            for own in range(at_desk, number):
                _lay_on_desk(pixels, keypoints[:number], own, *figures[own])
            at_desk = number
    for own in range(at_desk, len(seats)):
        _lay_on_desk(pixels, keypoints, own, *figures[own])
    for points in keypoints:
        leave_out(points, width, height)
    truths = tuple(_moved(figure.truth, corner) for figure, corner in figures)
    return FigureScene(develop(pixels, look), truths, keypoints)


def place_figure(seat: FigureSeat, width: int, height: int) -> tuple[Figure, tuple[int, int]]:
    """Draw a person for a picture of this size: the figure, cut to the picture, and where its corner is in it.

    The keypoints are the picture's; those of the face in `truth` are the cut's own.
    """
    own, face = seat.seat, seat.seat.face_width
    x0, x1 = int(max(0, own.x - _REACH_X * face)), int(min(width, own.x + _REACH_X * face))
    y0, y1 = int(max(0, own.y - _REACH_UP * face)), int(min(height, own.y + _REACH_DOWN * face))
    if x1 <= x0 or y1 <= y0:
        x0, y0, x1, y1 = 0, 0, min(8, width), min(8, height)
    figure = draw_figure(own.who, own.look, seat.posture, (own.x - x0, own.y - y0), face, (x1 - x0, y1 - y0))
    figure.keypoints[figure.keypoints[:, 2] > ABSENT] += (x0, y0, 0)
    return figure, (x0, y0)


def paste(pixels: NDArray[np.float32], plane: Plane, corner: tuple[int, int]) -> None:
    """Draw a plane into `pixels` (H, W, 3), in place; its first pixel is at `corner`, x and y."""
    height, width = plane.alpha.shape[:2]
    region = pixels[corner[1] : corner[1] + height, corner[0] : corner[0] + width]
    region *= 1 - plane.alpha
    region += plane.colour


def _lay_on_desk(
    pixels: NDArray[np.float32], keypoints: NDArray[np.float64], own: int, figure: Figure, corner: tuple[int, int]
) -> None:
    """Draw the arms that lie on the desk; they hide what is behind them of others (of their own it is known)."""
    if figure.on_desk is not None:
        paste(pixels, figure.on_desk, corner)
        for number, points in enumerate(keypoints):
            if number != own:
                hide(points, figure.on_desk.alpha, corner)


def _put_behind(
    keypoints: NDArray[np.float64], figures: Sequence[tuple[Figure, tuple[int, int]]], at_desk: int, desk: Desk
) -> None:
    """Mark, in place, as absent the keypoints (N, 17, 3) that a desk covers."""
    for number, points in enumerate(keypoints):
        covered = (points[:, 1] >= round(desk.top)) & (points[:, 1] < round(desk.bottom))
        if number >= at_desk:  # whoever sits at it is not seen below its edge
            covered = (points[:, 1] >= round(desk.top)) & ~figures[number][0].above_desk
        points[covered] = ABSENT


def _moved(truth: Truth, corner: tuple[int, int]) -> Truth:
    """Return the truth of a face in the picture's pixels."""
    a, b, c, d = truth.box
    x, y = corner
    return Truth((a + x, b + y, c + x, d + y), tuple((px + x, py + y) for px, py in truth.points))
