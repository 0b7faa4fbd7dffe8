"""Making a store from a snapshot, of whichever kind of store the snapshot was.

The store says that it is half restored from the first write to the last. Whoever was erased and has no key any more is
not written into it; the erasure list is carried out on the rest before the store may be used.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gallery.backup.folder import BackupFolder
from gallery.backup.forgetting import folder_erasures
from gallery.backup.key_list import FolderKey, KeyList
from gallery.backup.ownership import of_photo
from gallery.backup.snapshot import Manifest, read_manifest, records_of, snapshot_at
from gallery.backup.writing import LIVES
from gallery.documents.backup_protocol import KINDS, Opening, Record, RecordKind
from gallery.documents.backup_rules import Present
from gallery.documents.erasure_list import Erasure, brought_back, united
from gallery.documents.note_store import RESTORED_UP_TO
from gallery.documents.protocol import DocumentStore
from gallery.erasure_replay import ReplayedErasures, apply_erasures
from presente.errors import Conflict, NotFound, shown
from presente.sealing import Cipher, MasterKey

_MOST_RECORDS, _MOST_BYTES = 500, 8 * 2**20


@dataclass(frozen=True, slots=True)
class RestoreWishes:
    """What is to be restored.

    Attributes:
        at: the newest snapshot that is not later; None for the newest.
        bring_back: matriculas of students whose erasure was a mistake.
        erasures: a further erasure list, beside the one of the folder.
    """

    at: datetime | None = None
    bring_back: tuple[str, ...] = ()
    erasures: tuple[Erasure, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored.

    Attributes:
        snapshot: its name.
        manifest: what it has.
        counts: how many records were written, by kind.
        replayed: what the erasure list took away again.
    """

    snapshot: str
    manifest: Manifest
    counts: dict[str, int]
    replayed: ReplayedErasures


def restore(
    folder: BackupFolder,
    master: MasterKey | None,
    open_store: Callable[[Opening], DocumentStore],
    wishes: RestoreWishes,
) -> Restored:
    """Make a store from a snapshot.

    Args:
        folder: the backup.
        master: the master key that the folder was last written with.
        open_store: opens the store, which is empty, or was left by a restore that was cut off.
        wishes: what is to be restored.

    Raises:
        Busy: ``restore_busy``.
        InvalidInput: ``not_a_backup``.
        NotFound: ``no_such_snapshot``; ``student_not_found`` of one to bring back.
        Conflict: ``store_not_empty``, ``erasure_was_asked``, ``erased_for_good``.
        StoreError: of the store; ``backup_damaged``, ``backup_too_new``, ``master_key_missing``, ``master_key_wrong``.
    """
    key = folder.header().opened(master)
    keys = folder.key_list(key)
    snapshot = snapshot_at(folder, wishes.at)
    run = _Restore(folder, key, keys, read_manifest(folder, key, snapshot))
    erasures = united([folder_erasures(folder, key), wishes.erasures])
    back = run.check_brought_back(wishes.bring_back, erasures)
    own = uuid.uuid4().hex
    with closing(open_store("load")) as store:
        store.backup.begin_restore(own)
        run.load(store)
        numbers = (run.manifest.last_number, keys.last_number, *(each.subject for each in erasures))
        store.backup.end_load(max(numbers))
    with closing(open_store("finish")) as store:
        store.backup.continue_restore(own)
        store.notes.write(RESTORED_UP_TO, str(max(numbers)))
        replayed = apply_erasures(store, [*erasures, *map(brought_back, back)])
        store.finish_erasing()
        store.backup.end_restore()
    return Restored(snapshot, run.manifest, run.counts, replayed)


@dataclass(slots=True)
class _Restore:
    """One run."""

    folder: BackupFolder
    key: FolderKey
    keys: KeyList
    manifest: Manifest
    counts: dict[str, int] = field(default_factory=dict)
    present: Present = field(default_factory=Present)

    def check_brought_back(self, matriculas: Sequence[str], erasures: Sequence[Erasure]) -> list[int]:
        """The subject ids of those to bring back, if they may and can be."""
        if not matriculas:
            return []
        found: dict[str, int] = {}
        without_key = False
        for each in records_of(self.folder, self.key, self.keys, self.manifest, "student"):
            if each.record is None:
                without_key = True
            elif each.record.fields["matricula"] in matriculas:
                found[each.record.fields["matricula"]] = each.record.fields["id"]
        asked = {each.subject for each in erasures if each.asked and each.kind in ("student", "withdrawn")}
        for matricula in matriculas:
            if matricula not in found:
                raise _cannot_bring_back(matricula, without_key)
            if found[matricula] in asked:
                raise Conflict(
                    "erasure_was_asked",
                    f"{shown(matricula)} asked to be erased, and is never brought back.",
                    "Leave the student out.",
                )
        return sorted(found.values())

    def load(self, store: DocumentStore) -> None:
        """Write every record that is left of the snapshot."""
        for kind in KINDS:
            if kind == "attendance":
                self._note_faceless()
            batch: list[Record] = []
            size = 0
            for record in self._records(kind):
                batch.append(record)
                size += sum(len(record.fields.get(name) or b"") for name in ("content", "picture"))
                if len(batch) >= _MOST_RECORDS or size >= _MOST_BYTES:
                    store.backup.load(batch)
                    batch, size = [], 0
            if batch:
                store.backup.load(batch)

    def _records(self, kind: RecordKind) -> Iterator[Record]:
        lives: list[str] = []
        for each in records_of(self.folder, self.key, self.keys, self.manifest, kind):
            record = None if each.record is None else self.present.kept(each.record)
            if record is None:
                continue
            if kind == "setting" and record.fields["name"] == LIVES:
                lives = json.loads(record.fields["value"])
                continue
            self.present.note(record)
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if kind == "photo":
                record.fields["content"] = self._content(record.fields, each.content)
            yield record
        if kind == "setting":
            yield Record("setting", {"name": LIVES, "value": json.dumps([*lives, uuid.uuid4().hex])})

    def _content(self, fields: dict[str, Any], name: str) -> bytes:
        return self.folder.unsealed(name, Cipher(self.keys.keys[of_photo(fields["id"])].key))

    def _note_faceless(self) -> None:
        """Note in which groups of faces someone was who is gone."""
        for each in records_of(self.folder, self.key, self.keys, self.manifest, "attendance"):
            is_gone = (
                each.owners and each.record is not None and each.record.fields["student"] not in self.present.students
            )
            if is_gone and each.shown["face_group"]:
                self.present.faceless.add(each.shown["face_group"])


def _cannot_bring_back(matricula: str, without_key: bool) -> NotFound | Conflict:
    if without_key:
        return Conflict(
            "erased_for_good",
            f"{shown(matricula)} cannot be brought back: the snapshot has no such student whose key still exists.",
            "Keys of mistaken erasures stay for PRESENTE_BACKUP_UNDO_DAYS; enrol the student again.",
        )
    return NotFound(
        "student_not_found", f"The snapshot has no student {shown(matricula)}.", "Choose another one with --at."
    )
