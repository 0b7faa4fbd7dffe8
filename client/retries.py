"""When a request is sent again, and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently a request is sent again.

    Only requests that can be repeated are: questions, and those whose Idempotency-Key says that they are one request.

    Attributes:
        attempts: how often a request is sent at most; 1: never again.
        first_wait_s: seconds before the second attempt; each further wait is twice as long.
        longest_wait_s: no wait is longer. A server that asks for a longer one gets no further attempt: its error is
            raised, and says in ``retry_after`` when to call again.
    """

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.attempts < 1 or self.first_wait_s < 0 or self.longest_wait_s < 0:
            raise ValueError(f"{self} has a number that is too small: at least one attempt, and no negative wait")

    def wait_s(self, attempt: int, retry_after: float | None) -> float | None:
        """Seconds to wait after an attempt that failed; None when there is to be no other.

        A part of the wait is random, so that clients that failed together do not come back together.

        Args:
            attempt: which it was, from 1.
            retry_after: seconds for which the answer asks.
        """
        if attempt >= self.attempts:
            return None
        if retry_after is not None and retry_after > self.longest_wait_s:
            return None
        backoff = min(self.first_wait_s * 2 ** (attempt - 1), self.longest_wait_s)
        jitter = random.uniform(0, backoff)
        return min(backoff / 2 + jitter / 2 if retry_after is None else retry_after + jitter / 2, self.longest_wait_s)


DEFAULT_RETRIES = Retries()


def seconds_of(header: str | None) -> float | None:
    """The seconds of a Retry-After header; None without one, or where it is a date: this API sends seconds."""
    try:
        found = float(header or "")
    except ValueError:
        return None
    return found if 0 <= found < float("inf") else None
