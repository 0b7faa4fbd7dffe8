"""The gallery: documents first, then the index; against a model in plain Python."""

import multiprocessing
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from pymongo import MongoClient

from gallery.decision import Candidate, Decision, decide, once_each
from gallery.documents.values import Enrolment, Student, TemplateBatch
from gallery.gallery import Gallery
from gallery.index.document_index import DocumentIndex
from gallery.index.generations import GenerationStore
from gallery.person_score import scores_with
from gallery.settings import GallerySettings
from presente.composition import open_store
from presente.errors import Conflict, InvalidInput, NotFound, PackError, StoreError
from tests.conftest import DIM, PACK, OpenGallery, enrolment, on_sqlite, unit
from tests.gallery.galleries import own_index


def vectors(count: int, seed: int = 1) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))


def candidate(score: float, name: str = "A1", rank: int = 1) -> Candidate:
    return Candidate(rank, score, rank, Student(name, name))


@pytest.mark.parametrize(
    ("scores", "verdict", "reason"),
    [
        ([], "unknown", "empty_gallery"),
        ([0.3], "unknown", "below_threshold"),
        ([0.5], "known", None),  # at the threshold is known
        ([np.nextafter(0.5, 0)], "unknown", "below_threshold"),
        ([0.9, 0.89], "ambiguous", "two_people_too_close"),
        ([0.9, 0.88], "known", None),
        ([0.505, 0.495], "known", None),  # the second is a stranger's score
    ],
)
def test_decisions(scores: list[float], verdict: str, reason: str | None) -> None:
    ranked = [candidate(score, f"A{i}", i) for i, score in enumerate(scores, start=1)]
    decision = decide(ranked, 0.5, 0.0199)
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert (decision.student is not None) == (verdict == "known")
    assert decision.score == (scores[0] if scores else None)


def test_a_person_is_named_for_the_closest_face_of_a_photo() -> None:
    def face(*scores: float) -> Decision:
        """The decision about a face with these scores; the first is of person 1, the second of person 2, and so on."""
        order = sorted(range(len(scores)), key=lambda person: -scores[person])
        ranked = [
            Candidate(rank, scores[person], person + 1, Student("A", "A")) for rank, person in enumerate(order, start=1)
        ]
        return decide(ranked, 0.5, 0.02)

    photo = [face(0.7, 0.1), face(0.9, 0.6), face(0.2, 0.8), face(0.9, 0.1), face(0.1, 0.2), face(0.95, 0.94)]
    found = once_each(photo)
    assert [made.verdict for made in found] == ["duplicate", "known", "known", "duplicate", "unknown", "ambiguous"]
    for before, after in zip(photo, found, strict=True):
        assert (after.student is not None) == (after.verdict == "known")
        assert (after.score, after.candidates) == (before.score, before.candidates)
        assert after.reason == ("another_face_is_closer" if after.verdict == "duplicate" else before.reason)
    assert once_each(found[1:3]) == found[1:3] and once_each([]) == []


