"""Vectors and indexes of every kind, for tests."""

from pathlib import Path

import numpy as np

from gallery.index.generations import GenerationStore
from gallery.index.manifest import IndexedDocuments
from gallery.index.recall_gate import IndexSettings
from gallery.index.searcher import Searcher
from gallery.index.template_parts import PublishedTemplates
from tests.conftest import DIM, unit

KINDS = ["flat", "pq", "rabitq", "hnsw", "ivf"]


def vectors(count: int, seed: int = 1, dim: int = DIM) -> np.ndarray:
    if not count:
        return np.empty((0, dim), np.float32)
    return unit(np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32))


def crowd(people: int, each: int, dim: int = 64, seed: int = 1) -> np.ndarray:
    """``each`` templates of each person: what an index is made for."""
    chance = np.random.default_rng(seed)
    centres = np.repeat(unit(chance.normal(size=(people, dim))), each, axis=0)
    return unit(centres + 0.75 * unit(chance.normal(size=(people * each, dim)))).astype(np.float32)


def made(
    kind: str, rows: np.ndarray, folder: Path, ids: np.ndarray | None = None, subjects: np.ndarray | None = None
) -> PublishedTemplates:
    """Templates, published as a kind of index and loaded again."""
    searcher = Searcher.empty(rows.shape[1])
    ids = np.arange(len(rows)) * 7 + 5 if ids is None else ids
    searcher.recent.append(ids, ids if subjects is None else subjects, rows)
    store = GenerationStore(folder, IndexSettings(kind))  # type: ignore[arg-type]
    number = store.publish(
        searcher.snapshot().batches(), rows.shape[1], IndexedDocuments("s", "p@1", len(rows), "m")
    ).manifest.generation
    loaded = store.load(number)
    return PublishedTemplates(loaded.templates, loaded.vectors, loaded.index)
