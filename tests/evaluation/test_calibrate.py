"""``python -m evaluation calibrate`` as people run it. On people it never saw: ``python -m benchmarks.calibration``."""

import json

import numpy as np
import pytest

from evaluation.calibrating import from_gallery, strangers_of
from evaluation.consolidation import consolidate
from tests.conftest import SAMPLE, unit


def test_calibrate_then_ask_for_a_rate(command) -> None:  # type: ignore[no-untyped-def]
    photo, rate = SAMPLE / "probes" / "A0178" / "1.jpg", {"PRESENTE_THRESHOLD": "fpir=0.001"}
    command("indexer", "add", SAMPLE / "students.csv")
    refused = command("evaluation", "predict", photo, **rate)
    assert refused.returncode == 2 and "not_calibrated" in refused.stderr
    done = command("evaluation", "calibrate", "--fpir", "0.01", "--json", **rate)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["sources"] == {"left out": 96} and result["people"] == 24
    assert not result["supported"] and "more non-mated" in result["doubt"]  # 24 people cannot show one in a hundred
    command("indexer", "compact")  # a rebuild of the index does not touch it
    told = command("evaluation", "predict", photo, "--json")
    assert told.returncode == 0, told.stderr
    own = json.loads(told.stdout)
    asked = json.loads(command("evaluation", "predict", photo, "--json", **rate).stdout)
    # What the data cannot show does not lower the pack's threshold: strangers look more alike than classmates here.
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
    students = consolidate([("a", row([1, 0, 0])), ("a", row([1, 1, 0])), ("b", row([0, 1, 0]))], "best")
    cohort = consolidate([("z", row([0, 0, 1]))], "best")
    found = from_gallery(students, cohort)
    assert found.scores == pytest.approx([0, 0.7071, 0.7071, 0], abs=1e-4)  # never with one's own photos
    assert found.subjects == ("a", "a", "b", "z") and found.sources == ("left out",) * 3 + ("cohort",)
    assert strangers_of([("z", row([0, 3, 4]))], students).scores == pytest.approx([0.6])


def row(values: list[float]) -> np.ndarray:
    return unit(np.array(values))
