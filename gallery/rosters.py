"""Who is in which class, read from the documents once and again only after something changed."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import DocumentStore, Position, SubjectKind
from presente.recent_cache import RecentCache

_MOST = 64
"""Rosters that are remembered."""


class Rosters:
    """Rosters of a store, each by the position of the change sequence that it was read at. Every writer moves the
    sequence on, so a roster holds for as long as the position does. Safe to use from several threads."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._known: RecentCache[tuple[Position, object], Any] = RecentCache(_MOST)

    def of(self, position: Position, clase: str | None, kind: SubjectKind | None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class or a kind; nobody may change the array."""
        found = self._known.get((position, (clase, kind)), lambda: self._store.roster(clase=clase, kind=kind))
        return cast("NDArray[np.int64]", found)

    def has_cohort(self, position: Position) -> bool:
        """Whether there is anyone who is nobody's student."""
        return bool(self._known.get((position, "cohort"), self._store.has_cohort))
