"""How many commands MongoDB is sent, counted below HTTP, and that every write is asked to be on disk."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from gallery.documents.attendance import Attendance
from gallery.documents.mongo.store import MongoStore
from gallery.documents.values import Enrolment
from tests.conftest import enrolment
from tests.gallery.conftest import vectors
from tests.gallery.galleries import late, open_gallery

pytestmark = pytest.mark.parametrize("store_url", ["mongo"], indirect=True)

_WRITES = ("insert", "update", "delete")


class Commands(monitoring.CommandListener):
    """Counts the commands that are sent to the server."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        self.concerns: list[object] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("hello", "endSessions", "isMaster"):
            return
        self.names[f"{event.command_name} {event.command.get(event.command_name)}"] += 1
        if event.command_name in _WRITES:
            self.concerns.append(event.command.get("writeConcern"))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands of the clients that are made from now on."""
    heard = Commands()

    def listening(*arguments: Any, **options: Any) -> MongoClient[Any]:
        return MongoClient(*arguments, **options, event_listeners=[heard])

    monkeypatch.setattr("gallery.documents.mongo.connection.MongoClient", listening)
    return heard


def test_every_write_is_asked_to_be_in_the_journal(store_url: str, tmp_path: Path, commands: Commands) -> None:
    gallery = open_gallery(store_url, tmp_path)
    gallery.enrol([enrolment("A1", vectors(2, 1)), enrolment("A2", vectors(1, 2))])
    gallery.store.store_calibration("{}")
    gallery.store.update(gallery.student("A1").student)
    gallery.merge("A1", "A2")
    gallery.remove(["A1"])
    gallery.close()
    assert len(commands.concerns) > 20
    assert all(found["j"] is True and found["w"] == "majority" for found in commands.concerns)  # type: ignore[index]


def test_commands_of_a_request(
    store_url: str, tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a round trip. An enrolment of photos sends eight, however many photos."""
    monkeypatch.setattr("gallery.anchors._READ_AGAIN_S", 1e9)  # three more per second ask what people said
    gallery = open_gallery(store_url, tmp_path)
    gallery.enrol([enrolment("A0", vectors(2, 1)), enrolment("C1", vectors(1, 7), kind="cohort")])
    gallery.identify(vectors(2, 1))
    at = "2026-11-20T08:00:00+00:00"
    present = Attendance(gallery.student("A0").id, "IA-101", "2026-11-20", 0, "present", "hand", at)
    requests: dict[str, Callable[[], object]] = {
        "identify": lambda: gallery.identify(vectors(2, 1)),
        "enrol a new student": lambda: gallery.enrol([enrolment("A1", vectors(1, 2))], "create"),
        "enrol, whether new or not": lambda: gallery.enrol([enrolment("A2", vectors(1, 3))]),
        "enrol five photos": lambda: gallery.enrol([enrolment("A3", vectors(5, 4))], "create"),
        "add a photo": lambda: gallery.enrol([enrolment("A1", vectors(1, 5))], "extend"),
        "add a photo that is there": lambda: gallery.enrol([enrolment("A1", vectors(1, 5))], "extend"),
        "add a photo and change the name": lambda: gallery.enrol([renamed(enrolment("A1", vectors(1, 6)))]),
        "attendance of one": lambda: gallery.store.attendance.add_entries([present]),
        "erase": lambda: gallery.remove(["A2"]),
    }
    sent = {}
    for request, work in requests.items():
        commands.names.clear()
        work()
        sent[request] = sum(commands.names.values())
    assert sent == {
        "identify": 1,
        "enrol a new student": 8,
        "enrol, whether new or not": 8,
        "enrol five photos": 8,
        "add a photo": 8,
        "add a photo that is there": 4,
        "add a photo and change the name": 13,
        "attendance of one": 9,
        "erase": 32,
    }
    assert gallery.index.verify().agrees
    gallery.close()


def renamed(made: Enrolment) -> Enrolment:
    return replace(made, student=replace(made.student, nombre_del_alumno="Otro Nombre"))


def test_commands_beside_other_writers(store_url: str, tmp_path: Path, commands: Commands) -> None:
    """Changes that are not its own have to be read, and a number that is taken has to be asked for again."""
    gallery = open_gallery(store_url, tmp_path)
    gallery.enrol([enrolment("A0", vectors(2, 1))])
    with late(store_url, "LATE", 2):
        gallery.identify(vectors(1, 1))
        commands.names.clear()
        gallery.enrol([enrolment("A1", vectors(1, 2))], "create")
        assert sum(commands.names.values()) == 9 and commands.names["find changes"] == 1
        assert commands.names["find templates"] == 0  # one's own
    other = MongoStore(store_url)
    other.enrol([enrolment("B1", vectors(1, 3))])
    gallery.identify(vectors(1, 1))  # learns which numbers are taken
    commands.names.clear()
    gallery.enrol([enrolment("A2", vectors(1, 4))], "create")
    assert sum(commands.names.values()) == 8
    other.enrol([enrolment("B2", vectors(1, 5))])
    commands.names.clear()
    gallery.enrol([enrolment("A3", vectors(1, 6))], "create")
    assert commands.names["insert changes"] == 2 and sum(commands.names.values()) == 12
    assert gallery.index.verify().agrees
    other.close(), gallery.close()


def test_rosters_and_names_are_read_once(store_url: str, tmp_path: Path, commands: Commands) -> None:
    gallery = open_gallery(store_url, tmp_path)
    gallery.enrol(
        [*(enrolment(f"S{i}", vectors(1, i)) for i in range(5)), enrolment("C1", vectors(1, 7), kind="cohort")]
    )
    gallery.search(vectors(1, 1), 3)
    commands.names.clear()
    for _ in range(10):
        assert len(gallery.search(vectors(1, 1), 9)[0]) == 5
    assert commands.names["find students"] == 1  # the names of those who were not found before, and no roster
    other = open_gallery(store_url, tmp_path / "other")
    moved = other.student("S1").student
    other.store.update(type(moved)("S1", moved.nombre_del_alumno, "IB-201"))
    assert len(gallery.search(vectors(1, 1), 9, clase="IB-201")[0]) == 1
    assert len(gallery.search(vectors(1, 1), 9, clase="IA-101")[0]) == 4
    other.close(), gallery.close()


def test_a_name_is_not_kept_when_anything_changed(store_url: str, tmp_path: Path) -> None:
    gallery, other = open_gallery(store_url, tmp_path), MongoStore(store_url)

    def names() -> list[str]:
        return sorted(found.student.nombre_del_alumno for found in gallery.search(vectors(1, 1), 3)[0])

    gallery.enrol([enrolment("A1", vectors(1, 1)), enrolment("A2", vectors(1, 2))])
    before = names()
    assert len(gallery.store._known_students) == 2  # type: ignore[attr-defined]
    other.update(renamed(enrolment("A1", vectors(0, 1))).student)
    assert names() == sorted(["Otro Nombre", before[1]]) != before
    other.enrol(
        [replace(made := renamed(enrolment("A2", vectors(0, 1))), student=replace(made.student, clase="IB-201"))]
    )
    assert names() == ["Otro Nombre"] * 2
    other.remove(["A1"])
    gallery.index.follow()  # as the server does at intervals
    assert len(gallery.store._known_students) == 0  # type: ignore[attr-defined]
    assert names() == ["Otro Nombre"]
    gallery.remove(["A2"])
    assert len(gallery.store._known_students) == 0  # type: ignore[attr-defined]
    other.close(), gallery.close()
