"""The folder in which films lie from their upload until they were read: one file each, under a name that says nothing.

A file that is being written is locked until a job names it. So what is not locked and what no job names that has not
ended was left by a process that died, and is deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from presente.errors import InvalidInput, StoreError

_NAME = re.compile(r"[0-9a-f]{32}")
_BEGUN = ".begun"
_SPARE_BYTES = 500_000_000
"""Bytes of the disk that no film may take: the documents are written to it, too."""
_OWN_BYTES = 64 * 1024 * 1024
"""Bytes between two looks at how much of the disk is left."""


class FilmFolder:
    """Keeps films on disk. Safe to use from several threads, and by several servers that share the folder.

    Attributes:
        root: the folder.
        most_bytes: bytes of one film.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self.root = root.absolute()  # other processes, which work elsewhere, are told of its files
        self.most_bytes = most_bytes

    def new(self, length: int) -> FilmFile:
        """A file for a film of about ``length`` bytes, by what its sender says.

        Raises:
            StoreError: ``films_unwritable``, ``no_room_for_film``.
        """
        with self._translated_errors():
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
        self.check_room(length)
        with self._translated_errors():
            return FilmFile(self, uuid.uuid4().hex)

    def check_room(self, further: int) -> None:
        """Refuse a film that would fill the disk.

        Raises:
            StoreError: ``no_room_for_film``.
        """
        with self._translated_errors():
            free = shutil.disk_usage(self.root).free
        if free - further < _SPARE_BYTES:
            raise StoreError(
                "no_room_for_film",
                f"The server's disk has {free // 1_000_000} MB left, which is too little for the film.",
                "Free space on it, or set PRESENTE_FILMS to a folder on another disk.",
            )

    def path(self, film: str) -> Path:
        """Where a film lies, or would."""
        assert _NAME.fullmatch(film), film
        return self.root / film

    def has(self, film: str) -> bool:
        """Whether a film is here."""
        return self.path(film).is_file()

    def begun(self, film: str) -> int:
        """How often a film was begun to be read, without coming to an end."""
        try:
            return self.path(film).with_suffix(_BEGUN).stat().st_size
        except OSError:
            return 0

    def begin(self, film: str) -> None:
        """Note that a film is going to be read.

        Raises:
            StoreError: ``films_unwritable``.
        """
        note = self.path(film).with_suffix(_BEGUN)
        with self._translated_errors(), note.open("ab") as stream:
            note.chmod(0o600)
            stream.write(b".")
            stream.flush()
            os.fsync(stream.fileno())

    def put_off(self, film: str) -> None:
        """A film that was begun is read later: its server is stopped in good order."""
        self.path(film).with_suffix(_BEGUN).unlink(missing_ok=True)

    def erase(self, film: str) -> None:
        """Delete a film; it may be gone.

        Raises:
            StoreError: ``films_unwritable``.
        """
        with self._translated_errors():
            self.path(film).unlink(missing_ok=True)
            self.path(film).with_suffix(_BEGUN).unlink(missing_ok=True)

    def sweep(self, wanted: Callable[[], Collection[str]]) -> None:
        """Delete what no one is writing and no one wants any more. ``wanted`` gives the films that are to stay, as of
        the moment it is called.

        Raises:
            StoreError: ``films_unwritable``.
        """
        if not self.root.is_dir():
            return
        left = {name for path in self.root.iterdir() if _NAME.fullmatch(name := path.stem)}
        left = {name for name in left if not self._is_locked(name)}  # first: a lock ends once a job names the film
        for name in left - set(wanted()) if left else ():
            self.erase(name)

    def _is_locked(self, film: str) -> bool:
        try:
            handle = os.open(self.path(film), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise unwritable(self.root, exc) from exc


class FilmFile:
    """A film that is being received. It is deleted when it is closed, unless :meth:`keep` was called.

    Attributes:
        name: of the film; random.
        size: bytes that were written.
    """

    def __init__(self, folder: FilmFolder, name: str) -> None:
        """Make the file. Raises OSError."""
        self.name = name
        self.size = 0
        self._folder = folder
        self._digest = hashlib.sha256()
        self._kept = False
        self._looked_at = 0
        handle = os.open(folder.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._stream = os.fdopen(handle, "wb", buffering=0)

    @property
    def sha256(self) -> str:
        """Of what was written."""
        return self._digest.hexdigest()

    def write(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            InvalidInput: ``too_many_bytes``.
            StoreError: ``films_unwritable``, ``no_room_for_film``.
        """
        if self.size + len(piece) > self._folder.most_bytes:
            raise too_large(self._folder.most_bytes)
        if self.size + len(piece) > self._looked_at + _OWN_BYTES:
            self._folder.check_room(len(piece))
            self._looked_at = self.size
        try:
            view = memoryview(piece)
            while view:
                view = view[self._stream.write(view) :]
        except OSError as exc:
            raise unwritable(self._folder.root, exc) from exc
        self._digest.update(piece)
        self.size += len(piece)

    def flush(self) -> None:
        """It is whole: what was written is on disk when this returns.

        Raises:
            StoreError: ``films_unwritable``.
        """
        try:
            os.fsync(self._stream.fileno())
        except OSError as exc:
            raise unwritable(self._folder.root, exc) from exc

    def keep(self) -> None:
        """Let it stay: a job names it, and sees to its end."""
        self._kept = True

    def close(self) -> None:
        """The request is over: without :meth:`keep` nothing of the film stays. It may be called again."""
        if self._stream.closed:
            return
        if not self._kept:
            with suppress(OSError):  # else the next sweep deletes it
                self._folder.path(self.name).unlink(missing_ok=True)
        self._stream.close()


def too_large(most: int) -> InvalidInput:
    """The error of a film of more bytes than are taken."""
    return InvalidInput(
        "too_many_bytes",
        f"A film may have {most:,} bytes here.",
        "Send it in a smaller format or in parts; PRESENTE_VIDEO_MB is the limit.",
    )


def unwritable(root: Path, error: OSError) -> StoreError:
    """The error of a folder that films cannot be written to."""
    return StoreError(
        "films_unwritable",
        f"{root} cannot be changed ({error.strerror}).",
        "Free space or correct PRESENTE_FILMS, then send the film again.",
    )
