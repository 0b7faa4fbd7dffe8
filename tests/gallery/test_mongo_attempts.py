"""Writes under way in MongoDB: followers wait for them, and those of dead processes are recovered."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from gallery.documents.mongo import attempts
from gallery.documents.mongo.attempts import Attempt
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.photo_writing import MongoPhotoWriter
from gallery.documents.mongo.store import MongoStore
from gallery.documents.values import Written
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.person_score import scores_with
from gallery.settings import GallerySettings
from presente.composition import open_store
from presente.errors import Conflict, PackError, StoreError
from tests.conftest import DIM, PACK, enrolment, unit
from tests.gallery.galleries import late, own_index

pytestmark = pytest.mark.parametrize("store_url", ["mongo"], indirect=True)


def rows(count: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))


def opened(url: str, index: Path) -> Gallery:
    return Gallery(open_store(url), GenerationStore(index), PACK, DIM, GallerySettings(0.5, "test"))


def test_a_late_number_reaches_every_follower(store_url: str, tmp_path: Path) -> None:
    """While a generation is written, two indexes follow one store; each awaits writes on its own."""
    gallery = opened(store_url, tmp_path / "index")
    gallery.enrol([enrolment("FIRST", rows(2, 1))])
    with late(store_url, "LATE", 2):
        gallery.enrol([enrolment("NEXT", rows(2, 3))])
        position = gallery.index.position
        assert position.low_water < position.change
        old = own_index(gallery)._searcher
        gallery.index.publish()
        assert own_index(gallery)._searcher is not old
    for index in (own_index(gallery)._searcher, old):  # neither takes a change from the other
        index.follow(gallery.store)
        late_one = scores_with(rows(2, 2)[:1], rows(2, 2))[0]
        assert index.best_subjects(rows(2, 2)[:1], 1)[0][0][1] == pytest.approx(late_one)
    assert gallery.index.verify().agrees
    again = opened(store_url, tmp_path / "index")
    assert again.index.generation == 1 and again.index.verify().agrees
    assert again.search(rows(2, 2)[:1], 1)[0][0].student.matricula == "LATE"
    again.close(), gallery.close()


def test_a_generation_published_during_a_write_is_continued_from_its_low_water_mark(
    store_url: str, tmp_path: Path
) -> None:
    gallery = opened(store_url, tmp_path / "index")
    gallery.enrol([enrolment("FIRST", rows(2, 1))])
    with late(store_url, "LATE", 2):
        gallery.enrol([enrolment("NEXT", rows(2, 3))])
        gallery.close(publish=True)
    again = opened(store_url, tmp_path / "index")
    assert again.index.generation == 1 and again.index.verify().agrees
    assert again.search(rows(2, 2)[:1], 1)[0][0].student.matricula == "LATE"
    again.close()


def test_a_start_during_a_write_uses_the_published_generation(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = opened(store_url, tmp_path / "index")
    gallery.enrol([enrolment("FIRST", rows(2, 1))])
    gallery.close(publish=True)
    store = MongoStore(store_url)
    end = store._attempts.end
    inserted, go_on = threading.Event(), threading.Event()

    def wait(attempt: Attempt) -> None:  # everything is written, and it is not over
        inserted.set()
        assert go_on.wait(60)
        end(attempt)

    store._attempts.end = wait  # type: ignore[method-assign]
    thread = threading.Thread(target=store.enrol, args=([enrolment("LATE", rows(2, 2))],))
    thread.start()
    assert inserted.wait(60)
    threading.Timer(0.5, go_on.set).start()
    monkeypatch.setattr("gallery.index.searcher.Searcher.rebuild", None)  # which reads all documents
    again = opened(store_url, tmp_path / "index")
    thread.join()
    assert again.index.generation == 1 and again.index.verify().agrees
    again.close(), store.close()


def test_an_index_that_is_rebuilt_during_a_write_gets_its_templates_too(store_url: str, tmp_path: Path) -> None:
    opened(store_url, tmp_path / "index").close()
    with late(store_url, "LATE", 2):
        gallery = opened(store_url, tmp_path / "index")
        gallery.enrol([enrolment("NEXT", rows(2, 3))])
        gallery.index.rebuild()
    assert gallery.search(rows(2, 2)[:1], 1)[0][0].student.matricula == "LATE"
    assert gallery.index.verify().agrees
    gallery.close()


def test_a_roster_is_read_again_once_a_late_student_is_there(store_url: str, tmp_path: Path) -> None:
    gallery = opened(store_url, tmp_path / "index")
    gallery.enrol([enrolment("FIRST", rows(2, 1))])
    with late(store_url, "LATE", 2):
        gallery.enrol([enrolment("NEXT", rows(2, 3))])
        assert len(gallery.search(rows(1, 1), 9, clase="IA-101")[0]) == 2
    assert len(gallery.search(rows(1, 1), 9, clase="IA-101")[0]) == 3
    gallery.close()


# -- living and dead processes ---------------------------------------------------------------------------------------


def enrol_and_hang(url: str, ready: Event, go_on: Event, place: str | None, lease_s: float, outcome: Any) -> None:
    """Enrol A1, and stop before A1 is visible."""
    if place:
        attempts._place = lambda: place
    store = MongoStore(url, lease_s=lease_s)
    show = MongoPhotoWriter.make_visible

    def wait(*arguments: Any) -> None:
        ready.set()
        assert go_on.wait(120)
        show(*arguments)

    MongoPhotoWriter.make_visible = wait  # type: ignore[assignment, method-assign]
    try:
        store.enrol([enrolment("A1", rows(2, 1))], "create")
        outcome.put("acknowledged")
    except (StoreError, Conflict) as error:
        outcome.put(error.code)
    outcome.close()
    outcome.join_thread()
    os._exit(0)


@contextlib.contextmanager
def hanging(url: str, place: str | None = None, lease_s: float = 60.0) -> Iterator[tuple[Any, Event, Any]]:
    spawn = multiprocessing.get_context("spawn")
    ready, go_on, outcome = spawn.Event(), spawn.Event(), spawn.Queue()
    process = spawn.Process(target=enrol_and_hang, args=(url, ready, go_on, place, lease_s, outcome))
    process.start()
    assert ready.wait(60)
    try:
        yield process, go_on, outcome
    finally:
        process.kill()
        process.join()


def test_a_living_process_is_left_alone_however_long_it_takes(store_url: str) -> None:
    with hanging(store_url) as (_, go_on, outcome):
        with MongoClient[dict[str, Any]](store_url) as client:  # as old as it may be
            database = client.get_default_database()
            database.students.update_many({}, {"$set": {"since": 0}})
            assert database.students.count_documents({"enrolling": {"$exists": True}}) == 1
        store = MongoStore(store_url)
        assert store.student("A1") is None
        with pytest.raises(Conflict):
            store.enrol([enrolment("A1", rows(1, 5))], "create")
        go_on.set()
        assert outcome.get(timeout=60) == "acknowledged"
        found = store.student("A1")
        assert found is not None and (found.images, found.templates) == (2, 2)
        store.close()


def test_the_writes_of_a_dead_process_are_recovered_without_a_restart(store_url: str, tmp_path: Path) -> None:
    gallery = opened(store_url, tmp_path / "index")
    gallery.enrol([enrolment("FIRST", rows(1, 9))])
    with hanging(store_url) as (process, _, _outcome):
        gallery.search(rows(1, 9), 1)
        assert gallery.index.position.awaited
        process.kill()
        process.join()
        gallery.store._recovered_at = -1e9  # type: ignore[attr-defined]  # a second passes
        gallery.search(rows(1, 9), 1)
        gallery.search(rows(1, 9), 1)
    assert not gallery.index.position.awaited
    assert gallery.store.counts().images == 1 and gallery.index.verify().agrees
    gallery.enrol([enrolment("A1", rows(1, 5))], "create")
    assert gallery.search(rows(1, 5), 1)[0][0].student.matricula == "A1"
    gallery.close()


def test_a_process_on_another_machine_lives_as_long_as_its_lease(store_url: str) -> None:
    with hanging(store_url, place="elsewhere") as (_, go_on, outcome):
        store = MongoStore(store_url)
        with pytest.raises(Conflict):
            store.enrol([enrolment("A1", rows(1, 5))], "create")
        with MongoClient[dict[str, Any]](store_url) as client:
            database = client.get_default_database()
            almost = datetime.now(UTC) - timedelta(seconds=50)
            database.writers.update_many({"place": "elsewhere"}, {"$set": {"renewed": almost}})
            MongoStore(store_url).close()
            assert database.students.count_documents({"matricula": "A1"}) == 1
            over = datetime.now(UTC) - timedelta(seconds=70)
            database.writers.update_many({"place": "elsewhere"}, {"$set": {"renewed": over}})
            MongoStore(store_url).close()
            assert database.students.count_documents({"matricula": "A1"}) == 0
            assert database.images.count_documents({}) == database.contents.count_documents({}) == 0
        store.enrol([enrolment("A1", rows(1, 5))], "create")
        go_on.set()  # and it was not dead after all: nothing was acknowledged to it, and it undoes nothing of ours
        assert outcome.get(timeout=60) in ("lease_lost", "student_removed")
        found = store.student("A1")
        assert found is not None and (found.images, found.templates) == (1, 1)
        store.close()


def test_a_process_that_was_stopped_longer_than_its_lease_acknowledges_nothing(store_url: str, tmp_path: Path) -> None:
    with hanging(store_url, place="elsewhere", lease_s=1.0) as (process, go_on, outcome):
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.5)
        store = MongoStore(store_url, lease_s=1.0)  # undoes it
        assert store.counts().images == 0
        os.kill(process.pid, signal.SIGCONT)
        go_on.set()
        assert outcome.get(timeout=60) in ("lease_lost", "student_removed")
        store.close()
    gallery = opened(store_url, tmp_path / "index")
    assert gallery.store.counts().images == gallery.store.counts().templates == 0
    assert gallery.index.verify().agrees
    gallery.close()


def test_a_lease_is_renewed_while_its_process_lives(store_url: str) -> None:
    store = MongoStore(store_url, lease_s=0.6)
    store.enrol([enrolment("A1", rows(1, 1))])
    time.sleep(1.5)
    with MongoClient[dict[str, Any]](store_url) as client:
        (lease,) = client.get_default_database().writers.find()
        age = client.admin.command("hello")["localTime"] - lease["renewed"]
        assert age < timedelta(seconds=0.6)
        store.close()
        assert client.get_default_database().writers.count_documents({}) == 0


def test_unfinished_writes_of_an_earlier_version_are_finished(store_url: str, tmp_path: Path) -> None:
    gallery = opened(store_url, tmp_path / "index")
    gallery.enrol([enrolment("GONE", rows(2, 1)), enrolment("KEPT", rows(2, 2))])
    subject = gallery.student("GONE").id
    number = gallery.store.last_change()
    gallery.close()
    with MongoClient[dict[str, Any]](store_url) as client:
        database = client.get_default_database()
        database.gallery.delete_one({"_id": "schema"})
        database.changes.insert_one({"_id": number + 1, "n": 1, "of": "removal", "mark": "m"})
        database.removals.insert_one({"_id": number + 1, "student": subject, "templates": [], "open": True})
        begun = {"attempt": "elsewhere:1:abc", "since": 0.0}
        database.changes.insert_one({"_id": number + 2, "n": 1, "of": "subject", "mark": "n"})
        database.students.insert_one({"subject": number + 2, "matricula": "HALF", "enrolling": begun})
    again = opened(store_url, tmp_path / "index")
    assert [found.student.matricula for found in again.store.students()] == ["KEPT"]
    assert again.store.counts().images == 2 and again.index.verify().agrees
    again.close()


def announced_by_schema_2(name: str, what: str, after: int, **about: object) -> dict[str, Any]:
    process = {"writer": f"writer of {name}", "place": "elsewhere", "pid": 1, "started": 1}
    return {"_id": name, **process, "what": what, "after": after, **about}


def test_unfinished_writes_of_schema_2_are_finished_or_undone(store_url: str, tmp_path: Path) -> None:
    """It announced a write in a document of its own, before the first number was reserved."""
    gallery = opened(store_url, tmp_path / "index")
    gallery.enrol([enrolment(name, rows(2, seed)) for seed, name in enumerate(("GONE", "OTHER", "KEPT"))])
    gone, other, kept = (gallery.student(name).id for name in ("GONE", "OTHER", "KEPT"))
    number = gallery.store.last_change()
    gallery.close(publish=True)
    with MongoClient[dict[str, Any]](store_url) as client:
        database = client.get_default_database()
        database.gallery.update_one({"_id": "schema"}, {"$set": {"value": 2}})
        templates = [found["_id"] for found in database.templates.find({"student": gone})]
        half = {"student": number + 2, "sha256": "ab"}
        database.changes.insert_many(
            [
                {"_id": number + 1, "n": 1, "of": "removal", "attempt": "removing", "mark": "1"},
                {"_id": number + 2, "n": 3, "of": "enrolment", "attempt": "enrolling", "students": 1, "templates": 1},
            ]
        )
        database.changes.update_one({"_id": number + 2}, {"$set": {"mark": "2"}})
        database.removals.insert_one({"_id": number + 1, "templates": templates})
        database.students.insert_one({"subject": number + 2, "matricula": "HALF", "enrolling": "enrolling"})
        database.contents.insert_one({"_id": f"{number + 2}:ab", "content": b"photo", **half})
        database.images.insert_one({"_id": number + 3, "media_type": "image/jpeg", "source": "test", **half})
        database.writing.insert_many(
            [
                announced_by_schema_2("removing", "remove", number, student=gone),
                announced_by_schema_2("enrolling", "enrol", number + 1),
                announced_by_schema_2("merging", "merge", number + 4, student=other, into=kept, fields={}, turns=[]),
            ]
        )
        with_lease = {"_id": "writer of enrolling", "place": "elsewhere", "renewed": datetime.now(UTC)}
        database.writers.insert_one(with_lease)
        with pytest.raises(StoreError) as raised:  # two versions do not write at once
            opened(store_url, tmp_path / "index")
        assert raised.value.code == "store_unavailable" and "earlier version" in str(raised.value)
        database.writers.delete_one({"_id": with_lease["_id"]})
        again = opened(store_url, tmp_path / "index")
        assert again.index.generation == 1 and again.index.verify().agrees
        assert [(found.student.matricula, found.templates) for found in again.store.students()] == [("KEPT", 4)]
        counts = again.store.counts()
        assert counts.images == counts.templates == database.contents.count_documents({}) == 4
        assert database.writing.count_documents({}) == 0
        assert database.changes.count_documents({"writing": {"$exists": True}}) == 0
        assert database.gallery.find_one({"_id": "schema"}) == {"_id": "schema", "value": 5}
        again.close()


# -- the pack ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True], ids=["is done", "fails"])
def test_a_pack_that_is_read_while_it_is_being_changed_is_read_again(
    store_url: str, tmp_path: Path, fails: bool
) -> None:
    gallery = opened(store_url, tmp_path / "index")
    other = MongoStore(store_url)
    begin, reserve = other._attempts.begin, other._sequence.reserve

    def begin_and_wait(*arguments: Any, **about: Any) -> Attempt:
        announced = begin(*arguments, **about)
        gallery.enrol([enrolment("A1", rows(1, 1))])  # goes by the pack that is still there
        if fails:
            other._sequence.reserve = fail_once  # type: ignore[assignment]
        return announced

    def fail_once(*_: object) -> None:
        other._sequence.reserve = reserve  # type: ignore[method-assign]
        raise ConnectionFailure

    other._attempts.begin = begin_and_wait  # type: ignore[method-assign]
    with pytest.raises(StoreError) if fails else contextlib.nullcontext():
        other.adopt_pack("other@111111111111", DIM)
    with pytest.raises(PackError) as raised:
        gallery.enrol([enrolment("A2", rows(1, 2))])
    assert raised.value.code == "pack_mismatch"
    time.sleep(0.6 * fails)  # half a second after a failure the server is asked again
    assert other.pack() == ("other@111111111111", DIM) and other.student("A2") is None and other.counts().images == 1
    other.close(), gallery.close()


# -- one's own writes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another"])
def test_what_is_erased_before_the_index_follows_is_not_found(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """The index takes the templates of its own process's enrolment without reading them."""
    gallery = opened(store_url, tmp_path / "index")
    other = MongoStore(store_url)
    follow = gallery.index.catch_up_after

    def erase_and_follow(written: Written | None) -> None:
        assert written is not None and written.templates is not None and len(written.templates.ids) == 2
        other.remove(["A1"])
        follow(written)

    monkeypatch.setattr(gallery.index, "catch_up_after", erase_and_follow)
    if beside:
        other.enrol([enrolment("A0", rows(1, 9))])
    gallery.enrol([enrolment("A1", rows(2, 1))])
    assert [found.student.matricula for found in gallery.search(rows(1, 1), 3)[0]] == ["A0"] * beside
    assert gallery.index.verify().agrees
    other.close(), gallery.close()


