"""What to do about each finding of an audit, with the command that does it: for people and as JSON."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gallery.audit.findings import Audit, AuditedPerson, AuditedPhoto, Finding
from presente.installation import command_line

PHOTO_DIGITS = 12
"""Digits of a photo's SHA-256 by which commands name the photo."""

_TITLES = {
    "same_person": "One person under two names",
    "mislabelled": "A photo of someone else",
    "duplicate": "One photo twice",
    "hard_to_recognise": "Hard to recognise",
    "weak_photo": "Weak photo",
}


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do: in which case, and the command. The command is empty where only a person can do it."""

    when: str
    command: str = ""


def actions(finding: Finding) -> list[Action]:
    """What to do about a finding, after a person has looked at the photos."""
    first, *others = finding.people
    match finding.kind:
        case "same_person":
            return [action for other in others for action in _merges(finding.photos, first, other)]
        case "mislabelled":
            photo, nearest = finding.photos
            return list(_moves(photo, nearest, first, others[0]))
        case "duplicate" if finding.certain:
            return [Action("if it is one photo", _remove(finding.photos[0]))]
        case "duplicate":
            keep, other = (photo.matricula for photo in finding.photos)
            not_theirs = [Action(f"if it is not of {photo.matricula}", _remove(photo)) for photo in finding.photos]
            return [*not_theirs, Action("if it is one person", _command("merge", keep, other))]
        case "hard_to_recognise":
            wrong = [
                Action(f"if that is not {first.student.nombre_del_alumno}", _remove(photo)) for photo in finding.photos
            ]
            return [*wrong, Action("else enrol more photos of them")]
        case "weak_photo":
            enrol = Action("enrol a better one")
            return [enrol] if first.photos == 1 else [enrol, Action("once there is one", _remove(finding.photos[0]))]


def _merges(photos: Sequence[AuditedPhoto], kept: AuditedPerson, other: AuditedPerson) -> Iterator[Action]:
    yield Action("if it is one person", _command("merge", kept.student.matricula, other.student.matricula))
    for photo in photos:
        if other.photos == 1 and photo.matricula == other.student.matricula:  # the only photo of that name
            yield Action(f"if only the photo is {kept.student.nombre_del_alumno}", _move(photo, kept))


def _moves(photo: AuditedPhoto, nearest: AuditedPhoto, filed: AuditedPerson, shown: AuditedPerson) -> Iterator[Action]:
    yield Action(f"if it is {shown.student.nombre_del_alumno}", _move(photo, shown))
    if shown.photos == 1:  # it may be that photo that is in the wrong place
        yield Action(f"if both are {filed.student.nombre_del_alumno}", _move(nearest, filed))
    yield Action("if it is neither", _remove(photo))


def _move(photo: AuditedPhoto, to: AuditedPerson) -> str:
    return _command("move", photo.matricula, to.student.matricula, "--photo", photo.sha256[:PHOTO_DIGITS])


def _remove(photo: AuditedPhoto) -> str:
    return _command("remove", photo.matricula, "--photo", photo.sha256[:PHOTO_DIGITS])


def _command(*words: str) -> str:
    return command_line(f"indexer {shlex.join(words)}")


def audit_json(found: Audit) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "people": found.people,
        "photos": found.photos,
        "levels": {"threshold": found.threshold, "usual": found.usual, "identical": found.identical},
        "counts": dict(Counter(finding.kind for finding in found.findings)),
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "why": finding.why,
                "score": finding.score,
                "level": finding.level,
                "people": [
                    {
                        "matricula": person.student.matricula,
                        "nombre_del_alumno": person.student.nombre_del_alumno,
                        "clase": person.student.clase,
                        "kind": person.student.kind,
                        "photos": person.photos,
                    }
                    for person in finding.people
                ],
                "photos": [asdict(photo) for photo in finding.photos],
                "do": [asdict(action) for action in actions(finding)],
            }
            for finding in found.findings
        ],
    }


def audit_lines(found: Audit) -> Iterator[str]:
    """For people."""
    yield (
        f"{found.people} people, {found.photos} photos, threshold {found.threshold:.2f}; photos of one person score "
        f"{found.usual:.2f} here; {len(found.findings)} findings"
    )
    for finding in found.findings:
        yield ""
        yield f"[{finding.severity}] {_TITLES[finding.kind]}: {'; '.join(map(_named, finding.people))}"
        yield f"    {finding.why}"
        for photo in finding.photos:
            yield f"    photo {photo.sha256[:PHOTO_DIGITS]} of {photo.matricula}, from {photo.source}"
        for action in actions(finding):
            yield f"    {action.when}{':' if action.command else ''} {action.command}".rstrip()


def _named(person: AuditedPerson) -> str:
    count = "1 photo" if person.photos == 1 else f"{person.photos} photos"
    clase = f", {person.student.clase}" if person.student.clase else ""
    return f"{person.student.nombre_del_alumno} ({person.student.matricula}{clase}, {count})"
