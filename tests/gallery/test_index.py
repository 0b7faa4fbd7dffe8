"""The contract of a vector index, against exact search in numpy; and the generations on disk."""

import fcntl
import os
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.values import Position
from gallery.index.generations import GenerationStore
from gallery.index.kinds import coded
from gallery.index.kinds.coded import CodedIndex
from gallery.index.kinds.flat import FlatIndex, nearest
from gallery.index.kinds.pq import PQ
from gallery.index.kinds.registry import CODED
from gallery.index.manifest import IndexedDocuments
from gallery.index.recall_gate import GroundTruth, IndexSettings, choose_index, ground_truth
from gallery.index.sealed_files import PlainFile
from gallery.index.searcher import Searcher
from gallery.index.template_parts import PublishedTemplates, RecentTemplates
from gallery.person_score import scores_with
from presente.errors import IndexDamaged, InvalidInput
from tests import programs
from tests.conftest import DIM, ROOT, unit
from tests.gallery.indexes import KINDS, crowd, made, vectors

GOLDEN = Path(__file__).parent / "golden"


def agrees(
    found: tuple[np.ndarray, np.ndarray], part: PublishedTemplates, rows: np.ndarray, probes: np.ndarray
) -> float:
    """Check that scores belong to their rows and are descending, each row once; the share of the best rows that is
    found, of rows that tie any."""
    scores, places = found
    best = -np.sort(-(probes @ rows.T), axis=1)[:, : scores.shape[1]]
    hits = 0
    for probe, line, at, expected in zip(probes, scores, places, best, strict=True):
        there = at >= 0
        assert np.isneginf(line[~there]).all() and there[: int(there.sum())].all()
        assert len(set(at[there].tolist())) == int(there.sum()) == len(expected)
        assert (np.diff(line[there]) <= 0).all()
        assert np.allclose(part.vectors[at[there]] @ probe, line[there], atol=1e-5)
        hits += int((line[: len(expected)] >= expected[-1:] - 1e-5).sum())
    return hits / best.size if best.size else 1.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
