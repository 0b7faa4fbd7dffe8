"""An index in shards on a real Ray cluster of loopback nodes: it answers as the index of one process does, and a killed
node is waited for, refused, and replaced, and nothing is missing afterwards."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ray_nodes import RayNodes
from gallery.documents.values import SubjectPart
from gallery.gallery import Gallery
from gallery.index.gallery_index import GalleryIndex
from gallery.settings import GallerySettings
from gallery.shards import ray_shards
from gallery.shards.ray_shards import RayShards
from gallery.shards.sharded_index import ShardedIndex
from presente import composition
from presente.composition import open_store
from presente.errors import ConfigError, InvalidInput, StoreError
from presente.ray_cluster import join_cluster
from presente.settings import Settings, load_settings
from presente.sharding import open_sharded_index
from tests.conftest import DIM, PACK, ROOT, enrolment, on_sqlite, unit
from tests.gallery.conftest import vectors

PEOPLE = int(os.environ.get("PRESENTE_TEST_SHARDS", "150"))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """A cluster of a head without cores, and three nodes with one core each."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed (`make ray`)")
    started = RayNodes(tmp_path_factory.mktemp("ray"), 3, {**os.environ, "PYTHONPATH": str(ROOT)}, ROOT)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in started.token.items():  # Ray reads them when it is imported
            patched.setenv(name, value)
        yield started
    started.stop()


@pytest.fixture
def settings(store_url: str, tmp_path: Path, nodes: RayNodes) -> Settings:
    """Three shards; a search waits a second for one that is lost."""
    made = replace(load_settings(None), store=store_url, index=tmp_path / "index", shards=3, shards_wait=1.0)
    return replace(made, shards_address=nodes.address)


def opened(settings: Settings) -> Gallery:
    """A gallery of the settings' store, of made-up templates: in shards if the settings say so."""
    store = open_store(settings.store)

    def shards() -> GalleryIndex:
        return open_sharded_index(settings, store, (PACK, DIM), _open_store, composition.store_file(settings))

    generations = composition.open_generations(settings, None)
    asked = GallerySettings(0.5, "test")
    return Gallery(store, generations, PACK, DIM, asked, shards if settings.shards else None)


def _open_store(settings: Settings):  # type: ignore[no-untyped-def]  # it is sent to other processes by its name
    return open_store(settings.store)


def people(number: int, seed: int = 1) -> list[np.ndarray]:
    """The templates of people, one to six each."""
    chance = np.random.default_rng(seed)
    centres = unit(chance.normal(size=(number, DIM)))
    return [
        unit(centre + 0.5 * unit(chance.normal(size=(1 + place % 6, DIM)))).astype(np.float32)
        for place, centre in enumerate(centres)
    ]


def test_shards_answer_as_one_index_does(settings: Settings) -> None:
    plain = opened(replace(settings, shards=0, index=settings.index / "plain"))
    plain.enrol([enrolment(f"A{place:04d}", each, clase=f"C{place % 3}") for place, each in enumerate(people(PEOPLE))])
    sharded = opened(settings)
    probes = vectors(200, seed=5)
    try:
        for k in (1, 10):
            for clase in (None, "C1"):
                _same(sharded, plain, probes, k, clase)
        _same(sharded, plain, probes[:1], 10, None)
        # what is written by one is seen by the other's next answer, and by its own
        sharded.enrol([enrolment("new", probes[:1])])
        assert sharded.search(probes[:1], 1)[0][0].student.matricula == "new"
        _same(sharded, plain, probes, 5, None)
        plain.merge("A0003", "A0004")
        assert plain.remove(["new"]) == ["new"]
        assert sharded.search(probes[:1], 1)[0][0].student.matricula != "new"
        _same(sharded, plain, probes, 5, None)
        # everything else that a gallery asks
        status, of_plain = sharded.status(), plain.status()
        assert (status.indexed, status.counts, status.change) == (of_plain.indexed, of_plain.counts, of_plain.change)
        assert status.operating_point == of_plain.operating_point
        state = sharded.index.state()
        assert (state.shards, state.shards_ready, state.templates) == (3, 3, of_plain.indexed)
        assert state.subjects == plain.index.state().subjects
        stored = plain.student("A0005")
        assert np.array_equal(_sorted(sharded.templates_of(stored.id)), _sorted(plain.templates_of(stored.id)))
        assert sharded.nearest_template(probes[0], stored.id) == plain.nearest_template(probes[0], stored.id)
        assert sharded.compare(probes[0], "A0005") == pytest.approx(plain.compare(probes[0], "A0005"), abs=1e-6)
        with sharded.index.reading() as here, plain.index.reading() as there:
            one, other = here.snapshot(), there.snapshot()
        order = np.random.default_rng(1).permutation(len(one))
        assert np.array_equal(one.ids, other.ids) and np.array_equal(one.subjects, other.subjects)
        assert np.array_equal(one.take(order), other.take(order)) and one.dim == other.dim
        agreement = sharded.index.verify()
        assert agreement.agrees and agreement.templates == of_plain.indexed
        sharded.index.rebuild()
        _same(sharded, plain, probes, 5, None)
    finally:
        sharded.close(publish=True)
        plain.close()
    folders = sorted(path.name for path in settings.index.glob("shard-*"))
    assert folders == ["shard-0-of-3", "shard-1-of-3", "shard-2-of-3"]


