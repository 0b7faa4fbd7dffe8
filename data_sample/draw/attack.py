"""Presentation attacks: a photo of a person held up before the camera, on a phone or on paper, or filling its frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .background import draw_background
from .colour import Colour
from .identity import Identity
from .look import TRAINING, Look, Spread, sample_look
from .medium import LIT, Kind, Pixels, Surface, bent, blank_surface, glare, make_surface, softened, texture
from .person import Truth
from .photo import develop
from .portrait import Portrait, render_portrait
from .scene import Desk, Scene, Seat, draw_desk, paste_person

_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True)
class Held:
    """A photo of someone that is held up in a scene.

    Attributes:
        who: whom it shows; None: a phone's back or a sheet of notes.
        kind: what it is.
        x, y: where its middle is, in pixels.
        face_width: of the face on it, in pixels; of a thing that shows no one, a third of its width.
        skin: of the hand that holds it.
        seed: of everything else about it.
        spread: how far the photo on it may stray from a careful one.
    """

    who: Identity | None
    kind: Kind
    x: float
    y: float
    face_width: float
    skin: Colour
    seed: int
    spread: Spread = TRAINING


def render_held(
    seats: list[Seat], held: list[Held], look: Look, width: int, height: int, desks: list[Desk] | None = None
) -> tuple[Scene, tuple[Truth | None, ...]]:
    """Draw people as :func:`scene.render_scene` does, and things that are held up before them.

    Returns:
        The scene, and where the face on each held thing is; None for one that shows no one.
    """
    pixels = draw_background(look.background, look.background_seed, width, height)
    truths = []
    for number, seat in enumerate(seats, start=1):
        truths.append(paste_person(pixels, seat))
        for desk in desks or []:
            if desk.behind == number:
                draw_desk(pixels, desk)
    shown = tuple(_hold(pixels, each) for each in held)
    return Scene(develop(pixels, look), tuple(truths)), shown


def render_filling(
    who: Identity, kind: Kind, look: Look, seed: int, size: tuple[int, int], spread: Spread = TRAINING
) -> Portrait:
    """Draw a photo of a screen or a print that fills the frame: its edges are not in the picture.

    `size` is the picture's width and height; `spread` says how far the photo that is shown strays from a careful one.
    """
    width, height = size
    rng = np.random.default_rng([0xF111, seed])
    inner = _inner_photo(who, look.face * width, rng, look, spread)
    surface = make_surface(inner.pixels, kind, rng)
    own_height, own_width = surface.colour.shape[:2]
    # the frame lies inside the photo: the photo is as large as the frame at least, and a little larger
    grow = max(width / own_width, height / own_height) * float(rng.uniform(1.02, 1.2))
    corners = np.array(_CORNERS) - 0.5
    corners = corners * (own_width * grow, own_height * grow) * (1 + rng.uniform(0, 0.05, (4, 2)))
    corners += (width / 2, height / 2)
    pixels = np.zeros((height, width, 3), np.float32)
    onto = _lay(pixels, surface, corners, kind, look.face * width, rng)
    return Portrait(develop(pixels, look), _moved(inner.truth, surface, onto, 0.0))


def _inner_photo(
    who: Identity, face: float, rng: np.random.Generator, place: Look | None = None, spread: Spread = TRAINING
) -> Portrait:
    """The photo that is presented: of a person whose face has so many pixels across."""
    look = sample_look(int(rng.integers(1 << 30)), spread)
    share = place.face if place is not None else float(rng.uniform(0.34, 0.62))
    look = dataclasses.replace(look, face=share, blur=look.blur * min(1.0, face / 90), noise=look.noise * 0.6)
    width = max(40, round(face / share))
    return render_portrait(who, look, width, round(width * float(rng.uniform(1.15, 1.5))))


def _hold(pixels: Pixels, held: Held) -> Truth | None:
    rng = np.random.default_rng([0x4E1D, held.seed])
    inner = None if held.who is None else _inner_photo(held.who, held.face_width, rng, spread=held.spread)
    if inner is None:
        width = round(3 * held.face_width)
        surface = blank_surface(width, round(width * float(rng.uniform(1.2, 2.0))), held.kind, rng)
    else:
        surface = make_surface(inner.pixels, held.kind, rng)
    sag = 0.0
    if held.kind not in LIT:
        surface, sag = bent(surface, rng)
    surface = softened(surface, float(rng.uniform(0, 0.8)) * held.face_width / 90)
    height, width = surface.colour.shape[:2]
    corners = (np.array(_CORNERS) - 0.5) * (width, height) * (1 + rng.normal(0, 0.025, (4, 2)))
    angle = float(np.clip(rng.normal(0, 0.1), -0.35, 0.35))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = corners @ turn + (held.x, held.y)
    onto = _lay(pixels, surface, corners, held.kind, held.face_width, rng)
    _draw_hand(pixels, corners, held.skin, rng)
    return None if inner is None else _moved(inner.truth, surface, onto, sag)


def _lay(
    pixels: Pixels,
    surface: Surface,
    corners: NDArray[np.float64],
    kind: Kind,
    face_width: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw a surface into `pixels`, in place, with its corners (4, 2) at points; return the projection (3, 3)."""
    height, width = pixels.shape[:2]
    own_height, own_width = surface.colour.shape[:2]
    flat = np.array(_CORNERS) * (own_width, own_height)
    colour_there, alpha = _warped(surface, _homography(corners, flat), width, height)
    lit = colour_there * texture(kind, width, height, face_width, rng)
    if kind in LIT:
        light = glare(width, height, rng)
        lit = lit + light * (1 - lit)
    pixels[:] = pixels * (1 - alpha) + np.clip(lit, 0, 1) * alpha
    return _homography(flat, corners)


