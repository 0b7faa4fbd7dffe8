"""For whom photos are decoded: the share that the work of a context takes."""

from __future__ import annotations

from contextvars import ContextVar

_share: ContextVar[str] = ContextVar("share", default="")


def current_share() -> str:
    """Whose share the request takes that this context answers; empty outside of requests."""
    return _share.get()


def take_share(share: str) -> None:
    """Let the rest of this context take a share."""
    _share.set(share)
