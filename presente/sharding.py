"""Opens an index in shards, on the machines of a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gallery.documents.protocol import DocumentStore
from gallery.documents.values import SubjectPart
from gallery.index.recall_gate import IndexSettings
from gallery.shards.ray_shards import RayShards
from gallery.shards.shard import Shard
from gallery.shards.sharded_index import ShardedIndex
from presente import __version__
from presente.cluster_checks import check_store_is_shared, check_version, store_not_shared
from presente.machine import machine_name
from presente.parallel import default_workers
from presente.ray_cluster import join_cluster, leave_cluster
from presente.settings import Settings


@dataclass(frozen=True, slots=True, repr=False)
class SettingsShardOpener:
    """Opens a shard as the settings say, on the machine where it is called. No ``repr``: there may be a password.

    Attributes:
        settings: those of the program that asks for it.
        open_store: opens the store that settings name.
        file: the store's file; None when it is a server.
        folder: its working directory, which relative paths start from.
        version: of Presente.
        machine: its machine.
        store: the store's identity.
        pack: tag and dimension.
    """

    settings: Settings
    open_store: Callable[[Settings], DocumentStore]
    file: Path | None
    folder: Path
    version: str
    machine: str
    store: str
    pack: tuple[str, int]

    def __call__(self, part: SubjectPart) -> Shard:
        """Open the shard of a part.

        Raises:
            ConfigError: ``other_version``, ``store_not_shared``.
            PackError, StoreError: as :class:`gallery.shards.shard.Shard`.
        """
        check_version(self.version)
        with suppress(OSError):  # absolute paths do without
            os.chdir(self.folder)
        check_store_is_shared(self.file, self.machine)
        settings = self.settings
        store = self.open_store(settings)
        try:
            if store.identity() != self.store:
                raise store_not_shared("its address leads to another store there")
            sealed = settings.index_sealed != "off"
            kind = IndexSettings(settings.index_kind, settings.recall_floor, sealed)
            return Shard(store, settings.index, kind, self.pack, settings.pack, part)
        except BaseException:
            store.close()
            raise


def open_sharded_index(
    settings: Settings,
    store: DocumentStore,
    pack: tuple[str, int],
    open_store: Callable[[Settings], DocumentStore],
    file: Path | None,
) -> ShardedIndex:
    """The index of a store's templates by a pack (tag and dimension), in as many shards as the settings say.

    ``open_store`` opens the store that settings name; ``file`` is its file, None when it is a server.

    Raises:
        ConfigError: ``ray_missing``, ``cluster_unavailable``, ``no_room``; ``other_version``, ``store_not_shared``.
        InvalidInput: ``unsuitable_address``.
        PackError: ``pack_mismatch``.
        StoreError: of the store.
    """
    opener = SettingsShardOpener(
        replace(settings, api_keys=(), api_key=""),
        *(open_store, file, Path.cwd(), __version__, machine_name(), store.identity(), pack),
    )
    address = settings.shards_address or None
    ray = join_cluster(address, max(settings.shards, default_workers()), "PRESENTE_SHARDS")
    shards = RayShards(ray, opener, settings.shards, settings.shards_wait, leave_cluster)
    try:
        return ShardedIndex(store, shards, *pack, settings.pack)
    except BaseException:
        shards.close(publish=False)
        raise
