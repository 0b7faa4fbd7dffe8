"""An error after the photos never costs the report: it is printed, and it and the exit code tell of the error.

A test that cannot cause a failure from outside raises it inside the command, where a library would.
"""

import csv
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from presente.composition import open_store
from tests import programs
from tests.conftest import SAMPLE, on_sqlite

SHEET = SAMPLE / "students.csv"
Run = Callable[..., subprocess.CompletedProcess[str]]

REFIT, PUBLISH, OPEN, HISTORY, PHOTOS = (
    "gallery.recalibration.refit",
    "gallery.index.document_index.DocumentIndex.publish",
    "presente.composition.open_gallery",
    "indexer.pipeline.enrol_source.record_past_attendance",
    "gallery.threshold.impostor_scores.enrolled_people",
)
FAILS = """
import importlib, logging, sys
import numpy as np
from presente.errors import StoreError
import indexer.pipeline.enrol_source, gallery.threshold.impostor_scores, gallery.index.document_index
import presente.composition

def fail(*_, **__):
    raise {error}
where = {where!r}.split(".")
owner = importlib.import_module(".".join(where[:2]))
for name in where[2:-1]:
    owner = getattr(owner, name)
meant = getattr(owner, where[-1])
for each in [owner, *sys.modules.values()]:  # also where it is imported by name
    if getattr(each, where[-1], None) is meant:
        setattr(each, where[-1], fail)

from indexer.__main__ import build_parser
from presente import cli
logging.basicConfig(level=logging.WARNING)
sys.exit(cli.main(build_parser(), sys.argv[1:]))
"""
AWAY = "StoreError('store_unavailable', 'It went away.', 'Start it.')"
UNEXPECTED = (
    "OverflowError('math range error')",
    "np.linalg.LinAlgError('singular')",
    "MemoryError()",
    "OSError(28, 'No space left on device')",
)
ERRORS = {AWAY: "store_unavailable", "MemoryError()": "internal_error"}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """The sheets of these tests name photos of the sample class."""
    return environment | {"PRESENTE_SHEET_ROOT": str(SAMPLE)}


