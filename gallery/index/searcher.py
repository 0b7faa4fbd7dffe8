"""LiveIndex: what was published and what came since, searched as one; follows a document store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import DocumentStore, Position
from gallery.index.kinds.flat import FlatIndex, no_results
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.template_parts import PublishedTemplates, RecentTemplates, TemplatePart, TemplateSnapshot
from presente.recent_cache import RecentCache

_ROSTERS = 16
"""Rosters whose rows are remembered."""


@dataclass(frozen=True, slots=True)
class SelectedRows:
    """The templates that a search is limited to: rows of each part."""

    rows: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows)


class Searcher:
    """Follows a document store by its change sequence. Not safe to change while it is searched.

    Attributes:
        published: the newest generation's templates, mapped from its files; none before there is one.
        tail: those that came since.
        position: how far the store's changes are applied.
    """

    def __init__(self, published: PublishedTemplates, position: Position) -> None:
        self.published = published
        self.tail = RecentTemplates(published.vectors.shape[1])
        self.position = position
        self._rosters: RecentCache[bytes, SelectedRows] = RecentCache(_ROSTERS)

    @classmethod
    def empty(cls, dim: int) -> Searcher:
        """An index of nobody that has seen no change."""
        vectors = np.empty((0, dim), dtype=np.float32)
        return cls(PublishedTemplates(np.empty((3, 0), dtype=np.int64), vectors, FlatIndex(vectors)), Position())

    @classmethod
    def rebuild(cls, store: DocumentStore, dim: int) -> Searcher:
        """A new index of everything that the store holds."""
        live = cls.empty(dim)
        # Ask for the position first: what happens while the templates are read is applied once more, which is harmless.
        live.position = store.position()
        for batch in store.templates():
            live.tail.append(batch.ids, batch.subjects, batch.vectors)
        return live

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    @property
    def index(self) -> VectorIndex:
        """The index over what was published."""
        return self.published.index

    @property
    def _parts(self) -> tuple[TemplatePart, ...]:
        return (self.published, self.tail)

    @property
    def change(self) -> int:
        """The number of the last change that was seen."""
        return self.position.change

    def follow(self, store: DocumentStore, pack: str | None = None) -> NDArray[np.int64]:
        """Apply the changes that the store has recorded since, of templates by a pack (None: the gallery's); the ids of
        those that are removed for good, of which nothing remains in memory."""
        changes = store.changes(self.position)
        touched = np.union1d(changes.added, changes.removed)
        if len(touched):
            self._rosters.clear()
            for part in self._parts:
                part.drop(touched)
        added = np.setdiff1d(changes.added, changes.removed)
        if len(added):
            for batch in store.templates([int(i) for i in added], pack):  # those that are gone again are not there
                self.tail.append(batch.ids, batch.subjects, batch.vectors)
        if len(changes.removed):
            self.published.index.forget(self.published.places(changes.removed))
        self.position = changes.position
        return changes.removed

    def frozen(self) -> TemplateSnapshot:
        """Everything in the index, as it is now."""
        return TemplateSnapshot(self.published, self.tail)

    def ids(self) -> NDArray[np.int64]:
        """Every template's id, int64 (n,), in no particular order."""
        return np.concatenate([part.ids[part.rows()] for part in self._parts])

    def people(self) -> int:
        """How many subjects have a template."""
        came = np.unique(self.tail.subjects)
        known = np.unique(self.published.subjects[self.published.rows_of(came)])
        return self.published.people() + len(came) - len(known)

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of ids that are in the index, float32 (n, d)."""
        found = np.empty((len(ids), self.tail.vectors.shape[1]), dtype=np.float32)
        for part in self._parts:
            rows = part.rows()
            held = part.ids[rows]
            order = np.argsort(held, kind="stable")
            places = np.minimum(np.searchsorted(held, ids, sorter=order), max(len(held) - 1, 0))
            here = held[order[places]] == ids if len(held) else np.zeros(len(ids), dtype=bool)
            found[here] = part.vectors[rows[order[places[here]]]]
        return found

    def select(self, subjects: NDArray[np.int64]) -> SelectedRows:
        """All templates of some subjects. Those of the last few rosters asked for are remembered; one person's are
        found as quickly as a roster that is remembered, and there are too many people."""
        if len(subjects) <= 1:
            return self._rows_of(subjects)
        return self._rosters.get(subjects.tobytes(), lambda: self._rows_of(np.unique(subjects)))

    def _rows_of(self, subjects: NDArray[np.int64]) -> SelectedRows:
        return SelectedRows(tuple(part.rows_of(subjects) for part in self._parts))

    def best_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """Id of the subject's template nearest to a float32 (d,) probe; None when there is none."""
        best: tuple[float, int] | None = None
        for part in self._parts:
            rows = part.rows_of(np.array([subject], dtype=np.int64))
            if len(rows):
                scores = part.vectors[rows] @ probe
                best = max(best or (-np.inf, -1), (float(scores.max()), int(part.ids[rows[scores.argmax()]])))
        return best[1] if best else None

    def best_per_subject(
        self, probes: NDArray[np.float32], k: int, only: SelectedRows | None = None
    ) -> list[list[tuple[int, float]]]:
        """The k best subjects of each probe with their best template's cosine, best first.

        Templates are searched k at a time and then more, until k different subjects are seen or none are left: a
        subject outside the list has no template above the last score in it.

        Args:
            probes: float32 (m, d), unit rows.
            k: how many subjects.
            only: templates to search; None for all.
        """
        total = len(self) if only is None else len(only)
        results: list[list[tuple[int, float]]] = [[] for _ in range(len(probes))]
        pending = np.arange(len(probes))
        depth = min(max(2 * k, k + 16), total)
        while len(pending) and depth:
            scores, subjects = self._nearest(probes[pending], depth, only)
            unfinished = []
            for row, probe in enumerate(pending):
                found = np.isfinite(scores[row])
                _, first = np.unique(subjects[row][found], return_index=True)
                best = np.sort(first)[:k]
                if len(best) < k and depth < total:
                    unfinished.append(probe)
                results[probe] = [(int(subjects[row][i]), float(scores[row][i])) for i in best]
            pending = np.array(unfinished, dtype=np.int64)
            depth = min(depth * 4, total)
        return results

    def _nearest(
        self, probes: NDArray[np.float32], k: int, only: SelectedRows | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best templates of each probe, best first: scores float32 (m, k), -inf at the end where there are no
        more, and their subjects int64 (m, k)."""
        scores, subjects = no_results(len(probes), 0)
        for number, part in enumerate(self._parts):
            rows = None if only is None else only.rows[number]
            if not len(part) or (rows is not None and not len(rows)):
                continue
            found, places = part.search(probes, k, rows)
            scores = np.hstack([scores, found])
            subjects = np.hstack([subjects, part.subjects[places]])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(subjects, order, axis=1)
