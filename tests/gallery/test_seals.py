"""Encryption at rest in both stores: what is sealed with which key, and what opens it."""

import hashlib
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from gallery.documents.attendance import Attendance, EntryFilter, SeenFace
from gallery.documents.mongo.store import MongoStore
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing, of_session_photo, of_student, of_unknown_face
from gallery.documents.values import Enrolment, Student
from presente import composition
from presente.errors import InvalidInput, StoreError
from presente.sealing import Cipher, MasterKey, new_key
from tests.conftest import DIM, PACK, student_in
from tests.gallery.sealed_stores import COPY, NAMES, STRANGER, check, content_of, enrolment, fill, vectors
from tests.gallery.unknown_faces import known_faces
from tests.mongo_server import MongoServer, binary

MASTER = MasterKey(new_key())
SEALED, WITH_NAMES = Sealing(MASTER), Sealing(MASTER, names=True)


Open = Callable[..., DocumentStore]


@pytest.fixture
def opens(store_url: str) -> Iterator[Open]:
    """Opens the store, sealed or not."""
    opened: list[DocumentStore] = []

    def open_one(sealing: Sealing | None) -> DocumentStore:
        if store_url.startswith("sqlite"):
            made = composition.open_store(store_url, sealing=sealing)
        else:
            made = MongoStore(store_url, lease_s=0.5, sealing=sealing)
        opened.append(made)
        return made

    yield open_one
    for store in opened:
        store.close()


# -- what a stolen disk shows -----------------------------------------------------------------------------------------


