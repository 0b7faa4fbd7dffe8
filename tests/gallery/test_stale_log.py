"""A backup that is restored beside the log of a newer file is refused, unless both together give the newest state.

``PRESENTE_TEST_LIVES=20 python -m pytest tests/gallery/test_stale_log.py -s`` tries more of them and counts.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.sqlite import stale_log
from gallery.documents.sqlite.store import SqliteStore
from presente.errors import StoreError
from tests.conftest import DIM, enrolment, unit

NAME = "gallery.db"


class StoreHistory:
    """A store that is written to, never closed, and copied as it is on disk, as after a crash."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir()
        self.folder = folder
        self.chance = np.random.default_rng(seed)
        self.store = SqliteStore(folder / NAME)
        self.enrolled = 0

    def write(self, steps: int) -> None:
        for _ in range(steps):
            what = self.chance.integers(8)
            if what == 0 and self.enrolled:
                self.store.remove([f"A{self.chance.integers(self.enrolled)}"])  # empties the log
            elif what == 1:
                self.checkpoint("PASSIVE")
            elif what == 2:
                self.checkpoint("RESTART")
            else:
                self.enrol()

    def enrol(self) -> None:
        """Enrol a student whose photos fill pages of their own."""
        made = enrolment(f"A{self.enrolled}", unit(self.chance.normal(size=(int(self.chance.integers(1, 4)), DIM))))
        photos = tuple(replace(photo, content=self.chance.bytes(9000)) for photo in made.photos)
        self.store.enrol([replace(made, photos=photos)])
        self.enrolled += 1

    def checkpoint(self, how: str) -> None:
        with self.store._reading() as db:
            db.execute(f"PRAGMA wal_checkpoint({how})")

    def copy(self, to: Path, *suffixes: str) -> None:
        for suffix in suffixes:
            if (self.folder / f"{NAME}{suffix}").exists():
                shutil.copy(self.folder / f"{NAME}{suffix}", to / f"{NAME}{suffix}")


def content(folder: Path, scratch: Path) -> list[str] | None:
    """The content of a store as SQLite reads it; None when it cannot. Of a copy, because reading changes the file."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(folder, scratch)
    try:
        db = sqlite3.connect(scratch / NAME)
        try:
            return list(db.iterdump())
        finally:
            db.close()
    except sqlite3.Error:
        return None


def is_sound(folder: Path, scratch: Path) -> bool:
    """Whether SQLite's own checks pass after it has mixed the two."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(folder, scratch)
    db = sqlite3.connect(scratch / NAME)
    try:
        return [row[0] for row in db.execute("PRAGMA integrity_check")] == ["ok"] and not list(
            db.execute("PRAGMA foreign_key_check")
        )
    except sqlite3.Error:
        return False
    finally:
        db.close()


def is_refused(folder: Path, scratch: Path) -> bool:
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(folder, scratch)
    try:
        SqliteStore(scratch / NAME).close()
    except StoreError as error:
        if error.code == "stale_log":
            return True
    return False


def log_header(folder: Path) -> bytes:
    log = folder / f"{NAME}-wal"
    return log.read_bytes()[:32] if log.exists() else b""


