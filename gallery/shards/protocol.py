"""What an index in shards asks of them, wherever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from presente.errors import StoreError


class Shards(Protocol):
    """The shards of an index, each of which may be lost and come back."""

    @property
    def number(self) -> int:
        """How many there are."""

    def missing(self) -> list[int]:
        """Which of them are not there now."""

    def ask(self, method: str, of: Mapping[int, tuple[Any, ...]], patient: bool = True) -> dict[int, Any]:
        """Call a method of some shards at once, each with its arguments; what each returns.

        A call whose shard is lost is made again when it is back, so a method must stand being called twice. With
        ``patient`` a missing shard is waited for, for a time.

        Raises:
            StoreError: ``shards_missing``.
            PresenteError: what a shard raises.
        """

    def share(self, value: NDArray[np.int64]) -> Any:
        """What stands for an array in arguments, so that it is sent to a machine once."""

    def close(self, publish: bool) -> None:
        """Stop all of them; with ``publish`` each writes a generation first if anything changed."""


def shards_missing(shards: Shards) -> StoreError:
    """The error of a search for which not all shards are there."""
    missing = shards.missing()
    return StoreError(
        "shards_missing",
        f"Of the {shards.number} shards of the index, {len(missing)} are not there: {', '.join(map(str, missing))}.",
        "They are started again where there is room; try again in some seconds.",
    )
