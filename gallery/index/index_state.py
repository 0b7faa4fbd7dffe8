"""What an index in use says of itself, from memory: nothing is counted in the documents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index at one moment.

    Attributes:
        kind: of the published index.
        templates: templates that searches find.
        subjects: subjects who have one.
        unpublished: templates that were added since the newest generation.
        unerased: templates that were removed and that files may still contain.
        generation: number of the newest generation, 0 before there is one.
        generation_age_s: seconds since it was published; None before there is one.
        recall: what the recall gate measured of it; None before there is one, and for format 1.
        recall_floor: what the gate asked for; None likewise.
        change: the last change of the documents that the index has seen.
        looked_s: seconds since the index last asked the documents for changes and was answered.
    """

    kind: str
    templates: int
    subjects: int
    unpublished: int
    unerased: int
    generation: int
    generation_age_s: float | None
    recall: float | None
    recall_floor: float | None
    change: int
    looked_s: float


@dataclass(frozen=True, slots=True)
class Lag:
    """How far an index is behind the documents.

    Attributes:
        changes: numbers of the change sequence that it has not seen.
        seconds: since it last had seen everything; 0 when there are none.
    """

    changes: int
    seconds: float