@pytest.mark.parametrize("seed", range(int(os.environ.get("PRESENTE_TEST_LIVES", "6"))))
def test_a_file_is_refused_when_its_log_is_not_its_own(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every state of a store, crashed or backed up, as the file beside the log of every other state."""
    never_twice = itertools.count()  # two marks agree by chance once in 65,000 times, and here are hundreds of pairs
    monkeypatch.setattr(secrets, "randbelow", lambda above: next(never_twice) * 31 % above)
    life = StoreHistory(tmp_path / "life", seed)
    states: list[Path] = []
    for number in range(9):
        life.write(int(life.chance.integers(1, 6)))
        states.append(tmp_path / f"state{number}")
        states[-1].mkdir()
        life.copy(states[-1], "", "-wal", "-shm")
    scratch = tmp_path / "scratch"
    whole = [content(state, scratch) for state in states]
    pairs = mixed = refusals = noticed = 0
    for older, state in enumerate(states):
        assert not is_refused(state, scratch), "a state as a crash leaves it"
        for newer in range(older + 1, len(states)):
            both = tmp_path / "both"
            shutil.rmtree(both, ignore_errors=True)
            shutil.copytree(states[newer], both)
            shutil.copy(state / NAME, both)
            log = both / f"{NAME}-wal"
            if not log.exists() or not log.stat().st_size:
                continue
            refused, pair = is_refused(both, scratch), f"file of {older} under the log of {newer}"
            if log_header(state) == log_header(states[newer]):
                assert not refused, f"{pair}, which goes on from it"
            pairs, refusals = pairs + 1, refusals + refused
            if content(both, scratch) != whole[newer]:
                mixed += 1
                noticed += not is_sound(both, scratch)
                assert refused, pair
            log.unlink()  # as the error says
            (both / f"{NAME}-shm").unlink(missing_ok=True)
            assert not is_refused(both, scratch)
    assert mixed > 0
    life.store.close()
    sys.stdout.write(
        f"{pairs} pairs, {mixed} not the newest state: all refused, integrity_check finds {noticed}; "
        f"{refusals - mixed} others refused; none of {len(states)} with their own log\n"
    )


def test_two_histories_after_a_backup_are_told_apart(tmp_path: Path) -> None:
    for seed in range(4):
        one = StoreHistory(tmp_path / f"one{seed}", seed)
        one.write(5)
        one.checkpoint("TRUNCATE")
        other_folder = tmp_path / f"other{seed}"
        other = StoreHistory(other_folder, seed + 100)
        other.store.close()
        for leftover in other_folder.glob(f"{NAME}*"):
            leftover.unlink()
        one.copy(other_folder, "")
        other.store, other.enrolled = SqliteStore(other_folder / NAME), 1000
        for life in (one, other):
            life.store.enrol([enrolment(f"B{life.enrolled}", unit(np.ones(DIM)))])
            life.checkpoint("PASSIVE")
        both = tmp_path / f"both{seed}"
        both.mkdir()
        one.copy(both, "")
        other.copy(both, "-wal")
        assert is_refused(both, tmp_path / "scratch")
        one.store.close()
        other.store.close()


def test_the_refusal_says_what_to_do_and_leaves_both_files(tmp_path: Path) -> None:
    life = StoreHistory(tmp_path / "life", 1)
    life.store.enrol([enrolment("A1", unit(np.ones(DIM)))])
    life.checkpoint("TRUNCATE")
    backup = (life.folder / NAME).read_bytes()
    for name in ("A2", "A3"):
        life.store.enrol([enrolment(name, unit(np.ones(DIM)))])
        life.checkpoint("RESTART")
    life.store.enrol([enrolment("A4", unit(np.ones(DIM)))])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    life.copy(crashed, "-wal", "-shm")
    (crashed / NAME).write_bytes(backup)
    log = (crashed / f"{NAME}-wal").read_bytes()
    with pytest.raises(StoreError) as caught:
        SqliteStore(crashed / NAME)
    assert caught.value.code == "stale_log" and "delete gallery.db-wal" in caught.value.fix
    assert (crashed / NAME).read_bytes() == backup and (crashed / f"{NAME}-wal").read_bytes() == log
    (crashed / f"{NAME}-wal").unlink()
    (crashed / f"{NAME}-shm").unlink()
    store = SqliteStore(crashed / NAME)
    assert store.student("A1") is not None and store.student("A2") is None
    store.close()
    (crashed / NAME).unlink()
    (crashed / f"{NAME}-wal").write_bytes(log)
    with pytest.raises(StoreError) as caught:  # SQLite would delete the log
        SqliteStore(crashed / NAME)
    assert caught.value.code == "stale_log"
    life.store.close()


def test_a_log_that_is_emptied_while_it_is_read_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may do that at any time; one that had mapped the file was killed."""
    monkeypatch.setattr(stale_log, "_FRAMES_AT_ONCE", 1)
    log = tmp_path / "gallery.db-wal"
    log.write_bytes(bytes(32 + 100 * 4120))
    frames = stale_log._frames(log, 4120)
    assert next(frames).shape == (1, 4120)
    os.truncate(log, 0)
    assert len(list(frames)) < 99
    assert list(stale_log._frames(tmp_path / "none", 4120)) == []
