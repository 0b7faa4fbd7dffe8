"""The protocol of a vector index. An index knows rows of unit vectors; it does not know whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

KindName = Literal["flat", "rabitq", "hnsw", "ivf"]


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """How an index is made and searched: its kind and that kind's parameters, whole numbers by name."""

    kind: KindName
    parameters: Mapping[str, int] = field(default_factory=dict)


class VectorIndex(Protocol):
    """Nearest rows, by inner product, of a float32 (n, d) matrix that never changes. Safe to search from many threads.

    Scores are always computed on the matrix itself: a kind may overlook a row, it never misjudges one.
    """

    spec: IndexSpec

    def search(
        self, probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best rows of each of m probes: scores float32 (m, k), descending, and rows int64 (m, k); where fewer
        than k are found, the rest is -inf and -1. With ``alive``, bool (n,), only the rows that it marks."""

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Overwrite in memory what was made of some rows, which nobody asks for any more. Never beside a search."""

    def forget_in_file(self, handle: int, rows: NDArray[np.int64]) -> None:
        """Overwrite the same in the file that :meth:`save` wrote, or this index was read from, open for both.

        Raises ``OSError`` when the disk refuses."""

    def save(self, path: Path) -> bool:
        """Write what this kind needs beside the matrix; False when that is nothing.

        Raises ``OSError`` when the disk refuses."""
