"""Exporting stored photos as files into a folder. The store never depends on these copies.

A file is called ``NAME_DIGEST.EXTENSION``. NAME is the matricula in a form that file systems accept, different for
every matricula. DIGEST is the first 12 hex digits of the photo's SHA-256. Its length is fixed, so that the name of the
file tells exactly whose photo it is: A1_0123456789ab.jpg is A1's, even if there is a student A1_x.

Photos that browsers do not show (HEIC, TIFF) are written as JPEG. The digest in the name is still that of the stored
photo, and a comment in the JPEG says which it was made of.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gallery.documents.protocol import DocumentStore
from gallery.documents.values import StoredPhoto
from presente.errors import PhotoRefused, StoreError
from presente.files import sha256_file, sync_folder

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/x-portable-anymap": "pnm",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/tiff": "tif",
}
"""What the name of a photo's file ends with, by its media type."""
_NOT_SHOWN = frozenset({"image/heic", "image/tiff"})
"""What few browsers show."""

_MADE_OF = b"presente: made of SHA-256 "
_UNFINISHED = ".presente-part"
_FILE_NAME = re.compile(rf"(.+)_([0-9a-f]{{12}})\.(?:{'|'.join(EXTENSIONS.values())}|img)({re.escape(_UNFINISHED)})?")
_MAX_NAME = 150
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export: how many photos were written, and how many were there already."""

    saved: int
    skipped: int


class PhotoExport:
    """The folder of exported photos. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = threading.Lock()

    def save_all(self, store: DocumentStore, as_jpeg: Callable[[bytes], bytes]) -> Exported:
        """Write every photo of a store that is not in the folder yet. Each file appears whole or not at all.

        Args:
            store: the photos.
            as_jpeg: makes a JPEG of a photo that browsers do not show. One that it refuses (``PhotoRefused``) is
                written as it is.

        Raises:
            StoreError: ``export_unwritable``; what was written before stays.
            Busy: ``busy``, from ``as_jpeg``; likewise.
        """
        saved = skipped = 0
        with self._writing, self._translated_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            for photo in store.photos():
                names = _file_names(photo)
                if any((self.folder / name).exists() for name in names):
                    skipped += 1
                    continue
                target, content = self.folder / names[-1], photo.content
                if len(names) > 1:
                    with suppress(PhotoRefused):
                        target, content = self.folder / names[0], _signed(as_jpeg(photo.content), photo.sha256)
                written = _write(target, content)
                if photo.sha256 not in store.digests(photo.matricula):  # erased since it was read
                    target.unlink(missing_ok=True)
                elif written:
                    saved += 1
            sync_folder(self.folder)
        return Exported(saved, skipped)

    def forget(self, matriculas: Collection[str]) -> None:
        """Delete the files of some students, whatever their content. Call it after the store has erased the students.

        Raises:
            StoreError: ``export_unwritable``; the call can be repeated.
        """
        names = {_name(matricula) for matricula in matriculas}
        with self._translated_errors():
            self._delete([path for path, match in self._files() if match[1] in names])

    def forget_erased(self, store: DocumentStore) -> None:
        """Delete the files of all photos that the store does not have: another process has erased them, or an erasure
        was cut off.

        Another program's file with a similar name stays: its content does not match the digest in its name.

        Raises:
            StoreError: ``export_unwritable``.
        """
        with self._translated_errors():
            files: dict[str, list[tuple[Path, re.Match[str]]]] = {}
            for path, match in self._files():
                files.setdefault(match[1], []).append((path, match))
            gone: list[tuple[Path, re.Match[str]]] = []
            after = ""
            while files and (page := store.students(kind=None, after=after, limit=_PAGE)):
                for matricula in (stored.student.matricula for stored in page):
                    if found := files.pop(_name(matricula), None):
                        stored_digests = {digest[:12] for digest in store.digests(matricula)}
                        gone += [each for each in found if each[1][2] not in stored_digests]
                after = page[-1].student.matricula
            gone += [each for found in files.values() for each in found]
            self._delete([path for path, match in gone if match[3] or _is_copy(path, match[2])])

    def _files(self) -> list[tuple[Path, re.Match[str]]]:
        """Every file that is named like an exported photo, with the parts of its name."""
        if not self.folder.is_dir():
            return []
        named = ((path, _FILE_NAME.fullmatch(path.name)) for path in self.folder.iterdir())
        return [(path, match) for path, match in named if match]

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        if paths:
            sync_folder(self.folder)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise StoreError(
                "export_unwritable",
                f"{self.folder} cannot be changed ({exc.strerror}).",
                "Free space or correct PRESENTE_EXPORT, then ask again.",
            ) from exc


def _name(matricula: str) -> str:
    """A matricula as part of a file name: unique, no path, no hidden file, short enough for every file system."""
    quoted = quote(matricula, safe="")
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) > _MAX_NAME:  # "+" is in no quoted name
        quoted = f"{quoted[:_MAX_NAME]}+{hashlib.sha256(matricula.encode()).hexdigest()}"
    return quoted


def _file_names(photo: StoredPhoto) -> list[str]:
    """The names that a photo's file may have: that of its JPEG first, if browsers do not show it, then its own."""
    extensions = ["jpg"] * (photo.media_type in _NOT_SHOWN) + [EXTENSIONS.get(photo.media_type, "img")]
    return [f"{_name(photo.matricula)}_{photo.sha256[:12]}.{each}" for each in extensions]


def _signed(jpeg: bytes, sha256: str) -> bytes:
    """A JPEG with a comment that says which photo it was made of."""
    comment = _MADE_OF + sha256.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + jpeg[2:]


def _is_copy(path: Path, digest: str) -> bool:
    """Whether a file has the digest that is in its name, or was made of a photo that has."""
    with path.open("rb") as stream:
        beginning = stream.read(100)
    return beginning[6:].startswith(_MADE_OF + digest.encode()) or sha256_file(path).startswith(digest)


def _write(target: Path, content: bytes) -> bool:
    """Write a file whole; False when forget() deleted it while it was unfinished."""
    staged = target.with_name(target.name + _UNFINISHED)
    with staged.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        staged.replace(target)
    except FileNotFoundError:
        return False
    return True
