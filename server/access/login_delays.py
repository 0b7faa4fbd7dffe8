"""Delays of logins, so that passwords are not guessed and no one is locked out.

Wrong passwords are counted for who sent them: an address, an address at one account, a browser that has logged in to
the account before. They are also counted for the account. That count is shared, and another client could take every
moment at which it allows an attempt. Each client that has to wait for it therefore gets a turn of its own, and is let
through when it has waited, whatever others did meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from presente.errors import Busy

_MOST_KEPT = 20_000
_LONGEST_NAME = 64
"""Longer names are no account's; what is kept of them is bounded."""
TURN_KEPT_S = 300.0
"""For so many seconds a turn waits for its client."""

_Counted = tuple[str, ...]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class DelayRule:
    """How attempts delay the next one.

    Attributes:
        free: this many cost nothing; each further one doubles the delay, from one second.
        longest_s: the longest delay, in seconds.
        forgiven_s: after this many seconds one attempt is forgotten.
    """

    free: int
    longest_s: float
    forgiven_s: float

    def delay(self, count: float) -> float:
        """Seconds to wait after so many attempts."""
        return 0.0 if count <= self.free else min(self.longest_s, 2.0 ** (min(count, 64) - self.free - 1))


BY_ADDRESS = DelayRule(free=20, longest_s=60, forgiven_s=60)
"""Wrong passwords from an address, at any account. A school may have one address, so several people may err at once."""
BY_ADDRESS_AND_ACCOUNT = DelayRule(free=5, longest_s=60, forgiven_s=60)
BY_DEVICE = DelayRule(free=5, longest_s=60, forgiven_s=60)
"""Wrong passwords from a browser that has logged in to the account before."""
SHARED_BY_ADDRESSES = DelayRule(free=10, longest_s=30, forgiven_s=60)
"""Wrong passwords at an account from all addresses. The delay stays short: it meets the owner's new browser, too."""
SHARED_BY_DEVICES = DelayRule(free=10, longest_s=30, forgiven_s=60)
"""Wrong passwords at an account from all browsers that have logged in to it before."""
LOGINS = DelayRule(free=30, longest_s=30, forgiven_s=5)
"""Right passwords of an account: each costs as much time as a wrong one. A school may share an account among rooms."""


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """Who tries what.

    Attributes:
        address: of the client.
        account: whose password it should be; it need not exist. None: the attempt is at no account, but at the code
            with which the first admin is made.
        device: the browser, if it has logged in to this account before; else empty.
    """

    address: str
    account: str | None
    device: str = ""

    @property
    def name(self) -> str:
        """The account, as it is counted."""
        return (self.account or "")[: _LONGEST_NAME + 1]

    @property
    def client(self) -> _Counted:
        """Who has a turn of its own."""
        return ("device", self.name, self.device) if self.device else ("address", self.name, self.address)

    def own(self) -> list[tuple[_Counted, DelayRule]]:
        """The counts that only this client can raise."""
        if self.device:
            return [(self.client, BY_DEVICE)]
        of_address = (("address", self.address), BY_ADDRESS)
        return [of_address] if self.account is None else [of_address, (self.client, BY_ADDRESS_AND_ACCOUNT)]

    def shared(self) -> list[tuple[_Counted, DelayRule]]:
        """The account's count of wrong passwords, which other clients raise, too."""
        if self.account is None:
            return []
        if self.device:
            return [(("devices", self.name), SHARED_BY_DEVICES)]
        return [(("addresses", self.name), SHARED_BY_ADDRESSES)]

    def logins(self) -> list[tuple[_Counted, DelayRule]]:
        """The account's count of right passwords."""
        return [] if self.account is None else [(("logins", self.name), LOGINS)]


class LoginDelays:
    """Counts attempts, in this process. Safe to use from several threads.

    :class:`server.access.shared_delays.SharedLoginDelays` counts those of several servers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[_Counted, tuple[float, float]] = OrderedDict()
        self._turns: OrderedDict[_Counted, float] = OrderedDict()

    def begin(self, attempt: LoginAttempt) -> None:
        """Count an attempt as wrong, until :meth:`right` says otherwise, so that attempts at once are counted, too.

        Raises:
            Busy: ``too_many_logins``, with the seconds to wait; the attempt is not counted then. A client that has
                waited so long is let through, unless its own address has sent more wrong passwords meanwhile.
        """
        now = self._clock()
        with self._lock:
            wait = max(self._until_turn(attempt, now), *(self._left(who, rule, now) for who, rule in attempt.own()))
            if wait > 0:
                raise Busy(
                    "too_many_logins",
                    "Too many logins were tried.",
                    "Wait as long as Retry-After says, and try again.",
                    retry_after_s=int(wait) + 1,
                )
            self._turns.pop(attempt.client, None)
            for who, rule in attempt.own() + attempt.shared():
                self._add(who, rule, now)

    def right(self, attempt: LoginAttempt) -> None:
        """The password of an attempt that was begun was right."""
        now = self._clock()
        with self._lock:
            for who, _ in attempt.own() + attempt.shared():
                if who == attempt.client:
                    self._counts.pop(who, None)
                elif who in self._counts:  # others' guesses stay counted; and one's own account is no way to others
                    count, at = self._counts[who]
                    self._counts[who] = max(0.0, count - 1), at
            for who, rule in attempt.logins():
                self._add(who, rule, now)

    def _until_turn(self, attempt: LoginAttempt, now: float) -> float:
        """Seconds until the client's turn at the account; a turn begins when the client first has to wait."""
        counted = attempt.shared() + attempt.logins()
        delay = max((rule.delay(self._count(who, rule, now)) for who, rule in counted), default=0.0)
        if delay == 0:
            return 0.0
        turn = self._turns.get(attempt.client)
        if turn is None or now > turn + TURN_KEPT_S:
            turn = now + delay
            _keep(self._turns, attempt.client, turn)
        return turn - now

    def _add(self, who: _Counted, rule: DelayRule, now: float) -> None:
        _keep(self._counts, who, (self._count(who, rule, now) + 1, now))

    def _count(self, who: _Counted, rule: DelayRule, now: float) -> float:
        count, at = self._counts.get(who, (0.0, now))
        return max(0.0, count - (now - at) / rule.forgiven_s)

    def _left(self, who: _Counted, rule: DelayRule, now: float) -> float:
        count, at = self._counts.get(who, (0.0, now))
        return rule.delay(count) - (now - at)


def _keep(kept: OrderedDict[_Counted, _Value], who: _Counted, value: _Value) -> None:
    """Set a value; when there are too many, the one that was set first is forgotten."""
    kept[who] = value
    kept.move_to_end(who)
    if len(kept) > _MOST_KEPT:
        kept.popitem(last=False)
