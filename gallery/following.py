"""FollowingIndex: the vector index of a document store, kept up with it, and published as generations."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.documents.model import DocumentStore
from gallery.live import LiveIndex
from gallery.locks import ReadWriteLock
from gallery.snapshot import KEEP, Origin, SnapshotStore
from presente.errors import PackError, PresenteError

log = logging.getLogger(__name__)

_PUBLISH_EVERY = 5000
"""Changes after which a running gallery publishes by itself, so that the next start has little to replay."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What ``verify`` found: template ids that only one side has, and those whose vectors differ."""

    templates: int
    missing_in_index: tuple[int, ...]
    missing_in_store: tuple[int, ...]
    different: tuple[int, ...]

    @property
    def agrees(self) -> bool:
        """True when documents and index hold the same templates."""
        return not (self.missing_in_index or self.missing_in_store or self.different)


class FollowingIndex:
    """Applies what a document store records, whoever wrote it, before anybody searches; for several threads at once.

    Attributes:
        generation: number of the newest published generation, 0 before there is one.
    """

    def __init__(self, store: DocumentStore, snapshots: SnapshotStore, pack: str, dim: int) -> None:
        """Load the newest whole generation and replay what it has not seen.

        Args:
            store: the documents.
            snapshots: where generations are published.
            pack: tag of the model pack whose templates are indexed.
            dim: length of its templates.

        Raises:
            PackError: ``pack_mismatch`` when the store's templates were made by another pack.
        """
        self.store = store
        self.snapshots = snapshots
        self.pack = pack
        self.dim = dim
        self._lock = ReadWriteLock()
        self._following = threading.Lock()
        self._publisher = threading.Thread()
        self.check_pack()
        self._identity = store.identity()
        self._live, self.generation, self._published_at = self._open()
        self._publish_at = self._published_at + _PUBLISH_EVERY
        self.publish_if_erased()  # whoever erased was stopped before the generations that hold it were gone

    @contextmanager
    def reading(self) -> Iterator[LiveIndex]:
        """The index as it is now, which does not change inside the block."""
        with self._lock.read():
            yield self._live

    def check_pack(self) -> None:
        """Refuse a store whose templates were made by another pack: ``pack_mismatch``, naming both."""
        made_with = self.store.pack()
        if made_with is not None and made_with != (self.pack, self.dim):
            raise PackError(
                "pack_mismatch",
                f"The gallery was made with pack {made_with[0]!r} ({made_with[1]} dimensions), and "
                f"{self.pack!r} ({self.dim}) was asked for; their templates cannot be compared.",
                f"Set PRESENTE_PACK back, or re-embed every stored photo with `python -m indexer sync --pack "
                f"{self.pack.split('@')[0]}`.",
            )

    def _open(self) -> tuple[LiveIndex, int, int]:
        """The newest generation that is whole and this gallery's, caught up; else the documents, indexed anew.

        Returns:
            the index, the newest generation's number, and the change that it has seen.
        """
        generation, warnings = self.snapshots.latest()
        for warning in warnings:
            log.warning("%s The generation before it, or the documents, take over.", warning)
        number = max(self.snapshots.generations(), default=0)
        if generation is not None:
            manifest = generation.manifest
            if manifest.dim == self.dim and manifest.origin == self._origin(manifest.origin.change):
                live = LiveIndex.from_generation(generation)
                live.follow(self.store)
                if len(live) == self.store.counts().templates:
                    return live, manifest.generation, manifest.origin.change
            log.warning("Generation %d does not belong to these documents; the index is rebuilt.", manifest.generation)
        return LiveIndex.rebuild(self.store, self.dim), number, 0

    def catch_up(self) -> None:
        """Apply what the store has recorded since, by this process or another."""
        if not self.store.changed_since(self._live.change):
            return
        self.follow()
        if self._live.change >= self._publish_at and not self._publisher.is_alive():
            self._publish_at = self._live.change + _PUBLISH_EVERY
            self._publisher = threading.Thread(target=self._publish_quietly, name="publisher")
            self._publisher.start()

    def follow(self) -> None:
        """Apply the changes now, after making sure that they are of the same pack."""
        with self._following:
            self.check_pack()
            self._follow()

    def _follow(self) -> None:
        with self._lock.write():
            self._live.follow(self.store)

    def publish(self) -> int:
        """Write what the documents hold now as a new generation; its number.

        Two generations are kept, unless somebody was erased since the last one: then only the new one is.
        """
        with self._following:
            while True:
                self._follow()
                live = self._live
                keep = 1 if self.store.removed_since(self._published_at) else KEEP
                self.generation = self.snapshots.publish(live.index, live.subjects, self._origin(live.change), keep)
                self._published_at = live.change
                self._publish_at = live.change + _PUBLISH_EVERY
                if not self.store.removed_since(live.change):
                    return self.generation

    def _publish_quietly(self) -> None:
        try:
            self.publish()
        except PresenteError as error:  # nothing is lost: the documents have it, and the next start replays it
            log.error("%s", error)

    def _origin(self, change: int) -> Origin:
        return Origin(self._identity, self.pack, change, self.store.mark(change))

    def publish_if_erased(self) -> None:
        """Publish when somebody was erased since the last time: older generations still hold their vectors."""
        if self.generation and self.store.removed_since(self._published_at):
            self.publish()

    def rebuild(self) -> int:
        """Make the index anew from the documents and publish it, whatever was there before; the generation."""
        with self._following, self._lock.write():
            self._live = LiveIndex.rebuild(self.store, self.dim)
            self._published_at = 0
        return self.publish()

    def close(self, publish: bool = False) -> None:
        """Stop; with ``publish``, first write a generation if anything changed since the last."""
        if self._publisher.is_alive():
            self._publisher.join()
        if publish and (self._live.change != self._published_at or not self.generation):
            self.publish()

    def verify(self) -> Agreement:
        """Compare documents and index, template by template and number by number."""
        self.catch_up()
        with self._lock.read():
            indexed = {int(i) for i in self._live.index.ids()}
            stored: set[int] = set()
            different: list[int] = []
            for batch in self.store.templates():
                stored.update(int(i) for i in batch.ids)
                different += self._differing(batch.ids, batch.vectors, indexed)
        return Agreement(
            templates=len(stored),
            missing_in_index=tuple(sorted(stored - indexed)),
            missing_in_store=tuple(sorted(indexed - stored)),
            different=tuple(different),
        )

    def _differing(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], indexed: set[int]) -> list[int]:
        known = np.array([i for i, template in enumerate(ids) if int(template) in indexed], dtype=np.int64)
        if not len(known):
            return []
        kept = self._live.index.vectors(ids[known])
        return [int(i) for i in ids[known][(kept != vectors[known]).any(axis=1)]]
