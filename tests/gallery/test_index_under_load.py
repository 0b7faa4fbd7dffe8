"""A gallery against a model in plain Python and numpy, killed at random; and under threads.

``PRESENTE_TEST_OPERATIONS=100000`` and ``PRESENTE_TEST_SECONDS=120`` run them at length.
"""

import multiprocessing
import os
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.index.recall_gate import IndexSettings
from gallery.person_score import scores_with
from gallery.settings import GallerySettings
from presente.composition import open_store
from tests.conftest import PACK, enrolment, on_sqlite, unit
from tests.gallery.galleries import own_index

pytestmark = pytest.mark.untraced

DIM = 64
OPERATIONS = int(os.environ.get("PRESENTE_TEST_OPERATIONS", "250"))
SECONDS = float(os.environ.get("PRESENTE_TEST_SECONDS", "2"))
PEOPLE = 400
CLASSES = 8


def opened(folder: Path, kind: str) -> Gallery:
    generations = GenerationStore(folder / "index", IndexSettings(kind))  # type: ignore[arg-type]
    return Gallery(open_store(f"sqlite:///{folder}/gallery.db"), generations, PACK, DIM, GallerySettings(0.5, "test"))


def serve(pipe: Connection, folder: Path, kind: str) -> None:
    """Open a gallery and carry out requests until killed."""
    gallery = opened(folder, kind)
    pipe.send("ready")
    while True:
        action, *given = pipe.recv()
        if action == "enrol":
            gallery.enrol([enrolment(name, rows, clase=clase) for name, rows, clase in given])
            pipe.send(None)
        elif action == "remove":
            pipe.send(gallery.remove(given))
        elif action == "search":
            pipe.send([(c.student.matricula, c.score) for c in gallery.search(*given)[0]])
        elif action == "compact":
            pipe.send(gallery.index.publish())
        elif action == "restart":
            gallery.close(publish=given[0])
            gallery = opened(folder, kind)
            pipe.send(None)
        elif action == "templates":
            pipe.send({name: len(gallery.store.embedded(name, PACK)) for name in given})
        else:
            pipe.send((gallery.index.verify().agrees, gallery.status().spec.kind))


class GalleryProcess:
    """A gallery in a process of its own, which can be killed."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.arguments = (folder, kind)
        self.start()

    def start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve, args=(theirs, *self.arguments), daemon=True)
        self.process.start()
        theirs.close()
        assert self.pipe.recv() == "ready"

    def ask(self, *request: object) -> Any:
        self.pipe.send(request)
        assert self.pipe.poll(120), request[0]
        return self.pipe.recv()

    def kill_during(self, request: tuple[object, ...], delay: float) -> None:
        self.pipe.send(request)
        time.sleep(delay)
        self.process.kill()
        self.process.join()
        self.start()


class Model:
    """What must be true: every student's templates and class."""

    def __init__(self, chance: np.random.Generator) -> None:
        self.chance = chance
        self.people: dict[str, np.ndarray] = {}
        self.centres = unit(chance.normal(size=(PEOPLE, DIM)))

    def clase(self, name: str) -> str:
        return f"C{int(name[1:]) % CLASSES}"

    def photos(self, name: str, count: int) -> np.ndarray:
        return unit(self.centres[int(name[1:])] + 0.09 * self.chance.normal(size=(count, DIM)))

    def enrolled(self, name: str, rows: np.ndarray) -> None:
        self.people[name] = np.vstack([self.people[name], rows]) if name in self.people else rows

    def best(self, probe: np.ndarray, k: int, clase: str | None = None) -> list[tuple[str, float]]:
        scores = {
            name: float(scores_with(probe[None, :], rows)[0])
            for name, rows in self.people.items()
            if clase is None or self.clase(name) == clase
        }
        return sorted(scores.items(), key=lambda item: -item[1])[:k]


