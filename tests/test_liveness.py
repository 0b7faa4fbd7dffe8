"""Where liveness is judged, by the setting, and what becomes of a score."""

import pytest

from faces.liveness.values import LivenessScore
from gallery.threshold.liveness_calibration import LivenessCalibration
from presente.composition import liveness_policy, open_liveness_reader
from presente.errors import ConfigError
from presente.liveness import LivenessPoint, LivenessPolicy, decided
from presente.settings import Settings, load_settings
from presente.settings.liveness import LivenessModes, TargetBpcer, liveness_modes, score_or_bpcer

TAG = "mine@0123456789ab"


SCORES = tuple(i / 10 for i in range(10)) + (1.0,) * 90
STORED = LivenessCalibration(TAG, 0.02, 100, 100, SCORES, 0.0, 0.1, 0, "2026-01-01T00:00:00+00:00")
"""A calibration whose threshold is ten times the rate."""


def stored() -> LivenessCalibration:
    return STORED


@pytest.mark.parametrize(
    ("text", "modes", "written"),
    [
        ("off", LivenessModes(), "off"),
        ("", LivenessModes(), "off"),
        ("enforce", LivenessModes("enforce", "enforce", "enforce"), "enforce"),
        (
            "attendance=enforce  identify=observe",
            LivenessModes("observe", "off", "enforce"),
            "identify=observe attendance=enforce",
        ),
        ("verify=observe attendance=off", LivenessModes(verify="observe"), "verify=observe"),
    ],
)
def test_modes_are_read_and_written(text: str, modes: LivenessModes, written: str) -> None:
    assert liveness_modes(text) == modes and str(modes) == written and liveness_modes(str(modes)) == modes
    assert modes.is_on is (written != "off")
    assert [modes.of("identify"), modes.of("verify"), modes.of("attendance")] == [
        modes.identify,
        modes.verify,
        modes.attendance,
    ]


@pytest.mark.parametrize(
    "text",
    ["on", "enforce off", "enrol=observe", "identify=on", "identify", "identify=off identify=observe", "identify=off,"],
)
def test_modes_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="identify, verify, attendance"):
        liveness_modes(text)


def test_thresholds_are_read() -> None:
    assert (score_or_bpcer(""), score_or_bpcer("0.7"), score_or_bpcer("1")) == (None, 0.7, 1.0)
    assert score_or_bpcer("bpcer=0.01") == TargetBpcer(0.01) and str(TargetBpcer(0.01)) == "bpcer=0.01"
    for wrong in ("-0.1", "1.1", "bpcer=0", "bpcer=0.5", "bpcer=x", "fpir=0.1", "nan"):
        with pytest.raises(ValueError, match="must be"):
            score_or_bpcer(wrong)


def test_a_score_by_a_threshold() -> None:
    point = LivenessPoint(0.5, "here")
    said = [decided(LivenessScore(score, TAG), point) for score in (0.5, 0.4999, 1.0, 0.0)]
    assert said == ["live", "attack", "live", "attack"]
    assert decided(LivenessScore(None, TAG, "too_small"), point) == "not_judged"


def test_the_threshold_is_the_settings_else_the_stored_else_the_packs() -> None:
    modes = LivenessModes("observe", "off", "enforce")
    own = LivenessPolicy(modes, TAG, 0.4)
    assert own.point() == LivenessPoint(0.4, f"pack {TAG}")
    assert (own.mode("identify"), own.mode("verify"), own.mode("attendance")) == ("observe", "off", "enforce")
    kept = LivenessPolicy(modes, TAG, 0.4, calibration=stored)
    assert kept.point() == LivenessPoint(0.2, "calibrated bpcer=0.02")
    assert kept.decision(LivenessScore(0.3, TAG)) == "live" and own.decision(LivenessScore(0.3, TAG)) == "attack"
    asked = LivenessPolicy(modes, TAG, 0.4, TargetBpcer(0.05), "flag", stored)
    assert asked.point() == LivenessPoint(0.5, "calibrated bpcer=0.05")
    given = LivenessPolicy(modes, TAG, 0.4, 0.9, "PRESENTE_LIVENESS_THRESHOLD", stored)
    assert given.point() == LivenessPoint(0.9, "PRESENTE_LIVENESS_THRESHOLD")


def test_a_rate_without_a_calibration_says_how_to_get_one() -> None:
    with pytest.raises(ConfigError, match=r"bpcer=0\.01") as caught:
        LivenessPolicy(LivenessModes(), TAG, 0.4, TargetBpcer(0.01)).point()
    assert caught.value.code == "liveness_not_calibrated" and "calibrate --bpcer 0.01" in caught.value.fix


def test_the_settings_make_the_policy() -> None:
    settings = load_settings(environment={"PRESENTE_LIVENESS": "verify=enforce", "PRESENTE_LIVENESS_THRESHOLD": "0.65"})
    reader = open_liveness_reader(settings)
    policy = liveness_policy(settings, reader)
    assert policy.mode("verify") == "enforce" and policy.tag == reader.pack.tag
    assert policy.point() == LivenessPoint(0.65, "PRESENTE_LIVENESS_THRESHOLD")
    off = liveness_policy(Settings(), None)
    assert off.mode("attendance") == "off" and off.tag == ""
