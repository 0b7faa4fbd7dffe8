"""LiveIndex: the vector index in memory, whose template is whose, and the last change that both have seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gallery.documents.model import DocumentStore
from gallery.snapshot import Generation
from gallery.vectors.flat import FlatIndex
from gallery.vectors.model import VectorIndex


class LiveIndex:
    """Follows a document store by its change sequence. Not safe to change while it is searched.

    Attributes:
        index: the vector index.
        change: sequence number of the last change applied.
    """

    def __init__(self, index: VectorIndex, subjects: NDArray[np.int64], change: int) -> None:
        self.index = index
        self.change = change
        self._ids = np.ascontiguousarray(subjects[:, 0])
        self._subjects = np.ascontiguousarray(subjects[:, 1])

    @classmethod
    def empty(cls, dim: int) -> LiveIndex:
        """An index of nobody that has seen no change."""
        return cls(FlatIndex(dim), np.empty((0, 2), dtype=np.int64), 0)

    @classmethod
    def from_generation(cls, generation: Generation) -> LiveIndex:
        """Continue from a published generation."""
        return cls(generation.index, generation.subjects, generation.manifest.origin.change)

    @classmethod
    def rebuild(cls, store: DocumentStore, dim: int) -> LiveIndex:
        """A new index of everything that the store holds."""
        live = cls.empty(dim)
        # Ask for the changes first: what happens while the templates are read is applied once more, which is harmless.
        changes = store.changes(0)
        for batch in store.templates():
            live._append(batch.ids, batch.subjects, batch.vectors)
        live.change = changes.last
        return live

    def __len__(self) -> int:
        return len(self.index)

    @property
    def subjects(self) -> NDArray[np.int64]:
        """int64 (n, 2): template id and subject id, in order of template id."""
        return np.column_stack([self._ids, self._subjects])

    def follow(self, store: DocumentStore) -> None:
        """Apply the changes that the store has recorded since."""
        changes = store.changes(self.change)
        self._drop(np.union1d(changes.added, changes.removed))
        added = np.setdiff1d(changes.added, changes.removed)
        if len(added):
            for batch in store.templates([int(i) for i in added]):  # those that are gone again are simply not there
                self._append(batch.ids, batch.subjects, batch.vectors)
        self.change = changes.last

    def subjects_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Subject ids of template ids that are in the index; same shape."""
        return self._subjects[np.searchsorted(self._ids, ids)]

    def templates_of(self, subjects: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of all templates of the given subjects."""
        return self._ids[np.isin(self._subjects, subjects)]

    def best_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """Id of the subject's template nearest to a float32 (d,) probe; None when there is none."""
        ids = self.templates_of(np.array([subject], dtype=np.int64))
        if not len(ids):
            return None
        return int(ids[(self.index.vectors(ids) @ probe).argmax()])

    def best_per_subject(
        self,
        probes: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.int64] | None = None,
    ) -> list[list[tuple[int, float]]]:
        """The k best subjects of each probe with their best template's cosine, best first; exact.

        Templates are searched k at a time and then more, until k different subjects are seen or none are left: a
        subject outside the list has no template above the last score in it.

        Args:
            probes: float32 (m, d), unit rows.
            k: how many subjects.
            allowed: template ids to search; None for all.
        """
        total = len(self.index) if allowed is None else len(allowed)
        results: list[list[tuple[int, float]]] = [[] for _ in range(len(probes))]
        pending = np.arange(len(probes))
        depth = min(max(2 * k, k + 16), total)
        while len(pending) and depth:
            scores, ids = self.index.search(probes[pending], depth, allowed)
            unfinished = []
            for row, probe in enumerate(pending):
                found = ids[row] >= 0
                subjects = self.subjects_of(ids[row][found])
                _, first = np.unique(subjects, return_index=True)
                best = np.sort(first)[:k]
                if len(best) < k and depth < total:
                    unfinished.append(probe)
                results[probe] = [(int(subjects[i]), float(scores[row][found][i])) for i in best]
            pending = np.array(unfinished, dtype=np.int64)
            depth = min(depth * 4, total)
        return results

    def _append(self, ids: NDArray[np.int64], subjects: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self.index.add(ids, vectors)
        self._ids = np.concatenate([self._ids, ids])
        self._subjects = np.concatenate([self._subjects, subjects])
        if len(self._ids) > len(ids) and self._ids[-len(ids) - 1] > ids[0]:
            order = np.argsort(self._ids, kind="stable")
            self._ids, self._subjects = self._ids[order], self._subjects[order]

    def _drop(self, ids: NDArray[np.int64]) -> None:
        places = np.searchsorted(self._ids, ids)
        inside = places < len(self._ids)
        places = places[inside][self._ids[places[inside]] == ids[inside]]
        if len(places):
            self.index.remove(self._ids[places])
            self._ids, self._subjects = np.delete(self._ids, places), np.delete(self._subjects, places)
