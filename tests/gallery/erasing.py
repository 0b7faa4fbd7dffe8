"""Galleries of vectors that can be found in files: what the tests of erasing share."""

from pathlib import Path

import numpy as np

from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.index.recall_gate import IndexSettings
from gallery.settings import GallerySettings
from presente.composition import open_store
from tests.conftest import PACK, unit

DIM = 64


def rows(count: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))


def opened(url: str, index: Path, kind: str = "flat") -> Gallery:
    generations = GenerationStore(index, IndexSettings(kind, 0.5))  # type: ignore[arg-type]
    return Gallery(open_store(url), generations, PACK, DIM, GallerySettings(0.5, "test"))


def holding(folder: Path, vectors: np.ndarray) -> list[str]:
    """The names of the files below a folder that contain any of these vectors."""
    while True:
        try:
            files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        except FileNotFoundError:  # deleted or renamed by another thread or process: look again
            continue
        return [path.name for path, content in files.items() if any(row.tobytes() in content for row in vectors)]
