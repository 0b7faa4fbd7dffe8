"""The threshold of a liveness pack, kept with the gallery."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gallery.documents.note_store import LIVENESS_CALIBRATION
from gallery.threshold.liveness_calibration import (
    LivenessCalibration,
    store_liveness_calibration,
    stored_liveness_threshold,
)
from presente.composition import open_store
from presente.errors import StoreError

KEPT = LivenessCalibration(
    "pack@1", 0.01, 0.4375, 300, 120, 3, 0.003, 0.029, 4, "2026-01-01T00:00:00+00:00"
)  # fmt: skip


def test_a_calibration_holds_for_its_pack_and_the_last_one_counts(store_url: str) -> None:
    store = open_store(store_url)
    try:
        assert stored_liveness_threshold(store, "pack@1") is None
        store_liveness_calibration(store, KEPT)
        assert stored_liveness_threshold(store, "pack@1") == KEPT
        assert stored_liveness_threshold(store, "pack@2") is None
        later = replace(KEPT, pack="pack@2", threshold=0.75)
        store_liveness_calibration(store, later)
        assert stored_liveness_threshold(store, "pack@1") is None
        assert stored_liveness_threshold(store, "pack@2") == later
    finally:
        store.close()
    again = open_store(store_url)
    try:
        assert stored_liveness_threshold(again, "pack@2") == later
        again.notes.write(LIVENESS_CALIBRATION, KEPT.to_json()[:-9])
        with pytest.raises(StoreError) as caught:
            stored_liveness_threshold(again, "pack@1")
        assert caught.value.code == "calibration_unreadable" and "--bpcer" in caught.value.fix
    finally:
        again.close()


@pytest.mark.parametrize("change", [{"threshold": 1.5}, {"bpcer": 0}, {"threshold": None}, {"more": 1}])
def test_a_damaged_calibration_is_no_threshold(change: dict[str, object]) -> None:
    text = json.dumps(json.loads(KEPT.to_json()) | change)
    with pytest.raises(StoreError) as caught:
        LivenessCalibration.from_json(text)
    assert caught.value.code == "calibration_unreadable"


def test_what_another_version_wrote_is_passed_over() -> None:
    assert LivenessCalibration.from_json(KEPT.to_json().replace('"format": 1', '"format": 2')) is None
    assert LivenessCalibration.from_json(KEPT.to_json()) == KEPT
    assert KEPT.described == "calibrated bpcer=0.01"
