"""The protocol of a vector index. An index knows ids and unit vectors; it does not know whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class VectorIndex(Protocol):
    """Nearest neighbours by inner product. Not safe to change while it is searched: the gallery's lock sees to that."""

    kind: str
    dim: int

    def __len__(self) -> int: ...

    def ids(self) -> NDArray[np.int64]:
        """Every id in the index, int64 (n,), in no particular order; a copy."""

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add float32 (n, d) unit vectors under int64 (n,) ids that the index does not have.

        Raises ``InvalidInput`` (``dimension_mismatch``, ``not_finite``)."""

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove by id; how many were there."""

    def search(
        self,
        probes: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best of each of m probes: scores float32 (m, k), descending, and ids int64 (m, k); where fewer than k
        exist, the rest is -inf and -1. With ``allowed``, only those ids are searched, exactly."""

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The stored vectors of ids that are in the index, float32 (n, d); a copy."""

    def save(self, path: Path) -> None: ...
