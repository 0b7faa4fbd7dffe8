"""What is erased is in no file when the call returns, or the call says what is left."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pytest

from gallery.gallery import Gallery
from gallery.index.erased_rows import GenerationFiles
from gallery.index.generations import GenerationStore
from gallery.index.kinds.coded import CodedIndex
from gallery.index.kinds.registry import CODED
from gallery.index.sealed_files import PlainFile
from presente.errors import StoreError
from tests.conftest import enrolment, on_sqlite, unit
from tests.gallery.erasing import DIM, holding, opened, rows
from tests.gallery.galleries import own_index


@pytest.fixture
def gone() -> np.ndarray:
    return rows(3, 41)


def populated(url: str, index: Path, gone: np.ndarray, kind: str = "flat") -> Gallery:
    gallery = opened(url, index, kind)
    gallery.enrol([enrolment("GONE", gone), *(enrolment(f"S{i}", rows(2, 100 + i)) for i in range(60))])
    gallery.index.publish()
    assert holding(index, gone) == ["vectors.npy"]
    return gallery


@pytest.mark.parametrize("kind", ["flat", "pq", "rabitq", "hnsw", "ivf"])
@on_sqlite
def test_an_erased_row_is_overwritten_and_all_others_are_found(
    store_url: str, tmp_path: Path, gone: np.ndarray, kind: str
) -> None:
    gallery = populated(store_url, tmp_path / "index", gone, kind)
    generation = gallery.index.generation
    gallery.remove(["GONE"])
    assert holding(tmp_path / "index", gone) == []
    assert gallery.index.generation == generation, "nothing is rebuilt during the request"
    again = opened(store_url, tmp_path / "index", kind)
    for each in (gallery, again):
        assert each.index.generation == generation and each.index.verify().agrees
        for i in range(60):
            assert each.search(rows(2, 100 + i)[:1], 1)[0][0].student.matricula == f"S{i}"
        assert each.search(gone[:1], 3)[0][0].student.matricula != "GONE"
    again.index.publish()
    assert again.index.verify().agrees
    gallery.close(), again.close()


@pytest.mark.parametrize("name", sorted(CODED))
def test_no_code_of_an_erased_row_is_left(tmp_path: Path, name: str) -> None:
    """Two indexes that differ in one row have the same codes once that row is erased, in memory and in the file."""
    kind, base, other = CODED[name], rows(3000, 1), rows(3000, 1)
    other[77] = unit(other[77] + 0.1 * rows(1, 5)[0])  # near enough to be in the same cluster
    faiss.omp_set_num_threads(1)
    left = []
    for number, matrix in enumerate((base, other)):
        codes = kind.make(DIM, len(base), kind.builds[0])
        codes.train(base)
        codes.add(matrix)
        index = CodedIndex(kind, [codes], matrix, kind.builds[0])
        path = tmp_path / f"{number}.faiss"
        index.save(path)
        before = path.read_bytes()
        handle = os.open(path, os.O_RDWR)
        index.forget_in_file(PlainFile(handle), np.array([77]))
        os.close(handle)
        index.forget(np.array([77]))
        index.save(tmp_path / "memory.faiss")
        assert path.read_bytes() == (tmp_path / "memory.faiss").read_bytes() != before
        left.append(kind.locate(codes, 77).memory.tobytes())
    assert left[0] == left[1]


def test_an_erasure_that_a_file_refuses_is_an_error_and_is_finished_later(
    store_url: str, tmp_path: Path, gone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(GenerationFiles, "overwrite", refuse)
        for _ in range(2):  # every caller gets the error while it lasts, also for the same request again
            with pytest.raises(StoreError) as caught:
                gallery.remove(["GONE"])
            assert caught.value.code == "erasure_incomplete" and "gen-0000000001" in caught.value.what
        assert gallery.store.student("GONE") is None
        assert gallery.search(gone[:1], 1)[0][0].student.matricula != "GONE"  # and other callers get no error
    assert gallery.remove(["GONE"]) == []
    assert holding(tmp_path / "index", gone) == []
    gallery.close()


def test_an_older_generation_that_cannot_be_deleted_is_an_error(
    store_url: str, tmp_path: Path, gone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)
    gallery.enrol([enrolment("LATER", rows(1, 9))])
    gallery.index.publish()
    assert len(holding(tmp_path / "index", gone)) == 2

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    with monkeypatch.context() as patched:
        patched.setattr("gallery.index.generations.erase_folder", refuse)
        with pytest.raises(StoreError) as caught:
            gallery.remove(["GONE"])
        assert caught.value.code == "erasure_incomplete" and "gen-0000000001" in caught.value.what
    gallery.search(gone[:1], 1)
    gallery.index.finish_erasing()
    assert holding(tmp_path / "index", gone) == []
    gallery.close()


def test_a_replica_overwrites_its_own_files_without_a_request(store_url: str, tmp_path: Path, gone: np.ndarray) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)
    replica = opened(store_url, tmp_path / "replica")
    replica.index.publish()
    told: list[bool] = []
    replica.index.watch(0.05, lambda: told.append(True))
    assert holding(tmp_path / "replica", gone) != []
    gallery.remove(["GONE"])
    deadline = time.monotonic() + 30
    while (holding(tmp_path / "replica", gone) or not told) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert holding(tmp_path, gone) == [] and told
    replica.close(), gallery.close()


@on_sqlite
def test_a_log_in_use_by_a_reader_is_an_error_and_is_emptied_later(
    store_url: str, tmp_path: Path, gone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.documents.sqlite.connections._CHECKPOINT_S", 0.1)
    gallery = populated(store_url, tmp_path / "index", gone)
    with contextlib.closing(sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)) as reader:
        gallery.enrol([enrolment("LATER", rows(1, 9))])
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM students").fetchone()
        with pytest.raises(StoreError) as caught:
            gallery.remove(["GONE"])
        assert caught.value.code == "erasure_incomplete" and "gallery.db-wal" in caught.value.what
        assert holding(tmp_path / "index", gone) == []
        gallery.search(rows(1, 9), 1)
        reader.execute("COMMIT")
    gallery.index.finish_erasing()
    assert holding(tmp_path, gone) == []
    gallery.close()


@on_sqlite
def test_files_that_were_deleted_and_are_still_mapped_are_overwritten(
    store_url: str, tmp_path: Path, gone: np.ndarray
) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)
    mapped = own_index(gallery)._searcher.published.vectors
    assert any((mapped == gone[0]).all(axis=1))
    shutil.rmtree(tmp_path / "index")
    gallery.remove(["GONE"])
    assert not any((mapped == gone[0]).all(axis=1))
    gallery.close()


def test_killed_between_the_documents_and_the_files(store_url: str, tmp_path: Path, gone: np.ndarray) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)
    gallery.store.remove(["GONE"])
    assert holding(tmp_path / "index", gone) != []
    again = opened(store_url, tmp_path / "index")
    assert holding(tmp_path / "index", gone) == [] and again.index.verify().agrees
    gallery.close(), again.close()


def test_a_generation_that_another_process_published_is_overwritten_too(
    store_url: str, tmp_path: Path, gone: np.ndarray
) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)
    other = opened(store_url, tmp_path / "index")
    other.enrol([enrolment("LATER", rows(1, 9))])
    other.index.publish()
    other.close()
    gallery.remove(["GONE"])
    assert holding(tmp_path / "index", gone) == [] and gallery.index.verify().agrees
    last = opened(store_url, tmp_path / "index")
    assert last.index.generation == 2 and last.index.verify().agrees
    gallery.close(), last.close()


@on_sqlite
def test_a_student_of_a_restored_backup_is_not_served_from_an_overwritten_row(
    store_url: str, tmp_path: Path, gone: np.ndarray
) -> None:
    populated(store_url, tmp_path / "index", gone).close()
    backup = (tmp_path / "gallery.db").read_bytes()
    gallery = opened(store_url, tmp_path / "index")
    gallery.remove(["GONE"])
    gallery.close()
    for name in ("gallery.db-wal", "gallery.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "gallery.db").write_bytes(backup)
    again = opened(store_url, tmp_path / "index")
    assert again.index.verify().agrees
    assert again.search(gone[:1], 1)[0][0].student.matricula == "GONE"
    again.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 KB that can be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=300k tmpfs {folder} 2>/dev/null") != 0:
        pytest.skip("no file system can be mounted here (it needs root)")
    yield folder
    os.system(f"umount {folder}")


@on_sqlite
def test_erasing_works_on_a_full_disk(store_url: str, small_disk: Path, gone: np.ndarray) -> None:
    gallery = populated(store_url, small_disk / "index", gone)
    filler = (small_disk / "filler").open("wb", buffering=0)
    with pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(bytes(4096))
    with pytest.raises(StoreError):
        gallery.index.publish()
    gallery.remove(["GONE"])
    assert holding(small_disk / "index", gone) == []
    gallery.close()
    filler.close()


@on_sqlite
def test_an_erasure_reads_and_writes_next_to_nothing(
    store_url: str, tmp_path: Path, gone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither builds nor measures an index, and writes no generation."""
    gallery = populated(store_url, tmp_path / "index", gone, "rabitq")

    def never(*_: object) -> None:
        raise AssertionError("rebuilt")

    monkeypatch.setattr("gallery.index.generation_writing.choose_index", never)
    monkeypatch.setattr(CodedIndex, "build", never)
    gallery.remove(["GONE"])
    assert holding(tmp_path / "index", gone) == []
    gallery.close()


