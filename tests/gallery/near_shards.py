"""A gallery whose index lies in real shards in this process, without Ray. Shards can be lost, and come back."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import SubjectPart
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.index.recall_gate import IndexSettings
from gallery.settings import GallerySettings
from gallery.shards.protocol import shards_missing
from gallery.shards.shard import Shard
from gallery.shards.sharded_index import ShardedIndex
from presente.composition import open_store

SHARDS = 3


class NearShards:
    """Shards in this process; those in ``lost`` do not answer."""

    def __init__(self, open_shard: Callable[[SubjectPart], Shard]) -> None:
        self.number = SHARDS
        self.lost: set[int] = set()
        self._shards = {number: open_shard(SubjectPart(number, SHARDS)) for number in range(SHARDS)}

    def missing(self) -> list[int]:
        return sorted(self.lost)

    def ask(self, method: str, of: Mapping[int, tuple[Any, ...]], patient: bool = True) -> dict[int, Any]:
        if self.lost & set(of):
            raise shards_missing(self)
        return {number: getattr(self._shards[number], method)(*arguments) for number, arguments in of.items()}

    def share(self, value: NDArray[np.int64]) -> NDArray[np.int64]:
        return value

    def close(self, publish: bool) -> None:
        for shard in self._shards.values():
            shard.close(publish)


def gallery_in_near_shards(
    url: str, folder: Path, pack: tuple[str, int], settings: GallerySettings
) -> tuple[Gallery, NearShards]:
    """A gallery of a store, and the three shards in which its index lies."""

    def open_shard(part: SubjectPart) -> Shard:
        return Shard(open_store(url), folder, IndexSettings("auto", 0.999), pack, pack[0], part)

    store, shards = open_store(url), NearShards(open_shard)
    index = partial(ShardedIndex, store, shards, *pack, pack[0])
    return Gallery(store, GenerationStore(folder), *pack, settings, index), shards
