"""What a gallery asks of its index, whether one process holds it or several machines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import Position, Written
from gallery.index.agreement import Agreement
from gallery.index.index_state import IndexState, Lag, ShardState
from gallery.index.kinds.protocol import IndexSpec
from gallery.index.recall_gate import GateReport
from gallery.index.template_snapshot import Snapshot

Selected = TypeVar("Selected")


class IndexReader(Protocol[Selected]):
    """The templates of an index. ``Selected`` is what stands for a selection of subjects."""

    @property
    def position(self) -> Position:
        """How far the store's changes are applied."""

    @property
    def change(self) -> int:
        """The number of the last change that was seen."""

    @property
    def spec(self) -> IndexSpec:
        """How the published templates are indexed."""

    @property
    def unpublished(self) -> int:
        """How many templates were added since the newest generation."""

    def __len__(self) -> int:
        """How many templates there are."""

    def subject_count(self) -> int:
        """How many subjects have a template."""

    def select(self, subjects: NDArray[np.int64]) -> Selected:
        """What :meth:`best_subjects` takes to search the templates of some subjects only."""

    def best_subjects(
        self, probes: NDArray[np.float32], k: int, only: Selected | None = None
    ) -> list[list[tuple[int, float]]]:
        """The k best subjects of each probe, float32 (m, d) contiguous unit rows, with their scores, best first."""

    def best_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """Id of the subject's template nearest to a float32 (d,) probe; None when the subject has no template."""

    def subject_vectors(self, subject: int) -> NDArray[np.float32]:
        """A copy of a subject's templates, float32 (t, d)."""

    def snapshot(self) -> Snapshot:
        """All templates, as they are now."""


class GalleryIndex(Protocol):
    """An index that follows the documents. Failures of its parts raise ``StoreError``."""

    @property
    def generation(self) -> int:
        """Number of the newest published generation, 0 before there is one."""

    @property
    def gate_report(self) -> GateReport | None:
        """The recall gate's report on it."""

    @property
    def position(self) -> Position:
        """How far the store's changes are applied."""

    def reachable(self) -> tuple[GalleryIndex, float]:
        """The part of the index that can be searched now, and its share of all subjects; itself and 1 if that is all.

        Raises ``StoreError`` (``shards_missing``) when there is no such part."""

    def shard_states(self) -> tuple[ShardState, ...]:
        """Each shard as it is now; none when this process holds the index."""

    def missing_shards(self) -> tuple[int, ...]:
        """Which shards are not there now."""

    def reading(self) -> AbstractContextManager[IndexReader[Any]]:
        """The index as it is now."""

    def check_pack(self) -> None:
        """Refuse a store whose templates were made by another pack: ``pack_mismatch``."""

    def check_followed_pack(self) -> None:
        """The same, as of the changes that the store has seen."""

    def catch_up(self) -> None:
        """Apply what the store has recorded since, by any process."""

    def catch_up_after(self, written: Written | None) -> None:
        """Apply an enrolment of this process, and what the store has recorded before it."""

    def follow(self) -> object:
        """Apply the changes now."""

    def finish_erasing(self) -> None:
        """Overwrite what files still contain of removed templates. Raises ``StoreError`` (``erasure_incomplete``)."""

    def watch(self, every_s: float, erased: Callable[[], None]) -> None:
        """Follow the documents at intervals until closed; ``erased`` is called when a student was removed."""

    def state(self) -> IndexState:
        """The index as it is now, without asking the documents."""

    def behind(self) -> int:
        """By how many numbers of the change sequence the index is behind the documents."""

    def lag(self) -> Lag:
        """How far the index is behind the documents."""

    def take_over_published(self) -> bool:
        """Continue from a newer generation of another process; whether there was one."""

    def publish(self) -> int:
        """Write the present templates as a new generation; its number."""

    def rebuild(self) -> int:
        """Rebuild from the documents and publish; the number of the generation."""

    def verify(self) -> Agreement:
        """Compare documents and index, template by template."""

    def close(self, publish: bool = False) -> None:
        """Stop. With ``publish``, write a generation first if anything changed since the last one."""
