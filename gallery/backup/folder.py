"""The files of a backup folder.

    keys                   which store it is of, and the key list; replaced whole by each run
    erasures               the erasure list; likewise
    snapshots/MOMENT       a manifest; a snapshot is there once its manifest is
    objects/ab/abcd...     a chunk of records, or the bytes of a photo, by content

Everything is sealed. A file is written under another name, flushed, and renamed. An object is never changed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gallery.backup.errors import backup_busy, damaged, not_a_backup, too_new, unwritable
from gallery.backup.folder_keys import FolderHeader
from gallery.backup.key_list import FolderKey, KeyList
from presente.errors import StoreError
from presente.files import PART, replace_file, sync_folder
from presente.sealing import Cipher

FORM = 1
_MAGIC = re.compile(rb"presente backup ([1-9][0-9]{0,8})")
_SNAPSHOT = re.compile(r"\d{8}T\d{6}\.\d{3}Z")
_OBJECT = re.compile(r"[0-9a-f]{64}")


class BackupFolder:
    """A backup folder. Only :meth:`locked` callers write to it.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._snapshots, self._objects = path / "snapshots", path / "objects"

    # -- the folder as a whole --------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether a backup was ever made into it."""
        return (self.path / "keys").exists()

    def create(self) -> None:
        """Make the folder, unless it is there.

        Raises:
            InvalidInput: ``not_a_backup``: it has other files.
            StoreError: ``backup_unwritable``.
        """
        if self.path.exists() and not self.path.is_dir():
            raise not_a_backup(self.path, "it is a file")
        with self._writing():
            if self.path.is_dir() and not self.exists:
                ours = {"lock", "running", "keys", "erasures", "snapshots", "objects"}
                others = [each.name for each in self.path.iterdir() if each.name.removesuffix(PART) not in ours]
                if others:
                    raise not_a_backup(self.path, f"it has other files ({sorted(others)[0]})")
            for folder in (self.path, self._snapshots, self._objects):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin_run(self) -> bool:
        """Note that a run has begun; whether the machine went down during an earlier one."""
        note, now = self.path / "running", _boot()
        cut_off = note.exists() and (not now or note.read_text(errors="replace") != now)
        self._replace("running", now.encode())
        return cut_off

    def end_run(self) -> None:
        """Note that the run is over."""
        with self._writing():
            (self.path / "running").unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only run that writes to the folder.

        Raises:
            Busy: ``backup_busy``.
        """
        with self._writing():
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise backup_busy(self.path) from exc
            yield
        finally:
            os.close(handle)

    def _replace(self, name: str, content: bytes) -> None:
        """Replace a file at once."""
        with self._writing():
            replace_file(self.path / name, content)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise unwritable(self.path, exc) from exc

    # -- keys and erasures ------------------------------------------------------------------------------------------

    def header(self) -> FolderHeader:
        """Which store it is of, and how its key is sealed.

        Raises:
            InvalidInput: ``not_a_backup``.
            StoreError: ``backup_too_new``, ``backup_damaged``.
        """
        magic, header, _ = self._keys_file()
        found = _MAGIC.fullmatch(magic)
        if found is None:
            raise not_a_backup(self.path, "its file `keys` is none of a backup")
        if int(found[1]) > FORM:
            raise too_new(self.path, int(found[1]), FORM)
        return FolderHeader.read(header)

    def _keys_file(self) -> tuple[bytes, bytes, bytes]:
        try:
            content = (self.path / "keys").read_bytes()
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise not_a_backup(self.path, "it has no file `keys`") from exc
        magic, _, rest = content.partition(b"\n")
        header, _, body = rest.partition(b"\n")
        return magic, header, body

    def key_list(self, key: FolderKey) -> KeyList:
        """The key list.

        Raises:
            StoreError: ``backup_damaged``.
        """
        _, header, body = self._keys_file()
        return KeyList.decoded(_unsealed(key.cipher, body, _about_keys(header), "keys"))

    def put_keys(self, header: FolderHeader, key: FolderKey, keys: KeyList) -> None:
        """Replace header and key list."""
        text = header.text()
        body = key.cipher.seal(keys.encoded(), _about_keys(text))
        self._replace("keys", b"\n".join((f"presente backup {FORM}".encode(), text, body)))
        keys.changed = 0

    def erasures(self, key: FolderKey) -> list[str]:
        """The lines of the erasure list."""
        try:
            content = (self.path / "erasures").read_bytes()
        except FileNotFoundError:
            return []
        lines: list[str] = json.loads(_unsealed(key.cipher, content, "erasures", "erasures"))
        return lines

    def put_erasures(self, key: FolderKey, lines: list[str]) -> None:
        """Replace the erasure list."""
        self._replace("erasures", key.cipher.seal(json.dumps(lines).encode(), "erasures"))

    # -- snapshots --------------------------------------------------------------------------------------------------

    def snapshots(self) -> list[str]:
        """The moments of the snapshots, the oldest first."""
        try:
            return sorted(each.name for each in self._snapshots.iterdir() if _SNAPSHOT.fullmatch(each.name))
        except FileNotFoundError:
            return []

    def manifest(self, key: FolderKey, snapshot: str) -> bytes:
        """A manifest as it was published.

        Raises:
            StoreError: ``backup_damaged``.
        """
        content = self._content(self._snapshots / snapshot, f"snapshots/{snapshot}")
        return _unsealed(key.cipher, content, f"snapshot {snapshot}", f"snapshots/{snapshot}")

    def publish(self, key: FolderKey, snapshot: str, manifest: bytes) -> None:
        """Write a manifest, after everything that it names is on disk."""
        with self._writing():
            os.sync()  # objects were not flushed one by one
        self._replace(f"snapshots/{snapshot}", key.cipher.seal(manifest, f"snapshot {snapshot}"))

    def drop_snapshot(self, snapshot: str) -> None:
        """Delete a snapshot; its objects go with :meth:`prune`."""
        with self._writing():
            (self._snapshots / snapshot).unlink(missing_ok=True)
            sync_folder(self._snapshots)

    # -- objects ----------------------------------------------------------------------------------------------------

    def _object(self, name: str) -> Path:
        return self._objects / name[:2] / name

    def has(self, name: str) -> bool:
        """Whether an object is there."""
        return self._object(name).exists()

    def put(self, name: str, sealed: bytes) -> None:
        """Write an object. It is flushed when the next snapshot is published."""
        path = self._object(name)
        with self._writing():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            staged = path.with_name(name + PART)
            staged.write_bytes(sealed)
            staged.replace(path)

    def read(self, name: str) -> bytes:
        """An object as it is stored.

        Raises:
            StoreError: ``backup_damaged``.
        """
        return self._content(self._object(name), f"objects/{name[:2]}/{name}")

    def unsealed(self, name: str, cipher: Cipher) -> bytes:
        """An object, opened.

        Raises:
            StoreError: ``backup_damaged``.
        """
        return _unsealed(cipher, self.read(name), name, f"objects/{name[:2]}/{name}")

    def is_whole(self, name: str, cipher: Cipher) -> bool:
        """Whether an object is there, and opens."""
        try:
            self.unsealed(name, cipher)
        except StoreError:
            return False
        return True

    def prune(self, named: set[str]) -> int:
        """Delete every object that is not named, and what a killed run left; how many objects."""
        gone = 0
        with self._writing():
            for leftover in (*self.path.glob(f"*{PART}"), *self._snapshots.glob(f"*{PART}")):
                leftover.unlink()
            for path in self._objects.glob("*/*"):
                if path.name not in named:
                    gone += _OBJECT.fullmatch(path.name) is not None
                    path.unlink()
        return gone

    def object_sizes(self) -> dict[str, int]:
        """Every object with its bytes."""
        return {path.name: path.stat().st_size for path in self._objects.glob("*/*") if _OBJECT.fullmatch(path.name)}

    def _content(self, path: Path, where: str) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as exc:
            raise damaged(where, "It is missing.") from exc
        except OSError as exc:
            raise damaged(where, f"It cannot be read ({errno.errorcode.get(exc.errno or 0, exc.strerror)}).") from exc


def _boot() -> str:
    """Which boot of the machine this is; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _about_keys(header: bytes) -> str:
    return f"keys {header.hex()}"


def _unsealed(cipher: Cipher, content: bytes, about: str, where: str) -> bytes:
    try:
        return cipher.unseal(content, about)
    except StoreError as exc:
        raise damaged(where, "It is not as it was written.") from exc
