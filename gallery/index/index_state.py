"""What an index in use says of itself, from memory: nothing is counted in the documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IndexFiles = Literal["clear", "sealed", "sealed_unlocked"]
"""``clear``: mapped from a file in the clear. ``sealed``: from a sealed file, in memory that is never written to the
swap. ``sealed_unlocked``: likewise, but the system refused to lock the memory (``RLIMIT_MEMLOCK``)."""


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
        files: how the vectors of the generation in use are kept; None while the index is in memory only.
        shards: in how many shards it lies; 0 when this process holds it.
        shards_ready: how many of them are there. While one is not, the other figures are those of before.
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
    files: IndexFiles | None = None
    shards: int = 0
    shards_ready: int = 0


@dataclass(frozen=True, slots=True)
class ShardState:
    """One shard of an index; while it is not ready, as it was last.

    Attributes:
        shard: its number, from 0.
        ready: whether it is there.
        templates: that it has.
        subjects: who have any of them.
        generation: number of the newest generation, 0 before there is one.
        unpublished: templates that were added since.
        unerased: removed templates that its files may still contain.
        behind: change numbers of the documents that all shards were asked to follow, and it has not seen.
    """

    shard: int
    ready: bool
    templates: int
    subjects: int
    generation: int
    unpublished: int
    unerased: int
    behind: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How far an index is behind the documents.

    Attributes:
        changes: numbers of the change sequence that it has not seen.
        seconds: since it last had seen everything; 0 when there are none.
    """

    changes: int
    seconds: float
