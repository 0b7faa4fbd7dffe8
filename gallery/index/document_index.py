"""The vector index of a document store: kept up to date with the documents, and published as generations."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gallery.documents.protocol import FollowedStore
from gallery.documents.values import Position, Written
from gallery.index.agreement import SETTLE_S, Agreement, compare, settled
from gallery.index.erasure import Erasure, StoreWatcher
from gallery.index.generations import Generation, GenerationStore
from gallery.index.index_state import IndexFiles, IndexState, Lag, ShardState
from gallery.index.manifest import IndexedDocuments
from gallery.index.pack_agreement import check_same_pack
from gallery.index.recall_gate import GateReport
from gallery.index.searcher import Searcher
from gallery.index.template_parts import PublishedTemplates
from presente.errors import IndexDamaged, PresenteError, StoreError
from presente.locks import ReadWriteLock

log = logging.getLogger(__name__)

_PUBLISH_EVERY = 5000
"""Changes after which a running gallery publishes by itself, so that the next start has little to replay and the part
of every search that is exact stays short."""
_PUBLISH_SHARE = 20
"""... and at least one in so many of the templates, so that a large gallery is not written again and again."""
_MOST_IN_MEMORY = 100_000
"""A gallery without a generation that has more templates gets one when it is opened; below, it is held in memory."""
_PUBLISH_AT_LEAST_EVERY = 100_000
"""... but after so many changes in any case: the part that is exact must not make every search slower."""
_FILES: dict[bool | None, IndexFiles] = {None: "clear", True: "sealed", False: "sealed_unlocked"}
_RETRY_S = 0.01
"""Seconds between two looks at whether the documents have as many templates as the index."""


class DocumentIndex:
    """Applies what a document store records, whichever process wrote it, before every search. For several threads.

    Searches and enrolments go on while a generation is published: what is published is a copy or immutable, and what
    changes meanwhile is replayed from the documents before the new generation replaces the old one.

    Attributes:
        generations: where generations are published.
        generation: number of the newest published generation, 0 before there is one.
        gate_report: the recall gate's report on it; None when it is of format 1, or there is none.
        erasure: the removed templates that files may still contain.
    """

    def __init__(
        self, store: FollowedStore, generations: GenerationStore, pack: str, dim: int, pack_name: str = ""
    ) -> None:
        """Load the newest undamaged generation and replay the changes that it has not seen.

        Args:
            store: the documents.
            generations: where generations are published.
            pack: tag of the model pack whose templates are indexed.
            dim: length of its templates.
            pack_name: how ``--pack`` names the pack, for advice in errors; empty: by the name in its tag.

        Raises:
            PackError: ``pack_mismatch`` when the store's templates were made by another pack.
        """
        self.store = store
        self.generations = generations
        self.pack = pack
        self.dim = dim
        self._pack_name = pack_name or pack.split("@")[0]
        self.generation = 0
        self.gate_report: GateReport | None = None
        self._lock = ReadWriteLock()
        self._following = threading.Lock()
        self._publishing = threading.RLock()
        self._background = threading.Thread()
        self._watcher: StoreWatcher | None = None
        self._published_at = 0
        self._files: IndexFiles | None = None
        self._published_time: float | None = None
        self._looked_at = time.monotonic()
        self.erasure = Erasure(store, generations)
        self._passed_over = 0
        self._of_no_use: list[int] = []
        self.check_pack()
        self._identity = store.identity()
        self._searcher, unchecked = self._open()
        self._publish_at = self._next_publication()
        generations.prune()
        self._erase_quietly()  # an erasing process may have been stopped before it overwrote the files
        if unchecked is not None:
            self._start(lambda: self._check(unchecked))

    @contextmanager
    def reading(self) -> Iterator[Searcher]:
        """The index as it is now. It does not change inside the block."""
        with self._lock.read():
            yield self._searcher

    def reachable(self) -> tuple[DocumentIndex, float]:
        """This index: all of it is in this process."""
        return self, 1.0

    def shard_states(self) -> tuple[ShardState, ...]:
        """None: it has no shards."""
        return ()

    def missing_shards(self) -> tuple[int, ...]:
        """None: it has no shards."""
        return ()

    def check_pack(self) -> None:
        """Refuse a store whose templates were made by another pack: ``pack_mismatch``, naming both."""
        self._check_pack(self.store.pack())

    def check_followed_pack(self) -> None:
        """The same, as of the changes that the store has seen: for callers who have just read or written some."""
        self._check_pack(self.store.followed_pack())

    def _check_pack(self, made_with: tuple[str, int] | None) -> None:
        check_same_pack(made_with, (self.pack, self.dim), self._pack_name)

    # -- opening ----------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[Searcher, Generation | None]:
        """The newest generation that is undamaged and belongs to these documents, caught up; otherwise a new index.

        Also the generation, when some of its files are still to be checked.
        """
        generation, warnings = self.generations.latest()
        for warning in warnings:
            log.warning("%s The generation before it, or the documents, are used instead.", warning)
        self.generation = max(self.generations.numbers(), default=0)
        if generation is not None:
            manifest = generation.manifest
            searcher = self._continued(generation)
            if searcher is not None and self._counts_agree(searcher):
                self._use(generation)
                return searcher, generation if generation.unchecked else None
            if manifest.origin.pack != self.pack and manifest.origin.store == self._identity:
                log.info("Generation %d is of another pack; the index is rebuilt.", manifest.generation)
            else:
                log.warning(
                    "Generation %d does not belong to these documents; the index is rebuilt.", manifest.generation
                )
        origins = {number: self.generations.indexed_documents(number) for number in self.generations.numbers()}
        self._of_no_use = [
            number for number, origin in origins.items() if origin is None or origin.store == self._identity
        ]
        return self._from_documents(), None

    def _from_documents(self) -> Searcher:
        """An index of all templates in the store: in memory, or of a new generation where they are many."""
        if not self.generations.reads and self.store.template_count() > _MOST_IN_MEMORY:
            try:
                return self._publish_documents()
            except StoreError as error:
                log.error("%s The index is held in memory.", error)
        return Searcher.rebuild(self.store, self.dim)

    def _publish_documents(self) -> Searcher:
        """Write all templates in the store as a new generation, without holding them in memory; an index of it."""
        # The position comes first: changes made while the templates are read are applied once more, which is harmless.
        position = self.store.position()
        documents = self._documents_at(position.low_water)
        generation = self.generations.publish(self.store.templates(), self.dim, documents)
        self._use(generation)
        return self._continue_from(generation, position)

    def _continued(self, generation: Generation) -> Searcher | None:
        """An index that continues from a generation; None when it does not belong to these documents."""
        origin = generation.manifest.origin
        if generation.manifest.dim != self.dim or origin != self._documents_at(origin.change):
            return None
        searcher = self._continue_from(generation, Position(origin.change))
        # A restored backup of the documents may contain students whose rows were overwritten.
        restored = searcher.published.alive(generation.erased_rows).any()
        return None if restored else searcher

    def take_over_published(self) -> bool:
        """Continue from the newest generation, if another process has published it; whether that was so.

        Raises:
            IndexDamaged: ``index_damaged``; the index goes on as it is.
        """
        with self._publishing:
            generation, _ = self.generations.latest()
            if generation is None or generation.manifest.generation <= self.generation:
                return False
            self.generations.check(generation)
            searcher = self._continued(generation)
            if searcher is None:
                return False
            with self._following, self._lock.write():
                self.erasure.add(searcher.follow(self.store, self.pack))
                self._searcher = searcher
                self._use(generation)
            self._publish_at = self._next_publication()
        return True

    def _counts_agree(self, searcher: Searcher) -> bool:
        """Whether an index has as many templates as the documents; while others write, at some moment."""
        deadline = time.monotonic() + SETTLE_S
        while len(searcher) != self.store.template_count():
            position = searcher.position
            if not (position.awaited or self.store.changed_since(position)) or time.monotonic() > deadline:
                return False
            time.sleep(_RETRY_S)
            self.erasure.add(searcher.follow(self.store, self.pack))
        return True

    def _continue_from(self, generation: Generation, position: Position) -> Searcher:
        """An index that begins with a generation that has seen everything up to a position, caught up."""
        published = PublishedTemplates(generation.templates, generation.vectors, generation.index, generation.files)
        searcher = Searcher(published, position)
        self.erasure.add(searcher.follow(self.store, self.pack))
        return searcher

    def _use(self, generation: Generation) -> None:
        """Note which generation is in use."""
        self.generation = generation.manifest.generation
        self.gate_report = generation.manifest.gate
        self._published_at = generation.manifest.origin.change
        self._published_time = self.generations.published_time(self.generation)
        self._files = _FILES[generation.is_locked]

    # -- following --------------------------------------------------------------------------------------------------

    @property
    def position(self) -> Position:
        """How far the store's changes are applied."""
        return self._searcher.position

    def catch_up(self) -> None:
        """Apply what the store has recorded since, by any process."""
        if not self.store.changed_since(self._searcher.position):
            self._looked_at = time.monotonic()
            return
        self.follow()
        self._publish_when_due()

    def catch_up_after(self, written: Written | None) -> None:
        """Apply an enrolment of this process, and what the store has recorded before it, by any process."""
        self.follow(written)
        self._publish_when_due()

    def _publish_when_due(self) -> None:
        if self.generations.reads:
            return
        if self._searcher.change >= self._publish_at and self._start(self._publish_quietly):
            self._publish_at = self._next_publication()

    def follow(self, written: Written | None = None) -> None:
        """Apply the changes now, after checking that they are of the same pack; ``written`` is not asked for again."""
        with self._following:
            began = time.monotonic()
            with self._lock.write():
                removed = self._searcher.follow(self.store, self.pack, self.check_followed_pack, written)
            self.erasure.add(removed)
            self._looked_at = began  # what was written while the changes were read may be missing
        if len(removed):
            self._erase_quietly()

    def state(self) -> IndexState:
        """The index as it is now, without asking the documents."""
        published, gate = self._published_time, self.gate_report
        with self._lock.read():
            searcher = self._searcher
            return IndexState(
                kind=searcher.index.spec.kind,
                templates=len(searcher),
                subjects=searcher.subject_count(),
                unpublished=len(searcher.recent),
                unerased=self.erasure.waiting,
                generation=self.generation,
                generation_age_s=None if published is None else max(0.0, time.time() - published),
                recall=None if gate is None else gate.recall,
                recall_floor=None if gate is None else gate.floor,
                change=searcher.change,
                looked_s=time.monotonic() - self._looked_at,
                files=self._files if searcher.published.files is not None else None,
            )

    def behind(self) -> int:
        """By how many numbers of the change sequence the index is behind the documents; asks the store once.

        Raises:
            StoreError: of the store.
        """
        return max(0, self.store.last_change() - self._searcher.change)

    def lag(self) -> Lag:
        """How far the index is behind the documents; asks the store once. It waits for no lock.

        Raises:
            StoreError: of the store.
        """
        looked_at = self._looked_at
        changes = self.behind()
        return Lag(changes, max(0.0, time.monotonic() - looked_at) if changes else 0.0)

    def watch(self, every_s: float, erased: Callable[[], None]) -> None:
        """Follow the documents at intervals until closed; ``erased`` is called when a student was removed.

        Generations that cannot be used are replaced first: they may contain people who were erased meanwhile.
        """
        if self._of_no_use and not self.generations.reads:
            self._start(self._replace_what_is_of_no_use)
        self._watcher = StoreWatcher(self._tend, self.erasure.seen, every_s, erased)

    def _tend(self) -> int:
        """Apply what the documents have recorded, and look after the files; how many removals were seen so far."""
        self.catch_up()
        self.finish_erasing()
        self.tend_folder()
        return self.erasure.seen

    def tend_folder(self) -> None:
        """Continue from a generation that another process has published here, and delete what a killed one left.

        Either may contain templates that were removed since: its writer may have died before it overwrote them.
        """
        newest = max(self.generations.numbers(), default=0)
        if newest > max(self.generation, self._passed_over) and self._start(self._take_over_quietly):
            self._passed_over = newest
        self.generations.delete_leftovers()

    def finish_erasing(self) -> None:
        """Overwrite what files of the index and of the store still contain of removed templates.

        Raises:
            StoreError: ``erasure_incomplete``, saying what is left; it is tried again whenever the index follows.
        """
        try:
            published = self._searcher.published
            if len(published.vectors) and published.files is None and self.erasure.waits_for(published):
                self.publish()  # a generation of format 1 is replaced, not overwritten
            self.erasure.finish(self._searcher.published, self._identity)
        finally:
            self.store.finish_erasing()

    def _erase_quietly(self) -> None:
        try:
            self.finish_erasing()
        except PresenteError as error:  # the caller who erases gets the error; no other caller can act on it
            log.error("%s", error)

    # -- publishing -------------------------------------------------------------------------------------------------

    def publish(self) -> int:
        """Write the present templates as a new generation, and continue from it; its number."""
        with self._publishing:
            self._publish()
            return self.generation

    def _publish(self) -> None:
        self.follow()
        with self._lock.read():
            position, templates = self._searcher.position, self._searcher.snapshot()
        generation = self.generations.publish(templates.batches(), self.dim, self._documents_at(position.low_water))
        searcher = self._continue_from(generation, position)
        with self._following, self._lock.write():
            self.erasure.add(searcher.follow(self.store, self.pack))
            self._searcher = searcher
            self._use(generation)
        self._publish_at = self._next_publication()
        self._erase_quietly()  # templates removed meanwhile, and older generations that contain removed ones

    def _take_over_quietly(self) -> None:
        try:
            if self.take_over_published():
                self._erase_quietly()
        except PresenteError as error:
            log.error("%s", error)

    def _replace_what_is_of_no_use(self) -> None:
        """Delete the generations that could not be used, once there is one that can."""
        try:
            if self.generation in self._of_no_use:  # else one was written when the index was opened
                self.publish()
            for number in self._of_no_use:
                self.generations.delete(number)
        except (PresenteError, OSError) as error:
            log.error("%s", error)

    def _publish_quietly(self) -> None:
        try:
            self.publish()
        except PresenteError as error:  # nothing is lost: the next start replays the documents
            log.error("%s", error)

    def _next_publication(self) -> int:
        """The change at which to publish next."""
        share = min(len(self._searcher) // _PUBLISH_SHARE, _PUBLISH_AT_LEAST_EVERY)
        return self._searcher.change + max(_PUBLISH_EVERY, share)

    def _start(self, work: Callable[[], None]) -> bool:
        """Run a function in the background; False when another one is still running there."""
        with self._following:
            if self._background.is_alive():
                return False
            self._background = threading.Thread(target=work, name="publisher")
            self._background.start()
        return True

    def _check(self, generation: Generation) -> None:
        """Finish the check of a generation that is in use. If it is damaged, the index is rebuilt."""
        try:
            self.generations.check(generation)
        except IndexDamaged as damage:
            log.warning("%s The index is rebuilt from the documents.", damage)
            try:
                self.rebuild()
            except PresenteError as error:
                log.error("%s", error)

    def _documents_at(self, change: int) -> IndexedDocuments:
        return IndexedDocuments(self._identity, self.pack, change, self.store.change_mark(change))

    def rebuild(self) -> int:
        """Rebuild the index from the documents and publish it as the only generation; its number."""
        with self._publishing:
            searcher = self._publish_documents()
            with self._following, self._lock.write():
                self.erasure.add(searcher.follow(self.store, self.pack))
                self._searcher = searcher
            self._publish_at = self._next_publication()
            self._erase_quietly()
            self.generations.prune(1)
            return self.generation

    def close(self, publish: bool = False) -> None:
        """Stop. With ``publish``, write a generation first if anything changed since the last one."""
        if self._watcher is not None:
            self._watcher.stop()
        if self._background.is_alive():
            self._background.join()
        if publish and (self._searcher.change != self._published_at or not self.generation):
            self.publish()

    # -- comparing --------------------------------------------------------------------------------------------------

    def verify(self) -> Agreement:
        """Compare documents and index, template by template and number by number; see :func:`settled`."""
        return settled(self.catch_up, lambda: self.position, self._compare)

    def _compare(self, only: list[int] | None) -> Agreement:
        with self._lock.read():
            return compare(self._searcher, self.store, self.pack, only)
