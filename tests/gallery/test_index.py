"""The contract of a vector index, against an oracle in numpy; and the generations on disk."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from gallery.live import LiveIndex
from gallery.snapshot import SnapshotStore
from gallery.vectors.flat import FlatIndex
from presente.errors import IndexDamaged, InvalidInput, StoreError
from tests.conftest import DIM, unit

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
    store.publish(index=made.index, subjects=made.subjects, store="s", pack="p@1", change=len(rows))
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


def test_nothing_half_written_is_ever_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(tmp_path, vectors(3))
    made = live(vectors(4), [1, 2, 3, 4])

    def full(_path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made.index, "save", full)
    with pytest.raises(StoreError) as caught:
        SnapshotStore(tmp_path).publish(index=made.index, subjects=made.subjects, store="s", pack="p@1", change=9)
    assert caught.value.code == "index_unwritable"
    assert [path.name for path in tmp_path.iterdir()] == ["gen-0000000001"]


def test_leftovers_of_dead_writers_are_swept(tmp_path: Path) -> None:
    store = published(tmp_path, vectors(3))
    old, young = tmp_path / ".new-old", tmp_path / ".new-young"
    old.mkdir(), young.mkdir()
    os.utime(old, (0, 0))
    published(tmp_path, vectors(3))
    assert not old.exists() and young.exists() and store.generations() == [1, 2]
