"""A small cache of values that are slow to make, by key, for several threads at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Made = TypeVar("_Made")


class RecentCache(Generic[_Key, _Made]):
    """Keeps at most ``most`` values. The least recently used one is dropped first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Made] = OrderedDict()

    def __len__(self) -> int:
        """How many values are kept."""
        return len(self._kept)

    def get(self, key: _Key, make: Callable[[], _Made]) -> _Made:
        """The value that is kept under a key, or else what ``make`` returns, which is kept from then on.

        Two threads that miss the same key both call ``make``, since it runs outside the lock.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made

    def peek(self, key: _Key) -> _Made | None:
        """The value that is kept under a key; None when there is none."""
        with self._lock:
            return self._kept.get(key)

    def clear(self) -> None:
        """Drop every value."""
        with self._lock:
            self._kept.clear()
