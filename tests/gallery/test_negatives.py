"""Negative examples: one contract for every store, sealed and in the clear."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.mongo.store import MongoStore
from gallery.documents.negatives import MOST_OF_ONE, Negative, of_entry, of_photo
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from presente import composition
from presente.sealing import MasterKey, new_key
from tests.conftest import DIM, PACK, OpenStore, student_in
from tests.gallery.galleries import open_gallery as open_at
from tests.gallery.stored import AT, enrolled, vector
from tests.killer import die_before, next_death

OTHER_PACK = "other@000000000000"


def negative(subject: int, seed: int, about: str = "", pack: str = PACK) -> Negative:
    return Negative(subject, about or of_entry(seed), vector(seed), pack, AT, "attendance", 3)


def subject_of(store: DocumentStore, matricula: str) -> int:
    return student_in(store, matricula).id


def same(one: Negative, other: Negative) -> bool:
    return np.array_equal(one.vector, other.vector) and replace(one, vector=other.vector) == other


@pytest.fixture
def people(store: DocumentStore) -> tuple[int, int]:
    store.enrol([enrolled("A1", 1, 2), enrolled("A2", 3)])
    return subject_of(store, "A1"), subject_of(store, "A2")


def test_examples_are_kept_per_student_and_face(
    store: DocumentStore, people: tuple[int, int], open_store: OpenStore
) -> None:
    one, two = people
    first = store.negatives.add(negative(one, 10))
    assert first is not None and same(first.negative, negative(one, 10))
    again = store.negatives.add(replace(negative(one, 11), about=of_entry(10)))
    assert again is not None and again.id == first.id and same(again.negative, first.negative)
    other = store.negatives.add(negative(two, 10))
    shown = store.negatives.add(replace(negative(one, 12), about=of_photo("ab" * 32, 2), source="identify", session=0))
    assert other is not None and shown is not None and first.id < other.id < shown.id
    found = open_store().negatives
    assert [each.id for each in found.of(one)] == [first.id, shown.id] and found.count() == 3
    assert same(found.of(one)[1].negative, shown.negative) and found.of(10**9) == []
    (batch,) = found.templates(PACK)
    assert batch.ids.tolist() == [first.id, other.id, shown.id] and batch.subjects.tolist() == [one, two, one]
    assert np.array_equal(batch.vectors, np.stack([vector(10), vector(10), vector(12)]))
    assert store.negatives.add(negative(10**9, 1)) is None and found.count() == 3


def test_every_change_has_an_epoch_of_its_own(store: DocumentStore, people: tuple[int, int]) -> None:
    one, two = people
    seen = [store.negatives.epoch()]

    def changed() -> bool:
        seen.append(store.negatives.epoch())
        return seen[-1] != seen[-2]

    assert store.negatives.epoch() == seen[0]
    kept = store.negatives.add(negative(one, 10))
    assert kept is not None and changed()
    store.negatives.add(negative(two, 11))
    assert changed()
    assert store.negatives.erase([kept.id, 10**9]) == 1 and changed() and store.negatives.erase([kept.id]) == 0
    store.negatives.add(negative(one, 12))
    assert changed()
    store.merge("A1", "A2")
    assert changed() and {each.negative.about for each in store.negatives.of(one)} == {of_entry(11), of_entry(12)}
    store.remove(["A1"])
    assert changed() and store.negatives.count() == 0


def test_of_too_many_the_oldest_go(store: DocumentStore, people: tuple[int, int]) -> None:
    one, two = people
    store.negatives.add(negative(two, 1))
    for seed in range(1, MOST_OF_ONE + 3):
        store.negatives.add(negative(one, seed))
    kept = [each.negative.about for each in store.negatives.of(one)]
    assert kept == [of_entry(seed) for seed in range(3, MOST_OF_ONE + 3)]
    store.merge("A1", "A2")
    assert len(store.negatives.of(one)) == MOST_OF_ONE and store.negatives.count() == MOST_OF_ONE


def test_another_pack_takes_the_examples_of_the_one_before(store: DocumentStore, people: tuple[int, int]) -> None:
    store.negatives.add(negative(people[0], 1))
    store.negatives.add(negative(people[0], 2, pack=OTHER_PACK))
    assert [batch.ids.tolist() for batch in store.negatives.templates(OTHER_PACK)] == [
        [store.negatives.of(people[0])[1].id]
    ]
    store.adopt_pack(OTHER_PACK, DIM)
    assert [each.negative.pack for each in store.negatives.of(people[0])] == [OTHER_PACK]


# -- sealed -----------------------------------------------------------------------------------------------------------

MASTER = MasterKey(new_key())
Open = Callable[[Sealing | None], DocumentStore]


@pytest.fixture
def opens(store_url: str) -> Iterator[Open]:
    opened: list[DocumentStore] = []

    def open_one(sealing: Sealing | None) -> DocumentStore:
        sqlite = store_url.startswith("sqlite")
        made: DocumentStore = (
            composition.open_store(store_url, sealing=sealing)
            if sqlite
            else MongoStore(store_url, lease_s=0.5, sealing=sealing)
        )
        opened.append(made)
        return made

    yield open_one
    for store in opened:
        store.close()


def test_examples_are_sealed_with_the_students_key(opens: Open) -> None:
    store = opens(None)
    store.claim_pack(PACK, DIM)
    store.enrol([enrolled("A1", 1), enrolled("A2", 2)])
    one, two = subject_of(store, "A1"), subject_of(store, "A2")
    store.negatives.add(negative(one, 10))
    assert store.seals.state().clear_negatives == 1
    sealed = opens(Sealing(MASTER))
    sealed.negatives.add(negative(two, 11))
    assert sealed.seals.state().clear_negatives == 1
    sealed.seals.seal_all()
    assert sealed.seals.state().clear_negatives == 0
    steps: tuple[Callable[[], object], ...] = (
        lambda: None,
        sealed.seals.change_data_keys,
        lambda: sealed.merge("A1", "A2"),
    )
    for step in steps:
        step()
        (batch,) = opens(Sealing(MASTER)).negatives.templates(PACK)
        assert np.array_equal(batch.vectors, np.stack([vector(10), vector(11)]))
        assert [each.line() for each in sealed.damage()] == []
    assert batch.subjects.tolist() == [one, one]
    for other in (store,):
        other.close()


def test_a_stolen_file_shows_no_example(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gallery.db"
    store = composition.open_store(url, sealing=Sealing(MASTER))
    store.claim_pack(PACK, DIM)
    store.enrol([enrolled("A1", 1)])
    kept = store.negatives.add(negative(subject_of(store, "A1"), 10))
    assert kept is not None
    store.close()
    assert vector(10).tobytes() not in b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.is_file())


def test_damaged_examples_are_found(tmp_path: Path) -> None:
    store = composition.open_store(f"sqlite:///{tmp_path}/gallery.db", sealing=None)
    store.claim_pack(PACK, DIM)
    store.enrol([enrolled("A1", 1)])
    subject = subject_of(store, "A1")
    broken, moved = (store.negatives.add(negative(subject, seed)) for seed in (10, 11))
    assert broken is not None and moved is not None
    with closing(sqlite3.connect(tmp_path / "gallery.db")) as db, db:
        db.execute("UPDATE negatives SET vector = zeroblob(32) WHERE id = ?", (broken.id,))
        db.execute("UPDATE negatives SET student = 77 WHERE id = ?", (moved.id,))
    found = {damage.code: damage for damage in store.damage()}
    assert found.keys() == {"template_damaged", "lost_reference"}
    assert str(broken.id) in found["template_damaged"].where and "/negatives/" in found["template_damaged"].fix
    store.close()


# -- a process that dies ----------------------------------------------------------------------------------------------

open_gallery = open_at  # the process that dies calls it
DELTAS = {
    "merge": lambda gallery: gallery.merge("A1", "A2"),
    "remove": lambda gallery: gallery.remove(["A2"]),
    "add": lambda gallery: gallery.store.negatives.add(negative(subject_of(gallery.store, "A2"), 12)),
}


@pytest.mark.untraced
@pytest.mark.parametrize("delta", list(DELTAS))
def test_a_process_dies_before_any_of_its_writes(store_url: str, tmp_path: Path, delta: str) -> None:
    deadly, done = 0, False
    while not done:
        deadly = next_death(next_death(deadly)) if deadly else 1
        url, folder = f"{store_url}_{deadly}", tmp_path / str(deadly)
        gallery = open_at(url, folder)
        gallery.enrol([enrolled("A1", 1), enrolled("A2", 3)])
        one, two = subject_of(gallery.store, "A1"), subject_of(gallery.store, "A2")
        gallery.store.negatives.add(negative(one, 10))
        gallery.store.negatives.add(negative(two, 11))
        gallery.close()
        done = die_before(deadly, url, folder, __name__, delta)
        gallery = open_at(url, folder)
        store, there = gallery.store, gallery.store.student("A2") is not None
        kept = [[each.negative.about for each in store.negatives.of(subject)] for subject in (one, two)]
        if delta == "add":
            assert kept in ([[of_entry(10)], [of_entry(11)]], [[of_entry(10)], [of_entry(11), of_entry(12)]])
        elif there:
            assert kept == [[of_entry(10)], [of_entry(11)]]
        else:
            assert kept == [[of_entry(10), of_entry(11)] if delta == "merge" else [of_entry(10)], []]
        assert [each.line() for each in store.damage()] == []
        gallery.close()
    assert deadly > 2
