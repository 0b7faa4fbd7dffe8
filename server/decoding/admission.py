"""Which photo may be decoded now: two lanes with memory of their own, so that costly photos do not delay cheap ones."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from faces.image.cost import Cost
from presente.errors import Busy, PhotoRefused
from presente.machine import machine_memory
from presente.parallel import default_workers

_CHEAP_S = 1.75
"""CPU time of a cheap photo: one of 24 megapixels, be it a phone's HEIC, or a progressive one of 12."""

_CHEAP_BYTES_PER_CORE = 192_000_000
"""What a JPEG of 24 megapixels takes."""

_COSTLY_BYTES = 1_024_000_000
"""What the dearest photo of 40 megapixels (WebP) takes, with a quarter to spare."""

_WAITING = 64
_WAITING_COSTLY = 1
"""Costly photos that may wait behind the one that is decoded: each keeps a thread of the server."""

_PATIENCE_S = 10.0


class Lane:
    """So many photos decoded at once, in so many bytes; the rest waits, first come, first served."""

    def __init__(self, memory: int, at_once: int, waiting: int, patience_s: float = _PATIENCE_S) -> None:
        """A lane.

        Args:
            memory: bytes that all photos in it may take, from decoding until their pixels are given back.
            at_once: how many may be decoding.
            waiting: how many may wait.
            patience_s: how long one may wait.
        """
        self.memory = memory
        self.at_once = at_once
        self._free = memory
        self._idle = at_once
        self._waiting = waiting
        self._patience_s = patience_s
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        """Bytes that are taken now."""
        return self.memory - self._free

    @property
    def queued(self) -> int:
        """How many photos wait for their turn."""
        return len(self._queue)

    @contextmanager
    def turn(self, cost: Cost) -> Iterator[Callable[[], None]]:
        """Wait for room and a turn, and keep them; what the block is given is to be called once the photo is decoded,
        when only its pixels are held any more.

        Raises:
            Busy: ``busy``.
        """
        self._enter(cost.peak_bytes)
        held = [cost.peak_bytes, 1]

        def decoded() -> None:
            self._give_back(held[0] - cost.result_bytes, held[1])
            held[:] = cost.result_bytes, 0

        try:
            yield decoded
        finally:
            self._give_back(*held)

    def _enter(self, memory: int) -> None:
        ticket = object()
        end = time.monotonic() + self._patience_s
        with self._changed:
            if len(self._queue) >= self._waiting and not self._may_go(memory):
                raise _busy("as many photos as may wait do")
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or not self._has_room(memory):
                    if not self._changed.wait(end - time.monotonic()):
                        raise _busy(f"it waited {self._patience_s:.0f} seconds for its turn")
                self._free -= memory
                self._idle -= 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()  # there may be room for the next one, too

    def _may_go(self, memory: int) -> bool:
        return not self._queue and self._has_room(memory)

    def _has_room(self, memory: int) -> bool:
        return self._idle > 0 and memory <= self._free

    def _give_back(self, memory: int, turns: int) -> None:
        with self._changed:
            self._free += memory
            self._idle += turns
            self._changed.notify_all()


def _busy(why: str) -> Busy:
    return Busy("busy", f"The server is reading other photos: {why}.", "Send it again in a moment.")


@dataclass(frozen=True, slots=True)
class Admission:
    """The lane for what is cheap, as many at once as cores, and the one for what is not, one at a time."""

    cheap: Lane
    costly: Lane
    cheap_bytes: int
    """Of one photo, so that all cores may decode one."""

    def lane_of(self, cost: Cost) -> Lane:
        """The lane that a photo takes.

        Raises:
            PhotoRefused: ``too_much_memory``: it alone takes more than there is.
        """
        if cost.seconds <= _CHEAP_S and cost.peak_bytes <= self.cheap_bytes:
            return self.cheap
        if cost.peak_bytes > self.costly.memory:
            raise PhotoRefused(
                "too_much_memory",
                f"Decoding the photo takes {cost.peak_bytes / 1e6:,.0f} MB, and there are "
                f"{self.costly.memory / 1e6:,.0f} MB for one.",
                "Scale it down, save it as JPEG, or raise PRESENTE_MEMORY_MB.",
            )
        return self.costly


def open_admission(megabytes: int) -> Admission:
    """An admission of so many megabytes (0: what suits this machine) and as many decodes at once as cores."""
    cores = default_workers()
    return make_admission(megabytes * 1_000_000 or default_memory(cores, machine_memory()), cores)


def default_memory(cores: int, machine: int) -> int:
    """Bytes for photos of a machine with so many cores and bytes of memory: enough for every photo that is accepted by
    default and for one of 24 megapixels per core, and at most half of the machine's."""
    return min(_COSTLY_BYTES + cores * _CHEAP_BYTES_PER_CORE, machine // 2)


def make_admission(memory: int, cores: int) -> Admission:
    """Two lanes that together take so many bytes."""
    cheap = min(max(memory // 2, memory - _COSTLY_BYTES), cores * _CHEAP_BYTES_PER_CORE)
    return Admission(Lane(cheap, cores, _WAITING), Lane(memory - cheap, 1, _WAITING_COSTLY), cheap // cores)
