"""FollowingIndex: the vector index of a document store, kept up with it, and published as generations."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import DocumentStore, Position
from gallery.index.erasure import Erasure, StoreWatcher
from gallery.index.generations import Generation, GenerationStore
from gallery.index.manifest import IndexedDocuments
from gallery.index.recall_gate import GateReport
from gallery.index.searcher import Searcher
from gallery.index.template_parts import PublishedTemplates
from presente.errors import IndexDamaged, PackError, PresenteError
from presente.installation import command_line
from presente.locks import ReadWriteLock

log = logging.getLogger(__name__)

_PUBLISH_EVERY = 5000
"""Changes after which a running gallery publishes by itself, so that the next start has little to replay and the exact
part of every search stays short."""
_SETTLE_S = 30.0
_LOOK_AGAIN_S = 0.1
"""How long ``verify`` looks again at what differs while others write, and how often."""
_PUBLISH_SHARE = 20
"""... and at least one in so many of the templates, so that a large gallery is not written again and again."""


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
        return not self.suspects

    @property
    def suspects(self) -> list[int]:
        """The templates that are not the same on both sides."""
        return sorted({*self.missing_in_index, *self.missing_in_store, *self.different})


class DocumentIndex:
    """Applies what a document store records, whoever wrote it, before anybody searches; for several threads at once.

    Publishing is done beside searches and enrolments: what is to be published is copied or immutable, and what happens
    meanwhile is replayed from the documents onto the new generation before it takes the old one's place.

    Attributes:
        generation: number of the newest published generation, 0 before there is one.
        gate: the report of the release gate on it; None when it is of format 1, or there is none.
    """

    def __init__(self, store: DocumentStore, snapshots: GenerationStore, pack: str, dim: int) -> None:
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
        self.generation = 0
        self.gate: GateReport | None = None
        self._lock = ReadWriteLock()
        self._following = threading.Lock()
        self._publishing = threading.RLock()
        self._background = threading.Thread()
        self._watcher: StoreWatcher | None = None
        self._published_at = 0
        self.erasure = Erasure(store, snapshots)
        self.check_pack()
        self._identity = store.identity()
        self._live, unchecked = self._open()
        self._publish_at = self._due()
        snapshots.prune()
        self._erase_quietly()  # whoever erased was stopped before the files that hold it were overwritten
        if unchecked is not None:
            self._start(lambda: self._check(unchecked))

    @contextmanager
    def reading(self) -> Iterator[Searcher]:
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
                "Set PRESENTE_PACK back, or re-embed every stored photo with "
                f"`{command_line('indexer sync')} --pack {self.pack.split('@')[0]}`.",
            )

    def _open(self) -> tuple[Searcher, Generation | None]:
        """The newest generation that is whole and this gallery's, caught up; else the documents, indexed anew. Also
        the generation when some of its files are still to be checked."""
        generation, warnings = self.snapshots.latest()
        for warning in warnings:
            log.warning("%s The generation before it, or the documents, take over.", warning)
        self.generation = max(self.snapshots.generations(), default=0)
        if generation is not None:
            manifest = generation.manifest
            if manifest.dim == self.dim and manifest.origin == self._origin(manifest.origin.change):
                live = self._on(generation, Position(manifest.origin.change))
                back = live.published.alive(generation.struck).any()  # whom a backup of the documents brought back
                if not back and self._counts_agree(live):
                    self._belongs(generation)
                    return live, generation if generation.unchecked else None
            log.warning("Generation %d does not belong to these documents; the index is rebuilt.", manifest.generation)
        return Searcher.rebuild(self.store, self.dim), None

    def _counts_agree(self, live: Searcher) -> bool:
        """Whether an index has as many templates as the documents; while others write, at some moment."""
        deadline = time.monotonic() + _SETTLE_S
        while len(live) != self.store.counts().templates:
            if not (live.position.awaited or self.store.changed_since(live.position)) or time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_AGAIN_S / 10)
            self.erasure.add(live.follow(self.store, self.pack))
        return True

    def _on(self, generation: Generation, position: Position) -> Searcher:
        """An index that continues from a generation that has seen everything up to a position, caught up."""
        published = PublishedTemplates(generation.templates, generation.vectors, generation.index, generation.files)
        live = Searcher(published, position)
        self.erasure.add(live.follow(self.store, self.pack))
        return live

    def _belongs(self, generation: Generation) -> None:
        self.generation = generation.manifest.generation
        self.gate = generation.manifest.gate
        self._published_at = generation.manifest.origin.change

    def _due(self) -> int:
        """The change at which to publish next."""
        return self._live.change + max(_PUBLISH_EVERY, len(self._live) // _PUBLISH_SHARE)

    @property
    def position(self) -> Position:
        """How far the store's changes are applied."""
        return self._live.position

    def catch_up(self, wrote: bool = False) -> None:
        """Apply what the store has recorded since, by this process or another; ``wrote``: there surely is something."""
        if not wrote and not self.store.changed_since(self._live.position):
            return
        self.follow()
        if self._live.change >= self._publish_at and self._start(self._publish_quietly):
            self._publish_at = self._due()

    def _start(self, work: Callable[[], None]) -> bool:
        """Run something in the background; False when something else is still running there."""
        with self._following:
            if self._background.is_alive():
                return False
            self._background = threading.Thread(target=work, name="publisher")
            self._background.start()
        return True

    def follow(self) -> None:
        """Apply the changes now, after making sure that they are of the same pack."""
        with self._following:
            self.check_pack()
            with self._lock.write():
                removed = self._live.follow(self.store, self.pack)
            self.erasure.add(removed)
        if len(removed):
            self._erase_quietly()

    def finish_erasing(self) -> None:
        """Overwrite what files of the index and of the store still hold of what was removed.

        Raises:
            StoreError: ``erasure_incomplete``, saying what is left; it is tried again whenever the index follows.
        """
        try:
            published = self._live.published
            if len(published.vectors) and published.files is None and self.erasure.waits_for(published):
                self.publish()  # of format 1: its files are not overwritten but replaced
            self.erasure.finish(self._live.published, self._identity)
        finally:
            self.store.finish_erasing()

    def _erase_quietly(self) -> None:
        try:
            self.finish_erasing()
        except PresenteError as error:  # whoever erases is told; nobody else can do anything about it
            log.error("%s", error)

    def watch(self, every_s: float, erased: Callable[[], None]) -> None:
        """Follow also while nobody asks, until closed; ``erased`` is called when somebody was removed."""
        self._watcher = StoreWatcher(self, every_s, erased)

    def publish(self) -> int:
        """Write what the documents hold now as a new generation, and continue from it; its number."""
        with self._publishing:
            self._publish()
            return self.generation

    def _publish(self) -> None:
        self.follow()
        with self._lock.read():
            position, templates = self._live.position, self._live.frozen()
        generation = self.snapshots.publish(templates, self._origin(position.low_water))
        live = self._on(generation, position)
        with self._following, self._lock.write():
            self.erasure.add(live.follow(self.store, self.pack))
            self._live = live
            self._belongs(generation)
        self._publish_at = self._due()
        self._erase_quietly()  # who was removed meanwhile, and the generations before of whom was removed since

    def _publish_quietly(self) -> None:
        try:
            self.publish()
        except PresenteError as error:  # nothing is lost: the documents have it, and the next start replays it
            log.error("%s", error)

    def _check(self, generation: Generation) -> None:
        """Finish the check of a generation that is in use already; damaged, it gives way to the documents."""
        try:
            self.snapshots.check(generation)
        except IndexDamaged as damage:
            log.warning("%s The index is rebuilt from the documents.", damage)
            try:
                self.rebuild()
            except PresenteError as error:
                log.error("%s", error)

    def _origin(self, change: int) -> IndexedDocuments:
        return IndexedDocuments(self._identity, self.pack, change, self.store.mark(change))

    def rebuild(self) -> int:
        """Make the index anew from the documents and publish it as the only generation; its number."""
        with self._publishing:
            live = Searcher.rebuild(self.store, self.dim)
            with self._following, self._lock.write():
                self._live = live
            self._publish()
            self.snapshots.prune(1)
            return self.generation

    def close(self, publish: bool = False) -> None:
        """Stop; with ``publish``, first write a generation if anything changed since the last."""
        if self._watcher is not None:
            self._watcher.stop()
        if self._background.is_alive():
            self._background.join()
        if publish and (self._live.change != self._published_at or not self.generation):
            self.publish()

    def verify(self) -> Agreement:
        """Compare documents and index, template by template and number by number.

        While others write, the two are never read at the same moment: what differs is looked at again, until it agrees
        or nothing was written in between.
        """
        self.catch_up()
        at, found = self.position, self._compare(None)
        deadline = time.monotonic() + _SETTLE_S
        while not found.agrees and time.monotonic() < deadline:
            self.catch_up()
            if self.position == at and not at.awaited:
                break
            at = self.position
            found = replace(self._compare(found.suspects), templates=found.templates)
            if not found.agrees:
                time.sleep(_LOOK_AGAIN_S)
        return found

    def _compare(self, only: list[int] | None) -> Agreement:
        """All templates, or only some of them."""
        with self._lock.read():
            indexed = np.sort(self._live.ids())
            if only is not None:
                indexed = np.intersect1d(indexed, only)
            stored: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
            different: list[int] = []
            for batch in self.store.templates(only, self.pack):
                stored.append(batch.ids)
                known = np.isin(batch.ids, indexed)
                kept = self._live.vectors(batch.ids[known])
                different += batch.ids[known][(kept != batch.vectors[known]).any(axis=1)].tolist()
        ids = np.concatenate(stored)
        return Agreement(
            templates=len(ids),
            missing_in_index=tuple(np.setdiff1d(ids, indexed).tolist()),
            missing_in_store=tuple(np.setdiff1d(indexed, ids).tolist()),
            different=tuple(different),
        )
