"""Writing the files of a generation into a folder that no reader sees yet."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import TemplateBatch
from gallery.index.erased_rows import CLEAR, SEALED, mapped_array, write_erased_rows
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.manifest import Manifest
from gallery.index.recall_gate import GateReport, IndexSettings, choose_index
from gallery.index.sealed_files import MemoryFile, seal_file
from gallery.index.template_parts import by_subject
from presente.files import sha256_file, sync_folder
from presente.sealing import Cipher


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """What :func:`write_files` wrote.

    Attributes:
        vectors: float32 (n, d), mapped.
        templates: int64 (3, n), mapped.
        index: the index over the vectors.
        gate_report: the recall gate's report on it.
        checksums: the files' SHA-256 by name.
        opened: of a sealed generation, the memory that the vectors are in.
    """

    vectors: NDArray[np.float32]
    templates: NDArray[np.int64]
    index: VectorIndex
    gate_report: GateReport
    checksums: dict[str, str]
    opened: MemoryFile | None


def write_files(
    folder: Path, templates: Iterable[TemplateBatch], dim: int, settings: IndexSettings, cipher: Cipher | None = None
) -> WrittenFiles:
    """Write templates, in order of id, and the index over them; sealed with ``cipher``.

    Memory does not grow with the vectors, only by some 40 bytes per template. Those of a sealed generation are written
    into memory, and never to disk as they are.
    """
    opened = None if cipher is None else MemoryFile(CLEAR[0])
    path = folder / CLEAR[0] if opened is None else opened.path
    ids, subjects = _write_vectors(path, templates, dim)
    with (folder / "templates.npy").open("wb") as stream:
        np.save(stream, by_subject(ids, subjects))
    rows, vectors = mapped_array(folder / "templates.npy"), mapped_array(path)
    index, gate_report = choose_index(vectors, rows[1], settings)
    if cipher is None:
        index.save(folder / CLEAR[1])
    else:
        seal_file(path, folder / SEALED[0], cipher)
        codes = MemoryFile(CLEAR[1])
        if index.save(codes.path):
            seal_file(codes.path, folder / SEALED[1], cipher)
    checksums = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
    write_erased_rows(folder, len(vectors))
    return WrittenFiles(vectors, rows, index, gate_report, checksums, opened)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, and flush all files of the folder to disk."""
    (folder / "manifest.json").write_text(manifest.text(), encoding="utf-8")
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(folder)


def _write_vectors(
    path: Path, templates: Iterable[TemplateBatch], dim: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write the vectors as ``numpy.save`` does; ids and subjects, int64 (n,). They are written, not mapped: on a full
    disk that gives an error instead of a signal."""
    ids, subjects = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    with path.open("wb") as stream:
        _write_header(stream, 0, dim)
        for batch in templates:
            stream.write(np.ascontiguousarray(batch.vectors, dtype="<f4").data)
            ids.append(batch.ids)
            subjects.append(batch.subjects)
        stream.seek(0)
        _write_header(stream, sum(map(len, ids)), dim)
    return np.concatenate(ids), np.concatenate(subjects)


def _write_header(stream: BinaryIO, count: int, dim: int) -> None:
    """The header of a file of ``count`` vectors. numpy leaves room in it for any count."""
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (count, dim)})


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """A new folder to write a generation in, locked by its writer. Deleted afterwards unless it was renamed."""
    while True:
        staged = Path(tempfile.mkdtemp(dir=parent, prefix=".new-"))
        with folder_lock(staged) as locked:
            if not locked or not staged.exists():  # another process deleted it before it was locked
                continue
            try:
                yield staged
            finally:
                shutil.rmtree(staged, ignore_errors=True)
            return


@contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Lock a folder; the lock ends with the process. False when another process holds it or the folder is gone."""
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