def _same(sharded: Gallery, plain: Gallery, probes: np.ndarray, k: int, clase: str | None) -> None:
    """Both give the same decisions, and the same candidates by the same scores; those that tie in any order."""
    point, found = sharded.identify(probes, k, clase=clase)
    expected_point, expected = plain.identify(probes, k, clase=clase)
    assert point == expected_point
    for mine, other in zip(found, expected, strict=True):
        assert (mine.verdict, mine.reason) == (other.verdict, other.reason)
        scores = np.array([[each.score for each in made.candidates] for made in (mine, other)])
        assert np.allclose(scores[0], scores[1], atol=1e-6)
        if len(scores[0]) == 1 or np.diff(scores[1]).max() < -2e-6:
            assert [each.subject for each in mine.candidates] == [each.subject for each in other.candidates]


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(rows.T)]


def test_an_erased_vector_is_in_no_shards_files(settings: Settings) -> None:
    gallery = opened(settings)
    known = people(30, seed=9)
    gallery.enrol([enrolment(f"B{place}", each) for place, each in enumerate(known)])
    try:
        gallery.index.publish()
        assert _holding(settings.index, known[7][0]) == 1
        gallery.remove(["B7"])
        assert _holding(settings.index, known[7][0]) == 0 and _holding(settings.index, known[8][0]) == 1
        assert gallery.index.state().unerased == 0
    finally:
        gallery.close()
    gallery = opened(replace(settings, shards=2))  # of another number nothing stays
    try:
        gallery.index.publish()
        assert sorted(path.name for path in settings.index.iterdir()) == ["shard-0-of-2", "shard-1-of-2"]
    finally:
        gallery.close()


