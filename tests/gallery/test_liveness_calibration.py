"""Thresholds of a liveness pack, kept with the gallery."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gallery.documents.note_store import LIVENESS_CALIBRATION
from gallery.threshold import liveness_calibration
from gallery.threshold.liveness_calibration import (
    LivenessCalibration,
    StoredLivenessCalibration,
    photos_needed,
    refused_of,
    store_liveness_calibration,
    stored_liveness_threshold,
)
from presente.composition import open_store
from presente.errors import ConfigError, StoreError

MADE = LivenessCalibration(
    pack="pack@1",
    target=0.1,
    photos=40,
    people=12,
    lowest=tuple(i / 100 for i in range(40)),
    low=0.03,
    high=0.24,
    not_judged=4,
    made_at="2026-01-01T00:00:00+00:00",
)


def test_a_calibration_holds_for_its_pack_and_the_last_one_counts(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(store_url)
    try:
        monkeypatch.setattr(liveness_calibration, "_READ_AGAIN_S", 3600.0)
        asked = StoredLivenessCalibration(store, "pack@1")
        assert asked() is None
        store_liveness_calibration(store, MADE)
        assert stored_liveness_threshold(store, "pack@1") == MADE
        assert asked() is None  # it was read a moment ago
        monkeypatch.setattr(liveness_calibration, "_READ_AGAIN_S", 0.0)
        again = StoredLivenessCalibration(store, "pack@1")
        assert again() == MADE
        assert stored_liveness_threshold(store, "pack@2") is None
        later = replace(MADE, pack="pack@2", target=0.05)
        store_liveness_calibration(store, later)
        assert stored_liveness_threshold(store, "pack@1") is None
        assert stored_liveness_threshold(store, "pack@2") == later
        assert again() is None
        store.notes.write(LIVENESS_CALIBRATION, MADE.to_json()[:-9])
        with pytest.raises(StoreError) as caught:
            stored_liveness_threshold(store, "pack@1")
        assert caught.value.code == "calibration_unreadable" and "--bpcer" in caught.value.fix
    finally:
        store.close()


def test_a_rate_gives_the_score_of_the_next_photo() -> None:
    assert MADE.threshold(0.1) == 0.04  # four of forty lie below
    assert MADE.threshold(0.12) == 0.04  # five would be more than asked
    assert MADE.threshold(0.025) == 0.01 and photos_needed(0.025) == 40
    with pytest.raises(ConfigError) as caught:
        MADE.threshold(0.02)
    assert caught.value.code == "liveness_not_calibrated" and "50 photos" in caught.value.fix
    with pytest.raises(ConfigError):
        replace(MADE, lowest=MADE.lowest[:4]).threshold(0.1)  # it keeps fewer scores than that rate needs
    assert [refused_of(100, rate) for rate in (0.009, 0.01, 0.29)] == [0, 1, 29]
    assert [photos_needed(rate) for rate in (0.01, 0.03, 0.1)] == [100, 34, 10]


@pytest.mark.parametrize(
    "change", [{"lowest": [0.2, 1.5]}, {"lowest": [0.2, 0.1]}, {"lowest": []}, {"target": 0}, {"more": 1}]
)
def test_a_damaged_calibration_is_no_threshold(change: dict[str, object]) -> None:
    text = json.dumps(json.loads(MADE.to_json()) | change)
    with pytest.raises(StoreError) as caught:
        LivenessCalibration.from_json(text)
    assert caught.value.code == "calibration_unreadable"


def test_what_another_version_wrote_is_passed_over() -> None:
    assert LivenessCalibration.from_json(MADE.to_json().replace('"format": 1', '"format": 2')) is None
    assert LivenessCalibration.from_json(MADE.to_json()) == MADE
