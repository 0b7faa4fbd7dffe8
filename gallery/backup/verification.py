"""Reading everything of a backup: every seal is opened, every digest compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from gallery.backup.chunks import Opened, opened, read_chunk
from gallery.backup.folder import BackupFolder
from gallery.backup.forgetting import folder_erasures
from gallery.backup.key_list import FolderKey, KeyList
from gallery.backup.ownership import of_photo
from gallery.backup.snapshot import Manifest, read_manifest
from gallery.documents.backup_protocol import KINDS, RecordKind
from gallery.documents.seals import of_student
from presente.errors import InvalidInput, StoreError
from presente.sealing import Cipher, MasterKey

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a backup that is not as it was written.

    Attributes:
        where: the file.
        what: what is wrong.
        snapshots: the snapshots that lack it.
        whom: matriculas of the students whom it concerns, as far as that is known.
    """

    where: str
    what: str
    snapshots: tuple[str, ...] = ()
    whom: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """What was found.

    Attributes:
        manifests: what can be read of snapshots, by name.
        objects: how many objects were read.
        problems: what is wrong.
    """

    manifests: dict[str, Manifest]
    objects: int
    problems: tuple[Problem, ...]


def verify_backup(
    folder: BackupFolder, master: MasterKey | None, only: str | None = None, progress: Progress = lambda _: None
) -> VerifiedBackup:
    """Read a snapshot, or every one.

    ``progress`` is called with the number of further objects that were read.

    Raises:
        InvalidInput: ``not_a_backup``.
        StoreError: ``backup_damaged`` when no snapshot can be read at all; ``backup_too_new``, ``master_key_missing``,
            ``master_key_wrong``.
    """
    key = folder.header().opened(master)
    check = _Check(folder, key, folder.key_list(key), progress)
    return check.run([only] if only is not None else folder.snapshots())


class _Check:
    """One check of a folder. Each object is read once, in however many snapshots it is."""

    def __init__(self, folder: BackupFolder, key: FolderKey, keys: KeyList, progress: Progress) -> None:
        self._folder, self._key, self._keys, self._progress = folder, key, keys, progress
        self._damaged: dict[str, str] = {}  # what is wrong with an object
        self._read: set[str] = set()
        self._names: dict[int, str] = {}  # matriculas

    def run(self, snapshots: Iterable[str]) -> VerifiedBackup:
        problems: list[Problem] = []
        manifests: dict[str, Manifest] = {}
        try:
            folder_erasures(self._folder, self._key)
        except (StoreError, InvalidInput) as error:
            problems.append(Problem("erasures", str(error)))
        for snapshot in snapshots:
            try:
                manifests[snapshot] = read_manifest(self._folder, self._key, snapshot)
            except StoreError as error:
                problems.append(Problem(f"snapshots/{snapshot}", str(error), (snapshot,)))
        lacking: dict[str, tuple[list[str], set[int]]] = {}
        for snapshot, manifest in manifests.items():
            for name, whom in self._snapshot(manifest):
                found = lacking.setdefault(name, ([], set()))
                found[0].append(snapshot)
                found[1].update(whom)
        for name, (where, subjects) in sorted(lacking.items()):
            people = tuple(sorted(self._names.get(each, f"student {each}") for each in subjects))
            problems.append(Problem(f"objects/{name[:2]}/{name}", self._damaged[name], tuple(where), people))
        return VerifiedBackup(manifests, len(self._read), tuple(problems))

    def _snapshot(self, manifest: Manifest) -> Iterator[tuple[str, set[int]]]:
        """The objects that a snapshot lacks, each with the subject ids of those concerned."""
        for kind in KINDS:
            seen: set[str] = set()
            broken = []
            for name, digest in manifest.chunks.get(kind, ()):
                found = self._chunk(kind, name, digest)
                if found is None:
                    broken.append(name)
                    continue
                for each in found:
                    seen.update(each.owners)
                    if kind == "student" and each.record is not None:
                        self._names[each.record.fields["id"]] = each.record.fields["matricula"]
                    if kind == "photo" and each.record is not None and not self._photo(each):
                        yield each.content, {each.shown["student"]}
            for name in broken:
                yield name, self._unseen(kind, seen)

    def _chunk(self, kind: RecordKind, name: str, digest: str) -> list[Opened] | None:
        """The records of a chunk; None when it is damaged."""
        if name in self._damaged:
            return None
        try:
            if name not in self._read:
                self._note(name)
                if hashlib.sha256(self._folder.read(name)).hexdigest() != digest:
                    self._damaged[name] = "Its SHA-256 is another one."
                    return None
            return [opened(kind, each, self._keys) for each in read_chunk(self._folder, self._key, name)]
        except (StoreError, msgspec.MsgspecError) as error:
            self._damaged[name] = str(error)
            return None

    def _photo(self, found: Opened) -> bool:
        """Whether the bytes of a photo are as they were written."""
        assert found.record is not None
        name, fields = found.content, found.record.fields
        if name in self._read:
            return name not in self._damaged
        self._note(name)
        try:
            content = self._folder.unsealed(name, Cipher(self._keys.keys[of_photo(fields["id"])].key))
        except StoreError as error:
            self._damaged[name] = str(error)
            return False
        if fields["key"] is None and hashlib.sha256(content).hexdigest() != fields["sha256"]:
            self._damaged[name] = "The photo does not have its SHA-256: it was damaged in the store already."
            return False
        return True

    def _note(self, name: str) -> None:
        self._read.add(name)
        self._progress(1)

    def _unseen(self, kind: RecordKind, seen: set[str]) -> set[int]:
        """Those who are in the store, and of whom a snapshot should have shown something of a kind."""
        if kind == "student":
            return {number for number in self._names if of_student(number) not in seen}
        if kind not in ("photo", "template"):
            return set()
        there = ((owner, key) for owner, key in self._keys.keys.items() if key.subject and not key.gone)
        return {key.subject for owner, key in there if owner not in seen}
