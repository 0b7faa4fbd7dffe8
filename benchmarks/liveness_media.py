"""What a photo looks like on a screen, on paper, and on a phone or a sheet that is held up: drawn, no camera involved.

Each function takes an RGB photo, uint8 (h, w, 3), and a random generator, and returns another one; none changes what it
is given. What is drawn is a screen's grid of pixels and its backlight, a print's dots, its inks and its paper, and the
edges of a phone or a sheet before another background. Lenses, real reflections and depth are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2

Chance = np.random.Generator
_Floats = NDArray[np.float32]

_GAMMA = 2.2
_FINE = 3
"""Points per side in which a pixel of a screen is drawn, and a camera's pixel of a print."""
_LENS = 0.4
"""How far a lens spreads a point, in the camera's pixels: what is finer than that is not seen."""
_INKS = ((0.97, 0.2, 0.1), (0.15, 0.95, 0.25), (0.05, 0.15, 0.95))
"""How much red, green and blue light cyan, magenta and yellow take away."""
_ANGLES = (15.0, 75.0, 0.0)


def on_screen(photo: RGB, chance: Chance, fine: bool = False) -> RGB:
    """The photo on a screen that is photographed: grid of pixels, moire, backlight, colder white, glare.

    ``fine``: the screen's pixels are smaller than the camera's, and its glare is rare and faint.
    """
    height, width = photo.shape[:2]
    per_pixel = chance.uniform(1.6, 2.4) if fine else chance.uniform(0.7, 1.6)
    size = (max(1, round(width * per_pixel)), max(1, round(height * per_pixel)))
    light = cv2.resize(_linear(photo), size, interpolation=cv2.INTER_AREA if per_pixel < 1 else cv2.INTER_LINEAR)
    cell = np.full((_FINE, _FINE, 3), 0.12, dtype=np.float32)
    for column in range(3):
        cell[:-1, column, column] = 1.0
        cell[-1, column, column] = 0.45
    grid = np.tile(cell / cell.mean(axis=(0, 1)), (size[1], size[0], 1))
    lit = np.repeat(np.repeat(light, _FINE, axis=0), _FINE, axis=1) * grid
    if fine:
        lit = cv2.GaussianBlur(lit, (0, 0), _LENS * per_pixel * _FINE)
    seen = _seen(lit, width, height, chance, 0.02)
    seen = chance.uniform(0.01, 0.05) + 0.95 * seen * np.array([0.93, 0.99, 1.07], dtype=np.float32)
    if chance.random() < (0.2 if fine else 0.6):
        seen = seen + chance.uniform(0.03, 0.08 if fine else 0.25) * _spot(width, height, chance)[..., None]
    return _shown(seen)


def on_paper(photo: RGB, chance: Chance, fine: bool = False) -> RGB:
    """The photo printed and photographed: dots of three inks, a paper that is not white, uneven light, grain.

    ``fine``: dots that the camera hardly resolves, on smooth paper.
    """
    height, width = photo.shape[:2]
    large = cv2.resize(_linear(photo), (width * _FINE, height * _FINE), interpolation=cv2.INTER_LINEAR)
    cover = 1 - np.power(np.clip(large, 0, 1), 1 / _GAMMA)
    pitch = chance.uniform(2.0, 3.5) * _FINE
    dotted = chance.uniform(0.0, 0.1) if fine else chance.uniform(0.2, 0.8)
    grain = 0.006 if fine else 0.015
    light: Any = np.ones_like(large)
    for ink, (absorbed, angle) in enumerate(zip(_INKS, _ANGLES, strict=True)):
        dots = _dots(large.shape[1], large.shape[0], pitch, math.radians(angle + chance.uniform(-4, 4)))
        solid = 1 / (1 + np.exp(-12 * (cover[..., ink] - dots)))
        amount = dotted * solid + (1 - dotted) * cover[..., ink]
        light = light * (1 - amount[..., None] * np.array(absorbed, dtype=np.float32))
    seen = _seen(light.astype(np.float32), width, height, chance, 0.01)
    paper = np.array([1.0, chance.uniform(0.96, 1.0), chance.uniform(0.88, 1.0)], dtype=np.float32)
    seen = (chance.uniform(0.008, 0.02) + chance.uniform(0.75, 0.92) * seen) * paper
    slope = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * chance.uniform(-0.15, 0.15)
    seen = seen * (1 + slope + chance.normal(0, grain, (height, width)).astype(np.float32))[..., None]
    return _shown(seen)