# -- at once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_a_photo_that_many_enrol_at_once_is_there_once(store_url: str, tmp_path: Path, known: bool) -> None:
    galleries = [opened(store_url, tmp_path / f"index{i}") for i in range(4)]
    if known:
        galleries[0].enrol([enrolment("A1", rows(1, 99))])
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def enrol(gallery: Gallery) -> None:
        try:
            start.wait()
            for seed in range(5):
                gallery.enrol([enrolment("A1", rows(2, seed))])
        except BaseException as error:  # noqa: BLE001  # handed to the test below
            errors.append(error)

    threads = [threading.Thread(target=enrol, args=(gallery,)) for gallery in galleries * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for gallery in galleries:
        assert gallery.index.verify().agrees
        found = gallery.student("A1")
        assert found.images == found.templates == 10 + known
        gallery.close()


def test_what_the_server_answers_is_not_quoted(store_url: str) -> None:
    connection = MongoConnection(store_url, 5000)
    try:
        connection.db["things"].insert_one({"_id": "A0178"})
        with pytest.raises(StoreError) as raised, connection.calls():
            connection.db["things"].insert_one({"_id": "A0178"})
    finally:
        connection.close()
    assert "DuplicateKeyError, code 11000" in str(raised.value) and "A0178" not in str(raised.value)
