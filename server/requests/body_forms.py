"""In which forms a body is taken, where a route takes others than JSON of one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that is bytes of a media type."""

    media_type: str
    description: str


BodyForms = tuple[Any, ...]
"""The forms of one body: a struct is JSON, ``SentPhotos[Fields]`` has the forms of photos, and there are raw bodies."""
