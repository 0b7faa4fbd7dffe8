"""The access log in both stores: one order, a chain that tells what was changed, and no person after an erasure."""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gallery.access_log import recorder
from gallery.access_log.recorder import AccessLog
from gallery.access_log.verification import ChainFinding, verify
from gallery.documents.access_log import (
    ALL_LINES,
    MOST_CONCERNED,
    NO_LINES,
    AccessAction,
    AccessEvent,
    AccessFilter,
    AccessLine,
    ChainHead,
    Concerned,
    line_hash,
)
from gallery.documents.protocol import DocumentStore
from presente.errors import Busy, StoreError
from presente.settings.settings import AccessLogLevel
from tests import programs
from tests.conftest import DIM, PACK, OpenStore, enrolment, student_in
from tests.gallery.conftest import vectors

A = AccessAction


def event(
    action: AccessAction = A.IDENTIFIED, about: tuple[str, ...] = (), minute: int = 0, **more: Any
) -> AccessEvent:
    at = f"2026-11-27T10:{minute:02d}:00.000+00:00"
    given = {"caller": "key:door", "role": "attendance", "address": "10.0.0.7", "request": "r1"} | more
    return AccessEvent(at=at, action=action, about=about, **given)


def lines_of(store: DocumentStore, **which: Any) -> list[AccessLine]:
    return store.access_log.lines(AccessFilter(**which), 0, 10_000)


def about(line: AccessLine) -> list[str | None]:
    return [each.matricula for each in line.concerned]


def codes(store: DocumentStore, kept: ChainHead | None = None) -> list[tuple[str, int]]:
    return [(found.code, found.line) for found in verify(store, kept).findings]


@pytest.fixture
def school(store: DocumentStore) -> DocumentStore:
    store.enrol([enrolment(matricula, vectors(1, seed)) for seed, matricula in enumerate(("A1", "A2", "A3"))])
    return store


# -- the store's part ----------------------------------------------------------------------------------------------


def test_an_empty_log_verifies(store: DocumentStore) -> None:
    log = store.access_log
    assert (log.head(), log.noted_head(), log.note_head()) == (NO_LINES, NO_LINES, NO_LINES)
    assert log.append([]) == NO_LINES and lines_of(store) == []
    assert verify(store).findings == () and verify(store, NO_LINES).findings == ()


def test_lines_are_kept_as_they_were_in_one_chain(school: DocumentStore, open_store: OpenStore) -> None:
    log = school.access_log
    first = log.append([event(about=("A2", "A1", "A2")), event(A.ERASED, ("A9",), 1, detail="d", outcome="not_found")])
    second = open_store().access_log.append([event(A.READ, minute=2)])
    third = log.append([event(A.EXPORTED, minute=3)])  # which another process's line came before
    assert [head.number for head in (first, second, third)] == [2, 3, 4] and log.head() == third
    found = lines_of(school)
    assert [about(line) for line in found] == [["A2", "A1"], [None], [], []]
    assert [each.subject for each in found[0].concerned] == [student_in(school, name).id for name in ("A2", "A1")]
    assert found[1].event == event(A.ERASED, (), 1, detail="d", outcome="not_found")
    assert [line.previous for line in found] == ["", *(line.hash for line in found[:-1])]
    assert found[1].head == first and found[-1].head == third
    assert verify(school, first).findings == () == verify(school, third).findings


def test_lines_are_found_by_each_condition_and_page_by_page(school: DocumentStore) -> None:
    school.access_log.append(
        [
            event(about=("A1",)),
            event(A.READ, ("A2", "A1"), 1),
            event(A.READ, minute=2, caller="user:eva"),
            event(A.ENROLLED, ("A1",), 3),
        ]
    )

    def numbers(**which: Any) -> list[int]:
        return [line.number for line in lines_of(school, **which)]

    assert numbers(subject=student_in(school, "A1").id) == [1, 2, 4]
    assert numbers(action="read") == [2, 3] and numbers(caller="user:eva") == [3]
    assert numbers(since=event(minute=1).at, before=event(minute=3).at) == [2, 3]
    assert numbers(since=event(minute=1).at, action="read", caller="key:door") == [2]
    pages = [school.access_log.lines(ALL_LINES, after, 3) for after in (0, 3, 4)]
    assert [[line.number for line in page] for page in pages] == [[1, 2, 3], [4], []]


