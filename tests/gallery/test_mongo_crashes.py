"""A process dies before any one of its writes to MongoDB: acknowledged writes are complete, others leave nothing."""

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from gallery.documents.attendance import Attendance, EntryFilter, Participation, SeenFace
from gallery.gallery import Gallery
from presente.errors import PackError, StoreError
from tests.conftest import DIM, PACK, enrolment
from tests.gallery.conftest import vectors
from tests.gallery.galleries import open_gallery
from tests.killer import decided_once, die_before, next_death
from tests.mongo_server import MongoServer, binary

on_mongo = pytest.mark.parametrize("store_url", ["mongo"], indirect=True)


def attend(gallery: Gallery) -> None:
    old, kept = gallery.student("OLD").id, gallery.student("KEPT").id
    face = SeenFace(vectors(1, 9)[0], PACK, (0.0, 0.0, 9.0, 9.0), 0.9, 0.5, 1, 0, "ab" * 32)
    entries = [
        Attendance(subject, "IA-101", "2026-11-20", 0, "present", "photo", "2026-11-20T08:00:00+00:00", face=face)
        for subject in (old, kept)
    ]
    assert gallery.store.attendance.add_entries(entries) == []


def take_part(gallery: Gallery) -> None:
    old = gallery.student("OLD").id
    made = Participation(old, "IA-101", "2026-11-20", "pregunta", "", "2026-11-20T08:00:00+00:00", "request-1")
    gallery.store.attendance.add_participation(made)


def attend_again(gallery: Gallery) -> None:
    """Send the request again, as a client without an answer does: nothing is added twice."""
    with contextlib.suppress(AssertionError):
        attend(gallery)


def remove_who_attended(gallery: Gallery) -> None:
    attend(gallery)
    gallery.remove(["OLD"])


DELTAS = {
    "attend": attend,
    "take part": take_part,
    "remove who attended": remove_who_attended,
    "enrol": lambda gallery: gallery.enrol([enrolment("NEW", vectors(2, 5)), enrolment("OLD", vectors(3, 1))]),
    "remove": lambda gallery: gallery.remove(["OLD"]),
    "change the pack": lambda gallery: gallery.store.adopt_pack("other@111111111111", DIM),
}


@pytest.mark.untraced
@on_mongo
def test_death_during_a_change_of_the_pack(store_url: str, tmp_path: Path) -> None:
    """A gallery that stays open meanwhile goes by the pack that the documents have."""
    acknowledged = False
    deadly = 0
    happened: list[bool] = []
    while not acknowledged:
        deadly = next_death(deadly)
        url, folder = f"{store_url}_{deadly}", tmp_path / str(deadly)
        gallery = open_gallery(url, folder)
        gallery.enrol([enrolment("OLD", vectors(3, 1))])
        acknowledged = die_before(deadly, url, folder, __name__, "change the pack")
        for _ in range(3):
            with contextlib.suppress(PackError):
                gallery.search(vectors(1, 1), 1)
            gallery.store._recovered_at = -1e9  # type: ignore[attr-defined]  # a second passes
        happened.append(gallery.store.pack() != (PACK, DIM))
        if happened[-1]:
            with pytest.raises(PackError):
                gallery.enrol([enrolment("NEW", vectors(2, 5))])
            assert gallery.store.student("NEW") is None
        else:
            gallery.enrol([enrolment("NEW", vectors(2, 5))])
            assert gallery.index.verify().agrees and gallery.student("NEW").templates == 2
        gallery.close()
    assert deadly >= 5 and decided_once(happened), happened


@pytest.mark.untraced
@on_mongo
@pytest.mark.parametrize("action", sorted(DELTAS.keys() - {"change the pack"}))
def test_death_before_any_write(store_url: str, tmp_path: Path, action: str) -> None:
    acknowledged = False
    deadly = 0
    happened: list[bool] = []
    while not acknowledged:
        deadly = next_death(deadly)
        assert deadly < 60
        url, folder = f"{store_url}_{deadly}", tmp_path / str(deadly)
        gallery = open_gallery(url, folder)
        gallery.enrol([enrolment("OLD", vectors(3, 1)), enrolment("KEPT", vectors(2, 2))])
        old_id = gallery.student("OLD").id
        gallery.close(publish=True)
        acknowledged = die_before(deadly, url, folder, __name__, action)
        gallery = open_gallery(url, folder)  # the writes of the dead process are finished or undone here
        assert gallery.index.verify().agrees
        present = {found.student.matricula: found for found in gallery.store.students()}
        assert present["KEPT"].templates == 2
        if action == "enrol":
            happened.append("NEW" in present)
            assert "NEW" not in present or present["NEW"].images == present["NEW"].templates == 2
            gallery.enrol([enrolment("NEW", vectors(2, 5))], mode="put" if "NEW" in present else "create")
            assert gallery.search(vectors(1, 5)[:1], 1)[0][0].student.matricula == "NEW"
        elif action in ("attend", "take part"):
            old = gallery.student("OLD")
            happened.append((old.asistencias, old.participaciones) == ((1, 0) if action == "attend" else (0, 1)))
            assert happened[-1] or old.asistencias == old.participaciones == 0
            again = {"attend": attend_again, "take part": take_part}[action]
            again(gallery)
            old = gallery.student("OLD")
            assert (old.asistencias, old.participaciones) == ((1, 0) if action == "attend" else (0, 1))
        else:
            happened.append("OLD" not in present)
            gallery.remove(["OLD"])
            assert [each.subject for each in gallery.store.erasures.entries()] == [old_id]
            faces = [stored.entry for stored in gallery.store.attendance.entries(EntryFilter())]
            assert all(entry.face is None for entry in faces if entry.subject is None)
            assert all(entry.subject in (None, present["KEPT"].id) for entry in faces)
            assert {found.student.matricula for found in gallery.store.students()} == {"KEPT"}
        assert gallery.store.attendance.miscounted() == []
        counts = gallery.store.counts()
        assert counts.images == counts.templates == sum(found.images for found in gallery.store.students())
        assert gallery.index.verify().agrees
        gallery.close()
    assert deadly >= 5 and decided_once(happened), happened


