"""``--engine ray``: a real cluster of three nodes on loopback addresses, of which one is killed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.ray_nodes import RayNodes
from gallery.documents.access_log import ALL_LINES
from gallery.documents.protocol import DocumentStore
from indexer.cluster.batches import batch_size, in_whole_students
from indexer.cluster.enrol import worker_task
from indexer.cluster.ray_cluster import RayCluster
from indexer.cluster.values import WorkerRefusal, WorkerTask
from indexer.cluster.worker import EnrolmentWorker
from indexer.sources.folder import read_folder
from presente import composition
from presente.command_log import CommandRun
from presente.composition import open_store
from presente.settings import load_settings
from tests import programs
from tests.conftest import ROOT, SAMPLE, Command, on_sqlite
from tests.indexer.contents import assert_same_gallery
from tests.indexer.sample import SHEET, added

COPIES = int(os.environ.get("PRESENTE_TEST_RAY", "3"))
"""How often each of the 24 students is enrolled; more make the runs longer, and a node is killed on SQLite, too."""

ALLOWED = ("--duplicates", "allow")
"""The students are many times the same: which of them is warned of depends on who was first."""

DEADLY = '''
"""Python imports this module at its start: in the workers a photo with this end stands for a bug in a decoder."""
import importlib.abc, importlib.machinery, signal, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "faces.image.decoder":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def patched(module):
            execute(module)
            decode = module.decode
            def deadly(data, *rest, **more):
                if data.endswith(b"deadly"):
                    signal.raise_signal(signal.SIGSEGV)
                return decode(data, *rest, **more)
            module.decode = deadly
        spec.loader.exec_module = patched
        return spec

sys.meta_path.insert(0, Finder())
'''


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Many students; no two photos have the same bytes."""
    folder = tmp_path / "people"
    for student in sorted((SAMPLE / "students").iterdir()):
        for copy in range(COPIES):
            target = folder / f"{student.name}-{copy:02d}" / "1.jpg"
            target.parent.mkdir(parents=True)
            target.write_bytes((student / "1.jpg").read_bytes() + bytes([copy]))
    return folder


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """A cluster of a head without cores, and two nodes with one core each."""
    pytest.importorskip("ray", reason="Ray is not installed (`make ray`)")
    folder = tmp_path_factory.mktemp("ray")
    (folder / "sitecustomize.py").write_text(DEADLY)
    path = os.pathsep.join([str(folder), str(ROOT)])
    started = RayNodes(folder, 2, {**os.environ, "PYTHONPATH": path}, ROOT)
    yield started
    started.stop()


def wait_for(store: DocumentStore, templates: int) -> None:
    deadline = time.monotonic() + 120
    while store.counts().templates < templates:
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.02)


@pytest.mark.parametrize("store_url", ["mongo"] if COPIES <= 3 else ["mongo", "sqlite"], indirect=True)
@pytest.mark.untraced
def test_a_node_is_killed_and_a_photo_kills_workers_and_the_rest_is_enrolled_once(
    nodes: RayNodes, command: Command, environment: dict[str, str], tmp_path: Path, source: Path, store_url: str
) -> None:
    total = 24 * COPIES
    student = sorted(source.iterdir())[0]
    deadly = student / "2.jpg"
    deadly.write_bytes((student / "1.jpg").read_bytes() + b"deadly")
    words: list[str | Path] = [
        "-m",
        "indexer",
        "add",
        source,
        "--engine",
        "ray",
        "--address",
        nodes.address,
        "--json",
        *ALLOWED,
    ]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = programs.start(words, tmp_path, environment | nodes.token, out, err)
    store = open_store(store_url)
    wait_for(store, int(0.4 * total))
    nodes.kill(1)
    kept = store.counts().templates
    nodes.add(1)  # for what follows; it may join this run
    code = process.wait(180)
    said = (tmp_path / "err").read_text()
    report = json.loads((tmp_path / "out").read_text())
    assert kept < total, "the run was over before the node was killed"
    assert (code, report["stopped"], report["reasons"]) == (1, None, {"crashed": 1}), said
    assert (report["photos"], report["done"], report["already"], report["left"]) == (total + 1, total, 0, 0), said
    assert report["refusals"][0]["location"] == str(deadly)
    assert "a worker was lost" in said
    counts = store.counts()
    assert counts.students == counts.images == counts.templates == total
    store.close()
    verified = json.loads(command("indexer", "verify", "--json").stdout)
    assert verified["agrees"] and verified["templates"] == total
    deadly.unlink()
    assert added(command, source)["already"] == total
    other = f"sqlite:///{tmp_path}/whole.db"
    added(command, source, "--store", other, "--index", tmp_path / "whole", *ALLOWED)
    assert_same_gallery(store_url, other)