def filling(photo: RGB, chance: Chance) -> RGB:
    """The photo before the camera, a little askew and so near that its edges are outside the frame."""
    height, width = photo.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), chance.uniform(-2, 2), chance.uniform(1.06, 1.12))
    seen = cv2.warpAffine(photo, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(seen, dtype=np.uint8)


def held_phone(photo: RGB, behind: RGB, chance: Chance) -> RGB:
    """The photo on the display of a phone that is held up; the frame is ``behind``, out of focus."""
    height, width = photo.shape[:2]
    bezel = max(3, round(0.03 * width))
    tall = max(round(1.9 * width), height) + 4 * bezel
    phone = np.full((tall, width + 2 * bezel, 3), chance.integers(6, 20), dtype=np.uint8)
    top = (tall - height) // 2
    phone[top : top + height, bezel : bezel + width] = photo
    case = (int(chance.integers(15, 90)),) * 3
    cv2.rectangle(phone, (0, 0), (phone.shape[1] - 1, tall - 1), case, bezel)
    return _held(phone, behind, chance, round(0.12 * width))


def held_paper(photo: RGB, behind: RGB, chance: Chance) -> RGB:
    """The photo on a sheet with a margin that is held up; the frame is ``behind``, out of focus."""
    margin = round(chance.uniform(0.05, 0.12) * photo.shape[1])
    white = [int(value) for value in chance.integers(215, 240) + np.array([4, 2, chance.integers(-14, 1)])]
    sheet = cv2.copyMakeBorder(photo, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=white)
    return _held(np.asarray(sheet, dtype=np.uint8), behind, chance, 2)


def pasted(photo: RGB, behind: RGB, chance: Chance) -> RGB:
    """The photo as it is, with hard edges, in another frame: neither screen nor paper."""
    return _held(photo, behind, chance, 0, hands=False)


def captured(photo: RGB, chance: Chance) -> bytes:
    """The photo as a camera's JPEG: a little blurred, with noise."""
    blurred = cv2.GaussianBlur(photo, (0, 0), chance.uniform(0.3, 0.7))
    noisy = blurred + chance.normal(0, chance.uniform(1.0, 2.5), photo.shape)
    return jpeg(np.clip(np.round(noisy), 0, 255).astype(np.uint8))


def jpeg(photo: RGB) -> bytes:
    """A photo as JPEG of quality 92."""
    return bytes(cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1])


ON_A_MEDIUM: dict[str, Callable[[RGB, RGB, Chance], RGB]] = {
    "screen": lambda photo, _, chance: filling(on_screen(photo, chance), chance),
    "print": lambda photo, _, chance: filling(on_paper(photo, chance), chance),
    "phone": lambda photo, behind, chance: held_phone(on_screen(photo, chance), behind, chance),
    "paper": lambda photo, behind, chance: held_paper(on_paper(photo, chance), behind, chance),
    "pasted": pasted,
    "fine_screen": lambda photo, _, chance: filling(on_screen(photo, chance, fine=True), chance),
    "fine_print": lambda photo, _, chance: filling(on_paper(photo, chance, fine=True), chance),
}
"""The kinds of attack. Screens and prints fill the frame; of a phone and a sheet of paper the edges show."""


