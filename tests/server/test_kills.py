"""The server, and a bulk run beside it, are killed with SIGKILL at random points: what was acknowledged is there, once.

A third process follows the whole time and is never restarted: what it sees is right after every kill, at once.
``PRESENTE_TEST_KILLS=200 python -m pytest tests/server/test_kills.py -s`` runs it for longer.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from faces.packs.model_pack import ModelPack
from tests import programs
from tests.conftest import SAMPLE, Command
from tests.server.conftest import Serve
from tests.server.killed import Client, Promised, check, check_over_http, opened
from tests.server.sample import CLASS_OF, STUDENTS

pytestmark = pytest.mark.untraced

KILLS = int(os.environ.get("PRESENTE_TEST_KILLS", "4"))


class Bulk:
    """``indexer add`` of one source after the other; one that was killed is begun again, as people do."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.number = 0
        self.process: programs.Process | None = None
        self.photos = [(path.parent.name, path) for path in sorted((SAMPLE / "students").glob("*/*.jpg"))][:36]

    def source(self, number: int) -> Path:
        """The sample's students under other matriculas, with photos of other bytes."""
        folder = self.folder / f"bulk{number}"
        for name, path in self.photos if not folder.exists() else ():
            target = folder / f"B{number}-{name}" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes() + str(number).encode())
        return folder

    def go_on(self) -> None:
        """Start it unless it runs; the next source where the last is done."""
        if self.process is not None and self.process.poll() == 0:
            self.number += 1
            self.process = None
        if self.process is None or self.process.poll() is not None:
            words: list[str | Path] = ["-m", "indexer", "add", self.source(self.number), "--json"]
            with (self.folder / "indexer.log").open("ab") as log:
                self.process = programs.start(words, self.folder, self.environment, log, log, new_session=True)

    def kill(self) -> None:
        """With all its processes."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def finish(self) -> None:
        """Let what was begun come to its end."""
        if self.process is not None and self.process.wait(300) != 0:
            self.go_on()
            self.finish()


@pytest.mark.usefixtures("sample_gallery")
def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    serve: Serve, command: Command, environment: dict[str, str], store_url: str, tmp_path: Path, sample_pack: ModelPack
) -> None:
    for student in STUDENTS:
        if CLASS_OF[student["matricula"]] != student["clase"]:
            command("indexer", "remove", student["matricula"])
    rng = random.Random(20261121)
    promised = Promised()
    began = time.monotonic()
    observer = opened(store_url, tmp_path / "observer", sample_pack)
    bulk = Bulk(environment, tmp_path)
    for number in range(KILLS):
        running = serve()
        client = Client(running, promised, rng, number)
        worker = threading.Thread(target=client.work)
        worker.start()
        bulk.go_on()
        time.sleep(rng.uniform(0.0, 1.5))
        running.kill()
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0.0, 3.0))
            bulk.kill()
        worker.join()
        found = observer.index.verify()  # beside the bulk run, where it was not killed
        assert found.agrees, (number, found)
        check(observer, promised)
    bulk.finish()
    check(observer, promised, number_of_bulk_students := bulk.number + 1)
    again = opened(store_url, tmp_path / "index", sample_pack)
    check(again, promised, number_of_bulk_students)
    assert again.store.attendance.miscounted() == [] and again.index.verify().agrees
    again.close()
    check_over_http(serve(), promised)
    observer.close()
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    sys.stdout.write(
        f"beside {number_of_bulk_students} bulk runs of 36 photos, all of them there: "
        f"{store_url.split(':')[0]}: {KILLS} kills in {time.monotonic() - began:.0f} s; acknowledged and there: "
        f"{len(promised.there)} enrolments, {len(promised.gone)} erasures, {len(promised.taken)} class photos, "
        f"{len(promised.took_part)} participations, {len(promised.by_hand)} entries by hand sent again; "
        f"never answered: {len(promised.open)}\n"
    )
