"""What the gallery's tests share: stores that are opened again and again, and random templates."""

from collections.abc import Iterator

import numpy as np
import pytest

from gallery.documents.protocol import DocumentStore
from presente import composition
from tests.conftest import DIM, PACK, OpenStore, unit


@pytest.fixture
def open_store(store_url: str) -> Iterator[OpenStore]:
    """Opens the same store again and again."""
    opened: list[DocumentStore] = []

    def open_one() -> DocumentStore:
        opened.append(composition.open_store(store_url))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> DocumentStore:
    """An empty store with a pack."""
    made = open_store()
    made.claim_pack(PACK, DIM)
    return made


def vectors(count: int, seed: int = 1) -> np.ndarray:
    """Random unit rows, float32 (count, DIM)."""
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))