def _held(thing: RGB, behind: RGB, chance: Chance, round_by: int, hands: bool = True) -> RGB:
    """A flat thing before a blurred frame in which it has room: in perspective, with a shadow and fingers."""
    height, width = thing.shape[:2]
    side = round(1.25 * max(height, width))
    frame = cv2.GaussianBlur(cv2.resize(behind, (side, side), interpolation=cv2.INTER_CUBIC), (0, 0), side / 60)
    x, y = (side - width) / 2, (side - height) / 2
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
    corners = corners + chance.uniform(-0.03, 0.03, (4, 2)) * side + chance.uniform(-0.04, 0.04, 2) * side
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    turn = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    alpha = cv2.warpPerspective(_rounded(width, height, round_by), turn, (side, side), flags=cv2.INTER_AREA)[..., None]
    over = cv2.warpPerspective(thing, turn, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    shadow = cv2.GaussianBlur(np.roll(alpha[..., 0], side // 50, axis=(0, 1)), (0, 0), side / 40)[..., None]
    seen = alpha * over + (1 - alpha) * frame * (1 - (0.45 if hands else 0) * shadow)
    if hands:
        seen = _with_fingers(seen.astype(np.float32), corners, side, chance)
    return np.clip(np.round(seen), 0, 255).astype(np.uint8)


def _with_fingers(seen: _Floats, corners: NDArray[Any], side: int, chance: Chance) -> _Floats:
    """Two to four fingertips over the left and right edges of what is held."""
    skin = np.array([224, 172, 138]) * chance.uniform(0.4, 1.0)
    covered = np.zeros(seen.shape[:2], dtype=np.float32)
    for edge in (0, 1):
        first, last = (corners[0], corners[3]) if edge == 0 else (corners[1], corners[2])
        for _ in range(chance.integers(1, 3)):
            at = first + chance.uniform(0.6, 0.9) * (last - first)
            axes = (round(0.05 * side), round(0.02 * side))
            cv2.ellipse(covered, (round(at[0]), round(at[1])), axes, chance.uniform(-20, 20), 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(covered, (0, 0), max(side / 300, 0.5))[..., None]
    return np.asarray(soft * skin + (1 - soft) * seen, dtype=np.float32)


def _rounded(width: int, height: int, by: int) -> _Floats:
    """A rectangle of ones with round corners, float32 (height, width)."""
    mask = np.ones((height, width), dtype=np.float32)
    if by:
        mask[:] = 0
        cv2.rectangle(mask, (by, 0), (width - by, height), 1.0, -1)
        cv2.rectangle(mask, (0, by), (width, height - by), 1.0, -1)
        for x in (by, width - by - 1):
            for y in (by, height - by - 1):
                cv2.circle(mask, (x, y), by, 1.0, -1)
    return mask


def _seen(light: _Floats, width: int, height: int, chance: Chance, askew: float) -> _Floats:
    """Light of many points as a camera of fewer pixels sees it, each of four samples, a little askew."""
    rows, columns = light.shape[:2]
    source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], dtype=np.float32)
    edge = np.array([[0, 0], [width, 0], [width, height], [0, height]]) + chance.uniform(-askew, askew, (4, 2)) * width
    turn = cv2.getPerspectiveTransform(source, (2 * edge).astype(np.float32))
    double = cv2.warpPerspective(
        light, turn, (2 * width, 2 * height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(cv2.resize(double, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _dots(width: int, height: int, pitch: float, angle: float) -> _Floats:
    """Thresholds of a screen of round dots, float32 (height, width), 0 to 1."""
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    wave = 2 * math.pi / pitch
    return np.asarray(0.5 + 0.25 * (np.cos(wave * along) + np.cos(wave * across)), dtype=np.float32)


def _spot(width: int, height: int, chance: Chance) -> _Floats:
    """A soft reflection somewhere, float32 (height, width), 1 in its middle."""
    x = (np.arange(width) / width - chance.random()) / chance.uniform(0.15, 0.5)
    y = (np.arange(height) / height - chance.random()) / chance.uniform(0.1, 0.4)
    return np.exp(-(x[None, :] ** 2 + y[:, None] ** 2)).astype(np.float32)


def _linear(photo: RGB) -> _Floats:
    return np.power(photo.astype(np.float32) / 255, _GAMMA)


def _shown(light: _Floats) -> RGB:
    return np.round(255 * np.power(np.clip(light, 0, 1), 1 / _GAMMA)).astype(np.uint8)
