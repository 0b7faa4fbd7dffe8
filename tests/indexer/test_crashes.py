"""A photo that crashes a decoder, and with it the process: the run goes on without the photo and reports it."""

import faulthandler
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from presente.supervisor import SupervisedRun, supervise
from tests import programs
from tests.conftest import ROOT, SAMPLE

CRASHES = """
import signal, sys
import faces.image.decoder as decoder

decode = decoder.decode
def deadly(data, *rest, **more):  # stands for a library with a bug
    if b"deadly" in data[-20:]:
        signal.raise_signal(signal.SIGSEGV)  # in this thread, as a bug does
    return decode(data, *rest, **more)
decoder.decode = deadly

from indexer.__main__ import build_parser
from presente import cli
sys.exit(cli.main(build_parser(), sys.argv[1:]))
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The first ten students, with three photos that make the script above crash."""
    folder = tmp_path / "photos"
    for student in sorted((SAMPLE / "students").iterdir())[:10]:
        shutil.copytree(student, folder / student.name)
    for student in sorted(folder.iterdir())[2:9:3]:
        first = sorted(student.iterdir())[0]
        (student / "deadly.jpg").write_bytes(first.read_bytes() + b"deadly")
    return folder


def run(environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    return programs.run(["-c", CRASHES, *words], ROOT, environment)


def test_a_run_survives_photos_that_crash_it(photos: Path, environment: dict[str, str]) -> None:
    done = run(environment, "add", photos, "--json", "--workers", "3")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and report["reasons"] == {"crashed": 3}, done.stderr
    assert {Path(entry["location"]).name for entry in report["refusals"]} == {"deadly.jpg"}
    assert (report["photos"], report["done"], report["already"], report["left"]) == (43, 40, 0, 0)
    again = json.loads(run(environment, "add", photos, "--json").stdout)
    assert (again["done"], again["already"], again["refused"]) == (0, 40, 3)
    verified = programs.run(["-m", "indexer", "verify", "--json"], ROOT, environment)
    assert json.loads(verified.stdout)["agrees"] and json.loads(verified.stdout)["templates"] == 40


def crash(_: SupervisedRun) -> int:
    faulthandler.disable()  # pytest's, which would print a traceback
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def crash_at_something(attempt: SupervisedRun) -> int:
    with attempt.journal.at("anything"):
        return crash(attempt)


def test_a_run_that_only_crashes_ends() -> None:
    assert supervise(crash) == supervise(crash_at_something) == 1
    assert supervise(lambda _: 7) == 7


def test_a_process_that_is_killed_on_purpose_is_not_started_again() -> None:
    assert supervise(lambda _: os.kill(os.getpid(), signal.SIGKILL)) == 1  # type: ignore[arg-type, return-value]


def test_the_child_ends_when_the_run_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom presente.supervisor import supervise\n"
        "def run(_):\n    while True:\n        open(sys.argv[1], 'a').write('x')\n        time.sleep(0.02)\n"
        "supervise(run)"
    )
    written = tmp_path / "written"
    process = subprocess.Popen([sys.executable, "-c", script, str(written)], cwd=ROOT)
    while not written.exists():
        time.sleep(0.02)
    process.kill()
    process.wait(10)
    time.sleep(0.3)
    before = written.stat().st_size
    time.sleep(0.3)
    assert written.stat().st_size == before