def needles(names: bool) -> dict[str, bytes]:
    """Bytes of what :func:`fill` wrote, by what they are of."""
    stranger = {"a stranger's vector": STRANGER.vector.tobytes(), "a stranger's picture": STRANGER.picture}
    found = {**stranger, "copy": COPY, "faces": json.dumps([1.0, 2.0, 3.0, 4.0])[1:-1].encode()}
    for matricula, name in NAMES.items():
        found[f"photo of {matricula}"] = content_of(matricula)[: 2 * len(content_of(matricula)) // 50]
        found[f"vector of {matricula}"] = vectors()[matricula].tobytes()
        if names:
            found[f"name of {matricula}"] = name.encode()
    return found


def seen_in(folder: Path, names: bool) -> set[str]:
    """What of :func:`needles` the files of a folder show, as they are or as text."""
    seen = set()
    for path in (each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        for name, needle in needles(names).items():
            if any(form in content for form in forms(needle)):
                seen.add(name)
    return seen


def forms(needle: bytes) -> list[bytes]:
    """Bytes as they are; in base64, wherever they begin; in hexadecimal digits; as a JSON text."""
    import base64

    written = [needle, needle.hex().encode(), needle.hex().upper().encode()]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + needle)
        written.append(text[4 * (shift > 0) : -4])
    with_escapes = json.dumps(needle.decode("latin-1"))[1:-1].encode()
    return [*written, with_escapes]


@pytest.mark.parametrize("sealing", [None, SEALED, WITH_NAMES], ids=["clear", "sealed", "names"])
def test_what_files_of_sqlite_show(tmp_path: Path, sealing: Sealing | None) -> None:
    store = composition.open_store(f"sqlite:///{tmp_path}/gallery.db", sealing=sealing)
    check(store, fill(store))
    assert seen_in(tmp_path, names=True) == expected(sealing)  # with the log, which has not been folded
    store.close()
    assert seen_in(tmp_path, names=True) == expected(sealing)


@pytest.mark.parametrize("sealing", [None, SEALED, WITH_NAMES], ids=["clear", "sealed", "names"])
def test_what_files_of_a_mongodb_server_show(tmp_path: Path, sealing: Sealing | None) -> None:
    if not binary().exists():
        pytest.skip("no MongoDB server: build one with `make mongoserver` (needs Go)")
    server = MongoServer(tmp_path)  # of its own: its files hold this database alone
    try:
        store = composition.open_store(f"{server.url}/school", sealing=sealing)
        check(store, fill(store))
        store.close()
    finally:
        server.stop()
    assert seen_in(tmp_path, names=True) == expected(sealing)


def expected(sealing: Sealing | None) -> set[str]:
    """What files show that were written with a sealing."""
    if sealing is None:
        return set(needles(names=True))
    return set() if sealing.names else set(needles(names=True)) - set(needles(names=False))


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_sealed_store_needs_its_key(opens: Open) -> None:
    store = opens(SEALED)
    session = fill(store)
    other = Sealing(MasterKey(new_key()))
    with pytest.raises(StoreError, match="PRESENTE_MASTER_KEY names no key") as missing:
        opens(None)
    with pytest.raises(StoreError, match=f"{other.master.name}.*{MASTER.name}") as wrong:
        opens(other)
    assert (missing.value.code, wrong.value.code) == ("master_key_missing", "master_key_wrong")
    check(opens(SEALED), session)
    assert store.seals.state().masters == (MASTER.name,)


def test_an_erasure_destroys_the_keys(opens: Open) -> None:
    store = opens(WITH_NAMES)
    session = fill(store)
    subjects = {matricula: student_in(store, matricula).id for matricula in NAMES}
    owners = {key.owner for key in store.seals.data_keys()}
    (stranger,) = known_faces(store)
    assert owners == {of_session_photo(session, 1), of_unknown_face(stranger), *map(of_student, subjects.values())}
    store.unknowns.erase([stranger])
    store.remove(["A1"])
    assert {key.owner for key in store.seals.data_keys()} == {of_student(subjects["A2"])}  # the photo showed A1
    assert store.session_photos.content(session, 1) is None
    store.merge(*(each.student.matricula for each in [store_second(store), student_in(store, "A2")]))
    owner = of_student(student_in(store, "A3").id)
    assert {key.owner for key in store.seals.data_keys()} == {owner}


def store_second(store: DocumentStore) -> Any:
    """A further student, into whom another is merged."""
    store.enrol([Enrolment(Student("A3", "Otra", "IA-101"), ())])
    return student_in(store, "A3")


def test_a_closed_session_keeps_no_key(opens: Open) -> None:
    store = opens(SEALED)
    session = fill(store)
    store.sessions.change(session, {"state": "closed"})
    assert of_session_photo(session, 1) not in {key.owner for key in store.seals.data_keys()}


def test_merging_and_moving_seal_again(opens: Open) -> None:
    store = opens(WITH_NAMES)
    fill(store)
    store.merge("A1", "A2")
    kept = of_student(student_in(store, "A1").id)
    assert kept in {key.owner for key in store.seals.data_keys()}
    assert sorted(photo.content for photo in store.photos()) == sorted(map(content_of, NAMES))
    faces = [each.entry.face for each in store.attendance.entries(EntryFilter())]
    assert sorted(tuple(face.vector) for face in faces if face is not None) == sorted(map(tuple, vectors().values()))
    store_second(store)
    digest = hashlib.sha256(content_of("A2")).hexdigest()
    store.take_photos("A1", [digest], to="A3")
    moved = store.student_photos.photo("A3", digest)
    assert moved is not None and moved.content == content_of("A2")
    assert store.student_photos.described("A3", PACK)[0].source == "Zoë Quintanilla/1.jpg"
    assert [damage.line() for damage in store.damage()] == []


# -- leaving and entering, and changing keys --------------------------------------------------------------------------


def test_what_is_in_the_clear_is_sealed_later(opens: Open) -> None:
    first = opens(None)
    session = fill(first)
    store = opens(WITH_NAMES)
    state = store.seals.state()
    assert state.sealed and (state.clear_photos, state.clear_templates, state.clear_faces) == (2, 2, 2)
    assert (state.clear_session_photos, state.clear_unknown_faces, state.clear_names, state.keys) == (1, 1, 2, 0)
    check(store, session)
    done: list[int] = []
    store.seals.seal_all(done.append)
    assert len(done) == 4
    state = store.seals.state()
    assert (state.clear_records, state.clear_names, state.keys) == (0, 0, 4)
    check(store, session)
    store.seals.seal_all(done.append)
    assert len(done) == 4
    if isinstance(store, MongoStore):
        with pytest.raises(StoreError) as others:
            store.seals.unseal_all()
        assert others.value.code == "store_in_use"
    first.close()
    store.seals.unseal_all()
    state = store.seals.state()
    assert (state.sealed, state.masters, state.keys, state.clear_records, state.clear_names) == (False, (), 0, 8, 2)
    with pytest.raises(StoreError) as refused:
        store.enrol([enrolment("A1"), Enrolment(Student("A9", "Nueva", "IA-101"), ())])
        store.update(Student("A9", "Nueva", "IA-102"))
    assert refused.value.code == "store_unsealed"
    store.close()
    check(opens(None), session)


def test_data_keys_are_changed(opens: Open) -> None:
    store, beside = opens(WITH_NAMES), opens(WITH_NAMES)
    session = fill(store)
    check(beside, session)  # which has the old keys opened
    before = {key.id for key in store.seals.data_keys()}
    store.seals.change_data_keys()
    after = list(store.seals.data_keys())
    assert len(after) == 4 and before.isdisjoint(key.id for key in after) and {key.era for key in after} == {1}
    for view in (store, beside):
        check(view, session)
    beside.enrol([Enrolment(Student("A3", "Otra", "IA-101"), enrolment("A2").photos)])
    assert {key.era for key in store.seals.data_keys()} == {1}


@pytest.mark.parametrize("change", ["seal_all", "change_data_keys"])
def test_others_write_meanwhile(opens: Open, change: str) -> None:
    first = opens(None if change == "seal_all" else WITH_NAMES)
    first.claim_pack(PACK, DIM)
    first.enrol([enrolment(matricula) for matricula in NAMES])
    store, beside, over = opens(WITH_NAMES), opens(WITH_NAMES), threading.Event()
    written: list[str] = []

    def write() -> None:
        while not over.is_set() and len(written) < 40:
            matricula = f"B{len(written)}"
            beside.enrol([Enrolment(Student(matricula, "Otra", "IA-101"), enrolment("A1").photos)])
            face = SeenFace(vectors()["A2"], PACK, (0.0, 0.0, 9.0, 9.0), 0.9, 0.5, 1, 1, "ab" * 32)
            subject, day = student_in(beside, "A2").id, f"2026-03-{len(written) % 28 + 1:02d}"
            entry = Attendance(subject, matricula, day, 0, "present", "photo", "2026-03-02T10:00:00", face=face)
            assert beside.attendance.add_entries([entry]) == []
            written.append(matricula)

    writer = threading.Thread(target=write)
    writer.start()
    while not written and writer.is_alive():
        time.sleep(0.01)
    getattr(store.seals, change)()
    over.set()
    writer.join()
    again = opens(WITH_NAMES)  # no key of before is known to it
    assert {photo.matricula for photo in again.photos()} == {*NAMES, *written}
    faces = [each.entry.face for each in again.attendance.entries(EntryFilter())]
    assert len(faces) == len(written) > 0 and all(face is not None for face in faces)
    state = again.seals.state()
    assert (state.retired, state.clear_photos, state.clear_templates) == (0, 0, 0)
    assert [damage.line() for damage in again.damage()] == []


def test_the_master_key_is_changed(opens: Open) -> None:
    running = opens(SEALED)
    session = fill(running)
    new = Sealing(MasterKey(new_key()))
    running.seals.add_master(new.master)
    assert set(running.seals.state().masters) == {MASTER.name, new.master.name}
    check(opens(SEALED), session)  # until the old one is dropped, both open the store
    restarted = opens(new)
    check(restarted, session)
    assert restarted.seals.drop_other_masters() == (MASTER.name,)
    check(running, session)
    with pytest.raises(StoreError) as refused:
        opens(SEALED)
    assert refused.value.code == "master_key_wrong"


def test_a_store_in_the_clear_has_no_keys_to_change(opens: Open) -> None:
    store = opens(None)
    fill(store)
    for change in (store.seals.seal_all, store.seals.change_data_keys, store.seals.unseal_all):
        with pytest.raises(InvalidInput) as refused:
            change()
        assert refused.value.code == "not_sealed"
    assert store.seals.derived("index") is None and list(store.seals.data_keys()) == []


def test_a_golden_sealed_store_is_opened(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parent / "golden" / "gallery-sealed" / "gallery.db", tmp_path)
    sealing = Sealing(MasterKey(b"the key of the golden files....."), names=True)
    with closing(composition.open_store(f"sqlite:///{tmp_path}/gallery.db", sealing=sealing)) as store:
        check(store, session=1, has_stranger=False)
        store.seals.change_data_keys()
        check(store, session=1, has_stranger=False)


# -- damage -----------------------------------------------------------------------------------------------------------


def test_records_that_were_swapped_do_not_open(opens: Open, store_url: str) -> None:
    store = opens(WITH_NAMES)
    store.claim_pack(PACK, DIM)
    second = replace(
        enrolment("A1").photos[0], content=b"another photo", sha256=hashlib.sha256(b"another photo").hexdigest()
    )
    store.enrol([replace(enrolment("A1"), photos=(*enrolment("A1").photos, second))])
    swap_photos(store_url)
    found = [damage for damage in store.damage() if damage.code == "seal_broken"]
    assert len(found) == 2 and all("of A1" in damage.where for damage in found)
    with pytest.raises(StoreError) as refused:
        list(store.photos())
    assert refused.value.code == "seal_broken"


def test_a_name_that_was_changed_is_no_name(opens: Open, store_url: str) -> None:
    store = opens(WITH_NAMES)
    fill(store)
    swap_names(store_url)
    for asked in (lambda: store.students(), lambda: store.students(query="velarde"), lambda: store.student("A1")):
        with pytest.raises(StoreError) as refused:
            asked()
        assert refused.value.code == "seal_broken"
    assert {damage.code for damage in store.damage()} == {"seal_broken"}


def swap_names(store_url: str) -> None:
    """Give each of two students the sealed name of the other."""
    if store_url.startswith("sqlite"):
        with sqlite3.connect(store_url.removeprefix("sqlite:///")) as db:
            rows = db.execute("SELECT id, nombre_del_alumno FROM students ORDER BY id").fetchall()
            for (number, _), (_, name) in zip(rows, reversed(rows), strict=True):
                db.execute("UPDATE students SET nombre_del_alumno = ? WHERE id = ?", (name, number))
        return
    with MongoClient[dict[str, Any]](store_url) as client:
        students = client[urlsplit(store_url).path[1:]].students
        found = list(students.find())
        for one, other in zip(found, reversed(found), strict=True):
            students.update_one({"_id": one["_id"]}, {"$set": {"nombre_del_alumno": other["nombre_del_alumno"]}})


def swap_photos(store_url: str) -> None:
    """Give each of two photos of one student the sealed bytes of the other."""
    if store_url.startswith("sqlite"):
        with sqlite3.connect(store_url.removeprefix("sqlite:///")) as db:
            (first, one), (second, other) = db.execute("SELECT id, content FROM images ORDER BY id").fetchall()
            db.execute("UPDATE images SET content = ? WHERE id = ?", (other, first))
            db.execute("UPDATE images SET content = ? WHERE id = ?", (one, second))
        return
    with MongoClient[dict[str, Any]](store_url) as client:
        contents = client[urlsplit(store_url).path[1:]].contents
        first, second = list(contents.find())
        contents.update_one({"_id": first["_id"]}, {"$set": {"content": second["content"]}})
        contents.update_one({"_id": second["_id"]}, {"$set": {"content": first["content"]}})


def test_a_missing_key_is_found(opens: Open, store_url: str) -> None:
    store = opens(SEALED)
    fill(store)
    lost = of_student(student_in(store, "A2").id)
    drop_key(store_url, lost)
    found = {damage.code: damage.where for damage in store.damage() if damage.code != "photo_changed"}
    assert found.keys() == {"data_key_missing"}
    assert [photo.matricula for photo in opens(SEALED).photos()] == ["A1"]


def drop_key(store_url: str, owner: str) -> None:
    if store_url.startswith("sqlite"):
        with sqlite3.connect(store_url.removeprefix("sqlite:///")) as db:
            db.execute("DELETE FROM data_keys WHERE owner = ?", (owner,))
        return
    with MongoClient[dict[str, Any]](store_url) as client:
        client[urlsplit(store_url).path[1:]].data_keys.delete_one({"owner": owner})


def test_a_check_without_the_key_says_so(tmp_path: Path) -> None:
    store = composition.open_store(f"sqlite:///{tmp_path}/gallery.db", sealing=SEALED)
    fill(store)
    store.close()
    shutil.copy(tmp_path / "gallery.db", tmp_path / "copy.db")
    from gallery.documents.sqlite.check import sqlite_damage

    assert [damage.code for damage in sqlite_damage(tmp_path / "copy.db")] == ["master_key_missing"]
    assert [damage.code for damage in sqlite_damage(tmp_path / "copy.db", sealing=SEALED)] == []


def test_a_seal_opens_as_what_it_was_sealed() -> None:
    cipher = Cipher(new_key())
    sealed = cipher.seal(b"a photo", "photo 1")
    assert cipher.unseal(sealed, "photo 1") == b"a photo"
    for wrong, about in (
        (sealed, "photo 2"),
        (sealed[:-1], "photo 1"),
        (b"", "photo 1"),
        (b"\x02" + sealed[1:], "photo 1"),
    ):
        with pytest.raises(StoreError) as refused:
            cipher.unseal(wrong, about)
        assert refused.value.code == "seal_broken"