# -- replicas: what happens while the one who holds the files is away, or busy -----------------------------------------

WAIT_S = 30


def until_none_holds(folder: Path, vectors: np.ndarray) -> None:
    deadline = time.monotonic() + WAIT_S
    while holding(folder, vectors) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert holding(folder, vectors) == []


def replica_of(url: str, folder: Path) -> Gallery:
    """A gallery with an index folder of its own, in which two generations are published."""
    replica = opened(url, folder)
    replica.index.publish()
    replica.index.publish()
    return replica


def test_a_replica_that_was_down_overwrites_when_it_starts(store_url: str, tmp_path: Path, gone: np.ndarray) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)
    replica_of(store_url, tmp_path / "replica").close()
    gallery.remove(["GONE"])
    assert len(holding(tmp_path / "replica", gone)) == 2
    replica = opened(store_url, tmp_path / "replica")
    assert holding(tmp_path / "replica", gone) == [] and replica.index.generation == 2
    replica.close(), gallery.close()


@pytest.mark.parametrize("most_in_memory", [100_000, 10])
def test_a_replica_whose_generations_are_of_no_use_replaces_them(
    store_url: str, tmp_path: Path, gone: np.ndarray, most_in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot tell from them who was erased since: they are damaged."""
    gallery = populated(store_url, tmp_path / "index", gone)
    replica_of(store_url, tmp_path / "replica").close()
    for number in (1, 2):
        with (tmp_path / "replica" / f"gen-{number:010d}" / "templates.npy").open("ab") as file:
            file.write(b"more")
    gallery.remove(["GONE"])
    monkeypatch.setattr("gallery.index.document_index._MOST_IN_MEMORY", most_in_memory)
    replica = opened(store_url, tmp_path / "replica")
    assert holding(tmp_path / "replica", gone) != []
    replica.index.watch(0.05, lambda: None)
    until_none_holds(tmp_path / "replica", gone)
    assert replica.index.verify().agrees
    replica.close()
    assert GenerationStore(tmp_path / "replica").numbers() == [3]
    gallery.close()


PUBLISHES_AND_DIES = """
import os, signal, sys
from pathlib import Path
from gallery.index.document_index import DocumentIndex
from gallery.index import generations
from tests.gallery.erasing import opened
gallery = opened(sys.argv[1], Path(sys.argv[2]))
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
def wait(*_):
    print("ready", flush=True)
    sys.stdin.readline()
if sys.argv[3] == "published":  # the snapshot is taken, others erase, it publishes, and dies before it overwrites
    write = generations.write_files
    def slowly(*words):
        made = write(*words)
        wait()
        return made
    generations.write_files = slowly
    DocumentIndex._continue_from = die
else:  # dies while it writes
    write = generations.write_files
    def partly(*words):
        write(*words)
        wait()
        die()
    generations.write_files = partly
gallery.index.publish()
"""


@pytest.mark.parametrize("when", ["published", "unfinished"])
def test_a_process_beside_a_replica_is_killed_while_it_publishes(
    store_url: str, tmp_path: Path, gone: np.ndarray, when: str
) -> None:
    gallery = populated(store_url, tmp_path / "index", gone)
    replica = replica_of(store_url, tmp_path / "replica")
    replica.index.watch(0.05, lambda: None)
    words = [sys.executable, "-c", PUBLISHES_AND_DIES, store_url, str(tmp_path / "replica"), when]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "ready\n"
        gallery.remove(["GONE"])
        time.sleep(0.3)  # the replica has seen it by now, most likely; else the test shows less
        assert holding(tmp_path / "replica", gone) == ["vectors.npy"], "the unfinished one"
        other.stdin.write("\n")
        other.stdin.close()
        assert other.wait(60) == -signal.SIGKILL
    until_none_holds(tmp_path / "replica", gone)
    deadline = time.monotonic() + WAIT_S
    while when == "published" and replica.index.generation < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert replica.index.generation == (3 if when == "published" else 2)
    assert list((tmp_path / "replica").glob(".new-*")) == [] and replica.index.verify().agrees
    replica.close(), gallery.close()
