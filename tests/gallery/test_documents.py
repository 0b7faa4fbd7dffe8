"""The contract of a document store. Every store passes it."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymongo import MongoClient, ReadPreference

from gallery.documents.mongo.store import MongoStore
from gallery.documents.protocol import DocumentStore
from gallery.documents.sqlite.migrations import STEPS, m004_other_classes
from gallery.documents.sqlite.store import SqliteStore
from gallery.documents.student_rules import check_student
from gallery.documents.values import Consent, Position, Student, SubjectPart, Template
from presente.errors import Conflict, InvalidInput, NotFound, StoreError
from tests.conftest import DIM, PACK, OpenStore, enrolment, student_in, unit
from tests.gallery.conftest import vectors

OTHER = "other@111111111111"


def all_ids(store: DocumentStore) -> list[int]:
    return [int(i) for batch in store.templates() for i in batch.ids]


def test_empty(open_store: OpenStore) -> None:
    store = open_store()
    assert store.pack() is None and store.last_change() == 0 and not store.changed_since(Position())
    assert store.student("A1") is None and store.students() == [] and list(store.templates()) == []
    assert store.counts().images == 0 and not store.has_cohort() and len(store.roster()) == 0


def test_what_is_enrolled_is_read_back_exactly(store: DocumentStore, open_store: OpenStore) -> None:
    rows = vectors(3)
    store.enrol([enrolment("A1", rows[:2]), enrolment("A2", rows[2])])
    for view in (store, open_store()):
        found = view.student("A1")
        assert found is not None and (found.images, found.templates) == (2, 2)
        assert found.student == Student("A1", "Nombre A1", "IA-101", "2026-01-01")
        batch = next(iter(view.templates()))
        assert (batch.vectors == rows).all() and batch.vectors.dtype == np.float32
        assert list(batch.subjects) == [found.id, found.id, student_in(view, "A2").id]
        assert view.counts() == view.counts().__class__(students=2, cohort=0, images=3, templates=3)
        assert view.subjects([found.id, 999]) == {found.id: found.student}
        assert len(view.embedded("A1", PACK)) == 2 and view.embedded("A1", OTHER) == set()


def test_parts_of_the_subjects_divide_the_templates(store: DocumentStore) -> None:
    store.enrol([enrolment(f"A{number}", vectors(1 + number % 2, number + 1)) for number in range(7)])
    parts = [SubjectPart(number, 3) for number in range(3)]
    found = [list(store.templates(part=part)) for part in parts]
    for part, batches in zip(parts, found, strict=True):
        assert all(part.has(batch.subjects).all() for batch in batches)
        assert store.template_count(part) == sum(len(batch.ids) for batch in batches) > 0
    assert sorted(int(i) for batches in found for batch in batches for i in batch.ids) == all_ids(store)
    assert store.template_count() == len(all_ids(store)) == store.counts().templates
    one = int(found[1][0].ids[0])
    assert [list(batch.ids) for batch in store.templates([one], part=parts[1])] == [[one]]
    assert list(store.templates([one], part=parts[0])) == []


def test_ids_are_never_used_again(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(2))])
    before = max(all_ids(store))
    store.remove(["A1"])
    store.enrol([enrolment("A1", vectors(1))])
    assert min(all_ids(store)) > before


def test_changes_cover_additions_and_removals(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(2)), enrolment("A2", vectors(1, 2))])
    ids = all_ids(store)
    changes = store.changes(Position())
    assert list(changes.added) == ids and not len(changes.removed)
    assert changes.position == store.position() == Position(store.last_change())
    assert store.changed_since(Position()) and not store.removed_since(0)
    here = store.position()
    assert not store.changed_since(here) and not len(store.changes(here).added)
    store.remove(["A1"])
    assert list(store.changes(here).removed) == ids[:2] and not len(store.changes(here).added)
    assert store.removed_since(here.change) and store.last_change() > here.change
    assert [int(i) for batch in store.templates(ids) for i in batch.ids] == ids[2:]


def test_every_change_of_a_roster_moves_the_position(store: DocumentStore) -> None:
    """Rosters are kept as long as the position is the same."""
    store.enrol([enrolment("A1", vectors(1)), enrolment("A2", vectors(1, 2))])
    known = store.student("A1")
    assert known is not None

    def moves(work: Callable[[], object]) -> bool:
        here = store.position()
        work()
        return store.changed_since(here) and store.changes(here).position != here

    assert moves(lambda: store.update(replace(known.student, clase="IB-201")))
    assert moves(lambda: store.update(replace(known.student, otras_clases=("IB-202",))))
    assert moves(lambda: store.update(replace(known.student, kind="cohort")))
    assert moves(lambda: store.enrol([enrolment("A1", np.empty((0, DIM), dtype=np.float32), clase="IC-301")]))
    assert moves(lambda: store.enrol([enrolment("A3", np.empty((0, DIM), dtype=np.float32))]))
    assert moves(lambda: store.merge("A1", "A3"))
    assert moves(lambda: store.remove(["A2"]))
    store.enrol([enrolment("A4", np.empty((0, DIM), dtype=np.float32))])
    assert moves(lambda: store.remove(["A4"]))
    assert not moves(lambda: store.student("A1"))


def test_the_same_photo_again_changes_nothing(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(1))])
    first, here = all_ids(store), store.position()
    store.enrol([enrolment("A1", vectors(1))])
    assert store.counts().images == 1 and all_ids(store) == first and not len(store.changes(here).added)


def test_creating_is_all_or_nothing(store: DocumentStore) -> None:
    store.enrol([enrolment("A2", vectors(1))])
    change = store.last_change()
    with pytest.raises(Conflict) as caught:
        store.enrol([enrolment("A1", vectors(1, 5)), enrolment("A2", vectors(1, 6))], mode="create")
    assert caught.value.code == "student_exists"
    assert store.student("A1") is None and store.last_change() == change and store.counts().images == 1


def test_extending_needs_the_student_and_keeps_the_fields(store: DocumentStore) -> None:
    with pytest.raises(NotFound):
        store.enrol([enrolment("A1", vectors(1))], mode="extend")
    assert store.student("A1") is None and store.counts().images == 0
    store.enrol([enrolment("A1", vectors(1), clase="IA-101")])
    store.enrol([enrolment("A1", vectors(1, 2), clase="other")], mode="extend")
    found = store.student("A1")
    assert found is not None and (found.student.clase, found.images) == ("IA-101", 2)


def test_change_marks_tell_histories_apart(store: DocumentStore) -> None:
    assert store.change_mark(0) == ""
    store.enrol([enrolment("A1", vectors(1))])
    first = store.last_change()
    store.enrol([enrolment("A2", vectors(1, 2))])
    assert store.change_mark(first) and store.change_mark(first) == store.change_mark(first) != store.change_mark(
        store.last_change()
    )
    assert store.change_mark(store.last_change() + 50) == ""


def test_fields_are_updated(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(1))])
    assert store.update(Student("A1", "Ana Ruiz", "IA-102", "2026-02-02"))
    assert student_in(store, "A1").student.nombre_del_alumno == "Ana Ruiz"
    assert not store.update(Student("A9", "Nadie"))


def test_listing_filters_and_pages(store: DocumentStore) -> None:
    store.enrol([enrolment(f"A{i:02d}", vectors(1, i), clase="IA-101" if i % 2 else "IA-102") for i in range(20)])
    store.enrol([enrolment("C1", vectors(1, 50), kind="cohort")])
    page = store.students(limit=5)
    assert [found.student.matricula for found in page] == ["A00", "A01", "A02", "A03", "A04"]
    rest = store.students(after="A04", limit=100)
    assert len(rest) == 15 and "C1" not in {found.student.matricula for found in rest}
    assert len(store.students(clase="IA-101")) == 10
    assert [found.student.matricula for found in store.students(query="A07")] == ["A07"]
    assert store.students(query="%") == [] and store.students(query="_") == []
    assert store.has_cohort() and len(store.roster(kind="student")) == 20 and len(store.roster()) == 21
    assert len(store.roster(clase="IA-102", kind="student")) == 10


def test_a_student_of_two_classes_is_on_the_roster_of_both(store: DocumentStore, open_store: OpenStore) -> None:
    ana = enrolment("A1", vectors(1))
    both = replace(ana.student, otras_clases=("IA-102", "100 % Taller"))
    store.enrol([replace(ana, student=both), enrolment("A2", vectors(1, 2), clase="IA-102")])
    for view in (store, open_store()):
        found = view.student("A1")
        assert found is not None and found.student == both
        assert both.clases == ("IA-101", "IA-102", "100 % Taller")
        rosters = {clase: list(view.roster(clase=clase, kind="student")) for clase in (*both.clases, "IA-10", "%")}
        assert rosters["IA-101"] == rosters["100 % Taller"] == [found.id] and rosters["IA-10"] == rosters["%"] == []
        assert rosters["IA-102"] == [found.id, student_in(view, "A2").id]
        assert [each.student.matricula for each in view.students(clase="IA-102")] == ["A1", "A2"]
        assert [each.student.matricula for each in view.students(clase="IA-102", query="nombre a2")] == ["A2"]
        assert view.subjects([found.id])[found.id] == both
    assert store.update(replace(both, clase="IA-102", otras_clases=()))
    assert len(store.roster(clase="IA-101")) == 0 and len(store.roster(clase="IA-102")) == 2


def test_templates_of_another_pack_are_used_once_it_is_adopted(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(2)), enrolment("A2", vectors(1, 3))])
    waiting = list(store.unembedded(OTHER))
    assert [photo.matricula for photo in waiting] == ["A1", "A1", "A2"] and list(store.unembedded(PACK)) == []
    wide = unit(np.ones((1, DIM * 2)))[0]
    store.add_templates([(photo.id, Template(wide, OTHER, (0, 0, 1, 1))) for photo in waiting[:2]])
    assert [photo.id for photo in store.unembedded(OTHER)] == [waiting[2].id]
    assert len(all_ids(store)) == 3  # still the first pack's
    store.add_templates([(waiting[2].id, Template(wide, OTHER, (0, 0, 1, 1))), (9999, Template(wide, OTHER, (0,) * 4))])
    store.adopt_pack(OTHER, DIM * 2)
    assert store.pack() == (OTHER, DIM * 2)
    batch = next(iter(store.templates()))
    assert batch.vectors.shape == (3, DIM * 2)
    store.claim_pack(PACK, DIM)
    assert store.pack() == (OTHER, DIM * 2)


def test_every_photo_is_read_back_in_order(store: DocumentStore) -> None:
    assert list(store.photos()) == []
    given = [enrolment("A1", vectors(20)), enrolment("A2", vectors(1, 3), kind="cohort")]
    store.enrol(given)
    found = list(store.photos())
    assert [(photo.matricula, photo.sha256, photo.content, photo.media_type) for photo in found] == [
        (item.student.matricula, photo.sha256, photo.content, "image/jpeg") for item in given for photo in item.photos
    ]
    assert [photo.id for photo in found] == sorted(photo.id for photo in found)
    left = []
    for photo in store.photos():  # what is erased meanwhile is left out, or was read before
        left.append(photo.matricula)
        store.remove(["A2"])
    assert left == ["A1"] * 20 and [photo.matricula for photo in store.photos()] == left


def test_many_threads_write_and_read(store: DocumentStore) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(10):
                store.enrol([enrolment(f"T{number}-{i}", vectors(1, number * 100 + i))])
                assert store.student(f"T{number}-{i}") is not None
        except BaseException as exc:  # noqa: BLE001  # handed to the test below
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and store.counts().students == 40
    assert len(store.changes(Position()).added) == 40


def test_a_file_that_is_not_a_gallery_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gallery.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StoreError) as caught:
        SqliteStore(tmp_path / "gallery.db")
    assert caught.value.code == "store_unavailable"


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "gallery.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "gallery.db")) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError) as caught:
        SqliteStore(tmp_path / "gallery.db")
    assert caught.value.code == "store_too_new"


def test_a_file_without_other_classes_is_brought_up_to_date(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)) as db:
        before = STEPS[: STEPS.index(m004_other_classes)]
        for step in before:
            step(db)
        db.execute("INSERT INTO students VALUES (1, 'A1', 'Ana', 'X', '', 'student', NULL, '', 0, 0, 0, 0)")
        db.execute(f"PRAGMA user_version = {len(before)}")
    with contextlib.closing(SqliteStore(tmp_path / "gallery.db")) as store:
        found = store.student("A1")
        assert found is not None and found.student == Student("A1", "Ana", "X")
        assert list(store.roster(clase="X")) == [found.id]


UNUSABLE = pytest.mark.parametrize(
    "student",
    [
        Student("", "Ana"),
        Student("A1", ""),
        Student("A1", "  "),
        Student("A/1", "Ana"),
        Student(".", "Ana"),
        Student("..", "Ana"),
        Student("\u200b..\u00a0", "Ana"),
        Student("A1", "Ana\x00Ruiz"),
        Student("A1\x1b", "Ana"),
        Student("A\ud800", "Ana"),
        Student("\u00a0\u200b", "Ana"),
        Student("A1", "\u3164"),
        Student("A1", "a" + "\u0301\u0316" * 200_000),
        Student("A" * 300, "Ana"),
        Student("A1", "Ana", fecha_de_registro="ayer"),
        Student("A1", "Ana", fecha_de_registro="2026-11-21 <b>"),
        Student("A1", "Ana", otras_clases=("IA-101", " ")),
        Student("A1", "Ana", otras_clases=(3,)),  # type: ignore[arg-type]
    ],
)


@UNUSABLE
def test_the_refusal_of_fields_is_short(student: Student) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_student(student)
    assert len(str(caught.value)) < 1000


def test_every_text_is_tidied() -> None:
    given = Student(
        " N\u0303-1\u00a0", "Jose\u0301\nRuiz", "IA\u2011101\u200b", "2026-11-21 ", otras_clases=("A\u0303", "B\u202f2")
    )
    consent = Consent("2026-11-21 ", "Si\u0301\u00ad")
    found = check_student(replace(given, consentimiento=consent))
    assert found == Student(
        "Ñ-1",
        "José Ruiz",
        "IA\u2011101",
        "2026-11-21",
        otras_clases=("Ã", "B 2"),
        consentimiento=Consent("2026-11-21", "Sí"),
    )


@UNUSABLE
def test_fields_that_cannot_be_stored_are_named(student: Student) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_student(student)
    assert caught.value.code == "invalid_student"


# -- what MongoDB proper does and the servers of the tests do not ---------------------------------------------------

on_mongo = pytest.mark.parametrize("store_url", ["mongo"], indirect=True)


@on_mongo
@pytest.mark.parametrize("size", [16_777_216, 20_000_000, 60_000_000])
def test_a_photo_that_no_document_can_hold(store: DocumentStore, size: int) -> None:
    """MongoDB refuses it during the write; FerretDB accepts it."""
    given = enrolment("A1", vectors(1))
    large = replace(given, photos=(replace(given.photos[0], content=bytes(size)),))
    store.enrol([enrolment("A2", vectors(1))])
    position = store.position()
    for each in ([large], [enrolment("A3", vectors(1)), large]):
        with pytest.raises(InvalidInput, match=f"{size}") as caught:
            store.enrol(each)
        assert caught.value.code == "too_many_bytes"
    assert [found.student.matricula for found in store.students()] == ["A2"]
    assert not store.changed_since(position)
    assert store.position() == position


@on_mongo
def test_another_programs_photo_that_is_too_large(store: DocumentStore, store_url: str) -> None:
    with MongoClient[dict[str, Any]](store_url) as client:
        students = client.get_default_database().students
        fields = {"nombre_del_alumno": "N", "clase": "C", "fecha_de_registro": "2026-01-01"}
        students.insert_one({"matricula": "LARGE", **fields, "image": b"\xff\xd8\xff" + bytes(16_776_800)})
        students.insert_one({"matricula": "SMALL", **fields, "image": b"\xff\xd8\xff" + bytes(100)})
    (refused,) = store.adopt()
    assert (refused.which, refused.code) == ("LARGE", "too_many_bytes")
    assert [found.student.matricula for found in store.students()] == ["SMALL"]


@on_mongo
def test_another_programs_photos_have_the_type_of_their_bytes(store: DocumentStore, store_url: str) -> None:
    begin = {
        "image/jpeg": b"\xff\xd8\xff",
        "image/heic": b"\0\0\0\x18ftypheic",
        "image/avif": b"\0\0\0\x1cftypavif",
        "image/tiff": b"II*\0",
        "application/octet-stream": b"GIF89a",
    }
    with MongoClient[dict[str, Any]](store_url) as client:
        students = client.get_default_database().students
        for number, (kind, content) in enumerate(begin.items()):
            fields = {"nombre_del_alumno": kind, "clase": "C", "fecha_de_registro": "2026-01-01"}
            students.insert_one({"matricula": f"A{number}", **fields, "image": content + bytes(9)})
    assert store.adopt() == []
    assert [photo.media_type for photo in store.photos()] == list(begin)


@on_mongo
def test_another_programs_texts_are_tidied(store: DocumentStore, store_url: str) -> None:
    with MongoClient[dict[str, Any]](store_url) as client:
        students = client.get_default_database().students
        for matricula in ("N\u0303-1", "Ñ-1", "A2\u00a0"):
            students.insert_one({"matricula": matricula, "nombre_del_alumno": "Jose\u0301", "clase": "\u200bC"})
    refused = store.adopt()
    assert [each.code for each in refused] == ["student_exists"], "two spellings of one are never two students"
    found = {stored.student.matricula: stored.student for stored in store.students()}
    assert set(found) == {"Ñ-1", "A2"}
    assert {(each.nombre_del_alumno, each.clase) for each in found.values()} == {("José", "C")}


@on_mongo
def test_reads_see_own_writes_whatever_the_address_says(store_url: str) -> None:
    """A secondary of a replica set lags behind, and the order of writes relies on reading own writes."""
    store = MongoStore(f"{store_url}?readPreference=secondaryPreferred")
    assert store._db.read_preference == store._db.students.read_preference == ReadPreference.PRIMARY
    store.close()


@on_mongo
def test_a_reservation_that_an_election_took_back_does_not_stop_followers(store: DocumentStore, store_url: str) -> None:
    """Other processes saw it before it was lost, and reserve the numbers after it."""
    store.enrol([enrolment("A1", vectors(1))])
    position = store.position()
    with MongoClient[dict[str, Any]](store_url) as client:
        lost = client.get_default_database().changes.insert_one({"_id": position.change + 1, "n": 3, "mark": "m"})
        store.enrol([enrolment("A2", vectors(2))])
        client.get_default_database().changes.delete_one({"_id": lost.inserted_id})
    assert store.changed_since(position)
    assert len(store.changes(position).added) == 2


def test_the_bytes_of_a_student_s_photos_are_added_up(store: DocumentStore) -> None:
    made = enrolment("A1", vectors(2, 1))
    store.enrol([made, enrolment("A2", vectors(1, 2))])
    assert store.photo_bytes("A1") == sum(len(photo.content) for photo in made.photos) > 0
    assert store.photo_bytes("A9") == 0
