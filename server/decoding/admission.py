"""Which photo may be decoded now: two lanes with memory of their own, so that costly photos do not delay cheap ones."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
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
_TOO_MANY = "as many photos as may wait do"


@dataclass(eq=False)
class _Ticket:
    """A photo that waits: whose share it takes, what it needs, its place in the order of arrival."""

    share: str
    memory: int
    place: int
    dropped: bool = False


class Lane:
    """So many photos decoded at once, in so many bytes; the rest waits.

    The next is a photo of the caller whose photos hold least in the lane, then of the one whose turn is longest ago.
    So a caller alone may use the whole lane, and a photo of another caller waits for one photo to end, not for all.
    """

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
        self._queue: list[_Ticket] = []
        self._places = itertools.count()
        self._held: Counter[str] = Counter()  # bytes, by share
        self._last_turn: dict[str, int] = {}  # of shares that hold something or wait
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
    def turn(self, cost: Cost, share: str = "") -> Iterator[Callable[[], None]]:
        """Wait for room and a turn, and keep them; what the block is given is to be called once the photo is decoded,
        when only its pixels are held any more. ``share``: whose photo it is.

        Raises:
            Busy: ``busy``.
        """
        self._enter(cost.peak_bytes, share)
        held = [cost.peak_bytes, 1]

        def decoded() -> None:
            self._give_back(held[0] - cost.result_bytes, held[1], share)
            held[:] = cost.result_bytes, 0

        try:
            yield decoded
        finally:
            self._give_back(held[0], held[1], share)

    def _enter(self, memory: int, share: str) -> None:
        end = time.monotonic() + self._patience_s
        with self._changed:
            if len(self._queue) >= self._waiting and (self._queue or not self._has_room(memory)):
                self._make_room(share)
            ticket = _Ticket(share, memory, next(self._places))
            self._queue.append(ticket)
            try:
                while not (self._next() is ticket and self._has_room(memory)):
                    if ticket.dropped:
                        raise _busy(_TOO_MANY)
                    if not self._changed.wait(end - time.monotonic()):
                        raise _busy(f"it waited {self._patience_s:.0f} seconds for its turn")
                self._free -= memory
                self._idle -= 1
                self._held[share] += memory
                self._last_turn[share] = next(self._places)
            finally:
                if not ticket.dropped:
                    self._queue.remove(ticket)
                self._forget(share)
                self._changed.notify_all()  # there may be room for the next one, too

    def _next(self) -> _Ticket | None:
        """Which photo is to be decoded next."""
        return min(
            self._queue,
            key=lambda each: (self._held[each.share], self._last_turn.get(each.share, -1), each.place),
            default=None,
        )

    def _make_room(self, share: str) -> None:
        """Drop the newest photo of the caller of whom most wait; refuse the one that comes, if that is its caller.

        Raises:
            Busy: ``busy``.
        """
        waiting = Counter(each.share for each in self._queue)
        most, count = max(waiting.items(), key=lambda each: each[1], default=(share, 0))
        holding = count + (self._held[most] > 0)
        if most == share or holding <= waiting[share] + (self._held[share] > 0) + 1:
            raise _busy(_TOO_MANY)
        newest = max((each for each in self._queue if each.share == most), key=lambda each: each.place)
        newest.dropped = True
        self._queue.remove(newest)
        self._changed.notify_all()

    def _has_room(self, memory: int) -> bool:
        return self._idle > 0 and memory <= self._free

    def _give_back(self, memory: int, turns: int, share: str) -> None:
        with self._changed:
            self._free += memory
            self._idle += turns
            self._held[share] -= memory
            self._forget(share)
            self._changed.notify_all()

    def _forget(self, share: str) -> None:
        """Keep nothing of a caller who has no photo here any more."""
        if not self._held[share]:
            del self._held[share]
            if not any(each.share == share for each in self._queue):
                self._last_turn.pop(share, None)


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
