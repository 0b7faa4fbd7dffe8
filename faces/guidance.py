"""What to tell a person in front of a camera, before a photo is taken to enrol them.

The measures and their bounds are those of :mod:`faces.quality`, by which enrolment refuses photos and stored photos are
judged. What only a whole photo tells (no face, several faces, a face that fills it) is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from faces.quality import GOOD_QUALITY, QualityRules
from faces.quality_words import Advice
from faces.reading import AlignedFace, ReadPhoto

_RIVAL = 0.5
"""A further face counts from this share of the largest face's side on: smaller ones stand in the background."""

_FILLS = 0.85
"""From this share of the photo's shorter side on, a face is too close: what the camera cuts off, alignment lacks."""


@dataclass(frozen=True, slots=True)
class FaceAdvice:
    """A face of a photo and what is not good about it; ``ok`` alone when nothing is."""

    face: AlignedFace
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class PhotoAdvice:
    """What to tell about a photo.

    Attributes:
        faces: every face, largest first.
        prominent: place of the face that enrolment would take; None without a face.
        advice: about the photo: ``no_face``, or what is not good about that face, and ``several_faces``; ``ok`` alone
            when nothing is.
        accepted: whether enrolment would take the photo. It looks at less than the advice does; whether the face is the
            student's is decided when it is enrolled.
        size: height and width of the photo, in the pixels of the boxes.
    """

    faces: tuple[FaceAdvice, ...]
    prominent: int | None
    advice: tuple[Advice, ...]
    accepted: bool
    size: tuple[int, int]


def advise(read: ReadPhoto, rules: QualityRules, strict: bool = False) -> PhotoAdvice:
    """Advice about a photo that was read.

    Args:
        read: its faces.
        rules: by which enrolment refuses a face.
        strict: whether enrolment refuses a photo with several faces.
    """
    if read.prominent is None:
        return PhotoAdvice((), None, ("no_face",), False, read.size)
    faces = tuple(FaceAdvice(face, _of_face(face, min(read.size))) for face in read.faces)
    prominent = next(place for place, face in enumerate(read.faces) if face is read.prominent)
    least = 0.0 if strict else read.prominent.face.side * _RIVAL
    several = sum(face.face.side >= least for face in read.faces) > 1
    found = [each for each in faces[prominent].advice if each != "ok"]
    rivals: list[Advice] = ["several_faces"] if several else []
    advice = [*rivals, *found]
    refused = rules.broken(read.prominent.quality) or (strict and len(faces) > 1)
    return PhotoAdvice(faces, prominent, tuple(advice) or ("ok",), not refused, read.size)


def _of_face(face: AlignedFace, shorter_side: int) -> tuple[Advice, ...]:
    found: list[Advice] = [*GOOD_QUALITY.faults(face.quality.as_dict())]
    if face.rotated and "tilted" not in found:  # the photo lies on its side, or the head does
        found.append("tilted")
    if face.face.side >= _FILLS * shorter_side:
        found.append("too_close")
    return tuple(found) or ("ok",)
