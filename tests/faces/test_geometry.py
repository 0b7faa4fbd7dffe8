"""Detection's canvas and alignment: pure geometry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insightface.utils.face_align import norm_crop

from faces.alignment import REFERENCE, align, similarity_transform
from faces.detection.detected_face import DetectedFace, most_prominent
from faces.detection.views import paint, plan_canvas, whole

SIDES = st.integers(16, 9000)


@given(SIDES, SIDES, st.sampled_from([0.0, 0.125, 0.25]), st.sampled_from([256, 640]))
def test_canvas_never_upscales_and_keeps_its_border(height: int, width: int, border: float, side: int) -> None:
    canvas = plan_canvas(height, width, DetectionSettings(max_side=side, border=border))
    inner_h, inner_w = round(height * canvas.scale), round(width * canvas.scale)
    assert canvas.scale <= 1.0
    assert max(inner_h, inner_w) <= side
    assert canvas.width % 32 == 0 and canvas.height % 32 == 0
    margin = border * max(inner_h, inner_w)
    assert canvas.left >= margin - 1 or border == 0
    assert canvas.left + inner_w <= canvas.width and canvas.top + inner_h <= canvas.height


def test_a_small_photo_costs_a_small_canvas() -> None:
    canvas = plan_canvas(218, 178, DetectionSettings())
    assert (canvas.width, canvas.height, canvas.scale) == (256, 288, 1.0)


def test_canvas_holds_the_photo() -> None:
    photo = np.full((50, 70, 3), 200, np.uint8)
    canvas = plan_canvas(50, 70, DetectionSettings())
    painted = paint_canvas(photo, canvas)
    assert (painted[canvas.top : canvas.top + 50, canvas.left : canvas.left + 70] == 200).all()
    assert int((painted == 200).sum()) == photo.size


def test_alignment_agrees_with_insightface() -> None:
    chance = np.random.default_rng(3)
    photo = chance.integers(0, 255, (300, 300, 3), dtype=np.uint8)
    for _ in range(20):
        turn, scale = chance.uniform(-0.6, 0.6), chance.uniform(0.5, 2.0)
        rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        landmarks = (REFERENCE @ rotation.T + chance.uniform(20, 60, 2) + chance.normal(0, 2, (5, 2))).astype(
            np.float32
        )
        ours, theirs = align(photo, landmarks).astype(int), norm_crop(photo, landmarks).astype(int)
        assert np.abs(ours - theirs).max() <= 1


def test_alignment_of_the_reference_is_the_identity() -> None:
    assert np.allclose(similarity_transform(REFERENCE), [[1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_landmarks_in_one_point_are_an_error() -> None:
    with pytest.raises(ValueError, match="no direction"):
        similarity_transform(np.full((5, 2), 7.0))


def face(x1: float, y1: float, x2: float, y2: float) -> DetectedFace:
    return DetectedFace(np.array([x1, y1, x2, y2], np.float32), np.zeros((5, 2), np.float32), 0.9)


def test_the_prominent_face_is_large_and_central() -> None:
    corner, middle, tiny = face(0, 0, 60, 60), face(80, 80, 130, 130), face(98, 98, 102, 102)
    assert most_prominent([corner, middle, tiny], 200, 200) == 1
    assert most_prominent([face(0, 0, 190, 190), middle], 200, 200) == 0
