"""Writing the files of a generation into a folder that no reader sees yet."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gallery.index.erased_rows import mapped_array, write_erased_rows
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.manifest import Manifest
from gallery.index.recall_gate import GateReport, IndexSettings, choose_index
from gallery.index.template_parts import by_subject
from gallery.index.template_snapshot import TemplateSnapshot
from presente.files import sha256_file, sync_folder


def write_files(
    folder: Path, templates: TemplateSnapshot, settings: IndexSettings
) -> tuple[VectorIndex, GateReport, dict[str, str]]:
    """Write templates and the index over them; the index, the recall gate's report, and the files' SHA-256 by name."""
    with (folder / "templates.npy").open("wb") as stream:
        np.save(stream, by_subject(templates.ids, templates.subjects))
    _write_vectors(folder / "vectors.npy", templates)
    rows, vectors = mapped_array(folder / "templates.npy"), mapped_array(folder / "vectors.npy")
    index, gate_report = choose_index(vectors, rows[1], settings)
    index.save(folder / "codes.faiss")
    checksums = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
    write_erased_rows(folder, len(vectors))
    return index, gate_report, checksums


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, and flush all files of the folder to disk."""
    (folder / "manifest.json").write_text(manifest.text(), encoding="utf-8")
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(folder)


def _write_vectors(path: Path, templates: TemplateSnapshot) -> None:
    """Write the vectors as ``numpy.save`` does. They are written, not mapped: on a full disk that gives an error
    instead of a signal."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(templates), templates.dim)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in templates.blocks():
            stream.write(block.data)


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