def test_enrolled_is_found_and_strangers_are_not(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    rows = np.eye(DIM, dtype=np.float32)
    assert gallery.identify(rows[:1])[1][0].reason == "empty_gallery"
    gallery.enrol([enrolment("A1", rows[0]), enrolment("A2", rows[1])])
    known, stranger = gallery.identify(rows[[1, 5]], k=1)[1]
    assert known.student is not None and known.student.matricula == "A2" and len(known.candidates) == 1
    assert stranger.student is None and stranger.verdict == "unknown"
    assert gallery.identify(rows[[5]], threshold=-1.0)[1][0].verdict != "unknown"


def test_ambiguity_is_seen_when_only_one_candidate_is_asked_for(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    row = np.eye(DIM, dtype=np.float32)[0]
    gallery.enrol([enrolment("A1", row), enrolment("A2", row)])
    decision = gallery.identify(row[None, :], k=1)[1][0]
    assert decision.verdict == "ambiguous" and decision.student is None and len(decision.candidates) == 1


def test_class_and_cohort_limit_the_search(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    row = np.eye(DIM, dtype=np.float32)[0]
    near = unit(row + 0.1 * np.eye(DIM, dtype=np.float32)[1])
    gallery.enrol(
        [
            enrolment("S1", near, clase="IA-101"),
            enrolment("C1", row, kind="cohort"),
            enrolment("S2", -row, clase="IA-102"),
        ]
    )

    def found(**limits: object) -> list[str]:
        return [c.student.matricula for c in gallery.search(row[None, :], 10, **limits)[0]]  # type: ignore[arg-type]

    assert found() == ["S1", "S2"]
    assert found(cohort=True) == ["C1", "S1", "S2"]
    assert found(clase="IA-102") == ["S2"]
    assert found(clase="none") == []


@pytest.mark.parametrize("k", [0, -1, 10**9])
def test_k_out_of_bounds(open_gallery: OpenGallery, k: int) -> None:
    gallery = open_gallery()
    for ask in (gallery.search, gallery.identify):
        with pytest.raises(InvalidInput) as caught:
            ask(vectors(1), k)
        assert caught.value.code == "invalid_k"


def test_what_is_refused_stores_nothing(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    with pytest.raises(InvalidInput):
        gallery.enrol([enrolment("A1", np.full((1, DIM), np.nan, np.float32))])
    with pytest.raises(InvalidInput):
        gallery.enrol([enrolment("A1", unit(np.ones((1, DIM + 1))))])
    assert gallery.status().counts.students == 0
    gallery.enrol([enrolment("A1", vectors(1))])
    with pytest.raises(Conflict):
        gallery.enrol([enrolment("A1", vectors(1, 2))], mode="create")
    assert gallery.status().indexed == 1


def test_packs_do_not_mix(open_gallery: OpenGallery) -> None:
    open_gallery().enrol([enrolment("A1", vectors(1))])
    with pytest.raises(PackError) as caught:
        open_gallery(pack="better@999999999999")
    assert caught.value.code == "pack_mismatch"
    assert PACK in str(caught.value) and "better@999999999999" in str(caught.value)
    with pytest.raises(PackError):
        open_gallery(dim=DIM * 2)


def test_a_change_of_the_pack_by_another_process_is_noticed(open_gallery: OpenGallery) -> None:
    """Before anything is stored, and before the index follows: it would lose every template without an error."""
    gallery, other = open_gallery(), open_gallery()
    gallery.enrol([enrolment("A1", vectors(1))])
    other.store.adopt_pack("better@999999999999", DIM)
    with pytest.raises(PackError) as caught:
        gallery.enrol([enrolment("A2", vectors(1, 2))])
    assert caught.value.code == "pack_mismatch" and gallery.store.student("A2") is None
    for _ in range(2):
        with pytest.raises(PackError):
            gallery.search(vectors(1), 1)
    other.store.adopt_pack(PACK, DIM)
    assert gallery.search(vectors(1), 1) == [[]]
    gallery.enrol([enrolment("A2", vectors(1, 2))])
    assert gallery.search(vectors(1, 2), 1)[0][0].student.matricula == "A2"


def test_one_student_is_compared(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    rows = np.eye(DIM, dtype=np.float32)
    gallery.enrol([enrolment("A1", rows[:2]), enrolment("A2", rows[2])])
    # A1's two templates are at a right angle: their mean has length 0.707 and counts as 0.75 long.
    assert gallery.compare(rows[1], "A1") == pytest.approx((1 + 0.5 / 0.75) / 2)
    assert gallery.compare(rows[2], "A2") == pytest.approx(1.0)
    assert gallery.compare(rows[2], "A1") == pytest.approx(0.0)
    with pytest.raises(NotFound):
        gallery.compare(rows[0], "A9")


def test_random_operations_agree_with_a_plain_model(tmp_path: Path, store_url: str) -> None:
    """Enrol, add, remove, search, publish, reopen: never a wrong subject, a removed one, or a missed one."""
    chance = np.random.default_rng(11)
    truth: dict[str, np.ndarray] = {}

    def reopen() -> Gallery:
        return Gallery(
            open_store(store_url), GenerationStore(tmp_path / "index"), PACK, DIM, GallerySettings(0.5, "test")
        )

    gallery = reopen()
    for step in range(250):
        action = chance.random()
        name = f"A{chance.integers(30)}"
        if action < 0.35:
            rows = unit(chance.normal(size=(chance.integers(1, 4), DIM)))
            gallery.enrol([enrolment(name, rows)])
            truth[name] = np.vstack([truth[name], rows]) if name in truth else rows
        elif action < 0.5:
            assert gallery.remove([name]) == ([name] if name in truth else [])
            truth.pop(name, None)
        elif action < 0.56:
            gallery.close(publish=bool(step % 2))
            gallery = reopen()
        elif action < 0.6:
            gallery.index.publish()
        else:
            probe = unit(chance.normal(size=(1, DIM)))
            k = int(chance.integers(1, 12))
            scored = ((float(scores_with(probe, rows)[0]), name) for name, rows in truth.items())
            expected = sorted(scored, reverse=True)[:k]
            found = [(c.score, c.student.matricula) for c in gallery.search(probe, k)[0]]
            assert [name for _, name in found] == [name for _, name in expected]
            assert np.allclose([s for s, _ in found], [s for s, _ in expected], atol=1e-5)
    assert gallery.index.verify().agrees
    gallery.close()


def test_verify_sees_what_is_wrong_and_rebuild_mends_it(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    gallery.enrol([enrolment("A1", vectors(3))])
    assert gallery.index.verify().agrees
    recent = own_index(gallery)._searcher.recent
    first, second, _ = (int(i) for i in sorted(recent.ids))
    whose = recent.subjects[:1].copy()
    recent.drop(np.array([second]))
    recent.append(np.array([777]), whose, vectors(1, 9))
    found = gallery.index.verify()
    assert not found.agrees and found.missing_in_index == (second,) and found.missing_in_store == (777,)
    recent.drop(np.array([first]))
    recent.append(np.array([first]), whose, vectors(1, 5))
    assert gallery.index.verify().different == (first,)
    gallery.index.rebuild()
    assert gallery.index.verify().agrees


def test_a_large_gallery_is_indexed_without_holding_it_in_memory(
    open_gallery: OpenGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.index.document_index._MOST_IN_MEMORY", 4)
    first = open_gallery()
    first.enrol([enrolment(f"A{n}", vectors(2, n)) for n in range(2)])
    assert open_gallery().index.generation == 0  # four templates are few
    first.enrol([enrolment("A2", vectors(3, 2))])
    templates = first.store.templates

    def removed_meanwhile(*which: Any) -> Iterator[TemplateBatch]:
        yield from templates(*which)
        if not which:
            first.store.remove(["A1"])

    monkeypatch.setattr(type(first.store), "templates", lambda _, *which: removed_meanwhile(*which))
    only_reads = GenerationStore(tmp_path / "index", reads=True)
    assert DocumentIndex(first.store, only_reads, PACK, DIM).generation == 0  # a cluster's worker publishes nothing
    first.enrol([enrolment("A1", vectors(2, 1))])
    opened = open_gallery()
    assert opened.index.generation == 1 and opened.status().unpublished == 0
    assert opened.search(vectors(1, 2), 3)[0][0].student.matricula == "A2"
    assert opened.status().indexed == 5 and opened.index.verify().agrees
    gone = vectors(2, 1).tobytes()
    assert not any(gone[:128] in path.read_bytes() for path in tmp_path.rglob("vectors.npy"))


def test_a_large_gallery_is_searched_though_its_folder_cannot_be_written(
    open_gallery: OpenGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gallery.index.document_index._MOST_IN_MEMORY", 1)
    open_gallery().enrol([enrolment("A1", vectors(3))])
    shutil.rmtree(tmp_path / "index", ignore_errors=True)
    (tmp_path / "index").write_text("a file is in the way")
    opened = open_gallery()
    assert opened.search(vectors(1), 1)[0][0].student.matricula == "A1"
    assert "cannot be written" in caplog.text and "held in memory" in caplog.text


def test_a_start_replays_what_the_generation_has_not_seen(open_gallery: OpenGallery) -> None:
    first = open_gallery()
    first.enrol([enrolment("A1", vectors(2)), enrolment("A2", vectors(2, 2))])
    first.index.publish()
    first.store.enrol([enrolment("A3", vectors(1, 3))])  # documents only: a crash before the index
    first.store.remove(["A1"])
    second = open_gallery()
    assert second.index.verify().agrees and second.status().indexed == 3
    assert second.identify(vectors(1, 3))[1][0].student.matricula == "A3"  # type: ignore[union-attr]


def test_another_process_is_followed(open_gallery: OpenGallery, tmp_path: Path, store_url: str) -> None:
    gallery = open_gallery()
    gallery.enrol([enrolment("A1", vectors(1))])
    child = multiprocessing.get_context("spawn").Process(target=_enrol_elsewhere, args=(tmp_path, store_url))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    decision = gallery.identify(vectors(1, 7))[1][0]
    assert decision.student is not None and decision.student.matricula == "B1"
    assert gallery.identify(vectors(1))[1][0].student is None  # removed over there


def _enrol_elsewhere(folder: Path, store_url: str) -> None:
    gallery = Gallery(open_store(store_url), GenerationStore(folder / "index"), PACK, DIM, GallerySettings(0.5, "test"))
    gallery.enrol([enrolment("B1", vectors(1, 7))])
    gallery.remove(["A1"])
    gallery.close()


def test_a_removed_student_leaves_no_byte_behind(open_gallery: OpenGallery, tmp_path: Path, store_url: str) -> None:
    gallery = open_gallery()
    gone, kept = enrolment("GONE", vectors(3, 21)), enrolment("KEPT", vectors(3, 22))
    gallery.enrol([gone, kept])
    gallery.index.publish()
    gallery.enrol([enrolment("LATER", vectors(2, 23))])
    gallery.index.publish()
    assert _traces(tmp_path, store_url, gone) == len(gone.photos) * 2 + 1
    assert gallery.remove(["GONE", "NOBODY"]) == ["GONE"]
    assert _traces(tmp_path, store_url, gone) == 0
    assert _traces(tmp_path, store_url, kept) == len(kept.photos) * 2 + 1
    assert gallery.index.verify().agrees


def _traces(folder: Path, store_url: str, enrolled: Enrolment) -> int:
    """How many of a student's vectors, photos and names are in any file below the folder or in any collection."""
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    if store_url.startswith("mongodb"):
        with MongoClient[dict[str, Any]](store_url) as client:
            database = client.get_default_database()
            for name in database.list_collection_names():
                everything += b"".join(bson.encode(document) for document in database[name].find())
    wanted = [photo.template.vector.tobytes() for photo in enrolled.photos]
    wanted += [photo.content for photo in enrolled.photos]
    return sum(item in everything for item in [*wanted, enrolled.student.nombre_del_alumno.encode()])


def test_searches_and_writes_at_once(open_gallery: OpenGallery) -> None:
    """Students who stay enrolled are found by every search while others are enrolled and removed."""
    gallery = open_gallery()
    rows = vectors(20, 3)
    gallery.enrol([enrolment(f"S{i}", row) for i, row in enumerate(rows)])
    stop = threading.Event()
    errors: list[str] = []

    def ask(number: int) -> None:
        while not stop.is_set():
            found = gallery.search(rows[number : number + 1], 1)[0]
            if not found or found[0].student.matricula != f"S{number}":
                errors.append(f"{number}: {found}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for i in range(30):
        gallery.enrol([enrolment(f"T{i}", vectors(5, 100 + i))])
        if i % 3 == 0:
            gallery.remove([f"T{i}"])
        if i % 10 == 0:
            gallery.index.publish()
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert gallery.index.verify().agrees


def test_generations_of_another_store_are_not_taken_for_ours(
    open_gallery: OpenGallery, tmp_path: Path, store_url: str
) -> None:
    first = open_gallery()
    first.enrol([enrolment("OLD", vectors(3, 31))])
    first.index.publish()
    first.close()
    for file in tmp_path.glob("gallery.db*"):
        file.unlink()
    if store_url.startswith("mongodb"):
        with MongoClient[dict[str, Any]](store_url) as client:
            client.drop_database(store_url.rsplit("/", 1)[1])
    second = open_gallery()
    assert second.status().indexed == 0
    second.enrol([enrolment("NEW", vectors(3, 32))])
    assert second.identify(vectors(1, 31))[1][0].candidates[0].student.matricula == "NEW"
    assert second.index.verify().agrees


def test_an_erasure_that_was_cut_off_is_finished_at_the_next_start(
    open_gallery: OpenGallery, tmp_path: Path, store_url: str
) -> None:
    gone = enrolment("GONE", vectors(3, 41))
    first = open_gallery()
    first.enrol([gone, enrolment("KEPT", vectors(2, 42))])
    first.index.publish()
    first.store.remove(["GONE"])  # and the process is killed here, before anything is published
    assert _traces(tmp_path, store_url, gone) == 3
    second = open_gallery()
    assert _traces(tmp_path, store_url, gone) == 0
    assert second.index.verify().agrees and second.status().indexed == 2


def test_a_threshold_that_is_nan_lets_no_one_in() -> None:
    assert decide([candidate(0.9)], float("nan"), 0.02).verdict == "unknown"


@on_sqlite
def test_a_restored_backup_is_told_from_what_was_indexed_since(open_gallery: OpenGallery, tmp_path: Path) -> None:
    first = open_gallery()
    first.enrol([enrolment("A1", vectors(1, 51))])
    first.close(publish=True)
    backup = (tmp_path / "gallery.db").read_bytes()
    second = open_gallery()
    second.enrol([enrolment("X1", vectors(1, 52))])
    second.close(publish=True)
    (tmp_path / "gallery.db").write_bytes(backup)
    third = open_gallery()
    third.store.enrol([enrolment("Y1", vectors(1, 53))])  # and killed before anything is published
    fourth = open_gallery()
    assert fourth.index.verify().agrees
    assert fourth.search(vectors(1, 52), 1)[0][0].score < 0.99
    assert fourth.search(vectors(1, 53), 1)[0][0].student.matricula == "Y1"


def test_a_follower_that_publishes_keeps_no_student_whom_another_process_erased(
    open_gallery: OpenGallery, tmp_path: Path, store_url: str
) -> None:
    gone = enrolment("GONE", vectors(3, 71))
    gallery, other = open_gallery(), open_gallery()
    gallery.enrol([gone, enrolment("KEPT", vectors(2, 72))])
    gallery.index.publish()
    other.store.remove(["GONE"])  # and that process is killed here
    gallery.search(vectors(1), 1)
    gallery.index.publish()
    assert _traces(tmp_path, store_url, gone) == 0


def test_publishing_that_fails_in_the_background_fails_no_request(
    open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gallery.index.document_index._PUBLISH_EVERY", 3)
    gallery = open_gallery()

    def full(*_: object) -> None:
        raise StoreError("index_unwritable", "The disk is full.")

    monkeypatch.setattr(own_index(gallery).generations, "publish", full)
    for i in range(8):
        gallery.enrol([enrolment(f"S{i}", vectors(1, 80 + i))])
    assert gallery.status().indexed == 8 and gallery.identify(vectors(1, 87))[1][0].student is not None
    own_index(gallery)._background.join()
    assert "The disk is full" in caplog.text


def test_a_long_run_publishes_by_itself(open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.index.document_index._PUBLISH_EVERY", 3)
    gallery = open_gallery()
    for i in range(8):
        gallery.enrol([enrolment(f"S{i}", vectors(1, 80 + i))])
    own_index(gallery)._background.join()
    assert gallery.index.generation >= 1 and gallery.index.verify().agrees


def test_a_process_that_only_reads_generations_publishes_none(
    open_gallery: OpenGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = open_gallery()
    for i in range(3):
        publisher.enrol([enrolment(f"P{i}", vectors(1, 70 + i))])
        publisher.index.publish()
    monkeypatch.setattr("gallery.index.document_index._PUBLISH_EVERY", 3)
    generations = GenerationStore(tmp_path / "index", reads=True)
    reader = Gallery(publisher.store, generations, publisher.pack, publisher.dim, publisher.settings)
    before = generations.numbers()
    assert reader.index.generation == before[-1] and len(before) == 2  # it starts from what is there
    for i in range(8):
        reader.enrol([enrolment(f"S{i}", vectors(1, 80 + i))])
    generations.prune(1)
    assert not own_index(reader)._background.is_alive() and generations.numbers() == before
    assert reader.index.verify().agrees and publisher.index.verify().agrees
