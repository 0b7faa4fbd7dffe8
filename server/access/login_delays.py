"""Delays after wrong passwords: per address, per account, and per browser that has logged in to the account before.

The delays grow, and no account is ever closed. Guesses at an account delay only browsers that are new to it: one that
has logged in before carries a mark, is counted by that mark alone, and is not delayed by others.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from presente.errors import Busy

_MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class DelayRule:
    """How wrong passwords delay the next attempt.

    Attributes:
        free: this many cost nothing; each further one doubles the delay, from one second.
        longest_s: the longest delay, in seconds.
        forgiven_s: after this many seconds one wrong password is forgotten.
    """

    free: int
    longest_s: float
    forgiven_s: float

    def delay(self, wrong: float) -> float:
        """Seconds to wait after so many wrong passwords."""
        return 0.0 if wrong <= self.free else min(self.longest_s, 2.0 ** (min(wrong, 64) - self.free - 1))


BY_ADDRESS = DelayRule(free=20, longest_s=60, forgiven_s=60)
"""A school may have one address, so several people may err at once."""
BY_ACCOUNT = DelayRule(free=10, longest_s=30, forgiven_s=60)
"""Guesses from many addresses at one account. The delay stays short, since it meets the owner's new browser, too."""
BY_DEVICE = DelayRule(free=5, longest_s=60, forgiven_s=60)


class LoginDelays:
    """Counts wrong passwords, in this process. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def begin(self, address: str, account: str, device: str) -> None:
        """Count an attempt as wrong, until :meth:`right` says otherwise, so that attempts at once are counted, too.

        Args:
            address: of the client.
            account: whose password it should be; it need not exist.
            device: the browser's mark, if it was given for this account; else empty.

        Raises:
            Busy: ``too_many_logins``, with the seconds to wait; the attempt is not counted then.
        """
        now = self._clock()
        with self._lock:
            counts = self._counts(address, account, device)
            wait = max(self._left(who, rule, now) for who, rule in counts)
            if wait > 0:
                raise Busy(
                    "too_many_logins",
                    "Too many wrong passwords were sent.",
                    "Wait, and try again; a browser that has logged in before need not wait for others.",
                    retry_after_s=int(wait) + 1,
                )
            for who, rule in counts:
                self._wrong[who] = self._count(who, rule, now) + 1, now
                self._wrong.move_to_end(who)
            while len(self._wrong) > _MOST_KEPT:
                self._wrong.popitem(last=False)

    def right(self, address: str, account: str, device: str) -> None:
        """The password of the last attempt was right."""
        with self._lock:
            for who, _ in self._counts(address, account, device):
                wrong, at = self._wrong.get(who, (0.0, 0.0))
                if who[0] == "address":  # else logging in to one's own account would allow guessing at others
                    self._wrong[who] = max(0.0, wrong - 1), at
                else:
                    self._wrong.pop(who, None)

    @staticmethod
    def _counts(address: str, account: str, device: str) -> list[tuple[tuple[str, str], DelayRule]]:
        if device:
            return [(("device", device), BY_DEVICE)]
        return [(("address", address), BY_ADDRESS), (("account", account), BY_ACCOUNT)]

    def _count(self, who: tuple[str, str], rule: DelayRule, now: float) -> float:
        wrong, at = self._wrong.get(who, (0.0, now))
        return max(0.0, wrong - (now - at) / rule.forgiven_s)

    def _left(self, who: tuple[str, str], rule: DelayRule, now: float) -> float:
        wrong, at = self._wrong.get(who, (0.0, now))
        return rule.delay(wrong) - (now - at)