def _warped(surface: Surface, back: NDArray[np.float64], width: int, height: int) -> tuple[Pixels, NDArray[np.float32]]:
    """Colour (H, W, 3) and alpha (H, W, 1) of a surface in the picture; `back` takes the picture's points to it."""
    planes = np.concatenate([surface.colour, surface.alpha], axis=2)
    coefficients = (back / back[2, 2]).ravel()[:8].tolist()
    warped = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(planes[:, :, k])).transform(
                (width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR
            )
        )
        for k in range(4)
    ]
    return np.stack(warped[:3], axis=2), np.clip(warped[3], 0, 1)[:, :, None]


def _homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (3, 3) projection that takes four points (4, 2) to four others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source.tolist(), target.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def _moved(face: Truth, surface: Surface, onto: NDArray[np.float64], sag: float) -> Truth:
    """Where a photo's face is in the picture, once the photo lies on a surface there."""
    height, width = surface.colour.shape[:2]
    x1, y1, x2, y2 = face.box
    points = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2), *face.points]) + surface.shows[:2]
    points[:, 1] += sag * height * (1 - (2 * points[:, 0] / width - 1) ** 2)
    placed = np.column_stack([points, np.ones(len(points))]) @ onto.T
    placed = placed[:, :2] / placed[:, 2:]
    (a, b), (c, d) = placed[:4].min(axis=0), placed[:4].max(axis=0)
    return Truth((float(a), float(b), float(c), float(d)), tuple((float(x), float(y)) for x, y in placed[4:]))


def _draw_hand(pixels: Pixels, corners: NDArray[np.float64], skin: Colour, rng: np.random.Generator) -> None:
    """Draw fingers over an edge of what is held, and the arm that comes from below, in place."""
    height, width = pixels.shape[:2]
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    left_top, right_top, right_low, left_low = corners
    across = float(np.hypot(*(right_low - left_low)))
    thick = across * float(rng.uniform(0.09, 0.15))
    first, last, inward = (left_top, left_low, 1) if rng.random() < 0.5 else (right_top, right_low, -1)
    wrist = last * 0.8 + first * 0.2
    palm = last + np.array((0.0, 2.2 * across))
    draw.line([tuple(wrist), tuple(palm)], fill=(*skin, 255), width=max(2, round(2.6 * thick)))
    for place in np.linspace(float(rng.uniform(0.5, 0.6)), float(rng.uniform(0.78, 0.92)), int(rng.integers(1, 5))):
        root = first + (last - first) * place
        tip = root + ((right_low - left_low) / across) * inward * thick * float(rng.uniform(0.8, 2.0))
        back = root - ((right_low - left_low) / across) * inward * thick * 0.6
        _capsule(draw, back, tip, thick, skin)
    sprite = np.asarray(layer, np.float32) / 255
    alpha = sprite[:, :, 3:]
    pixels[:] = pixels * (1 - alpha) + sprite[:, :, :3] * alpha


def _capsule(
    draw: ImageDraw.ImageDraw, start: NDArray[np.float64], end: NDArray[np.float64], thick: float, skin: Colour
) -> None:
    """A finger, with a darker line below it."""
    dark = (round(skin[0] * 0.78), round(skin[1] * 0.72), round(skin[2] * 0.7))
    for tone, drop in ((dark, 0.16 * thick), (skin, 0.0)):
        (x1, y1), (x2, y2) = (point + np.array((0.0, drop)) for point in (start, end))
        draw.line((x1, y1, x2, y2), fill=(*tone, 255), width=max(2, round(thick)))
        for x, y in ((x1, y1), (x2, y2)):
            draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=(*tone, 255))