def _holding(folder: Path, vector: np.ndarray) -> int:
    wanted = np.asarray(vector, dtype="<f4").tobytes()
    return sum(wanted in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@on_sqlite
def test_while_a_killed_shard_is_opened_again_the_others_answer_who_asks_for_it(settings: Settings) -> None:
    gallery = opened(replace(settings, shards_wait=0.0))
    index = gallery.index
    assert isinstance(index, ShardedIndex) and isinstance(index.shards, RayShards)
    known = people(60, seed=3)
    gallery.enrol([enrolment(f"K{place}", each) for place, each in enumerate(known)])
    probes = np.vstack([each[:1] for each in known])
    shards = [gallery.student(f"K{place}").id % 3 for place in range(60)]
    try:
        index.shards._ray.kill(index.shards._ready[1])  # its process ends at once, as by a crash
        deadline = time.monotonic() + 60
        found, covers = gallery.partially(lambda view: view.identify(probes, 1, threshold=0.9)[1])
        assert covers == pytest.approx(1 - shards.count(1) / 60)
        for place, decision in enumerate(found):
            assert decision.verdict in (("undecided",) if shards[place] == 1 else ("known", "undecided"))
            assert decision.student is None or decision.student.matricula == f"K{place}"
        while index.shards.missing():
            assert time.monotonic() < deadline, "it did not come back"
            time.sleep(0.05)
        whole, covers = gallery.partially(lambda view: view.search(probes, 1))
        assert covers == 1.0
        assert [each[0].student.matricula for each in whole] == [f"K{place}" for place in range(60)]
    finally:
        gallery.close()


@on_sqlite
def test_shards_for_which_no_machine_has_room_are_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = opened(settings)  # three shards of three cores
    try:
        assert isinstance(gallery.index, ShardedIndex) and isinstance(gallery.index.shards, RayShards)
        monkeypatch.setattr(ray_shards, "_OPEN_S", 1.0)
        with pytest.raises(ConfigError) as refused:
            RayShards(gallery.index.shards._ray, "is not called", 1, 1.0, lambda _: None)  # type: ignore[arg-type]
        assert refused.value.code == "no_room"
    finally:
        gallery.close()


@on_sqlite
def test_a_killed_node_is_waited_for_or_refused_and_nothing_is_missing_afterwards(
    settings: Settings, nodes: RayNodes, capfd: pytest.CaptureFixture[str]
) -> None:
    gallery = opened(replace(settings, shards=2))  # of three nodes: one is free
    index = gallery.index
    assert isinstance(index, ShardedIndex) and isinstance(index.shards, RayShards)
    known = people(60, seed=3)
    gallery.enrol([enrolment(f"K{place}", each) for place, each in enumerate(known)])
    probes = np.vstack([each[:1] for each in known])
    wrong: list[str] = []
    refused: list[str] = []
    right = [0]
    stop = threading.Event()

    def ask() -> None:
        chance = np.random.default_rng(1)
        while not stop.is_set():
            place = int(chance.integers(len(known)))
            try:
                best = gallery.search(probes[place : place + 1], 1)[0][0].student.matricula
            except StoreError as error:
                refused.append(error.code)
                time.sleep(0.02)
            else:
                right[0] += best == f"K{place}"
                if best != f"K{place}":
                    wrong.append(best)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        time.sleep(0.5)
        nodes.kill(int(index.shards.places[0].rpartition(".")[2]) - 3)
        deadline = time.monotonic() + 60
        while not index.shards.missing():
            assert time.monotonic() < deadline, "the loss was not noticed"
            time.sleep(0.01)
        gallery.store.remove(["K0"])  # while a shard is not there
        while index.shards.missing():
            assert time.monotonic() < deadline, "it did not come back"
            time.sleep(0.05)
        before = right[0]
        while right[0] < before + 20:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        stop.set()
        asking.join()
        found = gallery.search(probes, 1)
        agreement = gallery.index.verify()
        gallery.close()
    assert not capfd.readouterr().out, "Ray wrote to stdout, where a command's JSON is"
    assert set(wrong) <= {found[0][0].student.matricula}, "who was not there was taken for nobody"
    assert set(refused) <= {"shards_missing"}
    assert [each[0].student.matricula for each in found[1:]] == [f"K{place}" for place in range(1, 60)]
    assert found[0][0].student.matricula != "K0" and agreement.agrees


@on_sqlite
def test_workers_of_a_cluster_do_not_open_an_index_in_shards(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="PRESENTE_SHARDS"):
        composition.open_gallery(settings, composition.open_pack(settings), publishes=False)


def test_parts_divide_the_subjects() -> None:
    subjects = np.arange(100)
    parts = [SubjectPart(number, 3).has(subjects) for number in range(3)]
    assert (np.sum(parts, axis=0) == 1).all()


@pytest.mark.parametrize("address", [None, "ray://somewhere:10001"])
def test_ray_is_told_to_call_nobody_and_to_start_nothing_by_itself(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an address is given, which is refused here after that."""
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is not installed
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_AUTO_CONNECT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError) as refused:
        join_cluster(address, 1, "PRESENTE_SHARDS")
    assert refused.value.code == "ray_missing"
    assert (os.environ["RAY_USAGE_STATS_ENABLED"], os.environ["RAY_ENABLE_AUTO_CONNECT"]) == ("0", "0")
