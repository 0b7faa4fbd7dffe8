"""``python -m evaluation calibrate`` on the sample class. ``python -m benchmarks.calibration`` tries strangers."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.consolidation import consolidate
from gallery.threshold.impostor_scores import from_gallery, strangers_of
from tests.conftest import SAMPLE, Command, on_sqlite, unit


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_calibrate_then_ask_for_a_rate(command: Command) -> None:
    photo, rate = SAMPLE / "probes" / "A0178" / "1.jpg", {"PRESENTE_THRESHOLD": "fpir=0.001"}
    refused = command("evaluation", "predict", photo, **rate)
    assert refused.returncode == 2 and "not_calibrated" in refused.stderr
    done = command("evaluation", "calibrate", "--fpir", "0.01", "--json", **rate)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["sources"] == {"left out": 96} and result["people"] == 24
    assert not result["supported"] and "more non-mated" in result["doubt"]  # 24 people cannot show one in a hundred
    command("indexer", "compact")  # rebuilding the index leaves the calibration alone
    told = command("evaluation", "predict", photo, "--json")
    assert told.returncode == 0, told.stderr
    own = json.loads(told.stdout)
    asked = json.loads(command("evaluation", "predict", photo, "--json", **rate).stdout)
    # An unsupported rate does not lower the pack's threshold: here strangers look more like students than classmates.
    assert own["threshold"] == asked["threshold"] == result["threshold"] == 0.8 > result["rates"][4]["threshold"]
    face = asked["photos"][0]["faces"][0]
    assert face["decision"] == "known" and 0 < face["fpir"] < 0.001
    for arguments, code in (
        (("--fpir", "0"), "invalid_fpir"),
        (("--unknown", SAMPLE / "strangers"), "too_few_searches"),
    ):
        wrong = command("evaluation", "calibrate", *arguments)
        assert wrong.returncode == 2 and code in wrong.stderr


def test_searches_by_hand() -> None:
    students = consolidate([("a", row([1, 0, 0])), ("a", row([1, 1, 0])), ("b", row([0, 1, 0]))], "served")
    cohort = consolidate([("z", row([0, 0, 1]))], "served")
    found = from_gallery(students, cohort)
    # No one is compared with their own photos; b scores with both of a's, whose mean is 22.5 degrees from each.
    with_a = (np.cos(np.pi / 4) + np.cos(3 * np.pi / 8)) / 2
    assert found.scores == pytest.approx([0, 0.7071, with_a, 0], abs=1e-4)
    assert found.subjects == ("a", "a", "b", "z") and found.sources == ("left out",) * 3 + ("cohort",)
    assert strangers_of([("z", row([0, 3, 4]))], students).scores == pytest.approx([0.6])


def row(values: list[float]) -> np.ndarray:
    return unit(np.array(values))


@on_sqlite
def test_a_gallery_that_grows_is_calibrated_again(command: Command, tmp_path: Path) -> None:
    for student in sorted((SAMPLE / "students").iterdir())[:10]:
        (tmp_path / "ten" / student.name).parent.mkdir(exist_ok=True)
        (tmp_path / "ten" / student.name).symlink_to(student)
    assert json.loads(command("indexer", "add", "ten", "--json").stdout)["done"] == 40
    assert json.loads(command("evaluation", "calibrate", "--fpir", "0.02", "--json").stdout)["people"] == 10
    assert json.loads(command("indexer", "add", "ten", "--json").stdout)["notes"] == []
    report = json.loads(command("indexer", "add", SAMPLE / "students.csv", "--json").stdout)
    (note,) = report["notes"]
    assert "10 people were enrolled" in note and "24 are now" in note and "by 96 searches" in note
    assert json.loads(command("indexer", "compact", "--json").stdout)["notes"] == []
