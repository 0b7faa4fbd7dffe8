"""Students as they are at a position of the change sequence, so that not every search looks up the names it found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from gallery.documents.values import Position, Student

_MOST = 4096
"""How many students are kept."""


class KnownStudents:
    """Students who were read since the sequence came to a position. Safe to use from several threads.

    Every write that changes a student's fields reserves a number, and is awaited until it is over. So a student who
    was read at a position is right as long as a follower finds the sequence there.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._position = Position()
        self._students: dict[int, Student] = {}
        self._forgotten = 0

    def __len__(self) -> int:
        """How many students are kept."""
        return len(self._students)

    def at(
        self, position: Position, ids: Sequence[int], read: Callable[[Sequence[int]], dict[int, Student]]
    ) -> dict[int, Student]:
        """Students by subject id, for a follower at a position; ``read`` looks up those who are not kept."""
        with self._lock:
            if self._position != position:
                self._position, self._students = position, {}
            found = {number: self._students[number] for number in ids if number in self._students}
            forgotten = self._forgotten
        missing = [number for number in ids if number not in found]
        if missing:
            looked_up = read(missing)
            found |= looked_up
            with self._lock:
                # What was read before someone was erased is not kept: nothing of that student stays in memory.
                if self._position == position and self._forgotten == forgotten:
                    if len(self._students) + len(looked_up) > _MOST:
                        self._students = {}
                    self._students |= looked_up
        return found

    def forget(self) -> None:
        """Drop all: someone may have been erased."""
        with self._lock:
            self._students = {}
            self._forgotten += 1
