"""How many faces one call of a model takes: found out from the calls of the run itself, which costs no inference."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger(__name__)

_SIZES = (4, 8, 16, 32, 64, 128)
_CALLS = 3
"""Calls of each size that are measured. The quickest counts: the first may compile, others may be disturbed."""

_WORTH = 0.95
"""A larger batch must take at most this share of the time per face to be worth its memory."""


class BatchSize:
    """The number of faces for the next call. Safe to use from several threads.

    Sizes are tried in turn, the smallest first, as long as a larger one is quicker per face.
    """

    def __init__(self, most: int) -> None:
        """Choose a size of at most ``most`` faces."""
        self._sizes = [size for size in _SIZES if size <= most]
        self._seconds: dict[int, list[float]] = {size: [] for size in self._sizes}
        self._trying = 0
        self._chosen: int | None = None
        self._lock = threading.Lock()

    @property
    def chosen(self) -> int | None:
        """The size that was found best; None while sizes are tried."""
        return self._chosen

    def next(self) -> int:
        """How many faces the next call shall take."""
        return self._chosen or self._sizes[self._trying]

    def took(self, faces: int, seconds: float) -> None:
        """Note the seconds of a call with so many faces."""
        with self._lock:
            if self._chosen is not None or faces != self._sizes[self._trying]:
                return  # the last call of a source may have fewer, and calls of the size before may end late
            self._seconds[faces].append(seconds / faces)
            if len(self._seconds[faces]) == _CALLS:
                self._decide()

    def _decide(self) -> None:
        size = self._sizes[self._trying]
        before = self._sizes[max(0, self._trying - 1)]
        worth = size == before or self._best(size) <= _WORTH * self._best(before)
        if worth and self._trying + 1 < len(self._sizes):
            self._trying += 1
            return
        self._chosen = size if worth else before
        tried = ", ".join(f"{each}: {self._best(each) * 1000:.2f}" for each in self._sizes[: self._trying + 1])
        log.info("%d faces per call of the model (ms per face by batch: %s)", self._chosen, tried)

    def _best(self, size: int) -> float:
        return min(self._seconds[size])
