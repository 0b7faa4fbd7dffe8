"""A process that seals, changes keys or leaves encryption dies before any one of its writes: nothing is lost, and the
next one goes on."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from gallery.documents.mongo.store import MongoStore
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from gallery.documents.sqlite.store import SqliteStore
from presente.errors import StoreError
from presente.sealing import MasterKey
from tests.gallery.sealed_stores import check, fill
from tests.killer import die_before, next_death

SEALING = Sealing(MasterKey(b"the key of a process that dies.."), names=True)


@dataclass
class Opened:
    """What a process that dies is given."""

    store: DocumentStore


def open_store(url: str, sealing: Sealing | None) -> DocumentStore:
    if url.startswith("sqlite"):
        return SqliteStore(Path(url.removeprefix("sqlite:///")), sealing)
    return MongoStore(url, lease_s=0.1, sealing=sealing)


def open_gallery(url: str, folder: Path) -> Opened:
    return Opened(open_store(url, SEALING))


DELTAS = {
    "seal": lambda opened: opened.store.seals.seal_all(),
    "change": lambda opened: opened.store.seals.change_data_keys(),
    "undo": lambda opened: opened.store.seals.unseal_all(),
}


@pytest.mark.parametrize("action", DELTAS)
def test_a_process_that_dies_loses_nothing(store_url: str, tmp_path: Path, action: str) -> None:
    with closing(open_store(store_url, None if action == "seal" else SEALING)) as store:
        session = fill(store)
    deadly, done = 0, False
    while not done:
        deadly = next_death(next_death(deadly)) if deadly else 1
        done = die_before(deadly, store_url, tmp_path, __name__, action)
        try:
            with closing(open_store(store_url, SEALING)) as store:
                check(store, session)
                state = store.seals.state()
        except StoreError as error:
            raise AssertionError(f"after a death before write {deadly}") from error
    assert deadly > 8
    if action == "seal":
        assert (state.clear_records, state.clear_names, state.retired) == (0, 0, 0)
    elif action == "change":
        assert (state.keys, state.retired, state.clear_records) == (4, 0, 0)
    else:
        assert (state.keys, state.clear_records, state.clear_names) == (0, 8, 2)
