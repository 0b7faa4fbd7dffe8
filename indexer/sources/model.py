"""What a source of photos gives to the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gallery.documents.model import Student


@dataclass(frozen=True, slots=True)
class SourcePhoto:
    """One photo that is yet to be read, and whose it is."""

    student: Student
    path: Path


@dataclass(frozen=True, slots=True)
class Source:
    """All photos of a source, those of one person together; ``ignored`` files were not even taken for photos."""

    name: str
    photos: tuple[SourcePhoto, ...]
    ignored: int = 0
