"""A shard: the index of a part of the subjects, in a process of its own, and what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import DocumentStore
from gallery.documents.values import SubjectPart
from gallery.index.agreement import Agreement
from gallery.index.document_index import DocumentIndex
from gallery.index.generations import GenerationStore
from gallery.index.index_state import IndexState
from gallery.index.kinds.protocol import IndexSpec
from gallery.index.recall_gate import GateReport, IndexSettings
from gallery.index.sealed_files import INDEX_KEY
from gallery.index.template_snapshot import TemplateSnapshot
from gallery.shards.part_of_store import PartOfStore
from presente.errors import StoreError
from presente.files import erase_folder

_WATCH_S = 1.0
_SNAPSHOTS = 2
"""How many snapshots are kept for :meth:`Shard.take`."""


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """A shard as it is now.

    Attributes:
        state: of its index.
        spec: how its published templates are indexed.
        gate_report: the recall gate's report on them.
    """

    state: IndexState
    spec: IndexSpec
    gate_report: GateReport | None


class Shard:
    """Follows the documents by itself, and answers. Safe to use from several threads."""

    def __init__(
        self,
        store: DocumentStore,
        folder: Path,
        settings: IndexSettings,
        pack: tuple[str, int],
        pack_name: str,
        part: SubjectPart,
    ) -> None:
        """Continue from the newest generation of this part in a folder, or read its templates from the documents.

        Args:
            store: all documents; the shard closes them.
            folder: where generations of all shards of this machine lie, each in a folder of its own. Those of another
                number of shards, or of no shards, are deleted: no one would overwrite who is erased from them.
            settings: the kind of index.
            pack: tag and dimension.
            pack_name: how ``--pack`` names the pack.
            part: whose templates these are.

        Raises:
            PackError: ``pack_mismatch``.
        """
        for other in folder.glob("shard-*-of-*"):
            if not other.name.endswith(f"-of-{part.of}"):
                erase_folder(other)
        whole = GenerationStore(folder, settings)
        for number in whole.numbers():
            whole.delete(number)
        self._store = store
        own = GenerationStore(
            folder / f"shard-{part.number}-of-{part.of}", settings, cipher=store.seals.derived(INDEX_KEY)
        )
        self._index = DocumentIndex(PartOfStore(store, part), own, *pack, pack_name)
        self._index.watch(_WATCH_S, lambda: None)
        self._snapshots: dict[int, TemplateSnapshot] = {}
        self._numbers = count()

    def follow(self) -> tuple[int, int]:
        """Apply what the documents have recorded since; how many removals were seen so far, and how many subjects have
        a template."""
        self._index.catch_up()
        with self._index.reading() as searcher:
            return self._index.erasure.seen, searcher.subject_count()

    def best_subjects(
        self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None
    ) -> list[list[tuple[int, float]]]:
        """The k best subjects of each probe, of all or of some, with their scores, best first."""
        with self._index.reading() as searcher:
            # What comes from another process may be read-only, and FAISS takes no such array.
            selected = None if only is None else searcher.select(np.array(only))
            return searcher.best_subjects(np.array(probes), k, selected)

    def best_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """See :meth:`gallery.index.searcher.Searcher.best_template`."""
        with self._index.reading() as searcher:
            return searcher.best_template(probe, subject)

    def subject_vectors(self, subject: int) -> NDArray[np.float32]:
        """See :meth:`gallery.index.searcher.Searcher.subject_vectors`."""
        with self._index.reading() as searcher:
            return searcher.subject_vectors(subject)

    def summary(self) -> ShardSummary:
        """The shard as it is now, without asking the documents."""
        with self._index.reading() as searcher:
            spec = searcher.spec
        return ShardSummary(self._index.state(), spec, self._index.gate_report)

    def snapshot(self) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        """All templates as they are now: a number for :meth:`take`, ids and subjects."""
        with self._index.reading() as searcher:
            made = searcher.snapshot()
        number = next(self._numbers)
        self._snapshots[number] = made
        for old in sorted(self._snapshots)[:-_SNAPSHOTS]:
            del self._snapshots[old]
        return number, made.ids, made.subjects

    def take(self, number: int, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of some templates of a snapshot, by their number in it.

        Raises:
            StoreError: ``snapshot_gone`` when the shard was opened anew meanwhile.
        """
        snapshot = self._snapshots.get(number)
        if snapshot is None:
            raise StoreError("snapshot_gone", "A part of the index was opened anew meanwhile.", "Try again.")
        return snapshot.take(which)

    def finish_erasing(self) -> None:
        """See :meth:`gallery.index.document_index.DocumentIndex.finish_erasing`."""
        self._index.finish_erasing()

    def take_over_published(self) -> bool:
        """See :meth:`gallery.index.document_index.DocumentIndex.take_over_published`."""
        return self._index.take_over_published()

    def publish(self) -> int:
        """See :meth:`gallery.index.document_index.DocumentIndex.publish`."""
        return self._index.publish()

    def rebuild(self) -> int:
        """See :meth:`gallery.index.document_index.DocumentIndex.rebuild`."""
        return self._index.rebuild()

    def verify(self) -> Agreement:
        """Compare the documents of this part with its index."""
        return self._index.verify()

    def close(self, publish: bool) -> None:
        """Stop; with ``publish`` write a generation first if anything changed."""
        try:
            self._index.close(publish)
        finally:
            self._store.close()


ShardOpener = Callable[[SubjectPart], Shard]
"""Opens the shard of a part, on the machine where it is called. It can be pickled."""
