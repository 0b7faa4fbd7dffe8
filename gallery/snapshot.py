"""Index generations on disk: published atomically, immutable afterwards, never the only copy of anything.

A generation is a folder ``gen-0000000042`` with three files::

    manifest.json   format, number, which documents it was made of, dim, kind, templates, SHA-256 of the other two
    index.faiss     the vector index
    subjects.npy    int64 (n, 2): template id, subject id, in order of template id

It is written under another name, flushed to disk, and renamed; a reader sees all of it or nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.vectors.flat import FlatIndex
from gallery.vectors.model import VectorIndex
from presente.errors import IndexDamaged, StoreError
from presente.files import sha256_file, sync_folder

FORMAT = 1
KEEP = 2
"""Generations that stay on disk: the newest, and the one before it in case the newest is damaged."""
_STALE_S = 3600.0
"""An unfinished folder older than this belongs to a process that died."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which documents an index was made of: the store's identity, the pack, the last change seen and its mark."""

    store: str
    pack: str
    change: int
    mark: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation says of itself. ``files`` maps file name to SHA-256."""

    format: int
    generation: int
    origin: Origin
    dim: int
    kind: str
    templates: int
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generation:
    """A loaded generation."""

    manifest: Manifest
    index: VectorIndex
    subjects: NDArray[np.int64]


class SnapshotStore:
    """The folder that generations live in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def generations(self) -> list[int]:
        """Numbers of the published generations, oldest first."""
        return sorted(int(path.name[4:]) for path in self.folder.glob("gen-*") if path.name[4:].isdigit())

    def latest(self) -> tuple[Generation | None, list[str]]:
        """The newest generation that is whole, and a warning for every newer one that is not."""
        warnings: list[str] = []
        for number in reversed(self.generations()):
            try:
                return self.load(number), warnings
            except IndexDamaged as exc:
                warnings.append(str(exc))
        return None, warnings

    def load(self, number: int) -> Generation:
        """Load one generation and check every file against the manifest.

        Raises:
            IndexDamaged: ``index_damaged``, naming the file and what is wrong with it.
        """
        folder = self._path(number)
        try:
            described = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            manifest = Manifest(**{**described, "origin": Origin(**described["origin"])})
            if manifest.format != FORMAT or manifest.kind != FlatIndex.kind:
                raise IndexDamaged(
                    "index_damaged",
                    f"{folder} has format {manifest.format}, kind {manifest.kind!r}, which this version does not read.",
                )
            for name, digest in manifest.files.items():
                if sha256_file(folder / name) != digest:
                    raise IndexDamaged("index_damaged", f"{folder / name} does not match its manifest.")
            subjects = np.load(folder / "subjects.npy", allow_pickle=False)
            index = FlatIndex.load(folder / "index.faiss", manifest.dim)
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise IndexDamaged("index_damaged", f"{folder} cannot be read ({exc}).") from exc
        if len(index) != manifest.templates or subjects.shape != (manifest.templates, 2):
            raise IndexDamaged(
                "index_damaged", f"{folder} holds {len(index)} vectors, its manifest says {manifest.templates}."
            )
        return Generation(manifest, index, subjects)

    def publish(self, index: VectorIndex, subjects: NDArray[np.int64], origin: Origin, keep: int = KEEP) -> int:
        """Write a new generation and drop all but the newest ``keep``; its number.

        Raises:
            StoreError: ``index_unwritable`` when the disk refuses; what was published before stays as it was.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            staged = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
            try:
                number = self._write(staged, index, subjects, origin)
            except BaseException:
                shutil.rmtree(staged, ignore_errors=True)
                raise
            self._prune(keep)
        except OSError as exc:
            raise StoreError(
                "index_unwritable",
                f"{self.folder} cannot be written ({exc}).",
                "Free space or correct PRESENTE_INDEX, then run `python -m indexer compact`.",
            ) from exc
        return number

    def _write(self, staged: Path, index: VectorIndex, subjects: NDArray[np.int64], origin: Origin) -> int:
        index.save(staged / "index.faiss")
        with (staged / "subjects.npy").open("wb") as stream:
            np.save(stream, subjects)
        files = {name: sha256_file(staged / name) for name in ("index.faiss", "subjects.npy")}
        while True:
            number = max(self.generations(), default=0) + 1
            manifest = Manifest(FORMAT, number, origin, index.dim, index.kind, len(index), files)
            (staged / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
            for path in staged.iterdir():
                with path.open("rb") as stream:
                    os.fsync(stream.fileno())
            sync_folder(staged)
            try:
                staged.rename(self._path(number))
            except OSError:
                if not self._path(number).exists():
                    raise
                continue  # another process published this number meanwhile
            sync_folder(self.folder)
            return number

    def _prune(self, keep: int) -> None:
        for number in self.generations()[:-keep]:
            shutil.rmtree(self._path(number), ignore_errors=True)
        for leftover in self.folder.glob(".new-*"):
            if time.time() - leftover.stat().st_mtime > _STALE_S:
                shutil.rmtree(leftover, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"gen-{number:010d}"
