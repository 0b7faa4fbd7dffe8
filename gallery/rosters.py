"""Who is in which class, read from the documents once and again only after something changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from gallery.documents.model import DocumentStore, Kind, Position

_MOST = 64
"""Rosters that are remembered: those asked for last."""

_Read = TypeVar("_Read")


class Rosters:
    """Rosters of a store, each with the position of the change sequence that it was read at. Every writer moves the
    sequence on, so a roster holds for as long as the position does. Safe to use from several threads."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._known: OrderedDict[object, tuple[Position, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, position: Position, clase: str | None, kind: Kind | None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class or a kind; nobody may change the array."""
        return self._read(position, (clase, kind), lambda: self._store.roster(clase=clase, kind=kind))

    def has_cohort(self, position: Position) -> bool:
        """Whether there is anyone who is nobody's student."""
        return self._read(position, "cohort", self._store.has_cohort)

    def _read(self, position: Position, key: object, read: Callable[[], _Read]) -> _Read:
        with self._lock:
            held = self._known.get(key)
            if held is not None and held[0] == position:
                self._known.move_to_end(key)
                return cast("_Read", held[1])
        found = read()
        with self._lock:
            self._known[key] = position, found
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found