@pytest.mark.parametrize("probes", [1, 40])
def test_search_agrees_with_exact_search(kind: str, count: int, probes: int, tmp_path: Path) -> None:
    rows = vectors(count)
    part = made(kind, rows, tmp_path)
    questions = vectors(probes, seed=2)
    scores, found = part.search(questions, 10)
    assert scores.shape == found.shape == (probes, 10) and found.dtype == np.int64 and scores.dtype == np.float32
    assert agrees((scores, found), part, rows, questions) >= 0.995
    assert agrees(part.search(questions, 1500), part, rows, questions) == 1.0  # more than there are


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_gallery_agrees_with_exact_search(kind: str, tmp_path: Path) -> None:
    """12,500 templates, 2,500 of them twice."""
    rows = crowd(2_000, 5)
    rows = np.vstack([rows, rows[:2_500]])
    part = made(kind, rows, tmp_path)
    probes = unit(rows[::125] + 0.3 * vectors(100, 3, 64)).astype(np.float32)
    few = [part.search(probes[start : start + 25], 10) for start in range(0, 100, 25)]
    together = (np.vstack([scores for scores, _ in few]), np.vstack([found for _, found in few]))
    assert agrees(together, part, rows, probes) >= 0.998
    assert agrees(part.search(probes, 10), part, rows, probes) >= 0.998
    assert part.index.spec.kind in (kind, "pq"), "the recall gate fell back to exact search"
    one_by_one = [part.search(probe[None, :], 10) for probe in probes[:20]]
    assert np.allclose(np.vstack([scores for scores, _ in one_by_one]), part.search(probes[:20], 10)[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["pq", "rabitq"])
def test_codes_in_segments_find_what_codes_in_one_find(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built, saved, loaded, and with erased rows in memory and in the file."""
    rows = crowd(2500, 2)
    probes, deep = unit(rows[::50] + 0.05), 800
    one = CodedIndex.build(CODED[kind], rows, CODED[kind].builds[-1]).at_depth(deep)
    monkeypatch.setattr(coded, "_SEGMENT_ROWS", 700)
    several = CodedIndex.build(CODED[kind], rows, CODED[kind].builds[-1]).at_depth(deep)
    assert [codes.ntotal for codes in several._segments] == [714, 714, 714, 715, 714, 714, 715]
    several.save(tmp_path / "codes.faiss")
    loaded = CodedIndex.load(CODED[kind], tmp_path / "codes.faiss", rows, several.spec.parameters)
    alive = np.ones(len(rows), dtype=bool)
    alive[[5, 2000, 4999]] = False
    for probed in (probes[:1], probes[:7], probes):
        expected = nearest(rows, probed, 10, alive)
        for index in (one, several, loaded):
            scores, found = index.search(probed, 10, alive)
            assert (found == expected[1]).mean() > 0.99 and np.allclose(scores, expected[0], atol=1e-2)

    erased = np.flatnonzero(~alive)
    before = (tmp_path / "codes.faiss").read_bytes()
    handle = os.open(tmp_path / "codes.faiss", os.O_RDWR)
    loaded.forget_in_file(PlainFile(handle), erased)
    os.close(handle)
    several.forget(erased)
    several.save(tmp_path / "memory.faiss")
    assert (tmp_path / "codes.faiss").read_bytes() == (tmp_path / "memory.faiss").read_bytes() != before


@pytest.mark.parametrize("kind", ["pq", "rabitq"])
@pytest.mark.parametrize("probes", [1, 5, 40])
def test_a_segment_that_has_all_of_the_best_gives_them(kind: str, probes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who look alike were enrolled one after another: 800 rows of one segment of eight."""
    alike = unit(vectors(1, 5, 64) + 0.05 * vectors(800, 6, 64)).astype(np.float32)
    rows = np.vstack([crowd(1550, 2), alike, crowd(2050, 2, seed=7)])
    monkeypatch.setattr(coded, "_SEGMENT_ROWS", 1000)
    index = CodedIndex.build(CODED[kind], rows, CODED[kind].builds[-1]).at_depth(600)
    assert len(index._segments) == 8
    asked = np.ascontiguousarray(np.vstack([alike[: probes - probes // 3], rows[: probes // 3]]))
    assert np.allclose(index.search(asked, 10)[0], nearest(rows, asked, 10)[0], atol=1e-6)
    in_one = index._candidates(asked[:1], 600, 224, at_once=False)
    assert len(np.unique(in_one)) == 824 and np.isin(np.arange(3100, 3900), in_one).mean() > 0.99


@pytest.mark.parametrize("damage", ["short", "long", "other"])
def test_segments_that_do_not_belong_to_the_vectors_are_refused(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coded, "_SEGMENT_ROWS", 700)
    rows = crowd(1000, 2)
    path = tmp_path / "codes.faiss"
    CodedIndex.build(PQ, rows, {"bits": 1}).save(path)
    whole = path.read_bytes()
    path.write_bytes({"short": whole[: len(whole) // 2], "long": whole + whole, "other": whole}[damage])
    wrong = {"short": rows, "long": np.vstack([rows, rows[:100]]), "other": rows[:1500]}[damage]
    with pytest.raises(IndexDamaged, match=r"codes\.faiss"):
        CodedIndex.load(PQ, path, wrong, {"bits": 1, "depth": 100})


@pytest.mark.parametrize("kind", KINDS)
def test_all_the_same_vector(kind: str, tmp_path: Path) -> None:
    """RaBitQ has no code for a vector that is the centre of all vectors: no row may be lost by that."""
    rows = np.repeat(vectors(1), 3000, axis=0)
    part = made(kind, rows, tmp_path)
    scores, found = part.search(vectors(1), 10)
    assert np.allclose(scores, 1.0, atol=1e-5) and len(set(found[0].tolist())) == 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [500, 4000])
def test_only_what_is_selected_is_searched(kind: str, count: int, tmp_path: Path) -> None:
    rows = crowd(count, 1)
    part = made(kind, rows, tmp_path)
    probes = crowd(3, 1, seed=9)
    for wanted in (np.array([5, 12, 7 * 7 + 5, 3]), part.ids[: count // 2], np.empty(0, np.int64)):
        only = part.rows_of(wanted)
        assert set(part.ids[only]) == set(wanted.tolist()) & set(part.ids.tolist())
        scores, found = part.search(probes, 10, only)
        expected = -np.sort(-(probes @ rows[only].T), axis=1)[:, :10]
        assert np.allclose(scores[:, : expected.shape[1]], expected, atol=1e-5)
        assert (found[:, expected.shape[1] :] == -1).all() and np.isin(found[found >= 0], only).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gone", [2, 1500])
def test_what_is_removed_is_gone(kind: str, gone: int, tmp_path: Path) -> None:
    rows = crowd(4000, 1)
    part = made(kind, rows, tmp_path)
    assert part.subject_count() == 4000
    part.drop(np.append(part.ids[:gone], 1))
    part.drop(part.ids[:1])
    assert len(part) == part.subject_count() == 4000 - gone and (part.rows() == np.arange(gone, 4000)).all()
    assert not len(part.rows_of(part.subjects[:gone]))
    scores, found = part.search(rows[:50], 10)
    assert found.min() >= gone and np.allclose(scores, -np.sort(-(rows[:50] @ rows[gone:].T))[:, :10], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_vectors_are_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"{DIM} dimensions, the vectors have 5"):
        RecentTemplates(DIM).append(np.array([1]), np.array([1]), vectors(1, dim=5))
    part = made(kind, vectors(600), tmp_path)
    with pytest.raises(InvalidInput) as caught:
        part.search(np.full((1, DIM), np.nan, np.float32), 1)
    assert caught.value.code == "not_finite"
    with pytest.raises(InvalidInput, match=f"{DIM} dimensions, the vectors have 5"):
        part.search(vectors(1, dim=5), 1)


def searcher_of(rows: np.ndarray, subjects: list[int]) -> Searcher:
    index = Searcher.empty(rows.shape[1])
    index.recent.append(np.arange(len(rows)) + 1, np.array(subjects), rows)
    return index


@pytest.mark.parametrize("kind", ["recent", *KINDS])
def test_subjects_are_found_even_when_one_has_hundreds_of_templates(kind: str, tmp_path: Path) -> None:
    """One subject fills the whole first depth of templates; the others must still be found."""
    centre = vectors(1)[0]
    many = unit(centre + 0.05 * np.random.default_rng(4).normal(size=(500, DIM))).astype(np.float32)
    rows = np.vstack([many, vectors(40, seed=8)])
    subjects = [1] * 500 + [2 + i // 2 for i in range(40)]
    index = searcher_of(rows, subjects)
    if kind != "recent":
        half = np.arange(0, len(rows), 2)  # published; the rest stays in the tail
        part = made(kind, rows[half], tmp_path, half + 1, np.array(subjects)[half])
        index = Searcher(part, Position())
        index.recent.append(half + 2, np.array(subjects)[half + 1], rows[half + 1])
    people = {subject: rows[np.array(subjects) == subject] for subject in subjects}
    scores = {subject: float(scores_with(centre[None, :], own)[0]) for subject, own in people.items()}
    expected = sorted(scores.items(), key=lambda item: -item[1])
    assert index.subject_count() == len(set(subjects))
    for k in (5, 1000):
        found = index.best_subjects(centre[None, :], k)[0]
        assert [subject for subject, _ in found] == [subject for subject, _ in expected[:k]]
        assert np.allclose([score for _, score in found], [score for _, score in expected[:k]], atol=1e-5)
    selected = index.best_subjects(centre[None, :], 5, index.select(np.array([3, 9, 77])))[0]
    assert [subject for subject, _ in selected] == [subject for subject, _ in expected if subject in (3, 9)]
    assert index.best_template(rows[501], subjects[501]) == 502 and index.best_template(centre, 77) is None


def test_the_recall_gate_raises_the_depth_and_then_uses_exact_search() -> None:
    """Random vectors of 64 dimensions: only noise tells the ten nearest of them apart."""
    rows = vectors(3000, dim=64)
    index, report = choose_index(rows, np.arange(3000), IndexSettings("rabitq"))
    assert index.spec.kind == "rabitq" and report.recall >= 0.999 and len(report.tried) > 2
    assert any(each.recall < 0.999 for each in report.tried)
    never, report = choose_index(rows, np.arange(3000), IndexSettings("ivf", 1.1))
    assert never.spec.kind == "flat" and "1.1" in report.reason and report.recall == 1.0
    assert {each.kind for each in report.tried} == {"ivf", "pq"}
    assert choose_index(rows, np.arange(3000), IndexSettings())[0].spec.kind == "flat"


@pytest.mark.parametrize(("times", "kind"), [([15.4, 7.1], "flat"), ([2.0, 7.1], "pq")])
def test_auto_takes_codes_only_if_they_are_quicker(
    times: list[float], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.index.recall_gate.CODED_FROM", 1000)
    monkeypatch.setattr(GroundTruth, "milliseconds", lambda *_: times)
    rows = crowd(1500, 2)
    index, report = choose_index(rows, np.repeat(np.arange(1500), 2), IndexSettings())
    assert index.spec.kind == kind and report.recall >= 0.999
    assert (report.tried[-1].search_ms, report.tried[-1].exact_ms) == tuple(times)
    assert ("7.1 ms exactly" in report.reason) == (kind == "flat")


def test_what_a_search_takes_is_measured() -> None:
    rows = crowd(400, 2)
    truth = ground_truth(rows, np.repeat(np.arange(400), 2), 20, seed=1)
    assert all(each > 0 for each in truth.milliseconds([FlatIndex(rows), FlatIndex(rows)]))


@pytest.mark.parametrize("left_out", [0, 1, 40, 500, 900, 990, 1000])
@pytest.mark.parametrize("probes", [1, 2, 3, 40])
def test_a_batch_finds_what_single_probes_find(left_out: int, probes: int) -> None:
    """A product takes no selector: rows that do not count are dropped afterwards, the nearest ones above all."""
    rows, questions = vectors(1000), vectors(probes, seed=2)
    alive = np.ones(1000, dtype=bool)
    alive[np.argsort(-(rows @ questions[0]))[:left_out]] = False
    scores, found = nearest(rows, questions, 10, alive)
    exact = np.where(alive, questions @ rows.T, -np.inf)
    assert np.allclose(scores, -np.sort(-exact, axis=1)[:, :10], atol=1e-6)
    assert (found[np.isfinite(scores)] >= 0).all() and (found[~np.isfinite(scores)] == -1).all()
    there = np.isfinite(scores)
    assert np.allclose(np.take_along_axis(exact, np.maximum(found, 0), axis=1)[there], scores[there], atol=1e-6)


@pytest.mark.parametrize("folder", sorted(path.name for path in GOLDEN.glob("format-[12]*")))
def test_every_published_format_is_read(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in the clear; sealed ones are read in test_sealed_index.py."""
    monkeypatch.setattr("gallery.index.kinds.coded.GATED_TEMPLATES", 3)
    generation, warnings = GenerationStore(GOLDEN / folder).latest()
    assert generation is not None and warnings == []
    index = generation.index
    if isinstance(index, CodedIndex):
        index = index.at_depth(20)  # few enough for these few templates that the codes are really searched
    part = PublishedTemplates(generation.templates, generation.vectors, index)
    rows = np.asarray(part.vectors)
    assert (part.ids == np.arange(len(rows)) * 3 + 1).all() and (part.subjects == np.arange(len(rows)) // 2 + 100).all()
    scores, found = part.search(rows[:9], 3)
    assert (found[:, 0] == np.arange(9)).all() and np.allclose(scores[:, 0], 1.0, atol=1e-5)
    assert folder == "format-1" or folder.endswith(part.index.spec.kind)


def published(folder: Path, rows: np.ndarray) -> GenerationStore:
    store = GenerationStore(folder)
    store.publish(
        searcher_of(rows, list(range(len(rows)))).snapshot().batches(),
        rows.shape[1],
        IndexedDocuments("s", "p@1", len(rows), "m"),
    )
    return store


def test_the_two_newest_generations_are_kept(tmp_path: Path) -> None:
    for count in (3, 4, 5):
        store = published(tmp_path, vectors(count))
    assert store.numbers() == [2, 3]
    generation, warnings = store.latest()
    assert generation is not None and generation.manifest.templates == 5 and warnings == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gen-0000000002", "gen-0000000003"]


@pytest.mark.parametrize("harm", ["flip", "cut", "delete"])
@pytest.mark.parametrize("name", ["vectors.npy", "templates.npy", "codes.faiss", "manifest.json"])
def test_a_damaged_generation_is_replaced_by_the_one_before(tmp_path: Path, harm: str, name: str) -> None:
    made("flat", vectors(3), tmp_path)
    made("rabitq", vectors(900), tmp_path)
    store = GenerationStore(tmp_path)
    file = tmp_path / "gen-0000000002" / name
    content = file.read_bytes()
    if harm == "flip":
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 255]) + content[-8:])
    elif harm == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        file.unlink()
    with pytest.raises(IndexDamaged):
        store.load(2)
    generation, warnings = store.latest()
    assert generation is not None and generation.manifest.generation == 1
    assert len(warnings) == 1 and "gen-0000000002" in warnings[0]


def test_a_full_disk_leaves_what_was_published(tmp_path: Path) -> None:
    """In a process with a limit on file sizes: FAISS itself would not report that writing failed."""
    published(tmp_path, vectors(3))
    code = (
        "import resource, signal, sys, numpy as np; from pathlib import Path; "
        "from gallery.index.searcher import Searcher; from gallery.index.manifest import IndexedDocuments; "
        "from gallery.index.generations import GenerationStore; "
        "from presente.errors import StoreError; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "searcher = Searcher.empty(8); rows = np.eye(8, dtype=np.float32)[np.arange(5000) % 8]; "
        "searcher.recent.append(np.arange(5000), np.arange(5000), rows); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); \ntry:\n"
        "    documents = IndexedDocuments('s', 'p@1', 9, 'm')\n"
        "    GenerationStore(Path(sys.argv[1])).publish(searcher.snapshot().batches(), 8, documents)\n"
        "except StoreError as error:\n    print(error.code)\n"
    )
    done = programs.run(["-c", code, tmp_path], ROOT, os.environ)
    assert done.stdout == "index_unwritable\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["gen-0000000001"]
    assert GenerationStore(tmp_path).load(1).manifest.templates == 3


def test_leftovers_of_dead_writers_are_deleted(tmp_path: Path) -> None:
    store = published(tmp_path, vectors(3))
    dead, alive = tmp_path / ".new-dead", tmp_path / ".new-alive"
    dead.mkdir(), alive.mkdir()
    handle = os.open(alive, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)  # as its writer does while it lives
    published(tmp_path, vectors(3))
    assert not dead.exists() and alive.exists() and store.numbers() == [1, 2]
    os.close(handle)
    store.prune()
    assert not alive.exists()
