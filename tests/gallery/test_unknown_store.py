"""Unknown people: one contract for every store."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from gallery.documents.erasure_list import AGAIN, Cause
from gallery.documents.protocol import DocumentStore
from gallery.documents.sqlite.migrations import STEPS
from gallery.documents.sqlite.store import SqliteStore
from gallery.documents.sqlite.unknown_schema import m016_unknown_people
from gallery.documents.unknown_people import UnknownFace, UnknownGroup, UnknownPlace
from tests.conftest import PACK, OpenStore
from tests.gallery.unknown_faces import at, known_faces, unknown_face


def shown(face: UnknownFace) -> tuple[object, ...]:
    """Everything but the picture, so that it can be compared."""
    plain = replace(face, vector=np.zeros(0, np.float32), picture=b"")
    said = (getattr(plain, name) for name in UnknownFace.__dataclass_fields__ if name != "vector")
    return face.vector.tolist(), *said


def test_a_store_without_unknown_people(store: DocumentStore) -> None:
    unknowns = store.unknowns
    assert unknowns.counts() == (0, 0, 0) and list(unknowns.templates(PACK)) == []
    assert (
        unknowns.group(1) is None
        and unknowns.groups("open", "last_at", None, 9) == []
        and unknowns.faces(1, 0, 9) == []
    )
    assert unknowns.picture(1) is None and not unknowns.see_again(1, at(9), 1, None)
    assert not unknowns.join(1, 2) and unknowns.split([1]) == 0 and not unknowns.mark(1, "not_ours")
    assert unknowns.erase([1, 2]) == unknowns.erase_group(1) == unknowns.drop(None) == 0
    assert unknowns.add([]) == [] and store.erasures.entries() == [] and unknowns.epoch() == unknowns.epoch()


def test_faces_are_read_back_exactly_and_add_up_in_their_groups(store: DocumentStore, open_store: OpenStore) -> None:
    one, two, three = unknown_face(1, 9, 0.2, "IA-101"), unknown_face(2, 10, 0.9, "IA-102"), unknown_face(3, 8)
    first, other = store.unknowns.add([(one, 0), (three, 0)])
    assert first.id < other.id and first.group != other.group
    (again,) = open_store().unknowns.add([(replace(two, looks=4), first.group)])
    assert again.group == first.group and again.id > other.id
    for view in (store, open_store()):
        unknowns = view.unknowns
        (number, found), (last, second) = [(each.id, each.face) for each in unknowns.faces(first.group, 0, 9)]
        assert (number, last) == (first.id, again.id)
        assert shown(found) == shown(replace(one, picture=b"")) == shown(first.face)
        assert shown(second) == shown(replace(two, picture=b"", looks=4))
        assert [each.id for each in unknowns.faces(first.group, first.id, 9)] == [again.id]
        assert [each.id for each in unknowns.faces(first.group, 0, 1)] == [first.id]
        assert unknowns.picture(first.id) == one.picture and unknowns.picture(again.id) == two.picture
        both = UnknownGroup(first.group, "open", at(9), at(10), 2, 5, again.id, ("IA-101", "IA-102"))
        alone = UnknownGroup(other.group, "open", at(8), at(8), 1, 1, other.id)
        assert unknowns.group(first.group) == both and unknowns.group(other.group) == alone
        assert unknowns.groups("open", "last_at", None, 9) == [both, alone]
        assert unknowns.counts() == (2, 0, 3)
        (batch,) = unknowns.templates(PACK)
        assert batch.ids.tolist() == [first.id, other.id, again.id] and not batch.not_ours.any()
        assert batch.groups.tolist() == [first.group, other.group, first.group]
        assert np.array_equal(batch.vectors, np.stack([one.vector, three.vector, two.vector]))
        assert [each.ids.tolist() for each in unknowns.templates(PACK, other.id)] == [[again.id]]
        assert list(unknowns.templates(PACK, again.id)) == list(unknowns.templates("other@1")) == []


def test_a_face_of_a_group_that_is_gone_begins_one(store: DocumentStore) -> None:
    (made,) = store.unknowns.add([(unknown_face(1), 0)])
    assert store.unknowns.erase_group(made.group) == 1
    (again,) = store.unknowns.add([(unknown_face(2), made.group)])
    assert again.group > made.group and again.id > made.id and store.unknowns.counts() == (1, 0, 1)


def test_a_further_look_changes_the_face(store: DocumentStore, open_store: OpenStore) -> None:
    first, better = unknown_face(1, 9, 0.2), unknown_face(2, 11, 0.8)
    (made,) = store.unknowns.add([(first, 0)])
    epoch = store.unknowns.epoch()
    assert store.unknowns.see_again(made.id, at(10), 2, None)
    assert store.unknowns.see_again(made.id, at(9, 30), 1, None)  # one that was read late
    others = open_store().unknowns
    (found,) = others.faces(made.group, 0, 9)
    assert shown(found.face) == shown(replace(first, last_at=at(10), looks=4, picture=b""))
    assert others.group(made.group) == UnknownGroup(made.group, "open", at(9), at(10), 1, 4, made.id)
    assert others.see_again(made.id, at(11), 1, better)
    (found,) = store.unknowns.faces(made.group, 0, 9)
    assert shown(found.face) == shown(replace(better, at=at(9), last_at=at(11), looks=5, picture=b""))
    assert store.unknowns.picture(made.id) == better.picture
    assert store.unknowns.epoch() == epoch
    assert store.unknowns.add([(unknown_face(3, 12, 0.5), made.group)])[0].group == made.group
    group = store.unknowns.group(made.group)
    assert group is not None and group.cover == made.id and group.looks == 6


def test_a_list_of_groups_is_read_page_by_page(store: DocumentStore) -> None:
    hours = {number: 8 + number % 4 for number in range(12)}
    groups = [store.unknowns.add([(unknown_face(number, hours[number]), 0)])[0].group for number in range(12)]
    store.unknowns.add([(unknown_face(20 + number, 8), groups[number]) for number in (3, 3, 5)])
    for order, value in (("last_at", "last_at"), ("visits", "visits")):
        found = list[UnknownGroup]()
        while page := store.unknowns.groups(
            "open",
            order,  # type: ignore[arg-type]
            None if not found else UnknownPlace(getattr(found[-1], value), found[-1].id),
            5,
        ):
            assert len(page) <= 5
            found += page
        expected = sorted(found, key=lambda each: (getattr(each, value), each.id), reverse=True)
        assert found == expected and {each.id for each in found} == set(groups)
    assert [each.visits for each in store.unknowns.groups("open", "visits", None, 3)] == [3, 2, 1]


def test_a_list_of_groups_that_some_classes_showed(store: DocumentStore) -> None:
    seen = (("IA-101", 9), ("IA-102", 10), ("", 11), ("IA-1", 12))
    made = [store.unknowns.add([(unknown_face(hour, hour, clase=clase), 0)])[0].group for clase, hour in seen]
    store.unknowns.add([(unknown_face(20, 13, clase="IA-102"), made[0])])

    def listed(*clases: str, after: UnknownPlace | None = None) -> list[int]:
        return [each.id for each in store.unknowns.groups("open", "last_at", after, 9, clases)]

    assert listed("IA-102") == [made[0], made[1]] and listed("IA-101") == [made[0]] == listed("IA-101", "IB")
    assert listed("IA-1", "IA-102") == [made[0], made[3], made[1]] and listed() == [] == listed("")
    assert listed("IA-1", "IA-102", after=UnknownPlace(at(13), made[0])) == [made[3], made[1]]


def test_groups_join_and_split(store: DocumentStore, open_store: OpenStore) -> None:
    unknowns, others = store.unknowns, open_store().unknowns
    made = unknowns.add([(unknown_face(seed, 8 + seed, seed / 10, f"C{seed}"), 0) for seed in range(1, 4)])
    one, two, three = (each.group for each in made)
    assert unknowns.mark(two, "not_ours", "the postman")
    epoch = others.epoch()
    assert unknowns.join(two, one) and others.epoch() not in ("", epoch)
    assert others.group(one) is None and not others.join(one, two) and not others.join(two, two)
    kept = UnknownGroup(two, "not_ours", at(9), at(10), 2, 2, made[1].id, ("C1", "C2"), "the postman")
    assert others.group(two) == kept and others.counts() == (1, 1, 3)
    assert known_faces(store) == {made[0].id: two, made[1].id: two, made[2].id: three}
    epoch = others.epoch()
    new = unknowns.split([made[0].id, made[2].id, 10**9])
    assert new > three and others.epoch() != epoch
    assert others.group(new) == UnknownGroup(new, "open", at(9), at(11), 2, 2, made[2].id, ("C1", "C3"))
    assert others.group(three) is None and others.counts() == (1, 1, 3)
    assert known_faces(store) == {made[0].id: new, made[1].id: two, made[2].id: new}
    assert [damage.line() for damage in store.damage()] == []


def test_a_person_says_that_a_group_is_not_ours(store: DocumentStore, open_store: OpenStore) -> None:
    made = store.unknowns.add([(unknown_face(seed), 0) for seed in range(2)])
    epoch = store.unknowns.epoch()
    assert store.unknowns.mark(made[0].group, "not_ours", "a parent")
    others = open_store().unknowns
    assert others.epoch() != epoch and others.counts() == (1, 1, 2)
    (found,) = others.groups("not_ours", "visits", None, 9)
    assert (found.id, found.note) == (made[0].group, "a parent")
    assert [each.id for each in others.groups("open", "visits", None, 9)] == [made[1].group]
    (batch,) = others.templates(PACK)
    assert batch.not_ours.tolist() == [True, False]
    assert store.unknowns.mark(made[0].group, "open")
    again = others.group(made[0].group)
    assert again is not None and (again.state, again.note) == ("open", "a parent")


def test_what_is_erased_is_listed(store: DocumentStore, open_store: OpenStore) -> None:
    made = store.unknowns.add([(unknown_face(seed), 0) for seed in range(4)])
    store.unknowns.join(made[0].group, made[1].group)
    epoch = store.unknowns.epoch()
    assert store.unknowns.erase([made[1].id, 10**9], Cause(asked=True)) == 1
    others = open_store().unknowns
    assert others.epoch() != epoch and others.picture(made[1].id) is None
    left = others.group(made[0].group)
    assert left is not None and left.visits == 1
    assert others.erase_group(made[0].group) == 1 and store.unknowns.group(made[0].group) is None
    assert others.erase([made[2].id], AGAIN) == 1
    listed = [(each.kind, each.subject, each.asked) for each in store.erasures.entries()]
    assert listed == [("unknown_face", made[1].id, True), ("unknown_face", made[0].id, False)]
    assert store.unknowns.counts() == (1, 0, 1) and known_faces(store) == {made[3].id: made[3].group}
    store.finish_erasing()


def test_what_was_seen_long_ago_is_dropped(store: DocumentStore) -> None:
    hours = (8, 9, 10, 8)
    made = store.unknowns.add([(unknown_face(seed, hour), 0) for seed, hour in enumerate(hours)])
    store.unknowns.join(made[1].group, made[0].group)
    store.unknowns.mark(made[3].group, "not_ours")
    epoch = store.unknowns.epoch()
    assert store.unknowns.drop(at(9), dry=True) == 1 and store.unknowns.epoch() == epoch
    assert store.unknowns.drop(at(9)) == 1 and store.unknowns.drop(at(9)) == 0
    assert known_faces(store) == {made[1].id: made[1].group, made[2].id: made[2].group, made[3].id: made[3].group}
    assert store.unknowns.epoch() != epoch and store.erasures.entries() == []
    assert store.unknowns.drop(None, dry=True) == store.unknowns.drop(None) == 3
    assert store.unknowns.counts() == (0, 0, 0)


def test_another_pack_drops_the_faces_of_the_one_before(store: DocumentStore) -> None:
    (made,) = store.unknowns.add([(unknown_face(1), 0)])
    store.adopt_pack("other@111111111111", 8)
    store.unknowns.add([(unknown_face(2, pack="other@111111111111"), 0)])
    store.adopt_pack("other@111111111111", 8)
    assert store.unknowns.picture(made.id) is None and store.unknowns.counts() == (1, 0, 1)


def test_a_file_of_before_keeps_its_erasure_list(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)) as db:
        before = STEPS[: STEPS.index(m016_unknown_people)]
        for step in before:
            step(db)
        for number, mark in ((3, "a"), (7, "b")):
            db.execute("INSERT INTO erasures VALUES (?, ?, '2026-03-02', 'student', 5, 1, '', 0)", (number, mark))
        db.execute(f"PRAGMA user_version = {len(before)}")
    with closing(SqliteStore(tmp_path / "gallery.db")) as store:
        store.unknowns.add([(unknown_face(1), 0)])
        store.unknowns.erase([1])
        listed = [(each.number, each.kind, each.subject, each.asked) for each in store.erasures.entries()]
        assert listed == [(3, "student", 5, True), (7, "student", 5, True), (8, "unknown_face", 1, False)]
