"""How closely a photo is looked at, and which way up: every face of it, at every size that occurs in practice.

One look is never enough. The detectors miss faces that are larger than about half of their input, and those of fewer
than about 12 pixels in it. So a photo is seen in at most three looks: a glance at few pixels, for faces that fill the
frame; the usual look; and, when the photo is much larger than that and its faces are small or none was found, a closer
one in tiles. A photo without an upright face is looked at turned, too. docs/adr/0028-looks.md has the measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np

from faces.detection.detected_face import DetectedFace, most_prominent
from faces.detection.detector import Detector
from faces.detection.merging import CLEAR, Sighting, joined, merged, same_face
from faces.detection.views import tiles
from faces.image.decode import RGB

Stage = Callable[[str], AbstractContextManager[object]]
"""Gives a context that a stage of reading is carried out in: a caller's stopwatch."""

Wanted = Literal["all", "largest", "most prominent"]
"""Which faces of a photo are wanted."""

_OVERLAP_FACE = 36
"""Tiles overlap by a face of so many pixels in the usual look, which sees the larger faces that tiles cut."""

_GLANCE_FROM = 320
"""Longest side of the usual look from which a face may be too large for it."""

_CLOSER_FROM = 1.5
"""How many times more pixels per side a closer look must have to be worth its time."""

_TURNED_SCORE = 0.6
"""A photo is looked at turned when no face has this score, and read turned when its faces have it together then."""

_SURE = 0.855
"""Most upright faces have such a score in a glance; of LFW's and the sample class's upside down, none has."""

_LEVEL = 30.0
"""Faces that lie on their side, if they are found, have lower scores or are seen to lie, by so many degrees."""

_FEW, _MORE = 64, 128
"""Pixels per side of the view of one face, turned: where it looks upright, and where it looks odd, which is rare."""

_DOUBT = 0.05
"""A face may be turned when its score is then at most by so much lower: the whole look at the photo decides."""


@dataclass(frozen=True, slots=True)
class Found:
    """The faces of a photo, largest first, in its pixels, and the clockwise quarter turns in which it is upright."""

    faces: tuple[DetectedFace, ...]
    turns: int = 0

    def enlarged(self, times: float) -> Found:
        """The same in the photo enlarged by this factor."""
        return Found(tuple(face.enlarged(times) for face in self.faces), self.turns)


def untimed(_: str) -> AbstractContextManager[object]:
    """A stage that no one times."""
    return nullcontext()


