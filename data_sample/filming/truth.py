"""The truth of a film, as JSON: who is seen when and where, who is late, who raises a hand, who looks away."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from .frames import Camera, Seen
from .script import Role, Script, Span

FACES_EVERY_S = 1.0


def truth_of(script: Script, camera: Camera, film: str, fps: float, enrolled: str) -> dict[str, Any]:
    """Return the truth of a film, whose people are enrolled with the photos in a folder, relative to the film.

    docs/evaluation.md says what its fields mean.
    """
    length = camera.count(fps) / fps
    faces: dict[str, list[tuple[float, Seen]]] = defaultdict(list)
    for number in range(int(length / FACES_EVERY_S)):
        at = number * FACES_EVERY_S
        for seen in camera.draw(at, where=True)[1]:
            if seen.part == "face":
                faces[seen.name].append((at, seen))
    people = [_person(script, role, camera, faces[role.name]) for role in script.roles]
    here = {person["matricula"] for person in people}
    return {
        "film": film,
        "width": script.width,
        "height": script.height,
        "fps": fps,
        "duration_s": round(length, 3),
        "seed": script.seed,
        "enrolled": enrolled,
        "clase": script.clase,
        "roster": list(script.roster),
        "absent": [matricula for matricula in script.roster if matricula not in here],
        "late_after_s": script.late_after_s,
        "people": sorted(people, key=lambda person: (person["matricula"] is None, person["name"])),
    }


def _person(script: Script, role: Role, camera: Camera, faces: list[tuple[float, Seen]]) -> dict[str, Any]:
    seen = script.seen(role)
    acts = [act for act in role.acts if not act.away and not (act.posture is not None and act.posture.raised)]
    return {
        "name": role.name,
        "matricula": role.matricula,
        "seen": [_times(span) for span in seen],
        "late": role.matricula is not None and seen[0].from_s > script.late_after_s,
        "raises": [[*_times(span), _hidden(camera, role, span)] for span in role.raises],
        "away": [_times(Span(act.from_s, act.to_s)) for act in role.acts if act.away],
        "gestures": [[act.kind, *_times(Span(act.from_s, act.to_s))] for act in acts],
        "faces": [
            [round(at, 2), *(round(edge, 1) for edge in face.box), int(face.facing), round(face.covered, 2)]
            for at, face in faces
        ],
    }


def _hidden(camera: Camera, role: Role, span: Span) -> float:
    """Return which share of a raised hand is covered in the middle of its time; of two that of the less covered."""
    seen = camera.draw((span.from_s + span.to_s) / 2, where=True)[1]
    return round(min(each.covered for each in seen if (each.part, each.name) == ("hand", role.name)), 2)


def _times(span: Span) -> list[float]:
    return [round(span.from_s, 2), round(span.to_s, 2)]


def truth_path(film: Path) -> Path:
    """Return where the truth of a film lies: beside it."""
    return film.with_suffix(".json")