@on_sqlite
@pytest.mark.untraced
def test_an_interrupted_run_says_what_it_kept_and_goes_on(
    nodes: RayNodes, command: Command, environment: dict[str, str], tmp_path: Path, source: Path, store_url: str
) -> None:
    total = 24 * COPIES
    words: list[str | Path] = ["-m", "indexer", "add", source, "--engine", "ray", "--address", nodes.address, "--json"]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = programs.start(words, tmp_path, environment | nodes.token, out, err)
    store = open_store(store_url)
    wait_for(store, total // 5)
    process.send_signal(signal.SIGINT)
    code = process.wait(120)
    report = json.loads((tmp_path / "out").read_text())
    kept = store.counts().templates
    store.close()
    assert (code, report["stopped"]) == (130, "interrupted"), (tmp_path / "err").read_text()
    assert kept == report["done"] == total - report["left"] < total

    def joined(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return command(*words, **(nodes.token | more))

    shared = ("--engine", "ray", "--address", nodes.address)
    again = added(joined, source, *shared)
    assert (again["already"], again["done"], again["refused"]) == (kept, total - kept, 0)
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    sheet = added(joined, SHEET, *shared)  # students with fields, and photos below the sheet
    assert (sheet["done"], sheet["left"]) == (96, 0)


# -- without a cluster ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["sample", "--engine", "ray", "--all-or-nothing"], "unsuitable_option"),
        (["mongodb://127.0.0.1:1/fcRecog", "--engine", "ray"], "unsuitable_option"),
        (["sample", "--engine", "ray", "--address", "ray://127.0.0.1:10001"], "unsuitable_address"),
        (["sample", "--engine", "ray", "--address", "127.0.0.1:1"], "cluster_unavailable"),
    ],
)
@on_sqlite
def test_what_a_cluster_cannot_do_is_refused(command: Command, words: list[str], code: str) -> None:
    if code != "unsuitable_option":
        pytest.importorskip("ray", reason="Ray is not installed (`make ray`)")
    done = command("indexer", "add", *words, "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, code), done.stderr


@on_sqlite
def test_without_ray_an_error_says_how_to_install_it(environment: dict[str, str], tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['ray'] = None; sys.argv = ['indexer', *sys.argv[1:]]; "
    main = "from indexer.__main__ import main; sys.exit(main())"
    words: list[str | Path] = ["-c", hidden + main, "add", SHEET, "--engine", "ray", "--json"]
    done = programs.run(words, tmp_path, environment)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "ray_missing") and "make ray" in error["fix"]


@pytest.fixture
def task(environment: dict[str, str], source: Path) -> WorkerTask:
    """What workers would be told on this machine."""
    settings = load_settings(environment=environment)
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    listed = replace(read_folder(source), folder=source)
    made = worker_task(listed, settings, pack, gallery, CommandRun.begun_here(), force=False, cores=1)
    gallery.close()
    return made


def refused(task: WorkerTask) -> str:
    worker = EnrolmentWorker(task)
    refusal = worker.open()
    worker.close()
    assert isinstance(refusal, WorkerRefusal) and refusal.what and refusal.fix
    return refusal.code


@on_sqlite
def test_a_worker_on_an_unsuitable_machine_says_why(task: WorkerTask, tmp_path: Path) -> None:
    assert refused(replace(task, photos=Path("elsewhere"))) == "source_not_shared"
    assert refused(replace(task, machine="another")) == "store_not_shared"
    assert refused(replace(task, store="another")) == "store_not_shared"
    missing = replace(task.settings, store=f"sqlite:///{tmp_path}/missing.db")
    assert refused(replace(task, settings=missing)) == "store_not_shared" and not (tmp_path / "missing.db").exists()
    assert refused(replace(task, version="0.0")) == "other_version"
    assert refused(replace(task, pack="other@1")) == "other_pack"


@on_sqlite
def test_a_worker_that_was_told_to_stop_enrols_nothing(task: WorkerTask, source: Path) -> None:
    worker = EnrolmentWorker(task)
    assert worker.open() is None
    photos = list(read_folder(source).photos)[:5]
    assert worker.enrol(photos[:3]).report.done == 3
    store = open_store(task.settings.store)
    lines = store.access_log.lines(ALL_LINES, 0, 10)
    store.close()
    assert {(line.event.request, line.event.caller) for line in lines} == {(task.run.request, task.run.caller)}
    worker.stop()
    stopped = worker.enrol(photos[3:]).report
    assert (stopped.done, stopped.stopped) == (0, "interrupted")
    worker.close()


def test_batches_keep_the_photos_of_a_student_together() -> None:
    photos = list(read_folder(SAMPLE / "students").photos)
    batches = list(in_whole_students(photos, 10))
    assert [photo for batch in batches for photo in batch.photos] == photos
    students = [{photo.student.matricula for photo in batch.photos} for batch in batches]
    assert sum(map(len, students)) == 24 and all(len(batch.photos) >= 10 for batch in batches[:-1])
    assert (batch_size(5, 64), batch_size(200_000, 2), batch_size(160, 2)) == (4, 64, 10)
    assert len(list(in_whole_students([], 4))) == 0


class FakeRay:
    """What a cluster of two machines says of itself; it starts no actor, and keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 72.0, "GPU": 3.0}

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"Alive": True, "Resources": {"CPU": 40.0}},  # a head without a GPU
            {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 2.0}},
            {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 1.0}},
            {"Alive": False, "Resources": {"CPU": 2.0, "GPU": 2.0}},
        ]

    def remote(self, **asked: Any) -> Any:
        self.asked = asked
        return lambda _: SimpleNamespace(remote=lambda task: task)


def test_on_gpus_each_worker_gets_one_and_its_share_of_the_cores() -> None:
    ray = FakeRay()
    cluster = RayCluster(ray, on_gpus=True)
    assert (cluster.room(), cluster.cores_per_worker()) == (3, 8)
    cluster.start_worker("task")
    assert (ray.asked["num_gpus"], ray.asked["num_cpus"]) == (1, 8)
    cluster = RayCluster(ray, on_gpus=False)
    assert (cluster.room(), cluster.cores_per_worker()) == (72, 1)
    cluster.start_worker("task")
    assert (ray.asked["num_gpus"], ray.asked["num_cpus"]) == (0, 1)
