"""The photos of a source in batches for workers, and what is known of a batch whose worker was lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from indexer.sources.values import SourcePhoto

_MOST, _FEWEST = 64, 4
_BATCHES_PER_WORKER = 8


@dataclass(slots=True, eq=False)
class LostBatch:
    """A batch that a worker was lost with. What it had stored is there when the photos are read again.

    Attributes:
        matriculas: of the students.
        done, already: as the workers that read it again counted.
    """

    matriculas: frozenset[str]
    done: int = 0
    already: int = 0


@dataclass(slots=True, eq=False)
class Batch:
    """Photos that one worker is given; all photos of each student, unless they are read one by one.

    Attributes:
        photos: the photos.
        losses: how many workers were lost while they had it under way.
        lost: kept from the first loss on, also for the single photos that a batch becomes.
    """

    photos: tuple[SourcePhoto, ...]
    losses: int = 0
    lost: LostBatch | None = field(default=None)

    @property
    def is_alone(self) -> bool:
        """Whether it is one photo that may have ended a worker."""
        return self.lost is not None and len(self.photos) == 1

    def note_loss(self) -> LostBatch:
        """Count a lost worker."""
        self.losses += 1
        if self.lost is None:
            self.lost = LostBatch(frozenset(photo.student.matricula for photo in self.photos))
        return self.lost

    def one_by_one(self) -> list[Batch]:
        """The photos, each a batch."""
        return [Batch((photo,), lost=self.lost) for photo in self.photos]


def batch_size(photos: int, workers: int) -> int:
    """Photos per batch: a small source is spread over the workers, too."""
    return max(_FEWEST, min(_MOST, photos // (_BATCHES_PER_WORKER * max(workers, 1))))


def in_whole_students(photos: Iterable[SourcePhoto], size: int) -> Iterator[Batch]:
    """Batches of at least ``size`` photos, but for the last one, in the order of the source."""
    waiting: list[SourcePhoto] = []
    for _, group in groupby(photos, key=lambda photo: photo.student):
        waiting += group
        if len(waiting) >= size:
            yield Batch(tuple(waiting))
            waiting = []
    if waiting:
        yield Batch(tuple(waiting))
