"""What to do about each thing that an audit found, with the command that does it; for people and as JSON."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gallery.audit.audit import Audit, AuditedPerson, AuditedPhoto, Finding
from presente.installation import command_line

DIGITS = 12
"""Of a photo's SHA-256, where commands name it."""

_TITLES = {
    "same_person": "One person under two names",
    "mislabelled": "A photo of somebody else",
    "duplicate": "One photo twice",
    "hard_to_recognise": "Hard to recognise",
    "weak_photo": "Weak photo",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do: in which case, and the command; no command where only a person can do it."""

    when: str
    command: str = ""


def steps(finding: Finding) -> list[Step]:
    """What to do about a finding, once somebody has looked at the photos."""
    first, *others = finding.people
    match finding.kind:
        case "same_person":
            return [step for other in others for step in _merges(finding.photos, first, other)]
        case "mislabelled":
            shot, near = finding.photos
            return list(_moves(shot, near, first, others[0]))
        case "duplicate" if finding.certain:
            return [Step("if it is one photo", _remove(finding.photos[0]))]
        case "duplicate":
            kept, gone = (shot.matricula for shot in finding.photos)
            whose = [Step(f"if it is not of {shot.matricula}", _remove(shot)) for shot in finding.photos]
            return [*whose, Step("if it is one person", _command("merge", kept, gone))]
        case "hard_to_recognise":
            wrong = [
                Step(f"if that is not {first.student.nombre_del_alumno}", _remove(shot)) for shot in finding.photos
            ]
            return [*wrong, Step("else enrol more photos of them")]
        case "weak_photo":
            enrol = Step("enrol a better one")
            return [enrol] if first.photos == 1 else [enrol, Step("once there is one", _remove(finding.photos[0]))]


def _merges(shots: Sequence[AuditedPhoto], kept: AuditedPerson, other: AuditedPerson) -> Iterator[Step]:
    yield Step("if it is one person", _command("merge", kept.student.matricula, other.student.matricula))
    for shot in shots:
        if other.photos == 1 and shot.matricula == other.student.matricula:  # all that is known of that one
            yield Step(f"if only the photo is {kept.student.nombre_del_alumno}", _move(shot, kept))


def _moves(shot: AuditedPhoto, near: AuditedPhoto, filed: AuditedPerson, shown: AuditedPerson) -> Iterator[Step]:
    yield Step(f"if it is {shown.student.nombre_del_alumno}", _move(shot, shown))
    if shown.photos == 1:  # that one may be what is in the wrong place
        yield Step(f"if both are {filed.student.nombre_del_alumno}", _move(near, filed))
    yield Step("if it is neither", _remove(shot))


def _move(shot: AuditedPhoto, to: AuditedPerson) -> str:
    return _command("move", shot.matricula, to.student.matricula, "--photo", shot.sha256[:DIGITS])


def _remove(shot: AuditedPhoto) -> str:
    return _command("remove", shot.matricula, "--photo", shot.sha256[:DIGITS])


def _command(*words: str) -> str:
    return f"{command_line('indexer')} {shlex.join(words)}"


def as_dict(found: Audit) -> dict[str, Any]:
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
                "photos": [asdict(shot) for shot in finding.photos],
                "do": [asdict(step) for step in steps(finding)],
            }
            for finding in found.findings
        ],
    }


def lines(found: Audit) -> Iterator[str]:
    """For people."""
    yield (
        f"{found.people} people, {found.photos} photos, threshold {found.threshold:.2f}; photos of one person score "
        f"{found.usual:.2f} here; {len(found.findings)} findings"
    )
    for finding in found.findings:
        yield ""
        yield f"[{finding.severity}] {_TITLES[finding.kind]}: {'; '.join(map(_named, finding.people))}"
        yield f"    {finding.why}"
        for shot in finding.photos:
            yield f"    photo {shot.sha256[:DIGITS]} of {shot.matricula}, from {shot.source}"
        for step in steps(finding):
            yield f"    {step.when}{':' if step.command else ''} {step.command}".rstrip()


def _named(person: AuditedPerson) -> str:
    count = "1 photo" if person.photos == 1 else f"{person.photos} photos"
    clase = f", {person.student.clase}" if person.student.clase else ""
    return f"{person.student.nombre_del_alumno} ({person.student.matricula}{clase}, {count})"
