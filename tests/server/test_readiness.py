"""``/readyz`` is 200 exactly while an identification is answered, and asking it often costs nothing."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymongo import MongoClient

from gallery.gallery import Gallery
from gallery.index.index_state import Lag
from presente.errors import StoreError
from server import readiness
from server.readiness import ReadinessCheck
from tests.conftest import DIM, SAMPLE, OpenGallery, enrolment, on_sqlite, unit
from tests.gallery.galleries import own_index
from tests.mongo_server import MongoServer, binary

PROBE = (SAMPLE / "probes" / "A0178" / "1.jpg").read_bytes()
PATIENCE_S = 30


def until(running: Any, status: int) -> tuple[int, int, dict[str, Any]]:
    """What identify and readyz answer once readyz has a status: the answer is remembered for a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while (ready := running.fetch("GET", "/readyz")).status != status and time.monotonic() < deadline:
        time.sleep(0.2)
    return running.fetch("POST", "/v1/identify", PROBE, Content_Type="image/jpeg").status, ready.status, ready.json


@pytest.fixture
def serving(serve: Any, sample_gallery: None) -> Any:
    running = serve()
    assert until(running, 200) == (200, 200, {"status": "ready", "behind_changes": 0, "behind_seconds": 0.0})
    return running


def complaints(folder: Path) -> int:
    return (folder / "server.log").read_text().count("not ready: ")


@on_sqlite
def test_pages_that_are_overwritten_under_a_running_server(serving: Any, tmp_path: Path) -> None:
    path = tmp_path / "gallery.db"
    other = sqlite3.connect(path, isolation_level=None, timeout=30)
    root = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'students'").fetchone()[0]

    def written(content: bytes) -> None:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        with path.open("r+b") as file:
            file.seek((root - 1) * 4096)
            file.write(content)
        other.execute("INSERT OR REPLACE INTO gallery VALUES ('note', ?)", (content.hex()[:9],))  # caches are dropped

    with path.open("rb") as file:
        file.seek((root - 1) * 4096)
        whole = file.read(4096)
    written(np.random.default_rng(1).bytes(4096))
    assert until(serving, 503) == (503, 503, {"status": "unavailable", "code": "store_unavailable"})
    for _ in range(5):
        time.sleep(0.3)
        assert serving.fetch("GET", "/readyz").status == 503
    assert complaints(tmp_path) == 1  # not one per question
    written(whole)
    assert until(serving, 200) == (200, 200, {"status": "ready", "behind_changes": 0, "behind_seconds": 0.0})
    assert "ready again" in (tmp_path / "server.log").read_text()
    other.close()


@on_sqlite
def test_a_table_that_is_gone_and_comes_back(serving: Any, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None, timeout=30)
    other.execute("ALTER TABLE students RENAME TO elsewhere")
    assert until(serving, 503)[:2] == (503, 503)
    other.execute("ALTER TABLE elsewhere RENAME TO students")
    assert until(serving, 200)[:2] == (200, 200)
    other.close()


def keep_calibration(store_url: str, text: str | None) -> None:
    if store_url.startswith("sqlite"):
        db = sqlite3.connect(store_url.removeprefix("sqlite:///"), timeout=30)
        with db:
            db.execute("DELETE FROM gallery WHERE key = 'calibration'")
            if text is not None:
                db.execute("INSERT INTO gallery VALUES ('calibration', ?)", (text,))
        db.close()
        return
    with MongoClient[dict[str, Any]](store_url) as client:
        kept = client.get_default_database().gallery
        kept.delete_one({"_id": "calibration"})
        if text is not None:
            kept.insert_one({"_id": "calibration", "value": text})


def test_a_calibration_that_cannot_be_read(serving: Any, store_url: str) -> None:
    keep_calibration(store_url, "{")
    assert until(serving, 503) == (503, 503, {"status": "unavailable", "code": "calibration_unreadable"})
    keep_calibration(store_url, None)
    assert until(serving, 200)[:2] == (200, 200)


def test_another_pack(serving: Any, command: Any, store_url: str) -> None:
    if store_url.startswith("sqlite"):
        db = sqlite3.connect(store_url.removeprefix("sqlite:///"), timeout=30)
        with db:
            db.execute("""UPDATE gallery SET value = '{"tag": "other@1", "dim": 8}' WHERE key = 'pack'""")
            db.execute("INSERT INTO changes (removed, template) VALUES (0, 0)")
        db.close()
    else:
        with MongoClient[dict[str, Any]](store_url) as client:
            client.get_default_database().gallery.update_one({"_id": "pack"}, {"$set": {"tag": "other@1"}})
        command("indexer", "remove", "A0178")  # something changes
    assert until(serving, 503) == (503, 503, {"status": "unavailable", "code": "pack_mismatch"})


