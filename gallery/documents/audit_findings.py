"""What an audit found, as a store keeps it: people by subject id, photos by digest. So names are those of today."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FindingPerson:
    """A subject who is part of a finding, and how many photos of the subject were compared."""

    subject: int
    photos: int


@dataclass(frozen=True, slots=True)
class FindingPhoto:
    """A photo that is part of a finding: whose it is, and its SHA-256."""

    subject: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """A finding of :class:`gallery.audit.findings.Finding`, whose attributes these are."""

    kind: str
    severity: str
    people: tuple[FindingPerson, ...]
    photos: tuple[FindingPhoto, ...]
    score: float
    level: float
    why: str
    certain: bool = True

    @property
    def mark(self) -> str:
        """32 hex digits that tell the finding from others, and that the next audit gives it again."""
        photos = sorted([photo.subject, photo.sha256] for photo in self.photos)
        whole = [self.kind, sorted(person.subject for person in self.people), photos]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:32]

    @property
    def subjects(self) -> frozenset[int]:
        """Everyone whom it is about."""
        return frozenset([person.subject for person in self.people] + [photo.subject for photo in self.photos])

    def to_json(self) -> str:
        """The finding as a text."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> KeptFinding:
        """Read what :meth:`to_json` wrote."""
        described: dict[str, Any] = json.loads(text)
        people = tuple(FindingPerson(**each) for each in described.pop("people"))
        photos = tuple(FindingPhoto(**each) for each in described.pop("photos"))
        return cls(people=people, photos=photos, **described)
