"""The truth of a film: who is seen in it from when to when and where, who is late, whose hand goes up.

It is a JSON object, as ``python -m data_sample.make_film`` writes it; docs/evaluation.md describes its fields.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.composites import Box
from presente.errors import InvalidInput

Times = tuple[float, float]
"""From when to when, in seconds of the film."""

_NEAREST_S = 0.75
"""How far from a moment a face's box is taken for its box then, where the face is not in the truth on both sides."""
_BETWEEN_S = 1.6
"""Boxes that are farther apart in time are not of one movement."""


@dataclass(frozen=True, slots=True)
class TrueFace:
    """Where a face is at a moment."""

    at_s: float
    box: Box


@dataclass(frozen=True, slots=True)
class FilmPerson:
    """Someone who is in a film.

    Attributes:
        name: unique in the film.
        matricula: None for strangers.
        seen: when the face is inside the picture, in order.
        late: whether a student comes late.
        raises: when a hand is raised.
        hidden: for each of the raises, which share of the hand is covered, by people before it.
        away: when the face is turned away.
        gestures: what else the arms do, with its name.
        faces: where the face is, in order of time.
    """

    name: str
    matricula: str | None
    seen: tuple[Times, ...]
    late: bool
    raises: tuple[Times, ...]
    hidden: tuple[float, ...]
    away: tuple[Times, ...]
    gestures: tuple[tuple[str, float, float], ...]
    faces: tuple[TrueFace, ...]

    def box_at(self, at_s: float) -> Box | None:
        """Where the face is at a moment, between the moments of the truth on a straight line; None when it is not."""
        after = next((place for place, face in enumerate(self.faces) if face.at_s >= at_s), len(self.faces))
        near = self.faces[max(0, after - 1) : after + 1]
        if len(near) == 2 and near[1].at_s - near[0].at_s <= _BETWEEN_S:
            first, last = near
            share = (at_s - first.at_s) / (last.at_s - first.at_s)
            moved = [a + share * (b - a) for a, b in zip(first.box, last.box, strict=True)]
            return moved[0], moved[1], moved[2], moved[3]
        close = min(near, key=lambda face: abs(face.at_s - at_s), default=None)
        return close.box if close is not None and abs(close.at_s - at_s) <= _NEAREST_S else None


@dataclass(frozen=True, slots=True)
class FilmTruth:
    """The truth of a film.

    Attributes:
        duration_s: of the film.
        clase: the class that is filmed.
        roster: its students' matriculas, those who are absent included.
        late_after_s: a student who is first seen after this moment is late.
        enrolled: the folder with a folder per person, whose photos they are enrolled with.
        people: who is in the film.
    """

    duration_s: float
    clase: str
    roster: tuple[str, ...]
    late_after_s: float
    enrolled: Path
    people: tuple[FilmPerson, ...]


def read_truth(path: Path) -> FilmTruth:
    """Read the truth of a film.

    Raises:
        InvalidInput: ``unreadable_truth``.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        people = tuple(_person(each) for each in told["people"])
        truth = FilmTruth(
            float(told["duration_s"]),
            str(told["clase"]),
            tuple(str(matricula) for matricula in told["roster"]),
            float(told["late_after_s"]),
            path.parent / str(told["enrolled"]),
            people,
        )
        _check(truth)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as exc:
        raise InvalidInput(
            "unreadable_truth",
            f"{path} is not the truth of a film ({exc!r}).",
            "Give the JSON file that was written with the film: docs/evaluation.md.",
        ) from exc
    return truth


def _person(told: dict[str, Any]) -> FilmPerson:
    matricula = told["matricula"]
    faces = [TrueFace(float(face[0]), _box(face[1:5])) for face in told["faces"]]
    return FilmPerson(
        str(told["name"]),
        None if matricula is None else str(matricula),
        _spans(told["seen"]),
        bool(told["late"]),
        _spans([raised[:2] for raised in told["raises"]]),
        tuple(float(raised[2]) if len(raised) > 2 else 0.0 for raised in sorted(told["raises"])),
        _spans(told.get("away", [])),
        tuple((str(kind), float(start), float(end)) for kind, start, end in told.get("gestures", [])),
        tuple(sorted(faces, key=lambda face: face.at_s)),
    )


def _spans(told: Sequence[Sequence[float]]) -> tuple[Times, ...]:
    return tuple(sorted((float(start), float(end)) for start, end in told))


def _box(told: Sequence[float]) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in told)
    return x1, y1, x2, y2


def _check(truth: FilmTruth) -> None:
    """Raise ValueError where the truth contradicts itself."""
    names = [person.name for person in truth.people]
    students = [person.matricula for person in truth.people if person.matricula is not None]
    if len(set(names)) < len(names) or len(set(students)) < len(students):
        raise ValueError("two people have one name or matricula")
    if not set(students) <= set(truth.roster):
        raise ValueError(f"not on the roster: {sorted(set(students) - set(truth.roster))}")
    if any(not person.seen for person in truth.people):
        raise ValueError("someone is never seen")
