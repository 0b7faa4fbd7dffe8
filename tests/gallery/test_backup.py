"""Backups of both kinds of store: what is in them, what comes out of them, on which kind of store."""

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gallery.access_log.verification import verify
from gallery.backup.folder import BackupFolder
from gallery.backup.restoring import Restored, RestoreWishes, restore
from gallery.backup.snapshot import records_of
from gallery.backup.verification import verify_backup
from gallery.backup.writing import BackupWishes, Made, make_backup
from gallery.documents.attendance import EntryFilter
from gallery.documents.backup_protocol import RESTORING, Opening, Record
from gallery.documents.erasure_list import Cause
from gallery.documents.note_store import BACKUPS
from gallery.documents.protocol import DocumentStore
from gallery.documents.request_keys import Claim
from gallery.documents.seals import Sealing
from gallery.documents.sqlite.backup_shapes import LEFT_OUT, SHAPES
from gallery.erasure_replay import apply_late_erasures
from gallery.signing import public_key
from presente import composition
from presente.errors import PresenteError
from presente.sealing import MasterKey, new_key
from tests.conftest import student_in
from tests.gallery.stored import AT, enrolled, everything, fill, vector
from tests.gallery.unknown_faces import known_faces

MASTER = MasterKey(new_key())
ASKED = Cause(asked=True)


