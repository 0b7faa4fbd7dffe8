"""Index generations on disk: published atomically, immutable afterwards, never the only copy of anything.

A generation is a folder ``gen-0000000042``::

    manifest.json   see :class:`gallery.index.manifest.Manifest`
    templates.npy   int64 (3, n): template ids, ascending; their subjects; the rows in order of subject
    vectors.npy     float32 (n, d): the templates themselves, in order of id
    codes.faiss     what the kind of index needs beside them; the exact kind needs nothing
    struck.npy      bool (n,): rows of people who were erased since; see :mod:`gallery.index.generation_files`

It is written under another name, flushed to disk, and renamed; a reader sees all of it or nothing. Readers map the two
arrays: a start reads next to nothing, and processes share the pages.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.index.format_1 import read_first_format
from gallery.index.generation_files import GenerationFiles, struck_rows, write_marks
from gallery.index.kinds.flat import FlatIndex
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.kinds.registry import load_index
from gallery.index.manifest import FORMAT, METRIC, IndexedDocuments, Manifest
from gallery.index.recall_gate import GateReport, IndexSettings, choose_index
from gallery.index.template_parts import TemplateSnapshot, by_subject
from presente.errors import IndexDamaged, StoreError
from presente.files import erase_folder, sha256_file, sync_folder
from presente.installation import command_line

log = logging.getLogger(__name__)

KEEP = 2
"""Generations that stay on disk: the newest, and the one before it in case the newest is damaged."""
_AT_ONCE = 64_000_000
"""A file of vectors above this many bytes is compared with its checksum after the start, not before."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A loaded generation, with the arrays that :class:`PublishedTemplates` takes.

    ``files`` is None for format 1, whose arrays are copies. ``unchecked`` names the files whose checksums are still to
    be compared (:meth:`GenerationStore.check`). ``struck``, int64, holds the rows of erased people, overwritten since;
    where there are any, checksums tell nothing.
    """

    manifest: Manifest
    templates: NDArray[np.int64]
    vectors: NDArray[np.float32]
    index: VectorIndex
    unchecked: tuple[str, ...] = ()
    files: GenerationFiles | None = None
    struck: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))


class GenerationStore:
    """The folder that generations live in, and which kind of index they are published with."""

    def __init__(self, folder: Path, settings: IndexSettings | None = None) -> None:
        self.folder = folder
        self.settings = settings or IndexSettings()

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
        """Load one generation and check its files against the manifest: all that is read; a large file of vectors,
        which is only mapped, by its length.

        Raises:
            IndexDamaged: ``index_damaged``, naming the file and what is wrong with it.
        """
        folder = self.path(number)
        try:
            manifest = Manifest.read((folder / "manifest.json").read_text(encoding="utf-8"))
            if manifest.format not in (1, FORMAT) or manifest.metric != METRIC:
                raise IndexDamaged(
                    "index_damaged",
                    f"{folder} has format {manifest.format}, metric {manifest.metric}: unknown to this version.",
                )
            struck = struck_rows(folder)
            names = [name for name in manifest.files if not len(struck) or name not in ("vectors.npy", "codes.faiss")]
            late = tuple(name for name in names if name == "vectors.npy" and (folder / name).stat().st_size > _AT_ONCE)
            _compare(folder, manifest, [name for name in names if name not in late])
            if manifest.format == FORMAT:
                templates, vectors = (_mapped(folder / f"{name}.npy") for name in ("templates", "vectors"))
                index = load_index(manifest.spec, folder / "codes.faiss", vectors)
                files = GenerationFiles(folder, vectors)
            else:
                templates, vectors = read_first_format(folder)
                index, files = FlatIndex(vectors), None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
            raise IndexDamaged("index_damaged", f"{folder} cannot be read ({exc}).") from exc
        count = manifest.templates
        if vectors.shape != (count, manifest.dim) or templates.shape != (3, count):
            raise IndexDamaged("index_damaged", f"{folder} holds {vectors.shape}, its manifest says {count} templates.")
        return Generation(manifest, templates, vectors, index, late, files, struck)

    def seen_by(self, number: int) -> int:
        """The last change that went into a generation; 0 when it does not say."""
        origin = self.origin(number)
        return 0 if origin is None else origin.change

    def origin(self, number: int) -> IndexedDocuments | None:
        """Which documents a generation was made of; None when it does not say."""
        try:
            return Manifest.read((self.path(number) / "manifest.json").read_text(encoding="utf-8")).origin
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def delete(self, number: int) -> None:
        """Delete a generation, of which processes that map it keep their files until they let go.

        Raises:
            OSError: something of it is left.
        """
        erase_folder(self.path(number))

    def check(self, generation: Generation) -> None:
        """Compare what :meth:`load` left unchecked; it reads all of it.

        Raises:
            IndexDamaged: ``index_damaged``.
        """
        folder = self.path(generation.manifest.generation)
        try:
            _compare(folder, generation.manifest, generation.unchecked)
        except FileNotFoundError:  # superseded and deleted meanwhile: what is mapped stays readable
            return
        except OSError as exc:
            raise IndexDamaged("index_damaged", f"{folder} cannot be read ({exc}).") from exc

    def publish(self, templates: TemplateSnapshot, origin: IndexedDocuments, keep: int = KEEP) -> Generation:
        """Index some templates, measure the index, write both as a new generation and drop all but the newest ``keep``.

        Raises:
            StoreError: ``index_unwritable`` when the disk refuses; what was published before stays as it was.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._staging() as staged:
                generation = self._write(staged, templates, origin)
            self.prune(keep)
        except OSError as exc:
            raise StoreError(
                "index_unwritable",
                f"{self.folder} cannot be written ({exc}).",
                f"Free space or correct PRESENTE_INDEX, then run `{command_line('indexer compact')}`.",
            ) from exc
        return generation

    def prune(self, keep: int = KEEP) -> None:
        """Delete all but the newest generations, and what writers left behind who are dead: their locks are free.

        What cannot be deleted is logged, and tried again the next time.
        """
        for number in self.generations()[:-keep]:
            try:
                self.delete(number)
            except OSError as exc:
                log.warning("%s cannot be deleted (%s)", self.path(number), exc)
        for leftover in self.leftovers():
            log.warning("%s cannot be deleted", leftover)

    def leftovers(self) -> list[Path]:
        """Delete what dead writers left unfinished; what of it is still there."""
        left = []
        for leftover in self.folder.glob(".new-*"):
            with _locked(leftover) as ours:
                if ours:
                    try:
                        erase_folder(leftover)
                    except OSError:
                        left.append(leftover)
        return left

    def _write(self, staged: Path, templates: TemplateSnapshot, origin: IndexedDocuments) -> Generation:
        with (staged / "templates.npy").open("wb") as stream:
            np.save(stream, by_subject(templates.ids, templates.subjects))
        _write_vectors(staged / "vectors.npy", templates)
        rows, vectors = (_mapped(staged / f"{name}.npy") for name in ("templates", "vectors"))
        index, gate = choose_index(vectors, rows[1], self.settings)
        index.save(staged / "codes.faiss")
        files = {path.name: sha256_file(path) for path in sorted(staged.iterdir())}
        write_marks(staged, len(vectors))
        while True:
            number = max(self.generations(), default=0) + 1
            manifest = self._manifest(number, origin, rows, vectors, index, gate, files)
            (staged / "manifest.json").write_text(manifest.text(), encoding="utf-8")
            for path in staged.iterdir():
                with path.open("rb") as stream:
                    os.fsync(stream.fileno())
            sync_folder(staged)
            opened = GenerationFiles(staged, vectors)
            try:
                staged.rename(self.path(number))
            except OSError:
                if not self.path(number).exists():
                    raise
                continue  # another process published this number meanwhile
            sync_folder(self.folder)
            opened.folder = self.path(number)
            return Generation(manifest, rows, vectors, index, (), opened)

    @staticmethod
    def _manifest(
        number: int,
        origin: IndexedDocuments,
        rows: NDArray[np.int64],
        vectors: NDArray[np.float32],
        index: VectorIndex,
        gate: GateReport,
        files: dict[str, str],
    ) -> Manifest:
        return Manifest(
            format=FORMAT,
            generation=number,
            origin=origin,
            dim=vectors.shape[1],
            kind=index.spec.kind,
            templates=len(vectors),
            parameters=dict(index.spec.parameters),
            subjects=len(np.unique(rows[1])),
            gate=gate,
            files=files,
        )

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder to write a generation in, locked while its writer lives; gone afterwards unless it was renamed."""
        while True:
            staged = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
            with _locked(staged) as ours:
                if not ours or not staged.exists():  # swept by another process before it was locked
                    continue
                try:
                    yield staged
                finally:
                    shutil.rmtree(staged, ignore_errors=True)
                return

    def path(self, number: int) -> Path:
        """Where a generation is."""
        return self.folder / f"gen-{number:010d}"


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, which its holder's death frees; False when another process holds it or it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):  # gone, or another user's
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _compare(folder: Path, manifest: Manifest, names: list[str] | tuple[str, ...]) -> None:
    for name in names:
        if sha256_file(folder / name) != manifest.files[name]:
            raise IndexDamaged("index_damaged", f"{folder / name} does not match its manifest.")


def _mapped(path: Path) -> NDArray[Any]:
    """An array of a file, mapped unless it is empty, without numpy's file object around it."""
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty")
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _write_vectors(path: Path, templates: TemplateSnapshot) -> None:
    """The vectors as ``numpy.save`` has them. Written, not mapped: a full disk is then an error and not a signal."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(templates), templates.dim)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in templates.blocks():
            stream.write(block.data)
