"""What is cached of photos outside the gallery is forgotten once anyone is erased, by whichever process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.protocol import DocumentStore
from presente.composition import forget_cached_of_erased, open_store
from presente.settings import Settings
from tests.conftest import DIM, enrolment, unit

Stores = Callable[[], DocumentStore]


@pytest.fixture
def stores(store_url: str) -> Iterator[Stores]:
    """Opens the same store as different processes do; closes them all."""
    with ExitStack() as opened:

        def open_one() -> DocumentStore:
            store = open_store(store_url)
            opened.callback(store.close)
            return store

        yield open_one


def filled(settings: Settings) -> None:
    settings.download_cache.mkdir(parents=True, exist_ok=True)
    (settings.download_cache / "photo").write_bytes(b"downloaded")
    settings.template_cache.write_bytes(b"templates")


def kept(settings: Settings) -> bool:
    found = {settings.template_cache.exists(), settings.download_cache.exists()}
    assert len(found) == 1
    return found == {True}


def enrolled(store: DocumentStore, *matriculas: str) -> None:
    store.claim_pack("test@000000000000", DIM)
    for number, matricula in enumerate(matriculas):
        store.enrol([enrolment(matricula, unit(np.ones(DIM) + number))])


def test_caches_are_deleted_once_per_erasure(stores: Stores, tmp_path: Path) -> None:
    store, settings = stores(), Settings(cache=tmp_path / "cache")
    enrolled(store, "A1", "A2")
    forget_cached_of_erased(settings, store)
    filled(settings)
    forget_cached_of_erased(settings, store)
    assert kept(settings)
    other = stores()
    other.update(other.students()[0].student)
    enrolled(other, "A3")
    forget_cached_of_erased(settings, store)
    assert kept(settings), "no one was erased"
    other.remove(["A1"])
    forget_cached_of_erased(settings, store)
    assert not kept(settings)
    filled(settings)
    forget_cached_of_erased(settings, store)
    assert kept(settings), "made after that erasure"


def test_a_cache_of_which_nothing_is_known_is_deleted(stores: Stores, tmp_path: Path) -> None:
    store, settings = stores(), Settings(cache=tmp_path / "cache")
    enrolled(store, "A1")
    for note in (None, "", "{}", '{"store": "another", "change": 0, "mark": ""}'):
        filled(settings)
        if note is not None:
            (settings.cache / "erasures.json").write_text(note)
        forget_cached_of_erased(settings, store)
        assert not kept(settings), note


def test_where_nothing_can_be_kept_nothing_is_forgotten(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    forget_cached_of_erased(Settings(cache=tmp_path / "file" / "cache"), stores())