def test_the_server_goes_away_and_comes_back(tmp_path: Path) -> None:
    if not binary().exists():
        pytest.skip("no MongoDB server to stop: build one with `make mongoserver` (needs Go)")
    server = MongoServer(tmp_path)
    gallery = open_gallery(f"{server.url}/away", tmp_path)
    gallery.enrol([enrolment("A1", vectors(1, 1))])
    server.stop()
    for ask in (lambda: gallery.search(vectors(1, 1), 1), lambda: gallery.enrol([enrolment("A2", vectors(1, 2))])):
        with pytest.raises(StoreError) as caught:
            ask()
        assert caught.value.code == "store_unavailable"
    server.start()
    time.sleep(0.6)  # half a second after it was found away it is tried again
    assert gallery.search(vectors(1, 1), 1)[0][0].student.matricula == "A1"
    gallery.enrol([enrolment("A2", vectors(1, 2))])
    assert gallery.store.counts().students == 2 and gallery.index.verify().agrees
    gallery.close()
    server.stop()


class StopsBeforeTheEnd(monitoring.CommandListener):
    """Stops the server when the end of a write is about to be announced."""

    def __init__(self, server: MongoServer) -> None:
        self.server: MongoServer | None = server

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command.get("update") == "changes" and self.server is not None:
            self.server.stop()
            self.server = None

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def test_the_server_goes_away_before_the_end_of_a_write_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is written except the end: followers do not wait for it as long as the process lives."""
    if not binary().exists():
        pytest.skip("no MongoDB server to stop: build one with `make mongoserver` (needs Go)")
    server = MongoServer(tmp_path)
    listener = StopsBeforeTheEnd(server)

    def listening(*arguments: Any, **options: Any) -> MongoClient[Any]:
        return MongoClient(*arguments, **options, event_listeners=[listener])

    with monkeypatch.context() as patched:
        patched.setattr("gallery.documents.mongo.connection.MongoClient", listening)
        gallery = open_gallery(f"{server.url}/away", tmp_path)
    with pytest.raises(StoreError) as caught:
        gallery.enrol([enrolment("A1", vectors(2, 1))])
    assert caught.value.code == "store_unavailable" and listener.server is None
    server.start()
    time.sleep(0.6)  # half a second after it was found away it is tried again
    gallery.search(vectors(1, 1), 1)
    gallery.store._recovered_at = -1e9  # type: ignore[attr-defined]  # a second passes
    gallery.search(vectors(1, 1), 1)
    gallery.search(vectors(1, 1), 1)
    assert not gallery.index.position.awaited
    assert gallery.search(vectors(2, 1)[:1], 1)[0][0].student.matricula == "A1"
    gallery.enrol([enrolment("A1", vectors(2, 1))])  # as a client without an answer does
    assert gallery.store.counts().templates == 2 and gallery.index.verify().agrees
    gallery.close()
    server.stop()


@on_mongo
def test_a_key_that_outlived_its_student_goes_with_an_entry_that_comes_too_late(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process died after it had marked the request as done, and before it looked whether the student was there."""
    gallery = open_gallery(store_url, tmp_path)
    gallery.enrol([enrolment("OLD", vectors(1, 1))])
    gallery.close()
    gallery = open_gallery(store_url, tmp_path)
    subject = gallery.student("OLD").id
    with MongoClient[dict[str, Any]](store_url) as client:
        requests = client.get_default_database().requests
        counts = gallery.store.attendance.counts  # type: ignore[attr-defined]
        begin = counts.begin

        def begin_and_erase(subjects: Any) -> Any:
            there = begin(subjects)
            gallery.store.remove(["OLD"])
            requests.insert_one({"_id": "k", "digest": "d", "at": "2026-11-20", "done": True, "students": [subject]})
            return there

        monkeypatch.setattr(counts, "begin", begin_and_erase)
        late = Attendance(subject, "IA-101", "2026-11-20", 0, "present", "hand", "2026-11-20T08:00:00+00:00")
        assert gallery.store.attendance.add_entries([late]) == [late]
        assert requests.count_documents({}) == 0
    gallery.close()
