"""Making a backup: the bytes of photos first, then everything else as it is at one moment.

The order makes a kill at any moment safe. The key list, with new keys and without those of people who are gone, is
written before the manifest. A snapshot is there once its manifest is, and what no manifest names is used or deleted by
the next run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from gallery.backup.chunks import ChunkWriter, read_chunk
from gallery.backup.errors import another_store, clear_backup, other_kind_of_key
from gallery.backup.folder import BackupFolder
from gallery.backup.folder_keys import FolderHeader
from gallery.backup.forgetting import forget_gone, merged_erasures
from gallery.backup.key_list import FolderKey, KeyList
from gallery.backup.ownership import of_photo
from gallery.backup.snapshot import Manifest, moment_of, name_of, read_manifest
from gallery.documents.backup_protocol import PhotoVersion, Record
from gallery.documents.note_store import BACKUPS
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import STORE_KEY
from gallery.signing import public_key
from presente import __version__
from presente.files import printable_path
from presente.sealing import Cipher, MasterKey, seal_alike

LIVES = "lives"
"""The setting with the lives of a store, a JSON list: a store that was restored began another one each time."""
_NEW_KEYS = 5000
"""So many new keys are written at once, so that a killed run need not begin anew."""


@dataclass(frozen=True, slots=True)
class BackupWishes:
    """How a backup is to be made.

    Attributes:
        keep: how many snapshots stay; None for all.
        clear: whether a store without a master key may be backed up.
        mistaken_days: how long the key of someone stays whose erasure was not asked for by that person.
        check: whether the bytes of photos that are there are read, and written anew where they do not open.
    """

    keep: int | None = None
    clear: bool = False
    mistaken_days: int = 7
    check: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What a run did.

    Attributes:
        snapshot: its name.
        manifest: what is in it.
        new_objects: how many objects were written.
        new_bytes: how many bytes they have.
        forgotten: how many keys of those who are gone were deleted.
        dropped: the snapshots that were deleted.
        is_sealed: whether the folder is sealed with the master key.
    """

    snapshot: str
    manifest: Manifest
    new_objects: int
    new_bytes: int
    forgotten: int
    dropped: tuple[str, ...]
    is_sealed: bool


def make_backup(store: DocumentStore, folder: BackupFolder, master: MasterKey | None, wishes: BackupWishes) -> Made:
    """Make a snapshot of a store in a folder, which is created when it is not there.

    Raises:
        InvalidInput: ``not_a_backup``, ``backup_in_the_clear``.
        Conflict: ``backup_of_another_store``, ``backup_key_changed``.
        Busy: ``backup_busy``, ``store_busy``.
        StoreError: of the store; ``backup_unwritable``, ``backup_damaged``, ``backup_too_new``.
    """
    store_key = store.backup.setting(STORE_KEY) or ""
    if not (store_key or wishes.clear):
        raise clear_backup()
    folder.create()
    with folder.locked():
        _note_folder(store, folder)
        public_key(store)  # it is made now if there is none: receipts stay valid after a restore
        return _Run(store, folder, master, store_key, wishes).run()


def _note_folder(store: DocumentStore, folder: BackupFolder) -> None:
    """Note in the store where it is backed up: receipts of erasures name that."""
    known: list[str] = json.loads(store.notes.read(BACKUPS) or "[]")
    here = printable_path(folder.path.resolve())
    if here not in known:
        store.notes.write(BACKUPS, json.dumps([*known, here]))


