"""Detection's canvas and alignment: pure geometry."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insightface.utils.face_align import norm_crop

from faces.alignment import REFERENCE, SIZE, align, similarity_transform
from faces.detection.detected_face import DetectedFace, most_prominent
from faces.detection.views import View, inner_edges, paint, plan_canvas, tiles, to_photo, whole
from faces.opencv import cv2

SIDES = st.integers(16, 9000)


@given(SIDES, SIDES, st.sampled_from([0.0, 0.125, 0.25]), st.sampled_from([256, 640]), st.integers(0, 3))
def test_canvas_never_upscales_and_keeps_its_border(
    height: int, width: int, border: float, side: int, turns: int
) -> None:
    view = whole(height, width, side, border, turns)
    canvas = plan_canvas(view)
    inner_h, inner_w = view.inner[::-1] if turns % 2 else view.inner
    assert view.scale <= 1.0
    assert max(inner_h, inner_w) <= side
    assert canvas.width % 32 == 0 and canvas.height % 32 == 0
    margin = border * max(inner_h, inner_w)
    assert canvas.left >= margin - 1 or border == 0
    assert canvas.left + inner_w <= canvas.width and canvas.top + inner_h <= canvas.height


def test_a_small_photo_costs_a_small_canvas() -> None:
    view = whole(218, 178, 640, 0.125)
    canvas = plan_canvas(view)
    assert (canvas.width, canvas.height, view.scale) == (256, 288, 1.0)


def test_canvas_holds_the_photo() -> None:
    photo = np.full((50, 70, 3), 200, np.uint8)
    view = whole(50, 70, 640, 0.125)
    canvas = plan_canvas(view)
    painted = paint(photo, view, canvas)
    assert (painted[canvas.top : canvas.top + 50, canvas.left : canvas.left + 70] == 200).all()
    assert int((painted == 200).sum()) == photo.size


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("part", [(0, 0, 70, 50), (20, 10, 61, 43)])
def test_a_point_of_the_canvas_leads_back_to_the_photo(turns: int, part: tuple[int, int, int, int]) -> None:
    """One white pixel is found where it is, whichever part is seen, however it is turned."""
    photo = np.zeros((50, 70, 3), np.uint8)
    photo[30, 40] = 255
    view = View(*part, scale=1.0, turns=turns, border=0.2)
    canvas = plan_canvas(view)
    painted = paint(photo, view, canvas)
    (row, column), *others = np.argwhere(painted[:, :, 0] == 255)
    assert not others
    middle = to_photo(np.array([[column + 0.5, row + 0.5]]), view, canvas)
    assert middle == pytest.approx(np.array([[40.5, 30.5]]))


@given(st.integers(100, 9000), st.integers(100, 9000), st.floats(0.05, 1.0), st.integers(200, 900))
def test_tiles_cover_the_photo_and_overlap(height: int, width: int, scale: float, side: int) -> None:
    overlap = side // 4
    views = tiles(height, width, scale, side, overlap)
    assert max(max(view.inner) for view in views) <= side + 2
    for low, high, length in (("left", "right", width), ("top", "bottom", height)):
        pieces = sorted({(getattr(view, low), getattr(view, high)) for view in views})
        assert pieces[0][0] == 0 and pieces[-1][1] == length
        for (_, end), (start, _) in itertools.pairwise(pieces):
            assert (end - start) * scale >= overlap - 1e-6
    few = math.ceil(max(height, width) * scale / (side - overlap)) + 1
    assert len(views) <= few**2


def test_a_view_has_edges_of_its_own_inside_the_photo() -> None:
    assert list(inner_edges(View(0, 0, 70, 50, 1.0), 50, 70)) == []
    assert dict(inner_edges(View(10, 0, 60, 50, 1.0), 50, 70)) == {0: 10.0, 2: 60.0}


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


def test_a_large_face_is_averaged_not_sampled() -> None:
    """A crop of a face with twenty times as many pixels has no noise of single pixels, and lies where it lay."""
    chance = np.random.default_rng(5)
    waves = np.sin(np.arange(SIZE) / 9)[:, None] * np.cos(np.arange(SIZE) / 7)[None, :]
    small = np.repeat((127 + 100 * waves)[:, :, None], 3, axis=2)
    for times, turn in ((2, 0.0), (5, 0.3), (20, -0.7)):
        rotation = times * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        side = int(times * SIZE * 1.6)
        shift = np.array([side / 2, side / 2]) - rotation @ np.array([SIZE / 2, SIZE / 2])
        large = cv2.warpAffine(
            small, np.hstack([rotation, shift[:, None]]), (side, side), borderMode=cv2.BORDER_REFLECT
        )
        noisy = np.clip(large + chance.normal(0, 25, large.shape), 0, 255).astype(np.uint8)
        crop = align(noisy, REFERENCE @ rotation.T + shift).astype(float)
        inside = np.abs(crop - small)[8:-8, 8:-8]
        assert inside.mean() < 25 / times + 1.5, times
        assert np.abs(align(large.astype(np.uint8), REFERENCE @ rotation.T + shift) - small)[8:-8, 8:-8].mean() < 1.5


def test_a_large_face_at_the_edge_has_black_outside() -> None:
    photo = np.full((900, 900, 3), 255, np.uint8)
    crop = align(photo, REFERENCE * 6 - 300)
    assert (crop[:45, :45] < 255).any() and (crop[60:, 60:] == 255).all() and (crop[:40, :] == 0).all()


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
