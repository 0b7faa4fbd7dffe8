"""Who is in which class, read from the documents once per change."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Position, SubjectKind
from presente.recent_cache import RecentCache

_MAX_KEPT = 64
"""How many rosters are kept in memory."""


class Rosters:
    """The rosters of a store, kept by the position of the change sequence at which they were read.

    Every change of a roster moves the position, so a roster is right as long as the position is the same. Safe to use
    from several threads.
    """

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._kept: RecentCache[tuple[Position, object], Any] = RecentCache(_MAX_KEPT)

    def of(self, position: Position, clase: str | None, kind: SubjectKind | None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class or a kind. The array is shared: callers must not change it."""
        found = self._kept.get((position, (clase, kind)), lambda: self._store.roster(clase=clase, kind=kind))
        return cast("NDArray[np.int64]", found)

    def has_cohort(self, position: Position) -> bool:
        """Whether there is any subject of the kind ``cohort``."""
        return bool(self._kept.get((position, "cohort"), self._store.has_cohort))