class _Run:
    """One run."""

    def __init__(
        self, store: DocumentStore, folder: BackupFolder, master: MasterKey | None, store_key: str, wishes: BackupWishes
    ) -> None:
        self._store, self._folder, self._wishes = store, folder, wishes
        self._checked: set[str] = set()
        life = lives_of(store)[-1]
        if folder.exists:
            header = folder.header()
            if header.store != store.identity() or header.life not in lives_of(store):
                raise another_store(folder.path)
            if header.is_sealed != bool(store_key):
                raise other_kind_of_key(folder.path, header.is_sealed)
            self._key = header.opened(master, store_key)
            self._keys = folder.key_list(self._key)
            self._header = header.resealed(self._key, life, store_key, master)
        else:
            self._header, self._key = FolderHeader.new(store.identity(), life, store_key, master)
            self._keys = KeyList()

    def run(self) -> Made:
        before, sizes = self._folder.snapshots(), self._folder.object_sizes()
        if self._folder.begin_run():  # what was not flushed may be half there
            self._folder.prune(named_objects(self._folder, self._key, self._keys))
        self._save_keys()
        self._store.backup.capture(self)
        self._save_keys()
        moment = datetime.now(UTC)
        if before:  # the clock may have been set back
            moment = max(moment, moment_of(before[-1]) + timedelta(milliseconds=1))
        writer = ChunkWriter(self._folder, self._key, self._keys)
        pack = self._store.pack()
        for record in self._store.backup.records(self):
            if self._keys.changed >= _NEW_KEYS:
                self._save_keys()
            writer.add(record, self._content_of(record))
        writer.end()
        self._keys.last_number = max(self._keys.last_number, self._store.backup.last_number())
        made = Manifest(
            moment=moment.isoformat(timespec="milliseconds"),
            store=self._header.store,
            made_by=__version__,
            pack="" if pack is None else pack[0],
            counts=writer.counts,
            chunks={kind: self._with_digests(names) for kind, names in writer.chunks.items()},
            last_number=self._keys.last_number,
        )
        forgotten = self._finish(name_of(moment), made, writer.owners)
        dropped = self._drop_old()
        self._folder.end_run()
        new = [size for name, size in self._folder.object_sizes().items() if name not in sizes]
        return Made(name_of(moment), made, len(new), sum(new), forgotten, dropped, self._header.is_sealed)

    def _save_keys(self) -> None:
        self._folder.put_keys(self._header, self._key, self._keys)

    def _with_digests(self, names: Sequence[str]) -> list[tuple[str, str]]:
        return [(name, hashlib.sha256(self._folder.read(name)).hexdigest()) for name in names]

    def _finish(self, snapshot: str, made: Manifest, owners: set[str]) -> int:
        """Write the lists as they are now, then the manifest."""
        erasures = merged_erasures(self._folder, self._key, self._store)
        forgotten = forget_gone(self._keys, owners, erasures, made.moment, self._wishes.mistaken_days)
        self._folder.put_erasures(self._key, [entry.to_json() for entry in erasures])
        self._save_keys()
        self._folder.publish(self._key, snapshot, msgspec.msgpack.encode(made))
        return forgotten

    def _drop_old(self) -> tuple[str, ...]:
        """Delete the snapshots that are too many, and every object that none of the others needs."""
        keep = self._wishes.keep
        dropped = self._folder.snapshots()[:-keep] if keep else []
        for snapshot in dropped:
            self._folder.drop_snapshot(snapshot)
        self._folder.prune(named_objects(self._folder, self._key, self._keys))
        return tuple(dropped)

    # -- the bytes of photos ----------------------------------------------------------------------------------------

    def has(self, photo: PhotoVersion) -> bool:
        """Whether the bytes of a photo are in the folder."""
        name = self._object_of(photo)
        if not self._wishes.check or name in self._checked:
            return self._folder.has(name)
        self._checked.add(name)
        return self._folder.is_whole(name, Cipher(self._keys.keys[of_photo(photo.id)].key))

    def put(self, photo: PhotoVersion, content: bytes) -> None:
        """Put the bytes of a photo into the folder."""
        name, owner = self._object_of(photo), self._keys.keys[of_photo(photo.id)]
        if self._keys.changed >= _NEW_KEYS:
            self._save_keys()
        self._folder.put(name, seal_alike(owner.key, content, name))

    def _object_of(self, photo: PhotoVersion) -> str:
        """The name of a photo's object: of which bytes it is, under which key."""
        owner = self._keys.made(of_photo(photo.id), photo.student, photo.sha256)
        version = f"{photo.id} {photo.student} {photo.sha256} {photo.seal}"
        return self._key.name(b"photo", version.encode(), owner.key)

    def _content_of(self, record: Record) -> str:
        if record.kind != "photo":
            return ""
        fields = record.fields
        return self._object_of(PhotoVersion(fields["id"], fields["student"], fields["sha256"], fields["key"] or 0))


def lives_of(store: DocumentStore) -> list[str]:
    """The lives of a store, the present one last."""
    text = store.backup.setting(LIVES)
    return [store.identity(), *(json.loads(text) if text else [])]


def named_objects(folder: BackupFolder, key: FolderKey, keys: KeyList) -> set[str]:
    """Every object that a snapshot needs. Bytes of a photo whose key is gone are not needed."""
    named: set[str] = set()
    for snapshot in folder.snapshots():
        chunks = read_manifest(folder, key, snapshot).chunks
        for kind, names in chunks.items():
            for name, _ in names:
                if name in named:
                    continue
                named.add(name)
                if kind == "photo":
                    found = read_chunk(folder, key, name)
                    named |= {each.content for each in found if of_photo(each.shown["id"]) in keys.keys}
    return named
