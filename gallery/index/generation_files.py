"""Files of a generation: compared with its manifest, held while they are read, and copied elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gallery.index.erased_rows import CLEAR, ERASED_ROWS, SEALED, locked, read_erased_rows
from gallery.index.generation_writing import write_manifest
from gallery.index.manifest import SEALED_FORMAT, IndexedDocuments, Manifest
from presente.errors import IndexDamaged, InvalidInput
from presente.files import sha256_file


def copied(folder: Path, staged: Path, wanted: int, belongs: Callable[[IndexedDocuments], bool]) -> bool:
    """Copy a generation; whether it was copied whole, False when it was deleted meanwhile.

    Args:
        folder: the generation.
        staged: where the copy is to lie.
        wanted: the format that can be used there.
        belongs: whether one that was made from these documents can be.

    Raises:
        InvalidInput: ``foreign_index``.
        IndexDamaged: ``index_damaged``.
        OSError: it cannot be copied.
    """
    try:
        manifest = Manifest.read((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest.format != wanted or not belongs(manifest.origin):
            raise InvalidInput(
                "foreign_index",
                f"{folder} was not made from this store's documents as they are, with its pack and this version.",
                "Check PRESENTE_STORE and PRESENTE_INDEX_SEALED; or start the server without a copy: it makes the "
                "index from the documents.",
            )
        with held(folder, manifest):
            for name in sorted(manifest.files):
                shutil.copyfile(folder / name, staged / name)
            if (folder / ERASED_ROWS).exists():  # last, so that it names each row overwritten in the others
                shutil.copyfile(folder / ERASED_ROWS, staged / ERASED_ROWS)
        if not folder.exists():
            return False
        write_manifest(staged, manifest)
        compare(staged, manifest, compared_files(staged, manifest))
    except FileNotFoundError:
        if folder.exists():
            raise
        return False
    except IndexDamaged as exc:
        raise IndexDamaged(
            "index_damaged", f"{folder} does not match its manifest.", "Copy from another server's folder."
        ) from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise IndexDamaged("index_damaged", f"{folder} cannot be read ({exc}).") from exc
    return True


@contextmanager
def held(folder: Path, manifest: Manifest) -> Iterator[None]:
    """Let no one overwrite rows of a sealed generation inside the block: a chunk is read whole or not at all."""
    if manifest.format != SEALED_FORMAT:
        yield
        return
    with (folder / SEALED[0]).open("rb") as stream, locked(stream.fileno(), shared=True):
        yield


def compared_files(folder: Path, manifest: Manifest) -> list[str]:
    """The files whose checksums hold: once rows were overwritten, not those of vectors and codes."""
    changed = (*CLEAR, *SEALED) if len(read_erased_rows(folder)) else ()
    return [name for name in manifest.files if name not in changed]


def compare(folder: Path, manifest: Manifest, names: list[str] | tuple[str, ...]) -> None:
    """Compare the checksums of some files. Raises ``IndexDamaged``, ``OSError``."""
    for name in names:
        if sha256_file(folder / name) != manifest.files[name]:
            raise IndexDamaged("index_damaged", f"{folder / name} does not match its manifest.")
