"""Locks and pools that an exception, such as a Ctrl-C, must not leave in a state that stops other threads."""

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from gallery.documents.sqlite.data_keys import StoreConnection
from gallery.documents.sqlite.store import SqliteStore
from gallery.documents.values import Counts, Position
from gallery.index.kinds.flat import FlatIndex
from gallery.index.searcher import Searcher
from gallery.index.template_parts import PublishedTemplates, RecentTemplates, by_subject
from presente import locks
from presente.errors import StoreError
from presente.locks import ReadWriteLock
from presente.supervisor import Journal
from tests.conftest import DIM, OpenGallery, enrolment, on_sqlite, unit
from tests.gallery.galleries import own_index

HANGS_S = float(os.environ.get("PRESENTE_TEST_HANGS", "20"))
"""How long a thread that should not wait may take."""


def finishes(work: Callable[[], object]) -> bool:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(HANGS_S)
    return not thread.is_alive()


def is_free(lock: ReadWriteLock) -> bool:
    """Whether two readers get the lock together, then a writer, then a reader again."""

    def use() -> None:
        with lock.read(), lock.read():
            pass
        with lock.write():
            pass
        with lock.read():
            pass

    return finishes(use)


@contextmanager
def interrupted_once(waiting: Callable[[], bool], then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Press Ctrl-C once the main thread waits; then do something."""
    over = threading.Event()

    def send() -> None:
        while not waiting() and not over.is_set():
            time.sleep(0.01)
        while True:  # a signal that came just before the thread fell asleep wakes nobody: once more, then
            time.sleep(0.2)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            then()
            if over.wait(2):
                return

    thread = threading.Thread(target=send)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell began this behind itself
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            try:
                yield
            finally:
                over.set()
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGINT, before)


def test_a_writer_that_is_interrupted_while_waiting_blocks_no_one() -> None:
    lock = ReadWriteLock()
    reading, go_on = threading.Event(), threading.Event()

    def read() -> None:
        with lock.read():
            reading.set()
            go_on.wait()

    reader = threading.Thread(target=read)
    reader.start()
    assert reading.wait(HANGS_S)
    other = threading.Thread(target=lambda: lock.read().__enter__(), daemon=True)

    def waits() -> bool:
        return bool(lock._state._waiters)  # type: ignore[attr-defined]

    with interrupted_once(waits), lock.write():
        pass
    other.start()  # beside the first, who has not finished
    other.join(HANGS_S)
    alive = other.is_alive()
    go_on.set()
    reader.join()
    assert not alive


def test_readers_that_waited_for_a_writer_continue_when_it_gives_up() -> None:
    lock = ReadWriteLock()
    reading, go_on, read_too = threading.Event(), threading.Event(), threading.Event()

    def read() -> None:
        with lock.read():
            reading.set()
            go_on.wait()

    def stand_back() -> None:
        while not lock._state._waiters:  # type: ignore[attr-defined]
            time.sleep(0.01)
        with lock.read():
            read_too.set()

    threads = [threading.Thread(target=target, daemon=True) for target in (read, stand_back)]
    threads[0].start()
    assert reading.wait(HANGS_S)
    threads[1].start()
    with interrupted_once(lambda: len(lock._state._waiters) == 2), lock.write():  # type: ignore[attr-defined]
        pass
    stood_up = read_too.wait(HANGS_S)
    go_on.set()
    for thread in threads:
        thread.join(HANGS_S)
    assert stood_up


@pytest.mark.parametrize("side", ["read", "write"])
def test_an_exception_on_any_line_before_the_block_leaves_the_lock_free(side: str) -> None:
    """A signal's exception may come between any two lines: it is raised at each of them once."""
    at = 0
    while True:
        lock = ReadWriteLock()
        if raised_at_line(at, getattr(lock, side)()):
            assert is_free(lock), f"line event {at} of {side}"
            at += 1
            continue
        break
    assert at > 3


def raised_at_line(number: int, block: AbstractContextManager[None]) -> bool:
    """Raise at the n-th line that the lock's code executes on entering; False when there is no such line."""
    seen: set[tuple[str, int]] = set()  # a ``with`` is come to once more as it ends, where no signal's exception can be

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != locks.__file__:
            return None
        place = frame.f_code.co_name, frame.f_lineno
        if event == "line" and place not in seen:
            seen.add(place)
            if len(seen) == number + 1:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        block.__enter__()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    block.__exit__(None, None, None)
    return False


def test_an_exception_inside_the_block_frees_the_lock() -> None:
    lock = ReadWriteLock()
    for side in (lock.read, lock.write):
        with pytest.raises(ZeroDivisionError), side():
            raise ZeroDivisionError
        assert is_free(lock)


# -- the pool of connections, the journal, the tail -------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "gallery.db")
    yield opened
    opened.close()


def can_write(path: Path) -> bool:
    """Whether another program gets the write lock without waiting."""
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
    return True


def test_a_write_that_is_interrupted_as_it_begins_gives_the_write_lock_back(store: SqliteStore) -> None:
    """SQLite waits for another transaction; Ctrl-C is raised as soon as ours has begun."""
    holder = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    asked = threading.Event()
    connect = store._connections.connect

    def noticed() -> StoreConnection:
        db = connect()
        db.set_trace_callback(lambda statement: asked.set() if statement.startswith("BEGIN") else None)
        return db

    store._connections.connect = noticed  # type: ignore[method-assign]
    with interrupted_once(asked.is_set, lambda: holder.execute("ROLLBACK")):
        store.close()  # what is idle was made before the file was found to be another
        store.store_calibration("{}")
    holder.close()
    assert can_write(store.path)
    store.store_calibration("{}")
    assert store.calibration() == "{}"


def test_no_connection_is_given_back_inside_a_transaction(store: SqliteStore) -> None:
    with pytest.raises(ZeroDivisionError), store._reading() as db:
        db.execute("BEGIN IMMEDIATE")
        raise ZeroDivisionError
    assert can_write(store.path)
    store.store_calibration("{}")


def test_a_rollback_that_fails_closes_the_connection_and_not_the_store(store: SqliteStore) -> None:
    def deny(action: int, what: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, what) == (sqlite3.SQLITE_TRANSACTION, "ROLLBACK") else sqlite3.SQLITE_OK

    with pytest.raises(StoreError), store._writing() as db:
        db.set_authorizer(deny)
        raise ZeroDivisionError
    assert can_write(store.path)
    store.store_calibration("{}")


def test_a_connection_that_failed_is_not_used_again(store: SqliteStore) -> None:
    with pytest.raises(StoreError), store._reading() as broken:
        broken.execute("SELECT 1 FROM no_such_table")
    with store._reading() as db:
        assert db is not broken
    with pytest.raises(sqlite3.ProgrammingError):
        broken.execute("SELECT 1")  # closed


def test_a_connection_that_is_in_use_while_the_store_closes_is_closed_afterwards(store: SqliteStore) -> None:
    with store._reading() as db:
        store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        db.execute("SELECT 1")


def test_the_journal_gives_every_slot_back() -> None:
    journal = Journal()
    for _ in range(2000):
        with journal.at("folder/\ud800.jpg"):  # half a pair of UTF-16, as a damaged sheet may hold: no UTF-8 has it
            pass
    with journal.at("folder/\udce9.jpg"):  # a name of a file that is not text
        assert journal.take_under_way() == {b"folder/\xe9.jpg"}


def test_recent_templates_can_grow_after_memory_was_short(monkeypatch: pytest.MonkeyPatch) -> None:
    tail = RecentTemplates(DIM)
    rows = unit(np.random.default_rng(1).normal(size=(200, DIM)))
    tail.append(np.arange(10), np.arange(10), rows[:10])
    empty = np.empty

    def full(*given: Any, **named: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(np, "empty", full)
    with pytest.raises(MemoryError):
        tail.append(np.arange(10, 200), np.arange(10, 200), rows[10:])
    monkeypatch.setattr(np, "empty", empty)
    assert len(tail) == 10
    tail.append(np.arange(10, 200), np.arange(10, 200), rows[10:])
    assert tail.search(rows[150:151], 1)[1][0, 0] == 150


# -- rosters ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many subjects each look-up of rows is for."""
    sizes: list[int] = []
    for part in (PublishedTemplates, RecentTemplates):

        def counted(self: Any, subjects: Any, rows_of: Any = part.rows_of) -> Any:
            sizes.append(len(subjects))
            return rows_of(self, subjects)

        monkeypatch.setattr(part, "rows_of", counted)
    return sizes


CLASSES, EACH = 16, 3


def test_comparing_with_one_student_drops_no_selection(open_gallery: OpenGallery, asked_for: list[int]) -> None:
    rows = unit(np.random.default_rng(1).normal(size=(CLASSES * EACH, DIM)))
    gallery = open_gallery()
    gallery.enrol([enrolment(f"A{i}", row, clase=f"C{i % CLASSES}") for i, row in enumerate(rows)])

    def search_all() -> None:
        for i in range(CLASSES):
            found = gallery.search(rows[i : i + 1], 1, clase=f"C{i}")[0]
            assert found[0].student.matricula == f"A{i}"

    search_all()
    assert asked_for.count(EACH) == 2 * CLASSES  # once in each part
    asked_for.clear()
    for i, row in enumerate(rows):
        assert gallery.compare(row, f"A{i}") == pytest.approx(1.0)
    search_all()
    assert asked_for.count(EACH) == 0


def classes_of(count: int) -> tuple[Searcher, list[np.ndarray]]:
    """An index of some classes with three students each, one template per student, and their rosters."""
    subjects = np.arange(1, count * EACH + 1)
    vectors = unit(np.random.default_rng(2).normal(size=(len(subjects), DIM)))
    published = PublishedTemplates(by_subject(subjects, subjects), vectors, FlatIndex(vectors))
    return Searcher(published, Position()), list(subjects.reshape(count, EACH))


def test_the_least_recently_used_selection_is_dropped_first(asked_for: list[int]) -> None:
    searcher, rosters = classes_of(CLASSES + 1)
    for roster in rosters[:CLASSES]:
        searcher.select(roster)
    searcher.select(rosters[0])
    searcher.select(rosters[CLASSES])  # one too many
    asked_for.clear()
    searcher.select(rosters[0])
    assert asked_for == []
    searcher.select(rosters[1])
    assert asked_for == [EACH, EACH]


def test_many_readers_at_once_get_their_own_selections() -> None:
    searcher, rosters = classes_of(60)
    wrong: list[str] = []

    def read(seed: int) -> None:
        chance = np.random.default_rng(seed)
        try:
            for i in chance.integers(len(rosters), size=3000):
                rows = searcher.select(rosters[i]).rows[0]
                if searcher.published.subjects[np.sort(rows)].tolist() != rosters[i].tolist():
                    wrong.append(f"class {i}: rows {rows}")
        except Exception as error:  # noqa: BLE001 - reported by the test
            wrong.append(repr(error))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []
    assert len(searcher._selections) <= CLASSES


@on_sqlite
def test_an_interrupted_enrolment_lets_a_publisher_finish(
    open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the main thread waits to apply a change: closing the gallery must not hang."""
    gallery = open_gallery()
    rows = unit(np.random.default_rng(1).normal(size=(2, DIM)))
    lock = own_index(gallery)._lock
    reading, go_on = threading.Event(), threading.Event()

    def read() -> None:
        with gallery.index.reading():
            reading.set()
            go_on.wait()

    reader = threading.Thread(target=read)
    reader.start()
    assert reading.wait(HANGS_S)
    with interrupted_once(lambda: bool(lock._state._waiters)):  # type: ignore[attr-defined]
        gallery.enrol([enrolment("A1", rows[0])])
    go_on.set()
    reader.join()
    assert is_free(lock)
    assert finishes(lambda: gallery.close(publish=True))
    again = open_gallery()
    assert again.search(rows[:1], 1)[0][0].student.matricula == "A1"


@on_sqlite
def test_a_status_does_not_wait_for_itself_when_a_writer_comes_in_between(
    open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer waits for the reader, and keeps new readers out: who reads must not ask to read again."""
    gallery = open_gallery()
    lock, counts = own_index(gallery)._lock, gallery.store.counts

    def write() -> None:
        with lock.write():
            pass

    writer = threading.Thread(target=write, daemon=True)

    def counted_while_a_writer_waits() -> Counts:
        writer.start()
        deadline = time.monotonic() + HANGS_S
        while not lock._waiting and time.monotonic() < deadline:
            time.sleep(0.001)
        return counts()

    monkeypatch.setattr(gallery.store, "counts", counted_while_a_writer_waits)
    assert finishes(gallery.status)
    writer.join(HANGS_S)
    assert not writer.is_alive()