class Places:
    """Stores and folders of one test."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self.folder = folder
        self._request = request
        self._name = uuid.uuid4().hex
        self._opened: list[DocumentStore] = []
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        kind = name.partition(" ")[0]
        if name not in self._urls:
            number = len(self._urls)
            base = self._request.getfixturevalue("mongo_server") if kind == "mongo" else ""
            own = f"test_backup_{self._name}_{number}"
            self._urls[name] = f"{base}/{own}" if kind == "mongo" else f"sqlite:///{self.folder}/{own}.db"
        return self._urls[name]

    def open(self, name: str, opening: Opening = "use", master: MasterKey | None = MASTER) -> DocumentStore:
        sealing = None if master is None else Sealing(master, names=True)
        self._opened.append(composition.open_store(self.url(name), sealing=sealing, opening=opening))
        return self._opened[-1]

    @property
    def backup_folder(self) -> BackupFolder:
        return BackupFolder(self.folder / "backup")

    def backup(self, store: DocumentStore, master: MasterKey = MASTER, **wishes: Any) -> Made:
        return make_backup(store, self.backup_folder, master, BackupWishes(**wishes))

    def restore(self, name: str, **wishes: Any) -> Restored:
        asked = RestoreWishes(**wishes)
        return restore(self.backup_folder, MASTER, lambda opening: self.open(name, opening), asked)

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


def matriculas(store: DocumentStore) -> list[str]:
    return [each.student.matricula for each in store.students(kind=None, limit=1000)]


def moment(made: Made) -> datetime:
    return datetime.fromisoformat(made.manifest.moment)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_run_writes_only_what_is_new(places: Places, kind: str) -> None:
    store = places.open(kind)
    fill(store, 30)
    first = places.backup(store)
    again = places.backup(store)
    assert first.new_objects > 90 and again.new_objects == 0
    store.enrol([enrolled("B0", 700)])
    third = places.backup(store)
    assert 1 < third.new_objects < 8  # the photo, and the last chunk of each kind that the student is in
    assert third.new_bytes < first.new_bytes
    kept = places.backup(store, keep=1)
    assert kept.dropped == (first.snapshot, again.snapshot, third.snapshot)
    assert not verify_backup(places.backup_folder, MASTER).problems
    assert places.backup_folder.snapshots() == [kept.snapshot]
    places.restore(f"{kind} 2")
    assert "B0" in matriculas(places.open(f"{kind} 2"))


@pytest.mark.parametrize("kind", KINDS)
def test_who_asked_to_be_erased_never_comes_back(places: Places, kind: str) -> None:
    """Neither from a snapshot of before, nor through a merge, nor by name, nor from the folder's own files."""
    store = places.open(kind)
    fill(store, 6)
    first = places.backup(store)
    store.merge("A4", "A5")
    second = places.backup(store)
    photo = store.digests("A2")[0]
    store.take_photos("A2", [photo], None, ASKED)
    store.remove(["A1"], ASKED)
    store.remove(["A4"], ASKED)
    stranger, *others = known_faces(store)
    store.unknowns.erase([stranger], ASKED)
    before = places.backup_folder.object_sizes()
    last = places.backup(store)
    # A1; A4, with copies of A5's photos; A5; the photo; a copy of the class; a stranger's face
    assert last.forgotten == 4 + 7 + 4 + 1 + 1 + 1
    assert len(before.keys() - places.backup_folder.object_sizes().keys()) >= 3 + 6 + 1
    assert not verify_backup(places.backup_folder, MASTER).problems
    for number, made in enumerate((first, second, last)):
        name = f"{KINDS[number % 2]} restored {number}"
        places.restore(name, at=moment(made))
        other = places.open(name)
        assert matriculas(other) == ["A0", "A2", "A3", "C0"]
        assert photo not in other.digests("A2") and len(other.digests("A2")) == 2
        assert not list(other.damage()) and not other.attendance.miscounted()
        assert len(other.attendance.entries(EntryFilter())) == 4  # those of A1 stay, without A1
        assert all(each.entry.face is None for each in other.attendance.entries(EntryFilter(face_group="group")))
        assert not verify(other).findings
        assert list(known_faces(other)) == others and other.unknowns.picture(stranger) is None
    refused("erased_for_good", lambda: places.restore(f"{kind} 9", at=moment(first), bring_back=("A1",)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistaken_erasure_can_be_taken_back_for_some_days(places: Places, kind: str) -> None:
    store = places.open(kind)
    fill(store)
    first = places.backup(store)
    subject = student_in(store, "A1").id
    store.remove(["A1"])
    store.remove(["A2"])
    places.backup(store)
    refused("student_not_found", lambda: places.restore(f"{kind} 2", at=moment(first), bring_back=("A77",)))
    places.restore(f"{kind} 3", at=moment(first), bring_back=("A1",))
    other = places.open(f"{kind} 3")
    assert matriculas(other) == ["A0", "A1", "A3", "C0"] and student_in(other, "A1").id == subject
    assert len(other.digests("A1")) == 3
    places.restore(f"{kind} 4", at=moment(first))
    assert matriculas(places.open(f"{kind} 4")) == ["A0", "A3", "C0"]
    places.backup(store, mistaken_days=0)
    refused("erased_for_good", lambda: places.restore(f"{kind} 5", at=moment(first), bring_back=("A1",)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_consent_that_has_ended_stays_ended_in_older_data(places: Places, kind: str) -> None:
    store = places.open(kind)
    fill(store)
    first = places.backup(store)
    store.end_consent("A1", "2026-03-05T10:00:00-06:00", "withdrawn")
    places.backup(store)
    places.restore(f"{kind} 2", at=moment(first))
    other = places.open(f"{kind} 2")
    consent = student_in(other, "A1").student.consentimiento
    assert consent is not None and consent.has_ended and consent.texto == "Autorizo"
    assert not student_in(other, "A1").templates and student_in(other, "A0").templates == 3
    assert json.loads(other.notes.read(BACKUPS) or "") == [str(places.backup_folder.path)]


def test_a_further_list_tells_of_erasures_after_the_last_run(places: Places) -> None:
    store = places.open("sqlite")
    fill(store)
    places.backup(store)
    store.remove(["A1"], ASKED)
    places.restore("mongo 2", erasures=tuple(store.erasures.entries()))
    assert matriculas(places.open("mongo 2")) == ["A0", "A2", "A3", "C0"]


def test_a_restored_store_goes_on_in_the_folder_and_the_one_before_does_not(places: Places) -> None:
    store = places.open("sqlite")
    fill(store)
    places.backup(store)
    places.restore("sqlite 2")
    other = places.open("sqlite 2")
    places.backup(other)
    refused("backup_of_another_store", lambda: places.backup(store))
    stranger = places.open("sqlite 3")
    refused("backup_of_another_store", lambda: places.backup(stranger))


def test_every_bit_matters(places: Places) -> None:
    """A bit is flipped in every file, one after another, and found each time; so is a file that is missing."""
    store = places.open("sqlite")
    fill(store)
    places.backup(store)
    files = [each for each in places.backup_folder.path.rglob("*") if each.is_file() and each.name != "lock"]
    assert len(files) > 20
    for number, file in enumerate(files):
        content = file.read_bytes()
        place = number * 7919 % len(content)
        file.write_bytes(content[:place] + bytes([content[place] ^ 1 << number % 8]) + content[place + 1 :])
        assert is_damaged(places.backup_folder), (file, place)
        file.unlink()
        assert file.name == "erasures" or is_damaged(places.backup_folder), file
        file.write_bytes(content)
    assert not is_damaged(places.backup_folder)


def is_damaged(folder: BackupFolder) -> bool:
    try:
        found = verify_backup(folder, MASTER)
    except PresenteError as error:
        assert error.code in ("backup_damaged", "not_a_backup", "master_key_wrong", "seal_broken", "backup_too_new")
        return True
    return bool(found.problems) or not found.manifests


def test_damage_says_whom_it_concerns(places: Places) -> None:
    store = places.open("sqlite")
    fill(store)
    made = places.backup(store)
    photo = next(each for each in store.photos() if each.matricula == "A2")
    key = places.backup_folder.header().opened(MASTER)
    keys = places.backup_folder.key_list(key)
    found = [each for each in records_of(places.backup_folder, key, keys, made.manifest, "photo") if each.record]
    name = next(each.content for each in found if each.shown["id"] == photo.id)
    (places.backup_folder.path / "objects" / name[:2] / name).write_bytes(b"nothing")
    (problem,) = verify_backup(places.backup_folder, MASTER).problems
    assert problem.whom == ("A2",) and problem.snapshots == (made.snapshot,) and name in problem.where
    refused("backup_damaged", lambda: places.restore("sqlite 2"))
    refused("restore_unfinished", lambda: places.open("sqlite 2"))


def test_what_is_damaged_is_written_anew_and_older_snapshots_are_whole_again(places: Places) -> None:
    store = places.open("sqlite")
    fill(store)
    first = places.backup(store)
    for name in places.backup_folder.object_sizes():
        (places.backup_folder.path / "objects" / name[:2] / name).write_bytes(b"nothing")
    assert verify_backup(places.backup_folder, MASTER).problems
    store.notes.write("later", "1")
    second = places.backup(store, check=True)
    assert first.manifest.chunks["setting"] != second.manifest.chunks["setting"]
    (problem,) = verify_backup(places.backup_folder, MASTER).problems  # the settings of the first cannot be made again
    assert problem.snapshots == (first.snapshot,)
    assert {name for name, _ in first.manifest.chunks["setting"]} == {problem.where.rpartition("/")[2]}


def test_the_signing_key_is_in_the_first_backup(places: Places) -> None:
    store = places.open("sqlite")
    fill(store)
    places.backup(store)
    key = public_key(store)
    places.restore("mongo 2")
    assert public_key(places.open("mongo 2")) == key


def test_a_list_that_was_missing_at_the_restore_is_carried_out_later(places: Places) -> None:
    store = places.open("mongo")
    fill(store)
    places.backup(store)
    refused("not_restored", lambda: apply_late_erasures(store, []))
    store.enrol([enrolled("B1", 700)])
    store.remove(["A1", "B1"], ASKED)
    gone, *others = known_faces(store)
    store.unknowns.erase([gone])
    entries = store.erasures.entries()
    places.restore("mongo 2")
    late = places.open("mongo 2")
    late.enrol([enrolled("B2", 800)])
    assert student_in(late, "B2").id in {each.subject for each in entries}  # the number of B1, which no list told
    asked: list[str] = []
    done = apply_late_erasures(late, entries, lambda names: asked.extend(names) or 2)
    assert (done.students, done.unknown_faces, asked) == (1, 3, ["A1"]) and list(known_faces(late)) == others
    left = {each.student.matricula for each in late.students()}
    assert "A1" not in left and {"B2", "A2"} <= left
    late.enrol([enrolled("A1", 900)])  # someone new
    assert apply_late_erasures(late, entries).entries == 0 and late.student("A1") is not None


def test_what_cannot_be_done_says_so(places: Places, tmp_path: Path) -> None:
    clear = places.open("sqlite", master=None)
    fill(clear)
    backup, folder = partial(make_backup, clear, master=None), BackupFolder(tmp_path / "clear")
    refused("backup_in_the_clear", lambda: backup(folder=folder, wishes=BackupWishes()))
    assert not folder.path.exists()
    assert not backup(folder=folder, wishes=BackupWishes(clear=True)).is_sealed
    other = BackupFolder(tmp_path / "other")
    other.path.mkdir()
    (other.path / "letter.txt").write_text("Dear")
    refused("not_a_backup", lambda: backup(folder=other, wishes=BackupWishes(clear=True)))
    refused("not_a_backup", lambda: verify_backup(other, MASTER))
    refused("not_a_backup", lambda: verify_backup(BackupFolder(tmp_path / "nowhere"), MASTER))
    sealed = places.open("sqlite 2")
    fill(sealed)
    places.backup(sealed)
    refused("master_key_missing", lambda: verify_backup(places.backup_folder, None))
    refused("master_key_wrong", lambda: verify_backup(places.backup_folder, MasterKey(new_key())))
    early = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    refused("no_such_snapshot", lambda: places.restore("sqlite 3", at=early))
    refused("store_not_empty", lambda: places.restore("sqlite 2"))
    keys = places.backup_folder.path / "keys"
    keys.write_bytes(keys.read_bytes().replace(b"presente backup 1\n", b"presente backup 2\n", 1))
    refused("backup_too_new", lambda: verify_backup(places.backup_folder, MASTER))
    with folder.locked():
        refused("backup_busy", lambda: backup(folder=folder, wishes=BackupWishes(clear=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_restores_into_one_store_one_is_refused(places: Places, kind: str) -> None:
    store = places.open("sqlite")
    fill(store)
    places.backup(store)
    first = places.open(f"{kind} 2", "load")
    first.backup.begin_restore("first")
    first.backup.load([Record("setting", {"name": "lives", "value": "[]"})])
    refused("restore_busy", lambda: places.restore(f"{kind} 2"))
    assert first.backup.setting("lives") == "[]" and first.backup.setting(RESTORING) == "first"
    first.backup.load([Record("setting", {"name": "lives", "value": "[1]"})])
    first.close()  # as if it had been cut off
    places.restore(f"{kind} 2")
    assert everything(places.open(f"{kind} 2")) == everything(store)
    assert not list(places.folder.glob("*-restore"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_restore_does_not_end_that_of_another(places: Places, kind: str) -> None:
    first = places.open(kind, "load")
    first.backup.begin_restore("first")
    first.close()
    second = places.open(kind, "load")
    second.backup.begin_restore("second")
    late = places.open(kind, "finish")
    refused("restore_busy", lambda: late.backup.continue_restore("first"))
    second.close()
    refused("restore_busy", lambda: late.backup.continue_restore("first"))
    assert late.backup.setting(RESTORING) == "second"


def test_a_changed_master_key_opens_the_folder_after_the_next_run(places: Places) -> None:
    store = places.open("sqlite")
    fill(store)
    places.backup(store)
    new = MasterKey(new_key())
    store.seals.add_master(new)
    store.close()
    changed = places.open("sqlite", master=new)
    changed.seals.drop_other_masters()
    places.backup(changed, master=new)
    refused("master_key_wrong", lambda: verify_backup(places.backup_folder, MASTER))
    assert not verify_backup(places.backup_folder, new).problems


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_personal_is_readable_in_the_folder(places: Places, kind: str) -> None:
    store = places.open(kind)
    fill(store)
    places.backup(store)
    known = [b"photo of A1", "Ñandú".encode(), b"A0", b"a copy of a class", vector(5).tobytes(), vector(10).tobytes()]
    known += [each.sha256.encode() for each in store.photos()]
    for file in places.backup_folder.path.rglob("*"):
        whole = str(file.relative_to(places.folder)).encode() + (file.read_bytes() if file.is_file() else b"")
        assert not [each for each in known if len(each) > 4 and each in whole], file


def test_every_table_and_column_is_in_a_backup(places: Places) -> None:
    """A column that is new has to be in a record, or in the list of what is left out."""
    read: set[str] = set()
    db = sqlite3.connect(places.url("sqlite").removeprefix("sqlite:///"))
    places.open("sqlite").close()

    def authorize(action: int, table: str | None, column: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ:
            read.add(f"{table}.{column}")
        return sqlite3.SQLITE_OK

    db.set_authorizer(authorize)
    for shape in SHAPES.values():
        list(shape.read(db))
    db.set_authorizer(None)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {f"{table}.{row[1]}" for table in tables for row in db.execute(f"PRAGMA table_info({table})")}
    db.close()
    left_out = {each for each in columns if each.partition(".")[0] in LEFT_OUT or each in LEFT_OUT}
    assert columns - read - left_out - {each for each in columns if each.startswith("sqlite_")} == {"images.content"}