def test_erasing_a_student_keeps_the_lines_and_the_chain_without_the_person(school: DocumentStore) -> None:
    log = school.access_log
    log.append([event(about=("A1", "A2")), event(about=("A2",)), event(about=("A3", "A2", "A1"))])
    before = lines_of(school)
    school.remove(["A2"])
    log.append([event(A.ERASED, ("A2",))])
    after = lines_of(school)
    assert [about(line) for line in after] == [["A1", None], [None], ["A3", None, "A1"], [None]]
    erased = [each for line in after for each in line.concerned if each.matricula is None]
    assert {(each.salt, each.subject) for each in erased} == {(None, None)}
    assert [line.hash for line in before] == [line.hash for line in after[:3]]
    assert verify(school).findings == ()
    school.enrol([enrolment("A2", vectors(1, 9))])  # another student with that matricula
    assert lines_of(school, subject=student_in(school, "A2").id) == []


def test_no_byte_of_the_store_names_an_erased_student(tmp_path: Path, store_url: str, school: DocumentStore) -> None:
    school.enrol([enrolment("ZZ-erased", vectors(1, 8))])
    school.access_log.append([event(about=("ZZ-erased",))] * 3)
    school.remove(["ZZ-erased"])
    school.finish_erasing()
    if store_url.startswith("sqlite"):
        assert not [path for path in tmp_path.glob("gallery.db*") if b"ZZ-erased" in path.read_bytes()]
        return
    with MongoClient[dict[str, Any]](store_url) as client:
        assert "ZZ-erased" not in str(list(client.get_default_database().access_log.find()))


def test_merging_keeps_the_names_that_were_written_and_finds_them_by_the_student_who_stays(
    school: DocumentStore,
) -> None:
    log = school.access_log
    log.append([event(about=("A1", "A2")), event(about=("A3",))])
    school.merge("A1", "A2")
    kept = student_in(school, "A1").id
    assert [about(line) for line in lines_of(school, subject=kept)] == [["A1", "A2"]]
    assert verify(school).findings == ()
    school.remove(["A1"])
    assert [about(line) for line in lines_of(school)] == [[None, None], ["A3"]]
    assert verify(school).findings == ()


def test_an_event_about_very_many_students_is_several_lines(
    school: DocumentStore, make: Callable[..., AccessLog]
) -> None:
    log = make()
    log.record([event(A.ENROLLED, tuple(f"B{number}" for number in range(MOST_CONCERNED + 5)))])
    assert [len(line.concerned) for line in lines_of(school)] == [MOST_CONCERNED, 5]
    assert verify(school).findings == ()


def test_a_log_that_is_closed_says_so_and_no_one_waits_for_it(
    school: DocumentStore, make: Callable[..., AccessLog]
) -> None:
    log = make()
    log.record([event(A.ENROLLED, ("A1",))])
    log.close()
    for late in (event(A.ERASED, ("A1",)), event(A.READ)):
        with pytest.raises(StoreError, match="closed"):
            log.record([late])
    assert len(lines_of(school)) == 1


# -- what verification finds ---------------------------------------------------------------------------------------


