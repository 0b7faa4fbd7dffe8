"""What a backup costs: bytes and seconds of a full and an incremental run, and enrolments beside one.

The people are made up: random bytes as photos, random vectors. The store is sealed.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import about_this_run, parser, publish
from gallery.backup.folder import BackupFolder
from gallery.backup.restoring import RestoreWishes, restore
from gallery.backup.verification import verify_backup
from gallery.backup.writing import BackupWishes, make_backup
from gallery.documents.backup_protocol import Opening
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from presente.composition import open_store
from presente.sealing import MasterKey, new_key

_PACK, _DIM = "benchmark@000000000000", 512
_BATCH = 100


def enrolment(number: int, photos: int, photo_bytes: int) -> Enrolment:
    """A made-up student."""
    random = np.random.default_rng(number)
    made = []
    for _ in range(photos):
        vector = random.normal(size=_DIM).astype(np.float32)
        content = random.bytes(photo_bytes)
        template = Template(vector / np.linalg.norm(vector), _PACK, (0.0, 0.0, 100.0, 100.0), {"size": 100.0})
        made.append(EnrolledPhoto(content, hashlib.sha256(content).hexdigest(), "image/jpeg", "benchmark", template))
    return Enrolment(Student(f"A{number:07d}", f"Nombre {number}", f"C{number % 40}"), tuple(made))


def measure(url: str, restored: str, folder: Path, people: int, photos: int, photo_bytes: int) -> dict[str, Any]:
    """Fill a store, and back it up in several states."""
    sealing = Sealing(MasterKey(new_key()))
    store = open_store(url, sealing=sealing)
    store.claim_pack(_PACK, _DIM)
    for start in range(0, people, _BATCH):
        store.enrol([enrolment(each, photos, photo_bytes) for each in range(start, min(people, start + _BATCH))])
    backup = BackupFolder(folder)

    def run() -> dict[str, float]:
        began = time.perf_counter()
        made = make_backup(store, backup, sealing.master, BackupWishes())
        return {"seconds": time.perf_counter() - began, "objects": made.new_objects, "bytes": made.new_bytes}

    found: dict[str, Any] = {"people": people, "photos": people * photos, "full": run(), "nothing_new": run()}
    store.enrol([enrolment(people + each, photos, photo_bytes) for each in range(10)])
    found["ten_new_people"] = run()
    found["enrolments_per_s"] = enrolments_per_s(store, people + 10, photos, photo_bytes, None)
    found["enrolments_per_s_beside_backups"] = enrolments_per_s(store, people + 5010, photos, photo_bytes, run)
    run()
    began = time.perf_counter()
    found["problems"] = len(verify_backup(backup, sealing.master).problems)
    found["verify_s"] = time.perf_counter() - began
    began = time.perf_counter()

    def opened(opening: Opening) -> DocumentStore:
        return open_store(restored, sealing=sealing, opening=opening)

    restore(backup, sealing.master, opened, RestoreWishes())
    found["restore_s"] = time.perf_counter() - began
    store.close()
    return found


def enrolments_per_s(store: DocumentStore, first: int, photos: int, photo_bytes: int, beside: Any) -> float:
    """How many students are enrolled per second, one after another, for five seconds; with something beside it."""
    over = threading.Event()

    def repeat() -> None:
        while beside is not None and not over.is_set():
            beside()

    thread = threading.Thread(target=repeat)
    thread.start()
    began, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < 5:
        store.enrol([enrolment(first + count, photos, photo_bytes)])
        count += 1
    over.set()
    thread.join()
    return count / passed


def main() -> None:
    """Run the benchmark."""
    made = parser("python -m benchmarks.backup", "What a backup costs.", "python -m benchmarks.backup --json", False)
    made.add_argument("--people", type=int, default=5000)
    made.add_argument("--photos", type=int, default=3, help="per person")
    made.add_argument("--photo-bytes", type=int, default=40_000)
    made.add_argument("--store", help="address of an empty MongoDB database; SQLite without it")
    given = made.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = given.store or f"sqlite:///{folder}/gallery.db"
        other = f"sqlite:///{folder}/restored.db"
        found = measure(url, other, folder / "backup", given.people, given.photos, given.photo_bytes)
    result = {**about_this_run(given.seed), "store": url.partition(":")[0], **found}
    publish(result, given.json, [f"{name}: {value}" for name, value in result.items()])


if __name__ == "__main__":
    main()
