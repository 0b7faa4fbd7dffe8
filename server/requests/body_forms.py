"""In which forms a body is taken, where a route takes others than JSON of one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that is bytes of a media type; ``least``: how many it has to have."""

    media_type: str
    description: str
    least: int = 0


@dataclass(frozen=True, slots=True)
class FileForm:
    """A form with one file, in the field ``name``, and nothing else."""

    name: str
    description: str


BodyForms = tuple[Any, ...]
"""The forms of one body: a struct is JSON, ``SentPhotos[Fields]`` has the forms of photos, and there are raw bodies and
forms with a file."""
