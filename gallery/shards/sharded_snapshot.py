"""All templates of an index in shards at one moment; the vectors stay in the shards until they are taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gallery.shards.protocol import Shards


class ShardedSnapshot:
    """A :class:`gallery.index.template_snapshot.Snapshot` of all shards."""

    def __init__(self, shards: Shards, parts: Sequence[tuple[int, NDArray[np.int64], NDArray[np.int64]]], dim: int):
        self._shards = shards
        self._numbers = [number for number, _, _ in parts]
        ids = np.concatenate([ids for _, ids, _ in parts])
        order = np.argsort(ids, kind="stable")
        self.ids = ids[order]
        self.subjects = np.concatenate([subjects for _, _, subjects in parts])[order]
        sizes = [len(ids) for _, ids, _ in parts]
        self._shard_of = np.repeat(np.arange(len(parts)), sizes)[order]
        self._place = np.concatenate([np.arange(size) for size in sizes])[order]
        self.dim = dim

    def __len__(self) -> int:
        """How many templates there are."""
        return len(self.ids)

    def take(self, which: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """See :meth:`gallery.index.template_snapshot.Snapshot.take`."""
        shard_of, places = self._shard_of[which], self._place[which]
        taken = np.empty((len(places), self.dim), dtype=np.float32)
        asked = {int(shard): (self._numbers[shard], places[shard_of == shard]) for shard in np.unique(shard_of)}
        for shard, vectors in self._shards.ask("take", asked).items():
            taken[shard_of == shard] = vectors
        return taken
