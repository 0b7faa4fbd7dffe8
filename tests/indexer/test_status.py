"""``status`` shows the threshold in force, the calibration, and a pack that cannot be used, and never fails for it."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.conftest import SAMPLE, Command, on_sqlite

pytestmark = on_sqlite


def status(command: Command, *flags: str | Path, **environment: str) -> dict[str, Any]:
    done = command("indexer", "status", "--json", *flags, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def text(command: Command, *flags: str | Path) -> str:
    done = command("indexer", "status", *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pack(folder: Path, **described: object) -> Path:
    """A copy of the sample pack with some fields of its description replaced; None leaves a field out."""
    shutil.copytree(SAMPLE / "models" / "sample", folder)
    fields = json.loads((folder / "pack.json").read_text()) | described
    (folder / "pack.json").write_text(json.dumps({name: value for name, value in fields.items() if value is not None}))
    return folder


def test_the_threshold_in_force_and_where_it_comes_from(command: Command, store_url: str, tmp_path: Path) -> None:
    found = status(command)
    assert (found["threshold"], found["threshold_source"], found["calibration"]) == (0.8, "pack sample", None)
    assert found["problems"] == [] and found["model_pack"].startswith("sample@")
    assert "threshold        0.8 (the threshold that pack sample declares)" in text(command)
    assert "calibration      none; to make one: python -m evaluation calibrate" in text(command)
    undeclared = pack(tmp_path / "undeclared", threshold=None)
    found = status(command, "--pack", undeclared)
    assert (found["threshold"], found["threshold_source"]) == (0.42, "default")
    words = "0.42 (the general default, because pack sample declares no threshold)"
    assert words in text(command, "--pack", undeclared)
    found = status(command, PRESENTE_THRESHOLD="0.5")
    assert (found["threshold"], found["threshold_source"]) == (0.5, "PRESENTE_THRESHOLD")


def test_the_calibration(command: Command, store_url: str) -> None:
    command("indexer", "add", SAMPLE / "students.csv")
    asked = status(command, PRESENTE_THRESHOLD="fpir=0.01")
    assert asked["threshold"] is None and [problem["code"] for problem in asked["problems"]] == ["not_calibrated"]
    assert command("evaluation", "calibrate", "--fpir", "0.05").returncode == 0
    found = status(command)
    assert found["threshold_source"] == "calibrated fpir=0.05" and found["calibration"]["target"] == 0.05
    assert found["calibration"]["people"] == 24 and found["calibration"]["searches"] == 96
    assert "24 people, for fpir=0.05" in text(command)


def test_a_pack_that_is_missing_or_does_not_match(command: Command, store_url: str, tmp_path: Path) -> None:
    command("indexer", "add", SAMPLE / "students.csv")
    missing = status(command, "--pack", "nonesuch")
    assert [problem["code"] for problem in missing["problems"]] == ["pack_not_found"]
    assert missing["pack"].startswith("sample@") and missing["templates"] == 96
    assert (missing["model_pack"], missing["threshold"], missing["threshold_source"]) == (None, None, None)
    other = pack(tmp_path / "other pack", name="other", flip=True)
    mismatch = status(command, "--pack", other)
    (problem,) = mismatch["problems"]
    assert problem["code"] == "pack_mismatch" and f"sync --pack '{other}'" in problem["fix"]
    assert mismatch["threshold"] is None and mismatch["model_pack"].startswith("other@")
    shown = text(command, "--pack", other)
    assert "PROBLEM [pack_mismatch]" in shown and "threshold        unknown: see the problem at the end" in shown
