"""A snapshot: its manifest, and what it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from gallery.backup.chunks import Opened, read_records
from gallery.backup.errors import damaged, no_snapshot
from gallery.backup.folder import BackupFolder
from gallery.backup.key_list import FolderKey, KeyList
from gallery.documents.backup_protocol import RecordKind

_NAME = "%Y%m%dT%H%M%S"


class Manifest(msgspec.Struct, frozen=True):
    """What a snapshot is.

    Attributes:
        moment: what was acknowledged before it is in the snapshot; UTC, ISO, to the millisecond.
        store: the identity of the store.
        made_by: the version of Presente.
        pack: of the gallery; empty without one.
        counts: how many records there are, by kind.
        chunks: the names of the chunks by kind, each with the SHA-256 of its file.
        last_number: a number that no id exceeds.
    """

    moment: str
    store: str
    made_by: str
    pack: str
    counts: dict[str, int]
    chunks: dict[str, list[tuple[str, str]]]
    last_number: int


def name_of(moment: datetime) -> str:
    """The name of the snapshot of a moment."""
    return f"{moment.astimezone(UTC).strftime(_NAME)}.{moment.microsecond // 1000:03d}Z"


def moment_of(name: str) -> datetime:
    """The moment of a snapshot's name."""
    moment = datetime.strptime(name[:15], _NAME).replace(tzinfo=UTC)
    return moment + timedelta(milliseconds=int(name[16:19]))


def snapshot_at(folder: BackupFolder, moment: datetime | None) -> str:
    """The newest snapshot, or the newest that is not later than a moment.

    Raises:
        NotFound: ``no_such_snapshot``.
    """
    found = [name for name in folder.snapshots() if moment is None or moment_of(name) <= moment]
    if not found:
        raise no_snapshot(folder.path, "" if moment is None else moment.isoformat())
    return found[-1]


def read_manifest(folder: BackupFolder, key: FolderKey, name: str) -> Manifest:
    """The manifest of a snapshot.

    Raises:
        StoreError: ``backup_damaged``.
    """
    try:
        return msgspec.msgpack.decode(folder.manifest(key, name), type=Manifest)
    except msgspec.MsgspecError as exc:
        raise damaged(f"snapshots/{name}", "It is not as it was written.") from exc


def records_of(
    folder: BackupFolder, key: FolderKey, keys: KeyList, manifest: Manifest, kind: RecordKind
) -> Iterator[Opened]:
    """The records of a kind in a snapshot.

    Raises:
        StoreError: ``backup_damaged``.
    """
    return read_records(folder, key, keys, kind, [name for name, _ in manifest.chunks.get(kind, ())])
