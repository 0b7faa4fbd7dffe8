"""Backups of both kinds of store: what is in them, what comes out of them, on which kind of store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gallery.backup.folder import BackupFolder
from gallery.backup.restoring import Restored, RestoreWishes, restore
from gallery.backup.verification import verify_backup
from gallery.backup.writing import BackupWishes, Made, make_backup
from gallery.documents.attendance import EntryFilter
from gallery.documents.backup_protocol import Opening
from gallery.documents.erasure_list import Cause
from gallery.documents.protocol import DocumentStore
from gallery.documents.request_keys import Claim
from gallery.documents.seals import Sealing
from presente import composition
from presente.errors import PresenteError
from presente.sealing import MasterKey, new_key
from tests.conftest import student_in
from tests.gallery.stored import AT, enrolled, everything, fill

MASTER = MasterKey(new_key())
ASKED = Cause(asked=True)


class Places:
    """Stores and folders of one test."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self.folder = folder
        self._request = request
        self._opened: list[DocumentStore] = []
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        kind = name.partition(" ")[0]
        if name not in self._urls:
            number = len(self._urls)
            base = self._request.getfixturevalue("mongo_server") if kind == "mongo" else ""
            own = f"test_backup_{id(self)}_{number}"
            self._urls[name] = f"{base}/{own}" if kind == "mongo" else f"sqlite:///{self.folder}/{own}.db"
        return self._urls[name]

    def open(self, name: str, opening: Opening = "use", master: MasterKey | None = MASTER) -> DocumentStore:
        sealing = None if master is None else Sealing(master, names=True)
        self._opened.append(composition.open_store(self.url(name), sealing=sealing, opening=opening))
        return self._opened[-1]

    def backup(self, store: DocumentStore, **wishes: Any) -> Made:
        return make_backup(store, BackupFolder(self.folder / "backup"), MASTER, BackupWishes(**wishes))

    def restore(self, name: str, **wishes: Any) -> Restored:
        open_store: Callable[[Opening], DocumentStore] = lambda opening: self.open(name, opening)
        return restore(BackupFolder(self.folder / "backup"), MASTER, open_store, RestoreWishes(**wishes))

    def close(self) -> None:
        for store in self._opened:
            store.close()


@pytest.fixture
def places(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Places]:
    made = Places(tmp_path, request)
    yield made
    made.close()


KINDS = ("sqlite", "mongo")


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_store_comes_back_whole_in_either_kind(places: Places, source: str, target: str, is_sealed: bool) -> None:
    master = MASTER if is_sealed else None
    store = places.open(source, master=master)
    fill(store)
    store.remove(["A3"])
    before = everything(store)
    folder = BackupFolder(places.folder / "backup")
    make_backup(store, folder, master, BackupWishes(clear=not is_sealed))
    assert not verify_backup(folder, master).problems
    restored = restore(folder, master, lambda opening: places.open(f"{target} 2", opening, master), RestoreWishes())
    assert restored.replayed.students == 0
    other = places.open(f"{target} 2", master=master)
    after = everything(other)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert after[name] == value, name
    assert other.request_keys.claim(Claim("key-1", "digest", AT), []).done
    highest = max(each.id for each in store.attendance.entries(EntryFilter()))
    other.enrol([enrolled("A9", 500)])
    assert student_in(other, "A9").id > max(each.id for each in before["students"])
    assert student_in(other, "A9").id > max(each.subject for each in before["erasures"])
    assert highest <= other.backup.last_number()


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(PresenteError) as caught:
        call()
    assert caught.value.code == code
