"""Chunks of records: where one ends is decided by the ids in it, so that a change of one record changes one chunk."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from gallery.backup.errors import damaged
from gallery.backup.folder import BackupFolder
from gallery.backup.key_list import FolderKey, KeyList
from gallery.backup.ownership import Owners, Part, joined, split
from gallery.documents.backup_protocol import Record, RecordKind
from presente.errors import StoreError
from presente.sealing import Cipher, seal_alike

_MEAN_RECORDS = 256
_LARGEST_BYTES = 4 * 2**20


class SealedPart(msgspec.Struct, array_like=True):
    """The fields of some owners, sealed with their keys."""

    owners: Owners
    sealed: bytes


class ChunkRecord(msgspec.Struct, array_like=True):
    """A record in a chunk: the fields that are no one's, the parts of owners, and the object with a photo's bytes."""

    shown: dict[str, Any]
    parts: tuple[SealedPart, ...]
    content: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A record that was read from a chunk.

    Attributes:
        record: None when everything of it belongs to someone who is gone.
        owners: the owners of its parts.
        content: of a photo, the object with its bytes.
        shown: the fields that are no one's.
    """

    record: Record | None
    owners: tuple[str, ...]
    content: str
    shown: dict[str, Any]


class ChunkWriter:
    """Writes the records of one kind after another.

    Attributes:
        chunks: the names of the chunks so far, by kind.
        counts: how many records there are, by kind.
        written: how many objects were new.
        owners: every owner that a record has.
    """

    def __init__(self, folder: BackupFolder, key: FolderKey, keys: KeyList) -> None:
        self._folder, self._key, self._keys = folder, key, keys
        self._encoder = msgspec.msgpack.Encoder(order="deterministic")
        self._block: list[tuple[RecordKind, ChunkRecord, bytes, list[bytes]]] = []
        self._bytes = 0
        self.chunks: dict[str, list[str]] = {}
        self.counts: dict[str, int] = {}
        self.written = 0
        self.owners: set[str] = set()

    def add(self, record: Record, content: str = "") -> None:
        """Add a record, of the same kind as the last one or of a later kind."""
        if self._block and self._block[-1][0] != record.kind:
            self._end()
        shown, parts = split(record)
        plain = self._encoder.encode([shown, content, [[part.owners, part.fields] for part in parts]])
        keys = [self._key_of(part.owners) for part in parts]
        sealed = tuple(
            SealedPart(part.owners, seal_alike(key, self._encoder.encode(part.fields), record.kind))
            for part, key in zip(parts, keys, strict=True)
        )
        self._block.append((record.kind, ChunkRecord(shown, sealed, content), plain, keys))
        self._bytes += len(plain)
        self.counts[record.kind] = self.counts.get(record.kind, 0) + 1
        if _ends_chunk(record) or self._bytes >= _LARGEST_BYTES:
            self._end()

    def _key_of(self, owners: Owners) -> bytes:
        self.owners.update(owners)
        for owner in owners:
            self._keys.made(owner)
        key = self._keys.joint(owners)
        assert key is not None
        return key

    def end(self) -> None:
        """Write what is left."""
        if self._block:
            self._end()

    def _end(self) -> None:
        kind = self._block[0][0]
        # The keys are part of the name: after an owner was erased and came back, nothing old would open.
        name = self._key.name(kind.encode(), *(part for _, _, plain, keys in self._block for part in (plain, *keys)))
        if not self._folder.is_whole(name, self._key.cipher):
            content = self._encoder.encode([record for _, record, _, _ in self._block])
            # Sealed alike: older snapshots, which have its SHA-256, are whole again when it was damaged.
            self._folder.put(name, seal_alike(self._key.secret, content, name))
            self.written += 1
        self.chunks.setdefault(kind, []).append(name)
        self._block, self._bytes = [], 0


def _ends_chunk(record: Record) -> bool:
    """Whether a chunk ends after a record: after one in so many, by its id alone."""
    fields = record.fields
    name = next(
        fields[name] for name in ("id", "number", "key", "mark", "name", "clase") if fields.get(name) is not None
    )
    return zlib.crc32(str(name).encode()) % _MEAN_RECORDS == 0


def read_chunk(folder: BackupFolder, key: FolderKey, name: str) -> list[ChunkRecord]:
    """The records of a chunk, whose parts are still sealed.

    Raises:
        StoreError: ``backup_damaged``.
    """
    return msgspec.msgpack.decode(folder.unsealed(name, key.cipher), type=list[ChunkRecord])


def opened(kind: RecordKind, found: ChunkRecord, keys: KeyList) -> Opened:
    """A record of a chunk, with the parts of those who are not gone.

    Raises:
        StoreError: ``backup_damaged``.
    """
    parts = [_open_part(kind, part, keys) for part in found.parts]
    owners = tuple(owner for part in found.parts for owner in part.owners)
    return Opened(joined(kind, found.shown, parts), owners, found.content, found.shown)


def _open_part(kind: RecordKind, part: SealedPart, keys: KeyList) -> dict[str, Any] | None:
    key = keys.joint(part.owners)
    if key is None:
        return None
    try:
        plain = Cipher(key).unseal(part.sealed, kind)
    except StoreError as exc:
        raise damaged(f"a {kind} of {part.owners[0]}", "It does not open.") from exc
    fields: dict[str, Any] = msgspec.msgpack.decode(plain)
    return fields


def read_records(
    folder: BackupFolder, key: FolderKey, keys: KeyList, kind: RecordKind, chunks: Iterable[str]
) -> Iterator[Opened]:
    """Every record of a kind, in order; one chunk is in memory at a time.

    Raises:
        StoreError: ``backup_damaged``.
    """
    for name in chunks:
        for found in read_chunk(folder, key, name):
            yield opened(kind, found, keys)


__all__ = ["ChunkRecord", "ChunkWriter", "Opened", "Part", "opened", "read_chunk", "read_records"]