class Attacker:
    """Writes into a store past Presente."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, number: int, **fields: Any) -> None:
        if self.url.startswith("sqlite"):
            columns = ", ".join(f"{name} = ?" for name in fields)
            self.sql(f"UPDATE access_log SET {columns} WHERE number = ?", *fields.values(), number)
            return
        with MongoClient[dict[str, Any]](self.url) as client:
            client.get_default_database().access_log.update_one({"_id": number}, {"$set": fields})

    def delete(self, *numbers: int) -> None:
        for number in numbers:
            if self.url.startswith("sqlite"):
                self.sql("DELETE FROM access_concerned WHERE line = ?", number)
                self.sql("DELETE FROM access_log WHERE number = ?", number)
            else:
                with MongoClient[dict[str, Any]](self.url) as client:
                    client.get_default_database().access_log.delete_one({"_id": number})

    def swap(self, one: int, other: int) -> None:
        self.renumber(one, 999)
        self.renumber(other, one)
        self.renumber(999, other)

    def renumber(self, number: int, to: int) -> None:
        if self.url.startswith("sqlite"):
            self.sql("UPDATE access_concerned SET line = ? WHERE line = ?", to, number)
            self.sql("UPDATE access_log SET number = ? WHERE number = ?", to, number)
            return
        with MongoClient[dict[str, Any]](self.url) as client:
            log = client.get_default_database().access_log
            found = log.find_one({"_id": number})
            assert found is not None
            log.delete_one({"_id": number})
            log.insert_one(found | {"_id": to})

    def rename_person(self, number: int, matricula: str) -> None:
        if self.url.startswith("sqlite"):
            self.sql("UPDATE access_concerned SET matricula = ? WHERE line = ?", matricula, number)
            return
        with MongoClient[dict[str, Any]](self.url) as client:
            changes = {"$set": {"about.0.matricula": matricula}}
            client.get_default_database().access_log.update_one({"_id": number}, changes)

    def set_person(self, number: int, **fields: Any) -> None:
        """Change the first student whom a line is about."""
        if self.url.startswith("sqlite"):
            columns = ", ".join(f"{name} = ?" for name in fields)
            self.sql(f"UPDATE access_concerned SET {columns} WHERE line = ?", *fields.values(), number)
            return
        with MongoClient[dict[str, Any]](self.url) as client:
            changes = {"$set": {f"about.0.{name}": value for name, value in fields.items()}}
            client.get_default_database().access_log.update_one({"_id": number}, changes)

    def drop_person(self, number: int) -> None:
        if self.url.startswith("sqlite"):
            self.sql("DELETE FROM access_concerned WHERE line = ?", number)
            return
        with MongoClient[dict[str, Any]](self.url) as client:
            client.get_default_database().access_log.update_one({"_id": number}, {"$set": {"about": []}})

    def sql(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as db, db:
            db.execute(statement, values)


@pytest.fixture
def attacker(store_url: str, school: DocumentStore) -> Attacker:
    school.access_log.append([event(about=("A1",), minute=number) for number in range(6)])
    assert codes(school) == []
    return Attacker(store_url)


FIELDS = ("at", "caller", "role", "address", "action", "outcome", "request", "detail", "hash")


@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_field_is_found(school: DocumentStore, attacker: Attacker, field: str) -> None:
    attacker.set(3, **{field: "read"})
    expected = [("line_changed", 3)]
    assert codes(school) == (expected if field != "hash" else [*expected, ("chain_broken", 4)])


def test_a_changed_line_with_a_hash_that_fits_breaks_the_chain(school: DocumentStore, attacker: Attacker) -> None:
    line = school.access_log.lines(ALL_LINES, 2, 1)[0]
    changed = event(minute=2, caller="key:other")
    attacker.set(3, caller="key:other", hash=line_hash(3, changed, line.concerned, line.previous))
    assert codes(school) == [("chain_broken", 4)]


def test_another_person_and_none_are_found(school: DocumentStore, attacker: Attacker) -> None:
    attacker.rename_person(2, "A2")
    attacker.drop_person(5)
    assert codes(school) == [("person_changed", 2), ("line_changed", 5)]


def test_missing_lines_are_found(school: DocumentStore, attacker: Attacker) -> None:
    attacker.delete(1, 3, 4)
    found = verify(school).findings
    assert found[0] == ChainFinding("line_missing", 1, "Line 1 is missing.")
    assert found[1] == ChainFinding("line_missing", 3, "Lines 3 to 4 are missing.")
    assert len(found) == 2


def test_reordered_and_inserted_lines_are_found(school: DocumentStore, attacker: Attacker) -> None:
    attacker.swap(2, 3)
    assert {line for _, line in codes(school)} == {2, 3, 4}
    attacker.swap(2, 3)
    assert codes(school) == []
    attacker.renumber(6, 7)
    attacker.renumber(5, 6)
    assert codes(school) == [("line_missing", 5), ("line_changed", 6), ("line_changed", 7)]
    for number in (0, -5):
        attacker.renumber(7, number)
        assert codes(school) == [("line_forged", number), ("line_missing", 5), ("line_changed", 6)]
        attacker.renumber(number, 7)


def test_a_log_that_was_cut_off_is_found_by_its_note_and_by_a_head_that_was_kept(
    school: DocumentStore, open_store: OpenStore, attacker: Attacker
) -> None:
    log, kept = school.access_log, school.access_log.head()
    attacker.delete(6)
    assert codes(school) == []  # no one can know without a note
    assert codes(school, kept) == [("end_missing", 6)]
    log.note_head()
    attacker.delete(4, 5)
    assert codes(school) == [("end_missing", 4)]
    open_store().access_log.append([event(A.READ)] * 3)
    assert codes(school) == [("head_differs", 5)] and codes(school, kept) == [("head_differs", 5), ("head_differs", 6)]


@pytest.mark.parametrize("text", ["", "7", "0:ab", "7:", "x:ab", "-1:ab"])
def test_a_head_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NUMBER:HASH"):
        ChainHead.of(text)
    assert ChainHead.of("7:ab") == ChainHead(7, "ab") and ChainHead.of(str(NO_LINES)) == NO_LINES


def test_a_matricula_that_takes_a_part_of_the_salt_is_found(school: DocumentStore, attacker: Attacker) -> None:
    school.enrol([enrolment("B 7", vectors(1, 8)), enrolment("7", vectors(1, 9))])
    school.access_log.append([event(about=("B 7",))])
    (salt,) = (each.salt for each in lines_of(school)[6].concerned)
    other = student_in(school, "7").id
    attacker.set_person(7, salt=f"{salt} B", matricula="7", student=other)
    (changed,) = lines_of(school)[6].concerned
    assert (changed.matricula, changed.subject) == ("7", other)
    assert codes(school) == [("person_changed", 7)]


@pytest.mark.parametrize("salt", ["", "0" * 31, "G" * 32, "0" * 32 + "-", "0" * 32 + "-1 ", "0" * 32 + " B"])
def test_a_salt_of_another_form_is_found(salt: str) -> None:
    commitment = hashlib.sha256(f"{salt} A1".encode()).hexdigest()
    assert not Concerned(commitment, salt, "A1", 1).holds
    good = "0" * 32 + "-1"
    assert Concerned(hashlib.sha256(f"{good} A1".encode()).hexdigest(), good, "A1", 1).holds


@pytest.mark.parametrize("whose", ["A2", None, 99_999])
def test_a_line_that_stands_beside_another_student_s_id_is_found_and_an_erasure_reaches_it(
    school: DocumentStore, attacker: Attacker, whose: str | int | None
) -> None:
    attacker.set_person(3, student=student_in(school, whose).id if isinstance(whose, str) else whose)
    assert codes(school) == [("person_changed", 3)]
    school.remove(["A1"])
    assert [about(line) for line in lines_of(school)] == [[None]] * 6 and codes(school) == []


def test_a_merge_and_a_matricula_that_is_given_again_are_nothing_to_find(
    school: DocumentStore, attacker: Attacker
) -> None:
    school.merge("A2", "A1")
    school.enrol([enrolment("A1", vectors(1, 7))])  # another student
    school.access_log.append([event(about=("A1", "A2"))])
    assert codes(school) == []
    school.remove(["A1"])
    assert [about(line) for line in lines_of(school)] == [["A1"]] * 6 + [[None, "A2"]]  # the first was another student
    assert codes(school) == []
    school.remove(["A2"])
    assert {name for line in lines_of(school) for name in about(line)} == {None} and codes(school) == []


def test_a_student_who_is_being_erased_is_nothing_to_find(
    school: DocumentStore, attacker: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = type(school).subjects

    def erased_meanwhile(store: Any, ids: Any) -> Any:
        monkeypatch.setattr(type(school), "subjects", subjects)
        store.remove(["A1"])
        return subjects(store, ids)

    monkeypatch.setattr(type(school), "subjects", erased_meanwhile)
    assert codes(school) == []


@pytest.mark.parametrize("number", [-(2**63), -1, 0])
def test_a_forged_line_is_found_whatever_its_number(school: DocumentStore, attacker: Attacker, number: int) -> None:
    attacker.renumber(6, number)
    assert codes(school) == [("line_forged", number)]


def test_a_number_that_is_none_is_found_where_a_store_takes_one(school: DocumentStore, store_url: str) -> None:
    if store_url.startswith("sqlite"):
        with pytest.raises(sqlite3.IntegrityError):
            Attacker(store_url).sql("INSERT INTO access_log (number) VALUES ('one')")
        return
    with MongoClient[dict[str, Any]](store_url) as client:
        client.get_default_database().access_log.insert_one({"_id": "one", "about": "no one", "at": 5})
    assert codes(school) == [("line_forged", 0)]
    assert school.access_log.append([event()]).number == 1 and codes(school) == [("line_forged", 0)]


@pytest.mark.parametrize("value", [b"\xff\x00", 5, b"10.0.0.7"], ids=["bytes", "number", "the same, as bytes"])
@pytest.mark.parametrize("field", [*FIELDS[:-1], "previous", "hash"])
def test_what_is_no_text_is_found_and_shown(
    school: DocumentStore, attacker: Attacker, field: str, value: object
) -> None:
    attacker.set(3, **{field: value})
    found = codes(school)
    assert ("line_changed", 3) in found
    assert set(found) <= {("line_changed", 3), ("chain_broken", 3), ("chain_broken", 4)}
    shown = lines_of(school)[2]
    assert all(isinstance(text, str) for text in (*astuple(shown.event)[:8], shown.previous, shown.hash))


def test_a_text_that_is_no_utf_8_is_found_and_the_others_are_read(school: DocumentStore, attacker: Attacker) -> None:
    if not attacker.url.startswith("sqlite"):
        pytest.skip("the server refuses it")
    attacker.sql("UPDATE access_log SET detail = CAST(x'ff' AS TEXT) WHERE number = 2")
    attacker.sql("UPDATE access_concerned SET matricula = CAST(x'ff' AS TEXT) WHERE line = 4")
    assert codes(school) == [("line_changed", 2), ("person_changed", 4)]
    assert lines_of(school)[1].event.detail == "x'ff'"


@pytest.mark.parametrize("noted", ["nonsense", "", "9" * 5000 + ":ab", b"\xff"])
def test_a_note_that_is_no_head_is_found(
    school: DocumentStore, attacker: Attacker, open_store: OpenStore, noted: str | bytes
) -> None:
    school.access_log.note_head()
    if attacker.url.startswith("sqlite"):
        attacker.sql("UPDATE gallery SET value = ? WHERE key = 'access_log_head'", noted)
    else:
        with MongoClient[dict[str, Any]](attacker.url) as client:
            head = {"_id": "access_log_head"}
            client.get_default_database().gallery.update_one(head, {"$set": {"value": noted}})
    assert codes(open_store()) == [("note_unreadable", 0)]
    school.access_log.note_head()
    assert codes(school) == []


# -- several writers -----------------------------------------------------------------------------------------------

WRITER = """
import sys
from gallery.documents.access_log import AccessAction, AccessEvent
from presente.composition import open_store

url, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(url)
for number in range(rounds):
    events = [
        AccessEvent("2026-11-27T10:00:00.000+00:00", name, "admin", "-", AccessAction.READ, request=f"{number}.{part}",
                    about=("A1", "A2"))
        for part in range(1 + number % 3)
    ]
    store.access_log.append(events)
    print(number, flush=True)
"""


def start_writer(url: str, name: str, rounds: int, folder: Path, out: Any) -> programs.Process:
    with (folder / f"{name}.log").open("w") as errors:
        return programs.start(["-c", WRITER, url, name, str(rounds)], programs.ROOT, os.environ, out, errors)


def test_processes_and_threads_that_write_at_once_make_one_chain(
    school: DocumentStore, store_url: str, tmp_path: Path
) -> None:
    processes = []
    for name in ("one", "two"):
        with (tmp_path / f"{name}.out").open("w") as out:
            processes.append(start_writer(store_url, name, 40, tmp_path, out))
    threads = [
        threading.Thread(target=lambda: [school.access_log.append([event(about=("A3",))]) for _ in range(20)])
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    school.remove(["A2"])  # while lines about that student are written
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0], (tmp_path / "one.log").read_text()
    found = lines_of(school)
    assert len(found) == 40 + 2 * sum(1 + number % 3 for number in range(40))
    assert [line.number for line in found] == list(range(1, len(found) + 1)) and codes(school) == []
    assert {name for line in found for name in about(line)} == {"A1", "A3", None}
    for name in ("one", "two"):  # each writer's own lines are in the order in which it wrote them
        own = [line.event.request for line in found if line.event.caller == name]
        assert own == [f"{number}.{part}" for number in range(40) for part in range(1 + number % 3)]


def test_a_writer_that_is_killed_leaves_a_chain_with_what_it_acknowledged(
    school: DocumentStore, open_store: OpenStore, store_url: str, tmp_path: Path
) -> None:
    for attempt in range(3):
        name = f"killed-{attempt}"
        with (tmp_path / f"{name}.out").open("w") as out:
            process = start_writer(store_url, name, 100_000, tmp_path, out)
        while len((tmp_path / f"{name}.out").read_text().split()) < 10 + 7 * attempt:
            assert process.poll() is None, (tmp_path / f"{name}.log").read_text()
        process.kill()
        process.wait(20)
        told = int((tmp_path / f"{name}.out").read_text().rpartition("\n")[0].split()[-1])
        again = open_store()
        own = {line.event.request.partition(".")[0] for line in lines_of(again, caller=name)}
        assert {str(number) for number in range(told + 1)} <= own and codes(again) == []


# -- the recorder --------------------------------------------------------------------------------------------------


@pytest.fixture
def make(school: DocumentStore) -> Iterator[Callable[..., AccessLog]]:
    made: list[AccessLog] = []

    def one(level: AccessLogLevel = "all", store: Any = None) -> AccessLog:
        made.append(AccessLog(store or school.access_log, level))
        return made[-1]

    yield one
    for each in made:
        each.close()


def test_a_change_is_on_disk_when_it_is_recorded_and_a_search_when_the_log_is_closed(
    school: DocumentStore, make: Callable[..., AccessLog]
) -> None:
    log = make()
    log.record([event(A.SEARCHED)])
    log.record([event(A.ENROLLED, ("A1",))])
    assert [line.event.action for line in lines_of(school)] == ["searched", "enrolled"]
    log.record([event(A.SEARCHED)] * 2)
    log.close()
    assert len(lines_of(school)) == 4 and school.access_log.noted_head() == school.access_log.head()


def test_searches_that_come_together_are_one_write(
    school: DocumentStore, make: Callable[..., AccessLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    store = school.access_log
    append = type(store).append
    monkeypatch.setattr(type(store), "append", lambda own, events: writes.append(len(events)) or append(own, events))
    log = make()
    for _ in range(300):
        log.record([event()])
    log.close()
    assert sum(writes) == 300 and len(writes) < 10 and len(lines_of(school)) == 300


@pytest.mark.parametrize(("level", "kept"), [("off", []), ("changes", ["erased"]), ("all", ["read", "erased"])])
def test_what_is_logged_is_the_setting_s(
    school: DocumentStore, make: Callable[..., AccessLog], level: AccessLogLevel, kept: list[str]
) -> None:
    log = make(level)
    log.record([event(A.READ), event(A.ERASED)])
    log.close()
    assert [line.event.action for line in lines_of(school)] == kept


class Failing:
    """A store that takes no lines for a while."""

    def __init__(self, store: Any) -> None:
        self.store, self.away = store, True

    def append(self, events: Any) -> ChainHead:
        if self.away:
            raise StoreError("store_unavailable", "It is away.", "Wait.")
        return self.store.append(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_a_change_that_cannot_be_logged_is_an_error_and_is_logged_once_the_store_is_back(
    school: DocumentStore, make: Callable[..., AccessLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "WAIT_S", 0.05)
    store = Failing(school.access_log)
    log = make(store=store)
    log.record([event(A.SEARCHED)])
    with pytest.raises(StoreError, match="It is away"):
        log.record([event(A.ENROLLED)])
    store.away = False
    log.record([event(A.CHANGED)])
    assert [line.event.action for line in lines_of(school)] == ["searched", "enrolled", "changed"]


def test_a_log_without_room_refuses_instead_of_forgetting(
    school: DocumentStore, make: Callable[..., AccessLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_ROOM", 3), ("_WAIT_FOR_ROOM_S", 0.05), ("WAIT_S", 0.05)):
        monkeypatch.setattr(recorder, name, value)
    store = Failing(school.access_log)
    log = make(store=store)
    log.record([event()] * 3)
    with pytest.raises(Busy, match="cannot be written"):
        log.record([event()])
    store.away = False
    log.close()
    assert len(lines_of(school)) == 3


def test_the_store_s_gallery_is_as_before(open_store: OpenStore, school: DocumentStore) -> None:
    """Lines about students are nothing that an index or a follower has to see."""
    before = school.last_change()
    school.access_log.append([event(about=("A1",))])
    school.access_log.note_head()
    assert open_store().last_change() == before and school.pack() == (PACK, DIM)
    assert {found.code for found in school.damage()} == {"photo_changed"}  # the made-up photos of these tests
