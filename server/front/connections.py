"""Which connections are open, and which one makes room when there are too many.

A connection that waits for its client (for a request's head, or for its body) can be closed; one that is being answered
stays. Those without a head go before those with half a body, and of each the one that has waited longest. A client that
opens many connections and sends nothing thus closes its own.
"""

from __future__ import annotations

import ipaddress
import resource
from typing import Literal, Protocol

Stage = Literal["head", "body", "answer"]

_SPARE_DESCRIPTORS = 256
"""For files, the document store, pipes to other processes, and connections that are just being closed."""
_MOST = 4096
_FEWEST = 32


class Evictable(Protocol):
    """A connection as this module sees it."""

    address: str

    def evict(self) -> None:
        """Close at once, without a word."""


def most_connections() -> int:
    """How many connections this process may hold: as its descriptors allow, once it may have all that it can get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _SPARE_DESCRIPTORS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    usable = wanted if soft == resource.RLIM_INFINITY else soft
    return max(_FEWEST, min(_MOST, usable - min(_SPARE_DESCRIPTORS, usable // 2)))


def address_of(host: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network that an IPv6 user is given."""
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return host


class Connections:
    """The open connections. Used by one thread, the event loop's."""

    def __init__(self, most: int) -> None:
        """Hold at most ``most`` connections, and half as many of one address."""
        self.most = most
        self.most_of_one = max(1, most // 2)
        self._stage: dict[Evictable, Stage] = {}
        self._of: dict[str, dict[Stage, dict[Evictable, None]]] = {}
        self._count: dict[str, int] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._stage)

    def add(self, connection: Evictable) -> bool:
        """Take a new connection in, closing another when there is no room; False when all are being answered."""
        address = connection.address
        if self._count.get(address, 0) >= self.most_of_one:
            crowd = address
        elif len(self) >= self.most:
            crowd = max(self._count, key=self._count.__getitem__)
        else:
            crowd = None
        if crowd is not None:
            victim = self._longest_waiting(crowd)
            if victim is None:
                return False
            self.remove(victim)
            victim.evict()
        self._count[address] = self._count.get(address, 0) + 1
        self._place(connection, "head")
        return True

    def move(self, connection: Evictable, stage: Stage) -> None:
        """A connection has begun to wait for a head, or for a body, or is being answered."""
        if connection in self._stage:
            self._take_out(connection)
            self._place(connection, stage)

    def remove(self, connection: Evictable) -> None:
        """A connection is closed."""
        if connection not in self._stage:
            return
        self._take_out(connection)
        address = connection.address
        self._count[address] -= 1
        if not self._count[address]:
            del self._count[address], self._of[address]

    def _place(self, connection: Evictable, stage: Stage) -> None:
        stages = self._of.setdefault(connection.address, {"head": {}, "body": {}, "answer": {}})
        stages[stage][connection] = None
        self._stage[connection] = stage

    def _take_out(self, connection: Evictable) -> None:
        del self._of[connection.address][self._stage.pop(connection)][connection]

    def _longest_waiting(self, address: str) -> Evictable | None:
        stages = self._of[address]
        return next(iter(stages["head"]), None) or next(iter(stages["body"]), None)
