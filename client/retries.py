"""When a request is sent again, and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass

_MOST_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class Retries:
    """How long and when a request is sent again.

    Only requests that can be repeated are: questions, and those whose Idempotency-Key says that they are one request.

    Attributes:
        patience_s: seconds since the first attempt after which no further wait begins; 0: never again. A server that
            asks for a longer wait gets no further attempt: its error is raised, and says in ``retry_after`` when to
            call again. A shorter one is waited to its end, so that a call lasts at most about twice as long.
        first_wait_s: seconds before the second attempt; each further wait is twice as long.
        longest_wait_s: no wait is longer, unless the server asks for it.
        attempts: how often a request is sent at most; None: as often as patience allows.
    """

    patience_s: float = 60.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 5.0
    attempts: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        enough = self.patience_s >= 0 and self.first_wait_s > 0 and self.longest_wait_s > 0
        if not enough or (self.attempts is not None and self.attempts < 1):
            raise ValueError(f"{self} has a number that is too small: patience from 0 on, waits above 0, one attempt")

    def wait_s(self, attempt: int, elapsed_s: float, retry_after: float | None) -> float | None:
        """Seconds to wait after an attempt that failed; None when there is to be no other.

        A part of the wait is random, so that clients that failed together do not come back together.

        Args:
            attempt: which it was, from 1.
            elapsed_s: seconds since the first attempt began.
            retry_after: seconds for which the answer asks.
        """
        if elapsed_s >= self.patience_s or (self.attempts is not None and attempt >= self.attempts):
            return None
        backoff = min(self.first_wait_s * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS), self.longest_wait_s)
        jitter = random.uniform(0, backoff) / 2
        if retry_after is None:
            return backoff / 2 + jitter
        return retry_after + jitter if retry_after <= self.patience_s else None


DEFAULT_RETRIES = Retries()


def seconds_of(header: str | None) -> float | None:
    """The seconds of a Retry-After header; None without one, or where it is a date: this API sends seconds."""
    try:
        found = float(header or "")
    except ValueError:
        return None
    return found if 0 <= found < float("inf") else None
