"""The folder in which imports wait: one folder per import, with the plan, the run, the outcomes, and the photos.

    ID/plan.json      ID/run.json      ID/outcomes.jsonl      ID/photos/SHA-256

Each file is written aside and renamed; outcomes are lines that are only ever added. An import without a plan was cut
off while it was uploaded, and is deleted at the next start. The sheet itself is deleted as soon as it was read.

Where the store is sealed, so is every one of these files, with a key that is made of the store's.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from gallery.index.sealed_files import MemoryFile, can_open
from presente.errors import StoreError
from presente.files import erase_folder, replace_file
from presente.sealing import Cipher, is_sealed
from server.imports.upload import UploadedFile
from server.imports.values import ImportPlan, ImportRun, RowOutcome

_OUTCOMES = "outcomes.jsonl"
_NUMBER = re.compile(r"[0-9a-f]{32}")
_Value = TypeVar("_Value", bound=msgspec.Struct)


class ImportFolder:
    """Keeps imports on disk. The caller sees to it that one thread at a time changes an import."""

    def __init__(self, root: Path, cipher: Cipher | None = None) -> None:
        """``cipher`` seals what is written; without it, files are in the clear."""
        self.root = root
        self._cipher = cipher

    def ids(self) -> list[str]:
        """The ids of all imports, those that were cut off included."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if _NUMBER.fullmatch(path.name))

    def keep(self, number: str, files: Iterable[UploadedFile]) -> list[tuple[str, str]]:
        """Begin an import: write the files that were sent; path and SHA-256 of each, in order.

        Raises:
            StoreError: ``imports_unwritable``.
        """
        kept = []
        with self._translated_errors():
            photos = self._of(number) / "photos"
            photos.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            for file in files:
                digest = hashlib.sha256(file.content).hexdigest()
                (photos / digest).write_bytes(self._sealed(file.content, number, digest))
                kept.append((file.path, digest))
        return kept

    @contextmanager
    def sheet(self, number: str, digest: str, suffix: str) -> Iterator[Path]:
        """A kept file as a sheet's file, for the block; afterwards it is gone."""
        path, kept = self._of(number) / f"sheet{suffix}", self._of(number) / "photos" / digest
        opened: MemoryFile | None = None
        with self._translated_errors():
            if self._cipher is None or not can_open():
                kept.rename(path)
            else:
                opened = MemoryFile("sheet")
                opened.path.write_bytes(self._opened(kept.read_bytes(), number, digest))
                path.unlink(missing_ok=True)
                path.symlink_to(opened.path)
                kept.unlink()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            del opened

    def photo(self, number: str, digest: str) -> bytes | None:
        """The bytes of a photo; None when it is gone."""
        try:
            return self._opened((self._of(number) / "photos" / digest).read_bytes(), number, digest)
        except FileNotFoundError:
            return None

    def plan(self, number: str) -> ImportPlan | None:
        """The plan of an import; None when there is none."""
        return self._read(number, "plan.json", ImportPlan)

    def write_plan(self, plan: ImportPlan) -> None:
        """Store a plan, and delete the photos that none of its rows names."""
        self._write(plan.id, "plan.json", plan)
        wanted = {photo.file for row in plan.rows for photo in row.photos}
        with self._translated_errors():
            photos = self._of(plan.id) / "photos"
            for path in photos.iterdir() if photos.is_dir() else ():
                if path.name not in wanted:
                    path.unlink(missing_ok=True)

    def run(self, number: str) -> ImportRun | None:
        """What was started; None when nothing was."""
        return self._read(number, "run.json", ImportRun)

    def write_run(self, number: str, run: ImportRun) -> None:
        """Store that an import was started, or is over."""
        self._write(number, "run.json", run)

    def outcomes(self, number: str) -> dict[int, RowOutcome]:
        """What came of the rows so far, by line. A line that was cut off while it was written is passed over."""
        try:
            lines = (self._of(number) / _OUTCOMES).read_bytes().splitlines()
        except FileNotFoundError:
            return {}
        found = {}
        for line in lines:
            try:
                outcome = msgspec.json.decode(self._opened_line(line, number), type=RowOutcome)
            except (msgspec.MsgspecError, ValueError, StoreError):
                continue
            found[outcome.line] = outcome
        return found

    def add_outcome(self, number: str, outcome: RowOutcome) -> None:
        """Add what came of a row; it is on disk when this returns."""
        with self._translated_errors(), (self._of(number) / _OUTCOMES).open("ab") as stream:
            if stream.tell():
                stream.write(b"\n")  # after a line that was cut off, too
            stream.write(self._line(outcome, number))
            stream.flush()
            os.fsync(stream.fileno())

    def drop_outcomes(self, number: str, lines: Collection[int]) -> None:
        """Delete what came of some rows: it may quote the student."""
        kept = [outcome for line, outcome in self.outcomes(number).items() if line not in lines]
        self._write_bytes(number, _OUTCOMES, b"".join(self._line(each, number) for each in kept))

    def drop_photos(self, number: str) -> None:
        """Delete the uploaded files of an import; the plan and the outcomes stay."""
        with self._translated_errors():
            erase_folder(self._of(number) / "photos")

    def drop(self, number: str) -> None:
        """Delete an import and everything of it."""
        with self._translated_errors():
            (self._of(number) / "plan.json").unlink(missing_ok=True)  # first: without it there is no import
            erase_folder(self._of(number))

    def _of(self, number: str) -> Path:
        assert _NUMBER.fullmatch(number), number
        return self.root / number

    def _read(self, number: str, name: str, kind: type[_Value]) -> _Value | None:
        if not _NUMBER.fullmatch(number):
            return None
        try:
            stored = (self._of(number) / name).read_bytes()
            return msgspec.json.decode(self._opened(stored, number, name), type=kind)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def _write(self, number: str, name: str, value: msgspec.Struct) -> None:
        self._write_bytes(number, name, self._sealed(msgspec.json.encode(value), number, name))

    def _sealed(self, content: bytes, number: str, name: str) -> bytes:
        return content if self._cipher is None else self._cipher.seal(content, f"{name} of import {number}")

    def _opened(self, stored: bytes, number: str, name: str) -> bytes:
        """Raises ``StoreError`` (``seal_broken``). What was written before the store was sealed is in the clear."""
        if self._cipher is None or not is_sealed(stored):
            return stored
        return self._cipher.unseal(stored, f"{name} of import {number}")

    def _line(self, outcome: RowOutcome, number: str) -> bytes:
        encoded = msgspec.json.encode(outcome)
        if self._cipher is not None:
            encoded = base64.b64encode(self._sealed(encoded, number, _OUTCOMES))
        return encoded + b"\n"

    def _opened_line(self, line: bytes, number: str) -> bytes:
        if self._cipher is None or line.startswith(b"{"):
            return line
        return self._opened(base64.b64decode(line, validate=True), number, _OUTCOMES)

    def _write_bytes(self, number: str, name: str, content: bytes) -> None:
        with self._translated_errors():
            replace_file(self._of(number) / name, content)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise StoreError(
                "imports_unwritable",
                f"{self.root} cannot be changed ({exc.strerror}).",
                "Free space or correct PRESENTE_IMPORTS, then ask again.",
            ) from exc


Gone = Callable[[str], bool]
"""Whether a matricula is one of those of whom nothing may stay."""


def without_students(plan: ImportPlan, gone: Gone) -> ImportPlan:
    """A plan without the rows of some students."""
    rows = tuple(row for row in plan.rows if not (row.matricula and gone(row.matricula)))
    return msgspec.structs.replace(plan, rows=rows)
