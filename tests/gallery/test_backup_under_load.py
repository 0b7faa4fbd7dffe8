"""Backups while a writer writes, and backups and restores that are killed."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from gallery.access_log.verification import verify
from gallery.backup.folder import BackupFolder
from gallery.backup.key_list import FolderKey
from gallery.backup.restoring import RestoreWishes, restore
from gallery.backup.snapshot import Manifest, records_of
from gallery.backup.verification import verify_backup
from gallery.backup.writing import BackupWishes, make_backup
from gallery.documents.attendance import Attendance, EntryFilter, Participation
from gallery.documents.class_sessions import ClassSession, SessionPhoto
from gallery.documents.erasure_list import Cause
from gallery.documents.protocol import DocumentStore
from gallery.documents.request_keys import Claim
from presente.errors import PresenteError
from tests.conftest import student_in
from tests.gallery.dying_backups import SEALING, backed_up, die_before, opened, restored
from tests.gallery.stored import AT, CLASE, FECHA, enrolled, everything, fill, logged

SECONDS = float(os.environ.get("PRESENTE_TEST_BACKUPS", "3"))
GROWTH = int(os.environ.get("PRESENTE_TEST_BACKUPDEATHS", "60"))
SPARED = 4  # students who are only ever given things
Photos = frozenset[str] | None
"""The photos of a student; None: there is no such student."""


@dataclass
class Writer:
    """One who writes without a pause, and notes what became of whom, and when each write began and was over."""

    store: DocumentStore
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    now: dict[str, Photos] = field(default_factory=dict)
    history: list[tuple[float, float, dict[str, Photos], dict[str, Photos]]] = field(default_factory=list)
    entries: list[tuple[float, int]] = field(default_factory=list)
    claims: list[tuple[str, str]] = field(default_factory=list)
    failure: BaseException | None = None
    made: int = 0

    def change(self, after: dict[str, Photos], write: object) -> None:
        began = time.monotonic()
        write()  # type: ignore[operator]
        self.history.append((began, time.monotonic(), {name: self.now.get(name) for name in after}, after))
        self.now |= after

    def enrol(self) -> None:
        self.made += 1
        name = f"B{self.made}"
        new = enrolled(name, 3 * self.made + 1000, 3 * self.made + 1001)
        claim = Claim(f"key of {name}", "digest", AT)

        def write() -> None:
            self.store.request_keys.claim(claim, [])
            self.store.enrol([new])
            self.store.request_keys.finish(claim.key, [student_in(self.store, name).id])

        self.change({name: frozenset(each.sha256 for each in new.photos)}, write)
        self.claims.append((claim.key, name))
        self.store.access_log.append([logged(name)])

    def extend(self) -> None:
        self.made += 1
        name = self.someone()
        new = enrolled(name, 3 * self.made + 1002)
        has = self.now[name] or frozenset()
        after: dict[str, Photos] = {name: has | {each.sha256 for each in new.photos}}
        self.change(after, lambda: self.store.enrol([new], "extend"))

    def merge(self) -> None:
        keep, other = self.chance.sample(self.people(), 2)
        after = (self.now[keep] or frozenset()) | (self.now[other] or frozenset())
        self.change({keep: after, other: None}, lambda: self.store.merge(keep, other))

    def remove(self) -> None:
        name = self.someone()
        self.change({name: None}, lambda: self.store.remove([name]))

    def move(self) -> None:
        source, target = self.chance.sample(self.people(), 2)
        photos = sorted(self.now[source] or ())
        if photos:
            after: dict[str, Photos] = {
                source: frozenset(photos[1:]),
                target: (self.now[target] or frozenset()) | {photos[0]},
            }
            self.change(after, lambda: self.store.take_photos(source, photos[:1], target))

    def attend(self) -> None:
        subject = student_in(self.store, f"A{self.chance.randrange(SPARED)}").id
        turn = len(self.store.attendance.entries(EntryFilter(subject=subject)))
        entry = Attendance(subject, CLASE, FECHA, turn + 100, "present", "hand", AT)
        assert not self.store.attendance.add_entries([entry])
        self.entries.append((time.monotonic(), subject))
        self.store.attendance.add_participation(
            Participation(subject, CLASE, FECHA, "x", "", AT, f"p {time.time_ns()}")
        )

    def meet(self) -> None:
        self.made += 1
        made = ClassSession(CLASE, f"{2027 + self.made}-01-01", f"{self.made % 24:02d}:{self.made % 60:02d}",
                            None, None, "photos", "open", "", "ana", AT)  # fmt: skip
        number = self.store.sessions.add(made)[0].id
        sent = self.store.session_photos.number(number, f"{self.made:064x}", AT)
        assert sent is not None
        about = [student_in(self.store, "A0").id]
        self.store.session_photos.keep(SessionPhoto(number, sent.number, f"{self.made:064x}", AT), b"copy", about)
        self.store.sessions.change(number, {"state": "closed"})

    def people(self) -> list[str]:
        return [name for name, photos in self.now.items() if photos is not None and name.startswith("B")]

    def someone(self) -> str:
        return self.chance.choice(self.people())

    def step(self) -> None:
        few = len(self.people()) < 6
        self.chance.choice([self.enrol] if few else [
            *(self.enrol, self.enrol, self.extend, self.merge, self.remove, self.move, self.attend, self.meet)
        ])()  # fmt: skip

    def run(self, over: threading.Event) -> None:
        try:
            while not over.is_set():
                self.step()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failure = error

    def allowed(self, name: str, began: float, ended: float) -> set[Photos]:
        """What a student may look like in a backup that was made between two moments."""
        before: Photos = None
        found: set[Photos] = set()
        for start, end, _, after in self.history:
            if name in after:
                if end < began:
                    before = after[name]
                elif start <= ended:
                    found.add(after[name])
        return found | {before}

    def merged_into(self, moment: float) -> set[str]:
        """Who was merged, after a moment, into someone who did not exist at that moment."""
        born = {name: end for _, end, before, after in reversed(self.history) for name in after if before[name] is None}
        pairs = [list(after.items()) for start, _, _, after in self.history if len(after) == 2 and start > 0]
        return {other for (keep, _), (other, left) in pairs if left is None and born[keep] > moment}

    def alone(self, began: float, ended: float) -> Iterator[tuple[dict[str, Photos], dict[str, Photos]]]:
        """Before and after each write that overlaps with a time, and none other about the same students does."""
        during = [each for each in self.history if each[1] >= began and each[0] <= ended]
        for write in during:
            if not any(write[3].keys() & other[3].keys() for other in during if other is not write):
                yield write[2:]


@contextmanager
def writing(writer: Writer) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=writer.run, args=[over])
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if writer.failure is not None:
        raise writer.failure


def test_a_backup_under_load_has_every_write_of_before_and_no_half_of_one(store_url: str, tmp_path: Path) -> None:
    store, other = opened(store_url), opened(store_url)
    fill(store, SPARED)
    writer = Writer(other)
    for _ in range(8):
        writer.enrol()
    folder = BackupFolder(tmp_path / "backup")
    backups = []
    with writing(writer):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            began = time.monotonic()
            backups.append((began, make_backup(store, folder, SEALING.master, BackupWishes()), time.monotonic()))
    assert len(backups) > 1
    make_backup(store, folder, SEALING.master, BackupWishes())  # it knows of the last erasures
    assert not verify_backup(folder, SEALING.master).problems
    store.close()
    for number, (began, made, ended) in enumerate(backups):
        key = folder.header().opened(SEALING.master)
        held = held_by(folder, key, made.manifest)
        for name in {name for _, _, _, after in writer.history for name in after}:
            assert held.get(name) in writer.allowed(name, began, ended), name
        for before, after in writer.alone(began, ended):
            assert {name: held.get(name) for name in after} in (before, after)
        if number not in (1, len(backups) - 1):
            continue
        url = f"sqlite:///{tmp_path}/restored{number}.db"
        wishes = RestoreWishes(at=datetime.fromisoformat(made.manifest.moment))
        restore(folder, SEALING.master, partial(opened, url), wishes)
        again = opened(url)
        assert not list(again.damage()) and not again.attendance.miscounted() and not verify(again).findings
        there = {each.student.matricula for each in again.students(limit=10_000)}
        gone = {name for name in there if writer.now.get(name, frozenset()) is None}
        assert gone <= writer.merged_into(began)  # the erasures of later, too; who became someone of later stays
        subjects = [subject for at_s, subject in writer.entries if at_s < began]
        for subject in set(subjects):
            entries = again.attendance.entries(EntryFilter(subject=subject))
            assert sum(each.entry.revision >= 100 for each in entries) >= subjects.count(subject)
        for claimed, name in writer.claims:
            if again.request_keys.claim(Claim(claimed, "digest", AT), []).done:
                left = any(
                    after.get(name, frozenset()) is None for start, _, _, after in writer.history if start < ended
                )
                assert name in held or left, name  # what is said to be done is there
        again.close()
    other.close()


def held_by(folder: BackupFolder, key: FolderKey, manifest: Manifest) -> dict[str, Photos]:
    """The photos of each student in a snapshot."""
    keys = folder.key_list(key)
    students = [each.record for each in records_of(folder, key, keys, manifest, "student")]
    names = {each.fields["id"]: each.fields["matricula"] for each in students if each is not None}
    held: dict[str, set[str]] = {name: set() for name in names.values()}
    for each in records_of(folder, key, keys, manifest, "photo"):
        assert each.record is not None
        held[names[each.record.fields["student"]]].add(each.record.fields["sha256"])
    return {name: frozenset(photos) for name, photos in held.items()}


def deaths() -> Iterator[int]:
    """Before which writes a process dies: each time some percent later, or one write later."""
    deadly = 1
    while True:
        yield deadly
        deadly += 1 + deadly * GROWTH // 100


def test_a_backup_that_is_killed_leaves_the_one_before_and_is_made_again(store_url: str, tmp_path: Path) -> None:
    store = opened(store_url)
    fill(store)
    folder = BackupFolder(tmp_path / "backup")
    make_backup(store, folder, SEALING.master, BackupWishes())
    died = 0
    for turn, deadly in enumerate(deaths()):
        store.enrol([enrolled(f"K{turn}", *range(3000 + 10 * turn, 3008 + 10 * turn))])
        store.remove([f"K{turn - 2}"])
        done = die_before(deadly, backed_up, store_url, folder.path)
        assert not verify_backup(folder, SEALING.master).problems
        if done:
            break
        died += 1
    assert died > 4
    make_backup(store, folder, SEALING.master, BackupWishes(keep=1))
    assert not verify_backup(folder, SEALING.master).problems
    assert not list(folder.path.rglob("*.part")) and not (folder.path / "running").exists()
    restored(f"sqlite:///{tmp_path}/other.db", folder.path)
    again = opened(f"sqlite:///{tmp_path}/other.db")
    assert everything(again) == everything(store)
    again.close()
    store.close()


def test_a_restore_that_is_killed_leaves_a_store_that_says_so(store_url: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    store = opened(source)
    fill(store)
    folder = BackupFolder(tmp_path / "backup")
    make_backup(store, folder, SEALING.master, BackupWishes())
    store.remove(["A1"], Cause(asked=True))
    make_backup(store, folder, SEALING.master, BackupWishes(keep=1))
    whole = everything(store)
    store.close()
    refused = 0
    for deadly in deaths():
        if die_before(deadly, restored, store_url, folder.path):
            break
        try:
            found = opened(store_url)
        except PresenteError as error:
            assert error.code == "restore_unfinished"
            refused += 1
            continue
        states = everything(found)["students"], whole["students"]
        found.close()
        assert states[0] in ([], states[1])  # before the first write, or after the last
        if states[0]:
            break
    assert refused > 2
    with suppress(PresenteError):  # store_not_empty: it was whole already
        restored(store_url, folder.path)
    again = opened(store_url)
    assert everything(again) == whole
    again.close()
