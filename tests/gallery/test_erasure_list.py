"""The erasure list: written with each erasure, in both stores; kept in a file as well; carried out on older data."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gallery.documents.erasure_file import ErasureFile, read_entries
from gallery.documents.erasure_list import (
    AGAIN,
    Cause,
    Erasure,
    brought_back,
    erased_student,
    erased_unknown_faces,
    standing,
    united,
)
from gallery.documents.negatives import Negative, of_entry
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Consent, Enrolment
from gallery.erasure_replay import apply_erasures
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente.composition import open_store
from presente.errors import Conflict, InvalidInput, NotFound, StoreError
from tests.conftest import DIM, PACK, OpenStore, enrolment, student_in
from tests.gallery.conftest import vectors
from tests.gallery.unknown_faces import known_faces, unknown_face

ASKED = Cause(asked=True)


@pytest.fixture
def older(store_url: str, open_store: OpenStore) -> DocumentStore:
    """Another store of the same kind: what a backup restores."""
    other = store_url.replace("gallery.db", "older.db") if store_url.startswith("sqlite") else f"{store_url}_older"
    return _opened(other)


def _opened(url: str) -> DocumentStore:
    made = open_store(url)
    made.claim_pack(PACK, DIM)
    return made


def fill(store: DocumentStore) -> None:
    """Three students; each call gives them the same ids."""
    store.enrol([enrolment(f"A{number}", vectors(2, number)) for number in (1, 2, 3)])


def matriculas(store: DocumentStore) -> list[str]:
    return [stored.student.matricula for stored in store.students()]


def test_each_erasure_is_listed_and_names_no_one(store: DocumentStore, open_store: OpenStore) -> None:
    fill(store)
    ids = {each.student.matricula: each.id for each in store.students()}
    photo = store.digests("A2")[0]
    store.remove(["A1", "nobody"], ASKED)
    store.take_photos("A2", [photo], cause=ASKED)
    store.take_photos("A2", store.digests("A2"), "A3")
    store.merge("A3", "A2")
    store.remove(["A3"], Cause(asked=True, kind="withdrawn"))
    found = open_store().erasures.entries()
    assert [(each.kind, each.subject, each.asked, each.into) for each in found] == [
        ("student", ids["A1"], True, 0),
        ("photo", ids["A2"], True, 0),
        ("photo", ids["A2"], False, ids["A3"]),
        ("merged", ids["A2"], False, ids["A3"]),
        ("withdrawn", ids["A3"], True, 0),
    ]
    assert [each.number for each in found] == sorted({each.number for each in found})
    assert len({each.mark for each in found}) == len(found)
    assert found[1].is_of_photo(photo) and not found[2].is_of_photo(photo) and not found[0].is_of_photo(photo)
    written = "".join(each.to_json() for each in found)
    assert "A1" not in written.replace('"A', "") and "Nombre" not in written and photo not in written
    assert store.erasures.entries(found[2].number) == found[3:]


def test_a_refused_erasure_is_not_listed(store: DocumentStore) -> None:
    fill(store)
    with pytest.raises(NotFound):
        store.merge("A1", "nobody")
    with pytest.raises(NotFound):
        store.take_photos("A1", store.digests("A1"), "nobody")
    with pytest.raises(NotFound):
        store.take_photos("nobody", [])
    assert store.remove(["nobody"]) == [] and store.erasures.entries() == []


def test_an_enrolment_that_is_taken_back_is_not_listed(store: DocumentStore) -> None:
    fill(store)
    with pytest.raises(Conflict):
        store.enrol([enrolment("A9", vectors(1, 9)), enrolment("A1", vectors(1, 8))], "create")
    assert store.student("A9") is None and store.erasures.entries() == []


def test_lists_are_added_once(store: DocumentStore) -> None:
    made = [erased_student(7, ASKED), brought_back(9)]
    store.erasures.add(made)
    store.erasures.add([*made, erased_student(8, ASKED)])
    found = store.erasures.entries()
    assert [replace(each, number=0) for each in found[:2]] == made and len(found) == 3


def test_two_writers_number_one_list(store: DocumentStore, open_store: OpenStore) -> None:
    stores = [store, open_store(), open_store()]
    made = [[erased_student(100 * place + each, ASKED) for each in range(20)] for place in range(len(stores))]
    threads = [
        threading.Thread(target=lambda place=place: [stores[place].erasures.add([each]) for each in made[place]])
        for place in range(len(stores))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.erasures.entries()
    assert sorted(each.subject for each in found) == sorted(each.subject for entries in made for each in entries)
    assert len({each.number for each in found}) == len(found) == 60


def test_what_was_asked_for_is_never_taken_back() -> None:
    one, other = erased_student(1, Cause()), erased_student(2, ASKED)
    assert standing([one, other, brought_back(1), brought_back(2)]) == [other]
    (face,) = erased_unknown_faces([1], Cause())  # whose number is no student's
    assert standing([face, brought_back(1)]) == [face]
    again = erased_student(1, Cause())
    assert standing([one, brought_back(1), again]) == [again]
    assert united([[one], [other, one]]) == sorted([one, other], key=lambda each: each.at)


@pytest.mark.parametrize("text", ["", "{}", "null", "[]", '{"mark": 1}', '{"mark": "a", "at": "", "kind": "x"}'])
def test_a_line_that_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Erasure.from_json(text)
    assert refused.value.code == "invalid_erasure_list"
    later = json.loads(erased_student(1, ASKED).to_json()) | {"more": 1}
    assert Erasure.from_json(json.dumps(later)).subject == 1


# -- the file -------------------------------------------------------------------------------------------------------


def test_the_file_has_each_erasure_before_it_is_acknowledged(store_url: str, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "erasures.jsonl"
    for _ in range(2):  # two processes, one after the other
        store = _opened(store_url)
        own = GallerySettings(0.5, "test", erasure_list=file)
        gallery = Gallery(store, GenerationStore(tmp_path / "index"), PACK, DIM, own)
        gallery.enrol([enrolment("A1", vectors(2, 1)), enrolment("A2", vectors(2, 2))])
        gallery.remove(["A1"], ASKED)
        gallery.take_photos("A2", [store.digests("A2")[0]])
        assert [each.mark for each in read_entries(file, store.identity())] == [
            each.mark for each in store.erasures.entries()
        ]
        gallery.close()
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_is_an_error_and_is_caught_up(store: DocumentStore, tmp_path: Path) -> None:
    blocked = tmp_path / "folder"
    blocked.mkdir()
    store.erasures.add([erased_student(1, ASKED)])
    file = ErasureFile(blocked, store.identity())
    with pytest.raises(StoreError) as refused:
        file.keep_up(store.erasures)
    assert refused.value.code == "erasure_list_unwritable"
    blocked.rmdir()
    file.keep_up(store.erasures)
    assert [each.subject for each in read_entries(blocked, store.identity())] == [1]


def test_a_file_of_another_store_is_refused_before_anything_is_done(
    store: DocumentStore, older: DocumentStore, tmp_path: Path
) -> None:
    file = tmp_path / "erasures.jsonl"
    older.erasures.add([erased_student(1, ASKED)])
    ErasureFile(file, older.identity()).keep_up(older.erasures)
    assert read_entries(file, older.identity())
    before = file.read_bytes()
    with pytest.raises(Conflict, match=str(file)) as refused:
        read_entries(file, store.identity())
    assert refused.value.code == "foreign_erasure_list"
    store.erasures.add([erased_student(2, ASKED)])
    with pytest.raises(StoreError, match="another store"):
        ErasureFile(file, store.identity()).keep_up(store.erasures)
    own = GallerySettings(0.5, "test", erasure_list=file)
    with pytest.raises(Conflict):
        Gallery(store, GenerationStore(tmp_path / "index"), PACK, DIM, own)
    assert file.read_bytes() == before
    older.close()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_plain_file_is_never_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "list"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(InvalidInput) as refused:
        read_entries(path, "store")
    assert refused.value.code == "erasure_list_unreadable"
    with pytest.raises(InvalidInput):
        ErasureFile(path, "store").check()


def test_a_file_that_is_not_there_is_an_error_where_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        read_entries(tmp_path / "none", "store")
    assert refused.value.code == "erasure_list_missing"


def test_a_line_that_a_power_cut_left_half_written_is_passed_over(store: DocumentStore, tmp_path: Path) -> None:
    file = tmp_path / "erasures.jsonl"
    store.erasures.add([erased_student(1, ASKED)])
    ErasureFile(file, store.identity()).keep_up(store.erasures)
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    assert read_entries(file, store.identity()) == []
    ErasureFile(file, store.identity()).keep_up(store.erasures)
    assert [each.subject for each in read_entries(file, store.identity())] == [1]


# -- older data -----------------------------------------------------------------------------------------------------


def test_erased_students_and_photos_do_not_come_back(store: DocumentStore, older: DocumentStore) -> None:
    fill(store)
    fill(older)
    photo, other = store.digests("A2")
    store.remove(["A1"], ASKED)
    store.take_photos("A2", [photo])
    done = apply_erasures(older, store.erasures.entries())
    assert (done.entries, done.students, done.photos) == (2, 1, 1)
    assert matriculas(older) == ["A2", "A3"] and older.digests("A2") == [other]
    assert [each.mark for each in older.erasures.entries()] == [each.mark for each in store.erasures.entries()]
    again = apply_erasures(older, store.erasures.entries())
    assert (again.entries, again.students, again.photos) == (0, 0, 0)
    older.close()


def test_erased_unknown_faces_do_not_come_back(store: DocumentStore, older: DocumentStore) -> None:
    for view in (store, older):
        fill(view)
        view.unknowns.add([(unknown_face(seed), 0) for seed in range(4)])
    numbers = list(known_faces(store))
    assert list(known_faces(older)) == numbers
    store.unknowns.erase(numbers[1:3])
    done = apply_erasures(older, store.erasures.entries())
    assert (done.entries, done.students, done.unknown_faces) == (2, 0, 2)
    assert list(known_faces(older)) == list(known_faces(store)) == [numbers[0], numbers[3]]
    assert matriculas(older) == ["A1", "A2", "A3"]
    assert apply_erasures(older, store.erasures.entries()).unknown_faces == 0
    older.close()


def test_erased_negative_examples_do_not_come_back(store: DocumentStore, older: DocumentStore) -> None:
    for view in (store, older):
        fill(view)
        subject = view.student("A1").id  # type: ignore[union-attr]
        for number, vector in enumerate(vectors(3), 1):
            view.negatives.add(
                Negative(subject, of_entry(number), vector, PACK, "2026-11-20T09:00:00+00:00", "attendance")
            )
    ids = [each.id for each in store.negatives.of(subject)]
    assert [each.id for each in older.negatives.of(subject)] == ids
    assert store.negatives.erase([ids[1], 999]) == 1
    assert [(each.kind, each.subject) for each in store.erasures.entries()] == [("negative", ids[1])]
    done = apply_erasures(older, store.erasures.entries())
    assert (done.entries, done.students) == (1, 0)
    assert [each.id for each in older.negatives.of(subject)] == [ids[0], ids[2]]
    assert len(older.erasures.entries()) == 1
    assert matriculas(older) == ["A1", "A2", "A3"]
    older.close()


def test_data_that_are_newer_than_an_entry_keep_what_it_erased_before(store: DocumentStore) -> None:
    fill(store)
    photo = store.digests("A1")[0]
    store.take_photos("A1", [photo])
    fill(store)  # the photo is enrolled again, and the backup is made then
    assert apply_erasures(store, store.erasures.entries()).entries == 0
    assert photo in store.digests("A1")


def test_a_merged_person_who_is_erased_does_not_come_back_under_either_matricula(
    store: DocumentStore, older: DocumentStore
) -> None:
    fill(store)
    fill(older)
    store.merge("A1", "A2")
    store.remove(["A1"], ASKED)
    done = apply_erasures(older, store.erasures.entries())
    assert matriculas(older) == ["A3"] and (done.merged, done.students) == (1, 1)
    older.close()


def test_a_person_merged_into_one_who_came_later_does_not_come_back(store: DocumentStore, older: DocumentStore) -> None:
    fill(store)
    fill(older)
    moved, other = store.digests("A3")
    store.enrol([enrolment("NEW", vectors(2, 9))])
    store.take_photos("A3", [moved], "NEW")
    store.merge("NEW", "A1")
    store.remove(["NEW"], ASKED)
    apply_erasures(older, store.erasures.entries())
    assert matriculas(older) == ["A2", "A3"] and older.digests("A3") == [other]
    older.close()


def test_a_merge_and_a_move_are_done_again(store: DocumentStore, older: DocumentStore) -> None:
    fill(store)
    fill(older)
    moved = store.digests("A3")[0]
    store.take_photos("A3", [moved], "A1")
    store.merge("A1", "A2")
    apply_erasures(older, store.erasures.entries())
    for each in (store, older):
        assert matriculas(each) == ["A1", "A3"]
    assert older.digests("A1") == store.digests("A1") and older.digests("A3") == store.digests("A3")
    older.close()


def test_a_mistake_is_taken_back(store: DocumentStore, older: DocumentStore) -> None:
    fill(store)
    fill(older)
    back = student_in(older, "A1").id
    store.remove(["A1"])
    store.remove(["A2"], ASKED)
    apply_erasures(older, [*store.erasures.entries(), brought_back(back)])
    assert matriculas(older) == ["A1", "A3"]
    older.remove(["A1"], AGAIN)
    assert len(older.erasures.entries()) == 3  # what is carried out again is not listed again
    older.close()


def test_a_consent_that_has_ended_stays_ended_in_older_data(store: DocumentStore, older: DocumentStore) -> None:
    fill(store)
    fill(older)
    subject = student_in(store, "A1").id
    store.end_consent("A1", "2026-03-05T10:00:00-06:00", "withdrawn")
    store.end_consent("A1", "2026-03-06T10:00:00-06:00", "withdrawn")
    store.end_consent("A2", "2026-03-05T00:00:00-06:00", "expired")
    given = store.student("A2")
    assert given is not None
    store.update(replace(given.student, consentimiento=Consent("2026-03-06", "Autorizo")))
    store.enrol([Enrolment(replace(given.student, consentimiento=Consent("2026-03-06", "Autorizo")), ())])
    listed = store.erasures.entries()
    assert [(each.kind, each.subject, each.asked) for each in listed] == [
        ("consent_ended", subject, True),
        ("consent_ended", given.id, False),
        ("consent_given", given.id, False),
    ]
    apply_erasures(older, listed)
    ended, other = student_in(older, "A1"), student_in(older, "A2")
    assert ended.student.consentimiento is not None and ended.student.consentimiento.motivo == "withdrawn"
    assert (ended.templates, ended.images, other.templates) == (0, 2, 2)
    assert [each.mark for each in older.erasures.entries()] == [each.mark for each in listed]
    older.close()


def test_who_was_merged_into_one_whose_consent_had_ended_is_not_recognised(
    store: DocumentStore, older: DocumentStore
) -> None:
    for each in (store, older):
        fill(each)
        each.end_consent("A1", "2026-03-05T10:00:00-06:00", "withdrawn")
    older_list = older.erasures.entries()
    fields = student_in(store, "A1").student
    store.update(replace(fields, consentimiento=Consent("2026-03-06", "Autorizo")))
    store.take_photos("A3", store.digests("A3")[:1], "A1")
    store.merge("A1", "A2")
    apply_erasures(older, [*older_list, *store.erasures.entries()[1:]])
    assert matriculas(older) == ["A1", "A3"] and older.digests("A1") == store.digests("A1")
    assert student_in(older, "A1").templates == 0
    older.close()
