"""Writes about unknown people in MongoDB: one at a time, and none is left half done by a process that is gone."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from bson import Int64
from pymongo.errors import AutoReconnect

from gallery.documents.mongo import unknown_writes
from gallery.documents.mongo.store import MongoStore
from gallery.documents.protocol import DocumentStore
from presente.errors import Busy, StoreError
from tests.conftest import PACK, OpenStore
from tests.gallery.unknown_faces import at, known_faces, unknown_face

pytestmark = pytest.mark.parametrize("store_url", ["mongo"], indirect=True)


@pytest.fixture
def mine(store: DocumentStore) -> MongoStore:
    assert isinstance(store, MongoStore)
    return store


@pytest.fixture
def others(mine: MongoStore, open_store: OpenStore) -> MongoStore:
    """The same database, as another process has it."""
    made = open_store()
    assert isinstance(made, MongoStore) and made is not mine
    return made


def announced(store: MongoStore) -> list[dict[str, Any]]:
    return list(store._db.unknown_writes.find())


def is_whole(store: MongoStore) -> None:
    """Nothing is announced, every face has its picture, and groups say what their faces are."""
    assert announced(store) == [] and list(store.damage()) == []
    assert store._db.unknown_pictures.count_documents({}) == store.unknowns.counts()[2]


def test_several_write_at_once(mine: MongoStore, others: MongoStore) -> None:
    made = mine.unknowns.add([(unknown_face(seed), 0) for seed in range(4)])

    def work(store: MongoStore, first: int) -> None:
        for turn in range(6):
            (face,) = store.unknowns.add([(unknown_face(first + turn), made[turn % 4].group)])
            store.unknowns.see_again(made[0].id, at(10), 1, None)
            if turn == 2:
                store.unknowns.split([face.id, made[1].id])
            if turn == 4:
                store.unknowns.join(made[2].group, made[3].group)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, (mine, mine, others, others), (100, 200, 300, 400)))
    (first,) = [face for face in mine.unknowns.faces(made[0].group, 0, 99) if face.id == made[0].id]
    assert first.face.looks == 1 + 4 * 6 and mine.unknowns.counts()[2] == 4 + 4 * 6
    is_whole(others)


def test_later_ids_become_visible_later(mine: MongoStore, others: MongoStore) -> None:
    """A follower that asks for the ids above the last one that it saw misses none."""
    over, seen = threading.Event(), list[int]()

    def write(store: MongoStore) -> None:
        for turn in range(8):
            store.unknowns.add([(unknown_face(turn), 0)])

    def follow() -> None:
        while True:
            last = over.is_set()
            seen.extend(int(i) for batch in mine.unknowns.templates(PACK, max(seen, default=0)) for i in batch.ids)
            if last:
                return

    writers = [threading.Thread(target=write, args=(store,)) for store in (mine, others)]
    follower = threading.Thread(target=follow)
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    follower.join()
    assert seen == list(known_faces(mine)) and len(seen) == 16


def leave(store: MongoStore, **write: Any) -> None:
    """Announce a write as a process does that has died since."""
    holder = {"writer": "gone", "place": "elsewhere", "pid": 1, "started": 1}
    store._db.unknown_writes.insert_one({"_id": 7, "name": "left", **holder, "write": write})


def test_what_a_dead_process_left_is_finished_before_the_next_write(mine: MongoStore, others: MongoStore) -> None:
    one, two, three = mine.unknowns.add([(unknown_face(seed), 0) for seed in range(3)])
    groups = [Int64(one.group), Int64(two.group)]
    leave(mine, kind="move", faces=[Int64(two.id)], to=groups[0], groups=groups)
    assert [each.code for each in mine.damage()] == ["write_unfinished"]
    epoch = others.unknowns.epoch()
    assert others.unknowns.see_again(three.id, at(12), 1, None)
    assert known_faces(mine) == {one.id: one.group, two.id: one.group, three.id: three.group}
    assert mine.unknowns.epoch() != epoch
    leave(mine, kind="add")  # it said nothing, so nothing was written
    others.unknowns.recover()
    leave(mine, kind="add", faces=[Int64(three.id)], groups=[Int64(three.group)])
    assert mine.unknowns.erase([one.id]) == 1 and list(known_faces(mine)) == [two.id]
    is_whole(others)


def test_of_two_who_find_a_dead_write_one_finishes_it(
    mine: MongoStore, others: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = mine.unknowns.add([(unknown_face(seed), 0) for seed in range(2)])
    leave(mine, kind="move", faces=[Int64(two.id)], to=Int64(one.group), groups=[Int64(one.group), Int64(two.group)])
    taking_over, finished = mine.unknowns.writes._take_over, list[MongoStore]()

    def late(dead: dict[str, Any]) -> None:
        """The other process does it first, and something else after it."""
        monkeypatch.undo()
        assert others.unknowns.split([two.id])
        finished.append(others)
        taking_over(dead)

    monkeypatch.setattr(mine.unknowns.writes, "_take_over", late)
    mine.unknowns.see_again(one.id, at(12), 1, None)
    assert finished and len(set(known_faces(mine).values())) == 2  # what was split afterwards stays
    is_whole(mine)


def test_a_write_waits_for_one_that_is_under_way(
    mine: MongoStore, others: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_writes, "_LONGEST_S", 0.05)
    with mine.unknowns.writes.write("mark"), pytest.raises(Busy) as caught:
        others.unknowns.add([(unknown_face(1), 0)])
    assert caught.value.code == "busy"
    monkeypatch.setattr(unknown_writes, "_LONGEST_S", 20.0)
    with mine.unknowns.writes.write("mark"):
        waiting = threading.Thread(target=others.unknowns.add, args=([(unknown_face(1), 0)],))
        waiting.start()
        waiting.join(0.1)
        assert mine.unknowns.counts()[2] == 0
    waiting.join()
    assert mine.unknowns.counts()[2] == 1
    is_whole(mine)


@pytest.mark.parametrize("fails", ["unknown_pictures", "unknown_faces", "unknown_groups"])
def test_a_write_that_fails_is_undone_at_once(mine: MongoStore, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    (made,) = mine.unknowns.add([(unknown_face(1), 0)])
    before = mine.unknowns.group(made.group)

    def fail(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise AutoReconnect("the server went away")

    name = {"unknown_pictures": "_pictures", "unknown_faces": "_faces", "unknown_groups": "_groups"}[fails]
    method = "update_one" if fails == "unknown_groups" else "insert_many"
    monkeypatch.setattr(mine.unknowns, name, Failing(getattr(mine.unknowns, name), method, fail))
    with pytest.raises(StoreError) as caught:
        mine.unknowns.add([(unknown_face(2), made.group)])
    assert caught.value.code == "store_unavailable"
    mine._connection._away_until = 0.0
    assert list(known_faces(mine)) == [made.id] and mine.unknowns.group(made.group) == before
    is_whole(mine)


class Failing:
    """A collection of which one method fails."""

    def __init__(self, collection: Any, method: str, fail: Callable[..., None]) -> None:
        self._collection = collection
        setattr(self, method, fail)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)


def test_who_stood_still_for_too_long_takes_back_what_others_undid(
    mine: MongoStore, others: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = mine.unknowns._put_group

    def taken_for_dead(*what: Any) -> None:
        monkeypatch.undo()
        mine._db.unknown_writes.delete_many({})  # as the process does that has undone it
        with contextlib.suppress(StoreError):
            others.unknowns.add([(unknown_face(5), 0)])
        put(*what)

    monkeypatch.setattr(mine.unknowns, "_put_group", taken_for_dead)
    with pytest.raises(StoreError) as caught:
        mine.unknowns.add([(unknown_face(1), 0)])
    assert caught.value.code == "lease_lost"
    (batch,) = mine.unknowns.templates(PACK)
    assert np.array_equal(batch.vectors, unknown_face(5).vector[None])
    is_whole(mine)


def test_many_faces_are_erased_in_several_writes(mine: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.documents.mongo.unknowns._AT_ONCE", 3)
    (first, *_) = mine.unknowns.add([(unknown_face(seed), 0) for seed in range(4)])
    mine.unknowns.add([(unknown_face(10 + seed), first.group) for seed in range(6)])
    assert mine.unknowns.erase_group(first.group) == 7
    assert mine.unknowns.erase(list(known_faces(mine))) == 3
    assert len(mine.erasures.entries()) == 10
    is_whole(mine)
