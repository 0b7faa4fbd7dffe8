"""The contract of a vector index, against an oracle in numpy; and the generations on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gallery.live import LiveIndex
from gallery.snapshot import Origin, SnapshotStore
from gallery.vectors.flat import FlatIndex
from presente.errors import IndexDamaged, InvalidInput
from tests.conftest import DIM, ROOT, unit

KINDS = [FlatIndex]


def vectors(count: int, seed: int = 1, dim: int = DIM) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, dim)))


def oracle(rows: np.ndarray, ids: np.ndarray, probes: np.ndarray, k: int) -> list[list[tuple[float, int]]]:
    scores = probes @ rows.T
    return [[(float(line[i]), int(ids[i])) for i in np.argsort(-line, kind="stable")[:k]] for line in scores]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
@pytest.mark.parametrize("probes", [1, 40])
def test_search_agrees_with_the_oracle(kind: type[FlatIndex], count: int, probes: int) -> None:
    rows, ids = vectors(count) if count else np.empty((0, DIM), np.float32), np.arange(count) * 7 + 5
    index = kind(DIM)
    if count:
        index.add(ids, rows)
    questions = vectors(probes, seed=2)
    scores, found = index.search(questions, 10)
    assert scores.shape == found.shape == (probes, 10) and found.dtype == np.int64
    for row, expected in enumerate(oracle(rows, ids, questions, 10)):
        assert np.allclose(scores[row][: len(expected)], [score for score, _ in expected], atol=1e-5)
        assert list(found[row][len(expected) :]) == [-1] * (10 - len(expected))
        assert np.isneginf(scores[row][len(expected) :]).all()
        by_id = dict(zip((int(i) for i in ids), questions[row] @ rows.T, strict=True)) if count else {}
        for score, i in zip(scores[row], found[row], strict=True):
            assert i == -1 or abs(by_id[int(i)] - score) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_only_allowed_ids_are_searched(kind: type[FlatIndex]) -> None:
    rows, ids = vectors(500), np.arange(500) + 100
    index = kind(DIM)
    index.add(ids, rows)
    allowed = np.array([101, 350, 599, 7777])
    scores, found = index.search(vectors(3, 9), 10, allowed)
    assert {int(i) for i in found.ravel()} == {101, 350, 599, -1}
    assert np.isneginf(scores[found < 0]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_removed_ids_are_gone(kind: type[FlatIndex], tmp_path: Path) -> None:
    rows, ids = vectors(100), np.arange(100)
    index = kind(DIM)
    index.add(ids, rows)
    assert index.remove(np.array([3, 50, 1000])) == 2
    assert len(index) == 98 and set(index.ids()) == set(range(100)) - {3, 50}
    assert int(index.search(rows[50:51], 1)[1][0, 0]) != 50
    assert (index.vectors(np.array([7, 99])) == rows[[7, 99]]).all()
    index.save(tmp_path / "index")
    again = kind.load(tmp_path / "index", DIM)
    assert (again.search(rows, 5)[1] == index.search(rows, 5)[1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_vectors_are_refused(kind: type[FlatIndex]) -> None:
    index = kind(DIM)
    with pytest.raises(InvalidInput, match=f"{DIM} dimensions, the vectors have 5"):
        index.add(np.array([1]), vectors(1, dim=5))
    with pytest.raises(InvalidInput) as caught:
        index.search(np.full((1, DIM), np.nan, np.float32), 1)
    assert caught.value.code == "not_finite"
    assert len(index) == 0


def live(rows: np.ndarray, subjects: list[int]) -> LiveIndex:
    made = LiveIndex.empty(rows.shape[1])
    made._append(np.arange(len(rows)) + 1, np.array(subjects), rows)
    return made


def test_subjects_not_templates_even_when_one_has_hundreds() -> None:
    """One crowded subject fills the whole first page of templates; the others must still be found, exactly."""
    centre = vectors(1)[0]
    crowd = unit(centre + 0.05 * np.random.default_rng(4).normal(size=(500, DIM)))
    others = vectors(40, seed=8)
    index = live(np.vstack([crowd, others]), [1] * 500 + [2 + i // 2 for i in range(40)])
    found = index.best_per_subject(centre[None, :], 5)[0]
    best = {1: float((crowd @ centre).max())}
    for i, row in enumerate(others):
        best[2 + i // 2] = max(best.get(2 + i // 2, -2.0), float(row @ centre))
    expected = sorted(best.items(), key=lambda item: -item[1])[:5]
    assert [subject for subject, _ in found] == [subject for subject, _ in expected]
    assert np.allclose([score for _, score in found], [score for _, score in expected], atol=1e-5)
    everyone = index.best_per_subject(centre[None, :], 1000)[0]
    assert len(everyone) == 21


def published(folder: Path, rows: np.ndarray) -> SnapshotStore:
    store = SnapshotStore(folder)
    made = live(rows, list(range(len(rows))))
    store.publish(made.index, made.subjects, Origin("s", "p@1", len(rows), "m"))
    return store


def test_the_two_newest_generations_are_kept(tmp_path: Path) -> None:
    for count in (3, 4, 5):
        store = published(tmp_path, vectors(count))
    assert store.generations() == [2, 3]
    generation, warnings = store.latest()
    assert generation is not None and generation.manifest.templates == 5 and warnings == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gen-0000000002", "gen-0000000003"]


@pytest.mark.parametrize("harm", ["flip", "cut", "delete", "manifest", "empty"])
def test_a_damaged_generation_gives_way_to_the_one_before(tmp_path: Path, harm: str) -> None:
    published(tmp_path, vectors(3))
    store = published(tmp_path, vectors(4))
    file = tmp_path / "gen-0000000002" / ("manifest.json" if harm in ("manifest", "empty") else "index.faiss")
    content = file.read_bytes()
    if harm == "flip":
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 255]) + content[-8:])
    elif harm == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif harm == "delete":
        file.unlink()
    else:
        file.write_text(json.dumps({"format": 1}) if harm == "manifest" else "")
    with pytest.raises(IndexDamaged):
        store.load(2)
    generation, warnings = store.latest()
    assert generation is not None and generation.manifest.generation == 1
    assert len(warnings) == 1 and "gen-0000000002" in warnings[0]


def test_a_full_disk_leaves_what_was_published(tmp_path: Path) -> None:
    """In a process whose files may not grow past a limit: FAISS itself would not say that writing failed."""
    published(tmp_path, vectors(3))
    code = (
        "import resource, signal, sys, numpy as np; from pathlib import Path; "
        "from gallery.live import LiveIndex; from gallery.snapshot import Origin, SnapshotStore; "
        "from presente.errors import StoreError; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "live = LiveIndex.empty(8); rows = np.eye(8, dtype=np.float32)[np.arange(5000) % 8]; "
        "live._append(np.arange(5000), np.arange(5000), rows); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); \ntry:\n"
        "    SnapshotStore(Path(sys.argv[1])).publish(live.index, live.subjects, Origin('s', 'p@1', 9, 'm'))\n"
        "except StoreError as error:\n    print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "index_unwritable\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["gen-0000000001"]
    assert SnapshotStore(tmp_path).load(1).manifest.templates == 3


def test_leftovers_of_dead_writers_are_swept(tmp_path: Path) -> None:
    store = published(tmp_path, vectors(3))
    old, young = tmp_path / ".new-old", tmp_path / ".new-young"
    old.mkdir(), young.mkdir()
    os.utime(old, (0, 0))
    published(tmp_path, vectors(3))
    assert not old.exists() and young.exists() and store.generations() == [1, 2]
