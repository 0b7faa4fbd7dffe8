"""The MongoDB server goes away under load and comes back: no wrong answer, nothing acknowledged lost, no restart.

``PRESENTE_TEST_OUTAGE=10 python -m pytest tests/server/test_outage.py -s`` keeps it away for ten seconds.
"""

import base64
import json
import os
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLE
from tests.mongo_server import MongoServer, binary
from tests.server.sample import STUDENTS

AWAY_S = float(os.environ.get("PRESENTE_TEST_OUTAGE", "3"))
STRANGER = base64.b64encode((SAMPLE / "strangers" / "01.jpg").read_bytes()).decode()


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[MongoServer]:
    if not binary().exists():
        pytest.skip("no MongoDB server that can be stopped: build one with `make mongoserver` (needs Go)")
    server = MongoServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def store_url(mongo: MongoServer) -> str:
    return f"{mongo.url}/presente"


class Load:
    """Clients that identify and enrol without a pause, and what they were told."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.stop = threading.Event()
        self.answers: list[tuple[float, float, int, str]] = []
        self.wrong: list[str] = []
        self.enrolled: list[str] = []
        self.threads = [threading.Thread(target=self.identify, args=(number,)) for number in range(6)]
        self.threads += [threading.Thread(target=self.enrol, args=(number,)) for number in range(2)]

    def ask(self, *arguments: Any) -> Any:
        """A reply, or None when the answer was an error; either is noted with when and how long."""
        began = time.monotonic()
        status, code, reply = 200, "", None
        try:
            reply = self.running.ask(*arguments)
        except urllib.error.HTTPError as error:
            status, code = error.code, json.loads(error.read())["code"]
            error.close()
        self.answers.append((began, time.monotonic() - began, status, code))
        return reply

    def identify(self, number: int) -> None:
        while not self.stop.is_set():
            student = STUDENTS[(number + len(self.answers)) % len(STUDENTS)]
            photo = (SAMPLE / "probes" / student["matricula"] / "1.jpg").read_bytes()
            reply = self.ask("/v1/identify", photo)
            if reply is not None and [face["matricula"] for face in reply["faces"]] != [student["matricula"]]:
                self.wrong.append(f"{student['matricula']}: {reply['faces']}")

    def enrol(self, number: int) -> None:
        step = 0
        while not self.stop.is_set():
            step += 1
            fields = {"matricula": f"N{number}-{step}", "nombre_del_alumno": "N", "image": STRANGER}
            if self.ask("/v1/students", json.dumps(fields).encode(), "application/json") is not None:
                self.enrolled.append(fields["matricula"])
            time.sleep(0.05)


def test_the_mongodb_server_goes_away_and_comes_back(mongo: MongoServer, serve: Any, command: Any) -> None:
    command("indexer", "add", SAMPLE / "students.csv")
    load = Load(serve())
    for thread in load.threads:
        thread.start()
    time.sleep(1.5)
    left = time.monotonic()
    mongo.stop()
    time.sleep(AWAY_S)
    mongo.start()
    back = time.monotonic()
    time.sleep(4)
    load.stop.set()
    for thread in load.threads:
        thread.join()
    assert load.wrong == []
    errors = {(status, code) for _, _, status, code in load.answers if status != 200}
    assert errors == {(503, "store_unavailable")}
    slowest = max(took for began, took, _, _ in load.answers if left < began < back)
    assert all(status == 200 for began, _, status, _ in load.answers if began > back + 3)
    assert sum(began > back for began, _, status, _ in load.answers if status == 200) > 20
    listed = {student["matricula"] for student in load.running.ask("/v1/students?limit=1000")["students"]}
    assert set(load.enrolled) <= listed and len(load.enrolled) > 5
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    refused = sum(status == 503 for _, _, status, _ in load.answers)
    sys.stdout.write(
        f"away {AWAY_S:.0f} s: {len(load.answers)} answers, {refused} of them 503, none wrong; the slowest 503 took "
        f"{slowest:.1f} s; {len(load.enrolled)} enrolments acknowledged and there\n"
    )