@pytest.mark.parametrize("store_url", ["mongo"], indirect=True)
def test_a_collection_that_is_renamed_and_comes_back(serving: Any, store_url: str) -> None:
    """The index finds people whom the documents do not know: an error is better than such an answer."""
    with MongoClient[dict[str, Any]](store_url) as client:
        db = client.get_default_database()
        kept = list(db.students.find())
        db.students.drop()
        _, ready, body = until(serving, 503)
        assert (ready, body) == (503, {"status": "unavailable", "code": "documents_missing"})
        db.students.insert_many(kept)
        assert until(serving, 200)[:2] == (200, 200)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[MongoServer]:
    if not binary().exists():
        pytest.skip("no MongoDB server that can be stopped: build one with `make mongoserver` (needs Go)")
    folder = tmp_path / "own"
    folder.mkdir()
    server = MongoServer(folder)
    yield server
    server.stop()


def test_a_server_that_is_away(own_server: MongoServer, serve: Any, command: Any) -> None:
    url = f"{own_server.url}/presente"
    assert command("indexer", "add", SAMPLE / "students.csv", PRESENTE_STORE=url).returncode == 0
    running = serve(PRESENTE_STORE=url)
    assert until(running, 200)[:2] == (200, 200)
    own_server.stop()
    assert until(running, 503) == (503, 503, {"status": "unavailable", "code": "store_unavailable"})
    own_server.start()
    assert until(running, 200)[:2] == (200, 200)


# -- how often the gallery is asked ----------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When a gallery was really asked."""
    times: list[float] = []
    probe = readiness.probe

    def counted(gallery: Gallery) -> None:
        times.append(time.monotonic())
        probe(gallery)

    monkeypatch.setattr(readiness, "probe", counted)
    return times


@on_sqlite
def test_many_questions_are_one(open_gallery: OpenGallery, asked: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = open_gallery()
    check = ReadinessCheck(gallery)
    monkeypatch.setattr(readiness, "EVERY_S", 1000.0)
    threads = [threading.Thread(target=lambda: [check.now() for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1 and check.now().status == "ready"
    monkeypatch.setattr(readiness, "EVERY_S", 0.0)
    check.now()
    assert len(asked) == 2


@on_sqlite
def test_a_question_that_hangs_is_an_answer(open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hang(gallery: Gallery) -> None:
        entered.set()
        go_on.wait()

    monkeypatch.setattr(readiness, "probe", hang)
    monkeypatch.setattr(readiness, "_STUCK_S", 0.0)
    check = ReadinessCheck(open_gallery())
    thread = threading.Thread(target=check.now)
    thread.start()
    assert entered.wait(PATIENCE_S)
    assert check.now() == readiness.Readiness("unavailable", "no_answer")
    go_on.set()
    thread.join()
    assert check.now().status == "ready"


def test_an_index_that_is_behind_for_too_long_is_not_ready(open_gallery: OpenGallery) -> None:
    gallery, other = open_gallery(), open_gallery()
    check = ReadinessCheck(gallery, most_behind_s=0.05)
    other.enrol([enrolment("A1", unit(np.ones(DIM)))])
    with own_index(gallery)._following:  # as while many changes are applied
        asking = threading.Thread(target=check.now)
        asking.start()
        deadline = time.monotonic() + PATIENCE_S
        while check.now().code != "index_behind" and time.monotonic() < deadline:
            time.sleep(0.02)
        first, second = check.now(), check.now()
    asking.join()
    assert first.code == second.code == "index_behind"
    assert first.lag is not None and second.lag is not None and first.lag.changes >= 1
    assert 0.05 < first.lag.seconds < second.lag.seconds
    assert gallery.index.lag() == Lag(0, 0.0)
    after = ReadinessCheck(gallery).now()
    assert after.status == "ready" and after.lag == Lag(0, 0.0)


def test_an_empty_gallery_is_ready_and_one_without_its_documents_is_not(
    open_gallery: OpenGallery, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = open_gallery()
    readiness.probe(gallery)
    gallery.enrol([enrolment("C1", unit(np.ones(DIM)), kind="cohort")])
    readiness.probe(gallery)
    monkeypatch.setattr(gallery.store, "subjects", lambda ids, position=None: {})
    with pytest.raises(StoreError) as caught:
        readiness.probe(gallery)
    assert caught.value.code == "documents_missing"


def test_what_is_not_foreseen_is_not_ready(open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = open_gallery()
    gallery.store.store_calibration(json.dumps([1]))
    assert ReadinessCheck(gallery).now().code == "calibration_unreadable"

    def wrong(*_: object, **__: object) -> None:
        raise RuntimeError("an index whose search fails")

    monkeypatch.setattr(gallery, "identify", wrong)
    gallery.store.store_calibration("")
    monkeypatch.setattr(gallery._calibration, "_valid_until", 0.0)
    assert ReadinessCheck(gallery).now().code == "internal_error"
