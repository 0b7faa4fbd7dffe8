"""What one request took, stage by stage."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

_KEY = "presente.request_record"
_MOST_SPANS = 200
"""Stages of one request that are kept one by one: a list of all students reads the store many times."""


@dataclass(slots=True)
class RequestRecord:
    """Hears the stages of one request; a :data:`presente.stages.Listener` is its :meth:`tell`.

    Attributes:
        begun: when the request was there whole, or its head was refused; seconds of :func:`time.perf_counter`.
        seconds: how long each stage took, all its parts together.
        spans: name, begin and end of each part, in order of their ends; the first :data:`_MOST_SPANS`.
    """

    begun: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)
    spans: list[tuple[str, float, float]] = field(default_factory=list)

    def tell(self, name: str, begin: float, end: float) -> None:
        """A part of a stage is over."""
        self.seconds[name] = self.seconds.get(name, 0.0) + (end - begin)
        if len(self.spans) < _MOST_SPANS:
            self.spans.append((name, begin, end))


def begin_record(environ: dict[str, Any]) -> RequestRecord:
    """Begin the record of a request, which its WSGI environment then carries."""
    record = environ[_KEY] = RequestRecord()
    return record


def record_of(environ: dict[str, Any]) -> RequestRecord:
    """The record of a request; one that begins now, where the front has begun none."""
    found: RequestRecord | None = environ.get(_KEY)
    return begin_record(environ) if found is None else found
