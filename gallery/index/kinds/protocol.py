"""The protocol of a vector index. An index knows rows of unit vectors, and does not know which subject a row is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.index.sealed_files import StoredFile

KindName = Literal["flat", "pq", "rabitq", "hnsw", "ivf"]


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """How an index is made and searched: its kind, and the parameters of that kind, integers by name."""

    kind: KindName
    parameters: Mapping[str, int] = field(default_factory=dict)


class VectorIndex(Protocol):
    """Finds the nearest rows, by inner product, of a float32 (n, d) matrix that never changes.

    It may be searched by several threads at once. Scores are always computed from the matrix: a kind may miss a row,
    but the scores of the rows that it finds are exact.
    """

    spec: IndexSpec

    def search(
        self, probes: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best rows of each of m probes: scores float32 (m, k), descending, and rows int64 (m, k).

        Where fewer than k rows are found, the rest is -inf and -1. With ``alive``, bool (n,), only rows for which it is
        true are found."""

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Overwrite in memory what was made from some rows, which must not be found any more. Never during a search."""

    def forget_in_file(self, file: StoredFile, rows: NDArray[np.int64]) -> None:
        """Overwrite the same in the file that :meth:`save` wrote or that this index was loaded from.

        Raises ``OSError`` when the disk refuses."""

    def save(self, path: Path) -> bool:
        """Write what this kind needs beside the matrix; False when it needs nothing.

        Raises ``OSError`` when the disk refuses."""