class FaceFinder:
    """Finds every face of a photo. Safe to use from several threads."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._settings = detector.settings

    def first_looks(self, pixels: RGB, stage: Stage = untimed) -> Found:
        """The faces that a glance and the usual look show, of the photo as it is or, if that is better, turned.

        ``stage`` times the looks: ``detect_glance``, ``detect_usual``, ``detect_turned``.
        """
        upright = Found(self._usual(pixels, 0, stage))
        return self._best(pixels, upright, lambda turns: self._turned(pixels, turns, stage), self._turns_to_try)

    def upright_looks(self, pixels: RGB, closer_is_allowed: Callable[[], bool]) -> Found:
        """The faces of a picture that is known to be upright: by the first looks, and by the closer one if that is due
        and ``closer_is_allowed``, which is asked only then."""
        found = Found(self._usual(pixels, 0, untimed))
        if self.closer_is_due(found, *pixels.shape[:2]) and closer_is_allowed():
            found = self._closer(pixels, found)
        return found

    def closer_look(self, pixels: RGB, found: Found, stage: Stage = untimed) -> Found:
        """``found``, of the same pixels, and the faces that a closer look adds. It is timed as ``detect_closer``."""
        with stage("detect_closer"):
            upright = self._closer(pixels, Found(()) if found.turns else found)
            if found.turns:  # seen in few pixels, small faces may have misled
                return self._best(pixels, upright, lambda _: self._closer(pixels, found), lambda *_: [found.turns])
            if _any_sure(upright.faces):
                return self._best(
                    pixels, upright, lambda turns: self._closer(pixels, Found((), turns)), self._turns_to_try
                )
            less = self._settings.closer_pixels // 3  # enough to tell which way is up
            turned = self._best(
                pixels, upright, lambda turns: self._closer(pixels, Found((), turns), less), self._turns_to_try
            )
            if not turned.turns:
                return turned
            return Found(joined(self._closer(pixels, Found((), turned.turns)).faces, upright.faces), turned.turns)

    def closer_is_due(self, found: Found, height: int, width: int, wanted: Wanted = "all") -> bool:
        """Whether a photo of this size may show faces that the first looks miss: it is much larger than they see it,
        and what was found is small, or nothing.

        Args:
            found: what the first looks found, in the photo's pixels.
            height: of the whole photo.
            width: likewise.
            wanted: which faces must not be small.
        """
        usual = min(1.0, self._settings.max_side / max(height, width))
        if self._closer_scale(height, width) < _CLOSER_FROM * usual:
            return False
        if not found.faces:
            return True
        if wanted == "all":
            side = min(face.side for face in found.faces)
        else:
            first = 0 if wanted == "largest" else most_prominent(found.faces, height, width)
            side = found.faces[first].side
        return side * usual < self._settings.closer_face

    def is_upright(self, pixels: RGB, face: DetectedFace) -> bool:
        """Whether a face that a glance shows certainly stands upright; if not, :meth:`first_looks` finds out."""
        if face.score >= _SURE and abs(face.roll) <= _LEVEL:
            return True
        return not self._possible_turns(pixels, face)

    # -- looks -------------------------------------------------------------------------------------------------------

    def _usual(self, pixels: RGB, turns: int, stage: Stage) -> tuple[DetectedFace, ...]:
        longest = max(pixels.shape[:2])
        usual_side, glance_side = min(self._settings.max_side, longest), self._settings.glance_side
        seen: list[Sighting] = []
        if glance_side and usual_side > max(_GLANCE_FROM, glance_side):
            with stage("detect_glance"):
                seen += [Sighting(face, glance_side / longest) for face in self.detector.glance(pixels, turns)]
        with stage("detect_usual"):
            seen += [Sighting(face, usual_side / longest) for face in self.detector.detect(pixels, turns)]
        return merged(seen)

    def _turned(self, pixels: RGB, turns: int, stage: Stage) -> Found:
        with stage("detect_turned"):
            return Found(self._usual(pixels, turns, untimed), turns)

    def _closer(self, pixels: RGB, found: Found, most_pixels: int = 0) -> Found:
        """``found`` and what the tiles show, at ``most_pixels`` of the whole photo (0: as the settings say)."""
        height, width = pixels.shape[:2]
        scale = min(1.0, math.sqrt((most_pixels or self._settings.closer_pixels) / (height * width)))
        usual = min(1.0, self._settings.max_side / max(height, width))
        seen = [Sighting(face, usual) for face in found.faces]
        tile_side = self._settings.tile_side
        overlap = min(math.ceil(_OVERLAP_FACE * scale / usual), tile_side // 2)
        for tile in tiles(height, width, scale, tile_side, overlap, found.turns):
            seen += [Sighting(face, scale) for face in self.detector.view(pixels, tile)]
        return Found(merged(seen), found.turns)

    def _closer_scale(self, height: int, width: int) -> float:
        return min(1.0, math.sqrt(self._settings.closer_pixels / (height * width)))

    # -- which way up ------------------------------------------------------------------------------------------------

    def _best(
        self,
        pixels: RGB,
        upright: Found,
        look: Callable[[int], Found],
        turns_to_try: Callable[[RGB, Sequence[DetectedFace]], Sequence[int]],
    ) -> Found:
        """The photo as it is, or turned, whichever shows more upright faces, by the sum of their scores."""
        best = upright
        for turns in turns_to_try(pixels, upright.faces):
            turned = look(turns)
            if _worth(turned, best) > max(_worth(best, turned), _TURNED_SCORE):
                best, turned = turned, best
            best = Found(joined(best.faces, turned.faces), best.turns)
        return best

    def _turns_to_try(self, pixels: RGB, faces: Sequence[DetectedFace]) -> Sequence[int]:
        """The clockwise quarter turns by which a photo may have to be turned to be upright, none when it is."""
        if not _any_sure(faces):
            return (1, 2, 3)
        return self._possible_turns(pixels, faces[most_prominent(faces, *pixels.shape[:2])])

    def _possible_turns(self, pixels: RGB, face: DetectedFace) -> Sequence[int]:
        """The clockwise quarter turns that may make a face upright, the likeliest first; none when it is."""
        level = abs(face.roll) <= _LEVEL
        suspected, side = ((2,), _FEW) if level and face.score >= CLEAR else ((1, 2, 3), _MORE)
        scores = {turns: self.detector.turned_score(pixels, face, turns, side) for turns in suspected}
        possible = [turns for turns in suspected if scores[turns] > face.score - _DOUBT]
        return sorted(possible, key=lambda turns: -scores[turns])


def _any_sure(faces: Sequence[DetectedFace]) -> bool:
    """Whether any face is sure enough for its photo not to be looked at in every turn."""
    return any(face.score >= _TURNED_SCORE for face in faces)


def _quarter_turns(face: DetectedFace) -> int:
    """The clockwise quarter turns by which a face is turned, 0 to 3."""
    return round(face.roll / 90) % 4


def _worth(found: Found, other: Found) -> float:
    """The sum of the scores of the faces that are upright in the photo turned as it was.

    Those that the other way up shows with a better score do not count: there they are upright.
    """
    scores = np.array([face.score for face in other.faces])
    better = np.where(same_face(found.faces, other.faces), scores, 0.0).max(axis=1, initial=0.0)
    return sum(
        face.score
        for face, score in zip(found.faces, better, strict=True)
        if (_quarter_turns(face) + found.turns) % 4 == 0 and score <= face.score
    )