@pytest.fixture
def failing(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs the indexer with one function replaced by an error."""

    def run(where: str, error: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        code = FAILS.format(where=where, error=error)
        return programs.run(["-c", code, *arguments], tmp_path, environment)

    return run


def sheet_of(folder: Path, students: int, suffix: str = "") -> Path:
    """A sheet of the first students of the sample class; ``suffix`` is added to their matriculas."""
    with SHEET.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[:students]
    path = folder / f"class{students}{suffix}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for row in rows:
            photos = ";".join(str(SAMPLE / name) for name in row["fotos"].split(";"))
            writer.writerow(row | {"fotos": photos, "matricula": row["matricula"] + suffix})
    return path


def outgrown(command: Run, folder: Path) -> Path:
    """Calibrate with a third of the class; the sheet of the whole class outgrows that calibration."""
    assert command("indexer", "add", sheet_of(folder, 8)).returncode == 0
    done = command("evaluation", "calibrate", "--fpir", "0.02")
    assert done.returncode == 0, done.stderr
    return sheet_of(folder, 24)


def calibration_at(store_url: str) -> str | None:
    store = open_store(store_url)
    try:
        return store.calibration()
    finally:
        store.close()


def test_a_class_that_is_imported_under_other_matriculas_too(command: Run, tmp_path: Path, store_url: str) -> None:
    assert command("indexer", "add", sheet_of(tmp_path, 24)).returncode == 0
    assert command("evaluation", "calibrate", "--fpir", "0.02").returncode == 0
    before = calibration_at(store_url)
    done = command("indexer", "add", sheet_of(tmp_path, 24, "-b"), "--json", "--report", "report.txt")
    report = json.loads(done.stdout)
    assert (done.returncode, report["done"], report["stopped"]) == (1, 96, None), done.stderr
    (failure,) = report["failures"]
    assert (failure["step"], failure["code"]) == ("calibration", "enrolled_twice")
    assert "48 of 48 people look enrolled twice" in failure["reason"]
    assert "python -m indexer audit" in failure["reason"] and "python -m indexer compact" in failure["repeat"]
    text = (tmp_path / "report.txt").read_text()
    assert "96 enrolled" in text and "calibration failed" in text
    assert before is not None and calibration_at(store_url) == before
    compacted = command("indexer", "compact", "--json")
    assert compacted.returncode == 1 and json.loads(compacted.stdout)["templates"] == 192
    assert json.loads(compacted.stdout)["failures"][0]["code"] == "enrolled_twice"
    asked = command("evaluation", "calibrate")
    assert asked.returncode == 2 and "enrolled_twice" in asked.stderr and "Traceback" not in asked.stderr


def test_a_calibration_that_fails_costs_no_report(command: Run, failing: Run, tmp_path: Path, store_url: str) -> None:
    sheet = outgrown(command, tmp_path)
    for error, code in ERRORS.items():
        done = failing(PHOTOS, error, "add", sheet, "--json", "--report", tmp_path / "report.txt")
        report = json.loads(done.stdout)
        assert done.returncode == 1 and report["done"] + report["already"] == 96, (error, done.stderr)
        assert [(failure["step"], failure["code"]) for failure in report["failures"]] == [("calibration", code)]
        assert "compact" in report["failures"][0]["repeat"]
        assert "calibration failed" in (tmp_path / "report.txt").read_text()
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    for error in UNEXPECTED if store_url.startswith("sqlite") else UNEXPECTED[:1]:
        compacted = failing(PHOTOS, error, "compact", "--json")
        assert compacted.returncode == 1 and json.loads(compacted.stdout)["templates"] == 96, error
    mended = command("indexer", "compact", "--json")
    assert mended.returncode == 0 and "calibrated again" in json.loads(mended.stdout)["notes"][0]


def test_ctrl_c_during_the_calibration_prints_the_report(command: Run, failing: Run, tmp_path: Path) -> None:
    sheet = outgrown(command, tmp_path)
    done = failing(REFIT, "KeyboardInterrupt()", "add", sheet, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["done"], report["stopped"]) == (130, 64, "interrupted"), done.stderr
    compacted = failing(REFIT, "KeyboardInterrupt()", "compact", "--json")
    assert compacted.returncode == 130 and json.loads(compacted.stdout)["templates"] == 96


@pytest.mark.parametrize("words", [("add", SHEET), ("sync",)], ids=["add", "sync"])
def test_publishing_that_fails_costs_no_report(words: tuple[str | Path, ...], command: Run, failing: Run) -> None:
    if words == ("sync",):
        assert failing(PUBLISH, UNEXPECTED[1], "add", SHEET).returncode == 1
    for error, code in ERRORS.items():
        done = failing(PUBLISH, error, *words, "--json")
        report = json.loads(done.stdout)
        assert done.returncode == 1 and report["left"] == 0, (error, done.stderr)
        assert [(failure["step"], failure["code"]) for failure in report["failures"]] == [("publishing", code)]
    done = failing(PUBLISH, "KeyboardInterrupt()", *words, "--json")
    assert done.returncode == 130 and json.loads(done.stdout)["stopped"] == "interrupted"
    assert json.loads(command("indexer", "verify", "--json").stdout)["templates"] == 96


@on_sqlite
def test_an_index_that_has_no_place_costs_no_report(command: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = command("indexer", "add", SHEET, "--json", PRESENTE_INDEX=str(tmp_path / "file" / "index"))
    report = json.loads(done.stdout)
    assert done.returncode == 1 and report["done"] == 96
    assert report["failures"][0]["code"] == "index_unwritable"


def test_a_gallery_that_does_not_open_after_sync_costs_no_report(command: Run, failing: Run) -> None:
    assert command("indexer", "add", SHEET).returncode == 0
    for error, code in ERRORS.items():
        done = failing(OPEN, error, "sync", "--json")
        report = json.loads(done.stdout)
        assert done.returncode == 1 and [each["code"] for each in report["failures"]] == [code], (error, done.stderr)
    assert failing(OPEN, "KeyboardInterrupt()", "sync", "--json").returncode == 130


def test_a_history_that_cannot_be_recorded_costs_no_report(failing: Run, command: Run) -> None:
    for error, code in ERRORS.items():
        done = failing(HISTORY, error, "add", SHEET, "--json")
        report = json.loads(done.stdout)
        assert done.returncode == 1 and report["done"] + report["already"] == 96, (error, done.stderr)
        assert report["stopped"] == code
    assert json.loads(command("indexer", "verify", "--json").stdout)["templates"] == 96


@on_sqlite
def test_a_report_file_on_a_full_disk_costs_no_report(command: Run) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    done = command("indexer", "add", SHEET, "--json", "--report", "/dev/full")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and report["done"] == 96
    assert report["failures"][0]["step"] == "writing the report" and "No space left" in report["failures"][0]["reason"]
    assert json.loads(command("indexer", "status", "--json").stdout)["generation"] == 1


@on_sqlite
def test_the_reports_file_is_there_when_the_rest_is_killed(failing: Run, tmp_path: Path) -> None:
    """The system kills a process that takes too much memory: nothing is printed then, but the file has the report."""
    kill = f"[__import__('os').kill(__import__('os').getpid(), {int(signal.SIGKILL)}), MemoryError()][1]"
    done = failing(REFIT, kill, "add", SHEET, "--report", tmp_path / "report.txt")
    assert done.returncode == 1 and "SIGKILL" in done.stderr
    assert "96 enrolled" in (tmp_path / "report.txt").read_text()


@on_sqlite
def test_the_text_for_people(command: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = command("indexer", "add", SHEET, PRESENTE_INDEX=str(tmp_path / "file" / "index"))
    assert "96 enrolled" in done.stdout and "publishing failed [index_unwritable]" in done.stdout
    assert "`python -m indexer compact`" in done.stdout and "Traceback" not in done.stderr
