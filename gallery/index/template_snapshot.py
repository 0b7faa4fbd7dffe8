"""A copy of what an index holds at one moment, for publishing and for comparing all templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import TemplateBatch
from gallery.index.template_parts import PublishedTemplates, RecentTemplates


class Snapshot(Protocol):
    """All templates of an index at one moment, in order of id; ids and subjects are int64 (n,)."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """Template ids, ascending."""

    @property
    def subjects(self) -> NDArray[np.int64]:
        """The subject of each."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def __len__(self) -> int:
        """How many templates there are."""

    def take(self, which: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """The vectors of some templates, by their number in the snapshot, in the order asked for: float32 (m, d)."""


class TemplateSnapshot:
    """All templates of an index at one moment, in order of id. Later changes of the index do not change it.

    Attributes:
        ids, subjects: int64 (n,).
    """

    def __init__(self, published: PublishedTemplates, recent: RecentTemplates) -> None:
        rows = published.rows()
        ids = np.concatenate([published.ids[rows], recent.ids])
        order = np.argsort(ids, kind="stable")
        self.ids = ids[order]
        self.subjects = np.concatenate([published.subjects[rows], recent.subjects])[order]
        self._published = published.vectors
        self._recent = recent.vectors.copy()
        self._rows = np.concatenate([rows, len(published.vectors) + recent.rows()])[order]

    def __len__(self) -> int:
        """How many templates there are."""
        return len(self.ids)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._recent.shape[1])

    def batches(self, size: int = 8192) -> Iterator[TemplateBatch]:
        """The templates in order of id, at most ``size`` at a time."""
        for start in range(0, len(self), size):
            some = slice(start, start + size)
            yield TemplateBatch(self.ids[some], self.subjects[some], self.take(some))

    def take(self, which: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """The vectors of some templates, by their number in this snapshot, in the order asked for."""
        edge = len(self._published)
        rows = self._rows[which]
        block = np.empty((len(rows), self.dim), dtype=np.float32)
        block[rows < edge] = self._published[rows[rows < edge]]
        block[rows >= edge] = self._recent[rows[rows >= edge] - edge]
        return block
