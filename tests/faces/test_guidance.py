"""Advice about faces: the bounds, and that none is looser than the rule by which enrolment refuses."""

import pytest

from faces.quality import GOOD_QUALITY, Quality, QualityRules

GOOD = {"size": 100.0, "sharpness": 300.0, "yaw": 0.1, "detection_score": 0.9, "brightness": 120.0, "roll": 3.0}


@pytest.mark.parametrize(
    ("measure", "value", "code"),
    [
        ("brightness", 49.0, "too_dark"),
        ("brightness", 206.0, "too_bright"),
        ("size", 39.0, "too_small"),
        ("yaw", 0.81, "turned"),
        ("yaw", -0.81, "turned"),
        ("roll", 21.0, "tilted"),
        ("roll", -21.0, "tilted"),
        ("sharpness", 17.0, "not_sharp"),
    ],
)
def test_each_measure_has_its_code(measure: str, value: float, code: str) -> None:
    assert GOOD_QUALITY.faults(GOOD) == []
    assert GOOD_QUALITY.faults(GOOD | {measure: value}) == [code]


def test_what_an_earlier_version_did_not_measure_is_passed_over() -> None:
    assert GOOD_QUALITY.faults({name: GOOD[name] for name in ("size", "sharpness", "yaw")}) == []
    assert GOOD_QUALITY.faults({"size": 5.0}) == ["too_small"] and GOOD_QUALITY.faults({}) == []


@pytest.mark.parametrize(("measure", "value"), [("size", 19.0), ("sharpness", 0.5), ("yaw", 3.5), ("yaw", -3.5)])
def test_a_face_that_enrolment_refuses_is_never_ok(measure: str, value: float) -> None:
    values = GOOD | {measure: value}
    refused = list(QualityRules().broken(Quality(**values)))
    assert len(refused) == 1 and refused == GOOD_QUALITY.faults(values)
