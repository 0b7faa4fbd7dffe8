"""Index generations on disk: published atomically, immutable afterwards, never the only copy of anything.

A generation is a folder ``gen-0000000042``::

    manifest.json   see :class:`gallery.index.manifest.Manifest`
    templates.npy   int64 (3, n): template ids, ascending; their subjects; the rows in order of subject
    vectors.npy     float32 (n, d): the templates themselves, in order of id
    codes.faiss     what the kind of index needs beside them; the exact kind needs nothing
    struck.npy      bool (n,): rows of people who were erased since; see :mod:`gallery.index.erased_rows`

Of a sealed generation, vectors and codes are ``vectors.sealed`` and ``codes.sealed``: see
:mod:`gallery.index.sealed_files`.

It is written under another name, flushed to disk, and renamed, so that a reader sees all of it or nothing. Readers map
the two arrays: a start reads very little, and processes share the pages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import TemplateBatch
from gallery.index.erased_rows import (
    CLEAR,
    SEALED,
    GenerationFiles,
    mapped_array,
    read_erased_rows,
)
from gallery.index.format_1 import read_format_1
from gallery.index.generation_files import compare, compared_files, copied, held
from gallery.index.generation_writing import folder_lock, staging_folder, write_files, write_manifest
from gallery.index.kinds.flat import FlatIndex
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.kinds.registry import load_index
from gallery.index.manifest import FORMAT, METRIC, SEALED_FORMAT, IndexedDocuments, Manifest
from gallery.index.recall_gate import IndexSettings
from gallery.index.sealed_files import MemoryFile, can_open, lock_in_memory, open_sealed
from presente.errors import IndexDamaged, InvalidInput, StoreError
from presente.files import erase_folder, sync_folder
from presente.installation import command_line
from presente.sealing import Cipher

log = logging.getLogger(__name__)

KEEP = 2
"""How many generations stay on disk: the newest, and the one before it in case the newest is damaged."""
_CHECKED_LATER = 64_000_000
"""A file of vectors with more bytes than this is compared with its checksum after the start, not before."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A loaded generation, with the arrays that :class:`gallery.index.template_parts.PublishedTemplates` takes.

    Attributes:
        manifest: what the generation says of itself.
        templates: int64 (3, n), see ``templates.npy``.
        vectors: float32 (n, d).
        index: the index over the vectors.
        unchecked: the files whose checksums are still to be compared (:meth:`GenerationStore.check`).
        files: the open files; None for format 1, whose arrays are copies.
        erased_rows: int64, the rows of erased people, which were overwritten. If there are any, the checksums of
            vectors and codes do not match any more.
        is_locked: of a sealed generation, whether its vectors are kept out of the swap; None for one in the clear.
    """

    manifest: Manifest
    templates: NDArray[np.int64]
    vectors: NDArray[np.float32]
    index: VectorIndex
    unchecked: tuple[str, ...] = ()
    files: GenerationFiles | None = None
    erased_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    is_locked: bool | None = None


class GenerationStore:
    """The folder that contains the generations, and the kind of index that new ones get.

    A process that only ``reads`` the folder publishes nothing of its own accord, and prunes nothing.
    """

    def __init__(
        self, folder: Path, settings: IndexSettings | None = None, reads: bool = False, cipher: Cipher | None = None
    ) -> None:
        """``cipher`` opens sealed generations, and seals new ones unless the settings say otherwise."""
        self.folder = folder
        self.settings = settings or IndexSettings()
        self.reads = reads
        self._cipher = cipher

    @property
    def seals(self) -> bool:
        """Whether new generations are sealed, and generations in the clear are not used."""
        return self._cipher is not None and self.settings.sealed and can_open()

    @property
    def _format(self) -> int:
        return SEALED_FORMAT if self.seals else FORMAT

    def path(self, number: int) -> Path:
        """The folder of a generation."""
        return self.folder / f"gen-{number:010d}"

    def numbers(self) -> list[int]:
        """Numbers of the published generations, oldest first."""
        return sorted(int(path.name[4:]) for path in self.folder.glob("gen-*") if path.name[4:].isdigit())

    def sealed(self) -> list[int]:
        """Numbers of the sealed ones."""
        return [number for number in self.numbers() if (self.path(number) / SEALED[0]).exists()]

    def published_time(self, number: int) -> float | None:
        """When a generation was published, seconds since 1970 by this machine's clock; None when it is gone."""
        try:
            return (self.path(number) / "manifest.json").stat().st_mtime
        except FileNotFoundError:
            return None

    # -- reading ----------------------------------------------------------------------------------------------------

    def latest(self) -> tuple[Generation | None, list[str]]:
        """The newest undamaged generation, and a warning for every newer one that is damaged."""
        warnings: list[str] = []
        for number in reversed(self.numbers()):
            try:
                generation = self.load(number)
                if not self.seals or generation.manifest.format == SEALED_FORMAT:
                    return generation, warnings
                warnings.append(f"{self.path(number)} is in the clear, and the index is to be sealed.")
            except IndexDamaged as exc:
                warnings.append(str(exc))
        return None, warnings

    def load(self, number: int) -> Generation:
        """Load a generation and compare its files with the manifest.

        A large file of vectors is only mapped: its length is checked here, its content by :meth:`check`.

        Raises:
            IndexDamaged: ``index_damaged``, naming the file and what is wrong with it.
        """
        folder = self.path(number)
        try:
            manifest = Manifest.read((folder / "manifest.json").read_text(encoding="utf-8"))
            if manifest.format not in (1, FORMAT, SEALED_FORMAT) or manifest.metric != METRIC:
                raise IndexDamaged(
                    "index_damaged",
                    f"{folder} has format {manifest.format}, metric {manifest.metric}: unknown to this version.",
                )
            if manifest.format == SEALED_FORMAT:
                return self._load_sealed(folder, manifest)
            erased = read_erased_rows(folder)
            names = compared_files(folder, manifest)
            late = tuple(
                name for name in names if name == "vectors.npy" and (folder / name).stat().st_size > _CHECKED_LATER
            )
            compare(folder, manifest, [name for name in names if name not in late])
            if manifest.format == FORMAT:
                templates, vectors = _arrays(folder)
                index = load_index(manifest.spec, folder / "codes.faiss", vectors)
                files = GenerationFiles(folder, vectors)
            else:
                templates, vectors = read_format_1(folder)
                index, files = FlatIndex(vectors), None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
            raise IndexDamaged("index_damaged", f"{folder} cannot be read ({exc}).") from exc
        _check_shapes(folder, manifest, templates, vectors)
        return Generation(manifest, templates, vectors, index, late, files, erased)

    def _load_sealed(self, folder: Path, manifest: Manifest) -> Generation:
        """Open the sealed files into memory. Their seals tell whether they are as they were written, erased rows
        included."""
        if self._cipher is None:
            raise IndexDamaged("index_damaged", f"{folder} is sealed, and the store is not.")
        erased = read_erased_rows(folder)
        compare(folder, manifest, [name for name in manifest.files if name not in SEALED])
        templates = mapped_array(folder / "templates.npy")
        with held(folder, manifest):
            opened = open_sealed(folder / SEALED[0], self._cipher)
            coded = SEALED[1] in manifest.files
            codes = open_sealed(folder / SEALED[1], self._cipher) if coded else MemoryFile(CLEAR[1])
        vectors = mapped_array(opened.path)
        index = load_index(manifest.spec, codes.path, vectors)
        _check_shapes(folder, manifest, templates, vectors)
        files = GenerationFiles(folder, vectors, opened, self._cipher)
        return Generation(manifest, templates, vectors, index, (), files, erased, lock_in_memory(vectors))

    def check(self, generation: Generation) -> None:
        """Compare the checksums that :meth:`load` left unchecked. It reads the whole files.

        Raises:
            IndexDamaged: ``index_damaged``.
        """
        folder = self.path(generation.manifest.generation)
        try:
            compare(folder, generation.manifest, generation.unchecked)
        except FileNotFoundError:  # replaced and deleted meanwhile: what is mapped stays readable
            return
        except OSError as exc:
            raise IndexDamaged("index_damaged", f"{folder} cannot be read ({exc}).") from exc

    def indexed_documents(self, number: int) -> IndexedDocuments | None:
        """The documents that a generation was made from; None when its manifest cannot be read."""
        try:
            return Manifest.read((self.path(number) / "manifest.json").read_text(encoding="utf-8")).origin
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    # -- writing ----------------------------------------------------------------------------------------------------

    def publish(
        self, templates: Iterable[TemplateBatch], dim: int, documents: IndexedDocuments, keep: int = KEEP
    ) -> Generation:
        """Index templates of ``dim`` dimensions, in order of id, measure the index, and write both as a new generation.

        All but the newest ``keep`` are deleted.

        Raises:
            StoreError: ``index_unwritable`` when the disk refuses; what was published before stays as it was.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with staging_folder(self.folder) as staged:
                generation = self._write(staged, templates, dim, documents)
            self.prune(keep)
        except OSError as exc:
            raise StoreError(
                "index_unwritable",
                f"{self.folder} cannot be written ({exc}).",
                f"Free space or correct PRESENTE_INDEX, then run `{command_line('indexer compact')}`.",
            ) from exc
        return generation

    def adopt(self, source: Path, belongs: Callable[[IndexedDocuments], bool]) -> int:
        """Copy the newest generation of another folder into this one, which has none; its number.

        The other folder may be in use: a generation that is deleted meanwhile is given up for a newer one, and rows
        that are overwritten meanwhile are overwritten here, too, when an index is opened.

        Args:
            source: the other folder.
            belongs: whether a generation that was made from these documents can be used here.

        Raises:
            InvalidInput: ``index_not_empty``, ``no_generation``, ``foreign_index``.
            IndexDamaged: ``index_damaged``; nothing is left here.
            StoreError: ``index_unwritable``.
        """
        if self.numbers():
            raise InvalidInput(
                "index_not_empty",
                f"{self.folder} has generations already.",
                "A server continues from them; or delete the folder, or name another PRESENTE_INDEX.",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            while True:
                number = max(GenerationStore(source).numbers(), default=0)
                if not number:
                    raise InvalidInput(
                        "no_generation", f"{source} has no generation.", "Name the PRESENTE_INDEX of a server that ran."
                    )
                with staging_folder(self.folder) as staged:
                    if copied(GenerationStore(source).path(number), staged, self._format, belongs):
                        staged.rename(self.path(number))
                        sync_folder(self.folder)
                        return number
        except OSError as exc:
            raise StoreError(
                "index_unwritable",
                f"{source} cannot be copied to {self.folder} ({exc}).",
                "Free space, or correct PRESENTE_INDEX; then run the command again.",
            ) from exc

    def _write(
        self, staged: Path, templates: Iterable[TemplateBatch], dim: int, documents: IndexedDocuments
    ) -> Generation:
        cipher = self._cipher if self.seals else None
        written = write_files(staged, templates, dim, self.settings, cipher)
        vectors, index = written.vectors, written.index
        while True:
            number = max(self.numbers(), default=0) + 1
            manifest = Manifest(
                format=self._format,
                generation=number,
                origin=documents,
                dim=vectors.shape[1],
                kind=index.spec.kind,
                templates=len(vectors),
                parameters=dict(index.spec.parameters),
                subjects=len(np.unique(written.templates[1])),
                gate=written.gate_report,
                files=written.checksums,
            )
            write_manifest(staged, manifest)
            files = GenerationFiles(staged, vectors, written.opened, cipher)
            try:
                staged.rename(self.path(number))
            except OSError:
                if not self.path(number).exists():
                    raise
                continue  # another process published this number meanwhile
            sync_folder(self.folder)
            files.folder = self.path(number)
            is_locked = None if cipher is None else lock_in_memory(vectors)
            return Generation(manifest, written.templates, vectors, index, (), files, is_locked=is_locked)

    def delete(self, number: int) -> None:
        """Delete a generation. Processes that map its files can read them until they let go.

        Raises:
            OSError: something of it is left.
        """
        erase_folder(self.path(number))

    def prune(self, keep: int = KEEP) -> None:
        """Delete all but the newest generations, and what dead writers left behind.

        What cannot be deleted is logged, and tried again the next time.
        """
        if self.reads:
            return
        numbers = self.numbers()
        sealed = self.sealed() if self.seals else []
        in_clear = [number for number in numbers[-keep:] if sealed and number < sealed[-1] and number not in sealed]
        for number in (*numbers[:-keep], *in_clear):
            try:
                self.delete(number)
            except OSError as exc:
                log.warning("%s cannot be deleted (%s)", self.path(number), exc)
        for leftover in self.delete_leftovers():
            log.warning("%s cannot be deleted", leftover)

    def delete_leftovers(self) -> list[Path]:
        """Delete what dead writers left unfinished: their locks are free. The folders that could not be deleted."""
        left = []
        for leftover in self.folder.glob(".new-*"):
            with folder_lock(leftover) as locked:
                if locked:
                    try:
                        erase_folder(leftover)
                    except OSError:
                        left.append(leftover)
        return left


def _check_shapes(folder: Path, manifest: Manifest, templates: NDArray[Any], vectors: NDArray[Any]) -> None:
    count = manifest.templates
    if vectors.shape != (count, manifest.dim) or templates.shape != (3, count):
        raise IndexDamaged("index_damaged", f"{folder} holds {vectors.shape}, its manifest says {count} templates.")


def _arrays(folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """``templates.npy`` and ``vectors.npy``, mapped."""
    return mapped_array(folder / "templates.npy"), mapped_array(folder / "vectors.npy")