@on_sqlite
def test_mixed_operations_agree_with_a_plain_model(tmp_path: Path, store_url: str) -> None:
    """Enrol, remove, identify, compact, restart, SIGKILL: never a wrong process, a removed one, or a missed one."""
    chance = np.random.default_rng(17)
    model, missed, asked = Model(chance), 0, 0
    process = GalleryProcess(tmp_path, "rabitq")
    first = [(name, model.photos(name, 4), model.clase(name)) for name in (f"P{i}" for i in range(300))]
    process.ask("enrol", *first)
    for name, rows, _ in first:
        model.enrolled(name, rows)
    process.ask("compact")
    for step in range(OPERATIONS):
        action, name = chance.random(), f"P{chance.integers(PEOPLE)}"
        rows = model.photos(name, int(chance.integers(1, 4)))
        if action < 0.2 and len(model.people.get(name, ())) < 6:
            process.ask("enrol", (name, rows, model.clase(name)))
            model.enrolled(name, rows)
        elif action < 0.24:
            gone = model.people.pop(name, None)
            assert process.ask("remove", name) == ([] if gone is None else [name])
            if gone is not None and step % 10 == 0:
                assert not traces(tmp_path, gone), f"{step}: {name} is still in a file"
        elif action < 0.25:
            process.ask("compact")
        elif action < 0.255:
            process.ask("restart", bool(step % 2))
        elif action < (0.258 if OPERATIONS > 5000 else 0.27):
            dying(process, model, name, rows, float(chance.uniform(0, 0.06)), tmp_path)
        else:
            clase = model.clase(name) if step % 3 == 0 else None
            known = model.people.get(name)
            probe = rows[0] if known is None or step % 2 else unit(known[0] + 0.03 * chance.normal(size=DIM))
            expected, k = model.best(probe, PEOPLE, clase), int(chance.integers(1, 12))
            found = process.ask("search", probe[None, :], k, clase)
            truth = dict(expected)
            assert len(found) == min(k, len(expected)) == len(dict(found))
            assert all(score <= truth[who] + 1e-5 for who, score in found), f"{step}: a wrong or a removed process"
            assert abs(found[0][1] - expected[0][1]) < 1e-5, f"{step}: the nearest was missed"
            if clase is not None:
                assert np.allclose([s for _, s in found], [s for _, s in expected[:k]], atol=1e-5)
            missed += sum(score < expected[i][1] - 1e-5 for i, (_, score) in enumerate(found))
            asked += len(found)
    assert process.ask("verify") == (True, "rabitq")
    assert missed <= 0.001 * asked + 1, f"{missed} of {asked} candidates were missed"
    process.process.kill()


def dying(process: GalleryProcess, model: Model, name: str, rows: np.ndarray, delay: float, folder: Path) -> None:
    """Kill the gallery while it enrols, removes or compacts: afterwards the request was done, or was not."""
    which = model.chance.integers(3)
    before = len(model.people.get(name, ()))
    if which == 0:
        process.kill_during(("enrol", (name, rows, model.clase(name))), delay)
        now = process.ask("templates", name)[name]
        assert now in (before, before + len(rows))
        if now > before:
            model.enrolled(name, rows)
    elif which == 1:
        process.kill_during(("remove", name), delay)
        now = process.ask("templates", name)[name]
        assert now in (before, 0)
        if now == 0 and before:
            assert not traces(folder, model.people.pop(name)), f"{name} is still in a file after a restart"
    else:
        process.kill_during(("compact",), delay)


def traces(folder: Path, rows: np.ndarray) -> list[str]:
    """The files of the index that contain any of these vectors."""
    files = {path: path.read_bytes() for path in (folder / "index").rglob("*") if path.is_file()}
    return [str(path) for path, content in files.items() if any(row.tobytes() in content for row in rows)]


