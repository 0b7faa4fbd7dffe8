"""Searching the published and the recent templates as one index, and keeping it up to date with the documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import FollowedStore
from gallery.documents.values import Changes, Position, Written
from gallery.index.kinds.flat import FlatIndex
from gallery.index.kinds.protocol import IndexSpec, VectorIndex
from gallery.index.subject_ranking import nearest_subjects
from gallery.index.template_parts import PublishedTemplates, RecentTemplates, TemplatePart
from gallery.index.template_snapshot import TemplateSnapshot
from presente.recent_cache import RecentCache

_MAX_SELECTIONS = 16
"""How many selections of subjects are kept as rows."""


@dataclass(frozen=True, slots=True)
class SelectedRows:
    """The templates that a search is limited to: the rows of each part, int64."""

    rows: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        """How many templates are selected."""
        return sum(len(rows) for rows in self.rows)


class Searcher:
    """Follows a document store by its change sequence. It must not be changed while it is searched.

    Attributes:
        published: the newest generation's templates, mapped from its files; empty before there is a generation.
        recent: the templates that were added since.
        position: how far the store's changes are applied.
    """

    def __init__(self, published: PublishedTemplates, position: Position) -> None:
        self.published = published
        self.recent = RecentTemplates(published.vectors.shape[1])
        self.position = position
        self._selections: RecentCache[bytes, SelectedRows] = RecentCache(_MAX_SELECTIONS)

    @classmethod
    def empty(cls, dim: int) -> Searcher:
        """An index without templates that has seen no change."""
        vectors = np.empty((0, dim), dtype=np.float32)
        return cls(PublishedTemplates(np.empty((3, 0), dtype=np.int64), vectors, FlatIndex(vectors)), Position())

    @classmethod
    def rebuild(cls, store: FollowedStore, dim: int) -> Searcher:
        """A new index of all templates in the store."""
        searcher = cls.empty(dim)
        # The position comes first: changes made while the templates are read are applied once more, which is harmless.
        searcher.position = store.position()
        for batch in store.templates():
            searcher.recent.append(batch.ids, batch.subjects, batch.vectors)
        return searcher

    def __len__(self) -> int:
        """How many templates are in the index."""
        return sum(len(part) for part in self._parts)

    @property
    def spec(self) -> IndexSpec:
        """How the published templates are indexed."""
        return self.index.spec

    @property
    def unpublished(self) -> int:
        """How many templates were added since the newest generation."""
        return len(self.recent)

    @property
    def index(self) -> VectorIndex:
        """The index over the published templates."""
        return self.published.index

    @property
    def _parts(self) -> tuple[TemplatePart, ...]:
        return (self.published, self.recent)

    @property
    def change(self) -> int:
        """The number of the last change that was seen."""
        return self.position.change

    def follow(
        self,
        store: FollowedStore,
        pack: str | None = None,
        check: Callable[[], None] = lambda: None,
        written: Written | None = None,
    ) -> NDArray[np.int64]:
        """Apply the changes that the store has recorded since, of templates by a pack (None: the gallery's).

        Args:
            store: the documents.
            pack: tag of the pack.
            check: is called when the changes are read, and before they are applied; it may raise.
            written: what the caller has just enrolled. The store is asked only for what came before it or beside it.

        Returns:
            the ids of the templates that were removed, int64. Nothing of them is left in memory.
        """
        own = written.templates if written is not None and written.pack == pack else None
        if written is not None and self.position == Position(written.before) and written.pack in ("", pack):
            new = np.empty(0, dtype=np.int64) if own is None else own.ids
            changes = Changes(Position(written.last), new, np.empty(0, dtype=np.int64))
        else:
            changes = store.changes(self.position)
            check()
        touched = np.union1d(changes.added, changes.removed)
        if len(touched):
            self._selections.clear()
            for part in self._parts:
                part.drop(touched)
        added = np.setdiff1d(changes.added, changes.removed)
        if own is not None:
            here = np.isin(own.ids, added)
            self.recent.append(own.ids[here], own.subjects[here], own.vectors[here])
            added = np.setdiff1d(added, own.ids)
        if len(added):
            for batch in store.templates([int(i) for i in added], pack):  # without those that were removed meanwhile
                self.recent.append(batch.ids, batch.subjects, batch.vectors)
        if len(changes.removed):
            self.published.index.forget(self.published.rows_of_ids(changes.removed))
        self.position = changes.position
        return changes.removed

    def snapshot(self) -> TemplateSnapshot:
        """All templates in the index, as it is now."""
        return TemplateSnapshot(self.published, self.recent)

    def ids(self) -> NDArray[np.int64]:
        """Every template's id, int64 (n,), in no particular order."""
        return np.concatenate([part.ids[part.rows()] for part in self._parts])

    def subject_count(self) -> int:
        """How many subjects have a template."""
        added = np.unique(self.recent.subjects)
        known = np.unique(self.published.subjects[self.published.rows_of(added)])
        return self.published.subject_count() + len(added) - len(known)

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of templates that are in the index, by id, float32 (n, d)."""
        found = np.empty((len(ids), self.recent.vectors.shape[1]), dtype=np.float32)
        for part in self._parts:
            rows = part.rows()
            part_ids = part.ids[rows]
            order = np.argsort(part_ids, kind="stable")
            places = np.minimum(np.searchsorted(part_ids, ids, sorter=order), max(len(part_ids) - 1, 0))
            here = part_ids[order[places]] == ids if len(part_ids) else np.zeros(len(ids), dtype=bool)
            found[here] = part.vectors[rows[order[places[here]]]]
        return found

    def subject_vectors(self, subject: int) -> NDArray[np.float32]:
        """A copy of a subject's templates, float32 (t, d)."""
        wanted = np.array([subject], dtype=np.int64)
        return np.concatenate([np.array(part.vectors[part.rows_of(wanted)]) for part in self._parts])

    def select(self, subjects: NDArray[np.int64]) -> SelectedRows:
        """All templates of some subjects, int64 (n,).

        The last few selections are kept, which helps with rosters. Selections of one subject are not: looking one up
        takes as long as finding it in the cache, and there are too many subjects.
        """
        if len(subjects) <= 1:
            return self._rows_of(subjects)
        return self._selections.get(subjects.tobytes(), lambda: self._rows_of(np.unique(subjects)))

    def _rows_of(self, subjects: NDArray[np.int64]) -> SelectedRows:
        return SelectedRows(tuple(part.rows_of(subjects) for part in self._parts))

    def best_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """Id of the subject's template nearest to a float32 (d,) probe; None when the subject has no template."""
        best: tuple[float, int] | None = None
        for part in self._parts:
            rows = part.rows_of(np.array([subject], dtype=np.int64))
            if len(rows):
                scores = part.vectors[rows] @ probe
                best = max(best or (-np.inf, -1), (float(scores.max()), int(part.ids[rows[scores.argmax()]])))
        return best[1] if best else None

    def best_subjects(
        self, probes: NDArray[np.float32], k: int, only: SelectedRows | None = None
    ) -> list[list[tuple[int, float]]]:
        """The k best subjects of each probe with their scores (:mod:`gallery.person_score`), best first.

        Args:
            probes: float32 (m, d), contiguous unit rows.
            k: how many subjects.
            only: the templates to search; None for all.
        """
        return nearest_subjects(self._parts, probes, k, None if only is None else only.rows)
