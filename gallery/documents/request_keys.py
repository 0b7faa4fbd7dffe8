"""Idempotency keys: which request a key belongs to, and whether that request was carried out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from presente.errors import Conflict, shown

KEPT_DAYS = 30
"""How many days a request's key is kept."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That a key belongs to a request, so that the request is carried out once.

    Attributes:
        key: the Idempotency-Key; empty when the request has none.
        digest: SHA-256 of what the request asks for.
        at: when the request first arrived, UTC, ISO, to the second.
        done: whether the request was carried out: then nothing is written again.
        first: whether no earlier attempt of the request is known.
    """

    key: str
    digest: str
    at: str
    done: bool = False
    first: bool = True

    @property
    def moment(self) -> datetime:
        """When the request first arrived."""
        return datetime.fromisoformat(self.at)

    @property
    def oldest_kept(self) -> str:
        """The moment, written as ``at`` is, before which claims are not kept any longer."""
        return (self.moment - timedelta(days=KEPT_DAYS)).isoformat(timespec="seconds")


NO_CLAIM = Claim("", "", "")
"""The claim of what is recorded without a key."""


def key_reused(key: str) -> Conflict:
    """The error of sending a different request with a key that was used."""
    return Conflict(
        "idempotency_key_reused",
        f"The Idempotency-Key {shown(key)} belongs to another request.",
        "Send the same request with it, or use another key.",
    )