@on_sqlite
def test_readers_never_see_a_wrong_or_a_stale_answer(tmp_path: Path, store_url: str) -> None:
    """Eight threads search while another enrols, removes and compacts. A search that begins after a change was
    acknowledged sees it."""
    chance = np.random.default_rng(23)
    gallery = opened(tmp_path, "rabitq")
    centres = unit(chance.normal(size=(600, DIM)))
    gallery.enrol([enrolment(f"S{i}", unit(centres[i] + 0.09 * chance.normal(size=(3, DIM)))) for i in range(400)])
    gallery.index.publish()
    state = {f"S{i}": True for i in range(400)} | {f"T{i}": False for i in range(400, 600)}
    changing: set[str] = set()
    wrong: list[str] = []
    answers = [0] * 8
    stop = threading.Event()

    def ask(number: int) -> None:
        mine = np.random.default_rng(number)
        names = list(state)
        try:
            while not stop.is_set():
                i = int(mine.integers(600))
                name, busy = names[i], names[i] in changing
                before = state[name]
                found = gallery.search(centres[i : i + 1], 3)[0]
                if busy or name in changing or state[name] != before:
                    continue
                first = bool(found) and found[0].student.matricula == name
                if first != before or any(c.student.matricula == name for c in found) != before:
                    wrong.append(f"{name} {before}: {[c.student.matricula for c in found]}")
                answers[number] += 1
        except Exception as error:  # noqa: BLE001 - reported by the test
            wrong.append(repr(error))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    until, changes = time.monotonic() + SECONDS, 0
    while time.monotonic() < until and not wrong:
        i = 400 + int(chance.integers(200))
        name = f"T{i}"
        changing.add(name)
        if state[name]:
            gallery.remove([name])
        else:
            gallery.enrol([enrolment(name, unit(centres[i] + 0.09 * chance.normal(size=(3, DIM))))])
        state[name] = not state[name]
        changing.discard(name)
        changes += 1
        if changes % 20 == 0:
            gallery.index.publish()
    stop.set()
    for thread in threads:
        thread.join()
    report = f"{sum(answers)} answers, {changes} changes, generation {gallery.index.generation}"
    assert wrong == [] and min(answers) > 0 and changes > 2, report
    assert gallery.index.verify().agrees
    gallery.close()


@pytest.mark.parametrize("kind", ["flat", "rabitq"])
@on_sqlite
def test_enrolments_do_not_wait_for_a_generation_to_be_written(
    tmp_path: Path, store_url: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = opened(tmp_path, kind)
    rows = unit(np.random.default_rng(3).normal(size=(1500, DIM)))
    gallery.enrol([enrolment("A1", rows[:1200]), enrolment("A2", rows[1200:1300])])
    entered, go_on = threading.Event(), threading.Event()
    publish = own_index(gallery).generations.publish

    def slow(*given: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return publish(*given)

    monkeypatch.setattr(own_index(gallery).generations, "publish", slow)
    writing = threading.Thread(target=gallery.index.publish)
    writing.start()
    assert entered.wait(30)
    gallery.enrol([enrolment("A3", rows[1400:1402])])
    assert gallery.search(rows[1400:1401], 1)[0][0].student.matricula == "A3"
    go_on.set()
    writing.join()
    status = gallery.status()
    assert (status.generation, status.indexed, status.unpublished, status.spec.kind) == (1, 1302, 2, kind)
    assert gallery.search(rows[1401:1402], 1)[0][0].student.matricula == "A3"
    assert gallery.index.verify().agrees
    gallery.close()


@on_sqlite
def test_a_damaged_mapped_file_is_found_after_the_start(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = unit(np.random.default_rng(3).normal(size=(300, DIM)))
    first = opened(tmp_path, "flat")
    first.enrol([enrolment("A1", rows)])
    first.close(publish=True)
    file = tmp_path / "index" / "gen-0000000001" / "vectors.npy"
    content = bytearray(file.read_bytes())
    content[-9] ^= 64
    file.write_bytes(content)
    monkeypatch.setattr("gallery.index.generations._CHECKED_LATER", 1000)
    second = opened(tmp_path, "flat")
    own_index(second)._background.join()
    assert "vectors.npy does not match its manifest" in caplog.text
    assert second.index.generation == 2 and second.index.verify().agrees
    second.close()
