"""What an audit reports: findings, with the people and photos that they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gallery.documents.audit_findings import FindingPerson, FindingPhoto, KeptFinding
from gallery.documents.values import Student

FindingKind = Literal["same_person", "mislabelled", "duplicate", "hard_to_recognise", "weak_photo"]
Severity = Literal["high", "medium", "low"]

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class AuditedPerson:
    """A subject who is part of a finding, by id and as a student, and how many photos of the subject were compared."""

    student: Student
    photos: int
    subject: int = -1


@dataclass(frozen=True, slots=True)
class AuditedPhoto:
    """A photo that is part of a finding: the student's matricula, the photo's SHA-256, and where it came from."""

    matricula: str
    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should check.

    Attributes:
        kind: ``same_person``: the first of ``people`` should stay; ``photos`` are the nearest two of each two names.
            ``mislabelled``: the first of ``photos``, which is the first person's, seems to show the second of
            ``people``; the other photo is the second person's nearest one. ``duplicate``: the first of ``photos`` may
            be removed; the other one shows the same. ``hard_to_recognise``: the first of ``people``; the second, if
            any, is the nearest other person. ``weak_photo``: likewise, of one photo.
        severity: ``high``: people will be taken for others; ``medium``: a person will not be recognised; ``low``.
        people: the people.
        photos: the photos.
        score: the cosine that the finding is based on.
        level: the cosine that the score was compared with.
        why: the reason in words.
        certain: whether it is clear which photo of a duplicate is in the wrong place.
    """

    kind: FindingKind
    severity: Severity
    people: tuple[AuditedPerson, ...]
    photos: tuple[AuditedPhoto, ...]
    score: float
    level: float
    why: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Attributes:
        people, photos: how many were compared.
        threshold, usual, identical: the levels (cosines), see :class:`gallery.audit.similarity.Levels`.
        findings: the most severe first.
    """

    people: int
    photos: int
    threshold: float
    usual: float
    identical: float
    findings: tuple[Finding, ...]


def kept(finding: Finding) -> KeptFinding:
    """A finding as a store keeps it."""
    subjects = {person.student.matricula: person.subject for person in finding.people}
    return KeptFinding(
        finding.kind,
        finding.severity,
        tuple(FindingPerson(person.subject, person.photos) for person in finding.people),
        tuple(FindingPhoto(subjects[photo.matricula], photo.sha256) for photo in finding.photos),
        float(finding.score),
        float(finding.level),
        finding.why,
        finding.certain,
    )
