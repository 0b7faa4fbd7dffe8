"""Class photos made of portraits: where faces stand, how large they are, and which of them were found again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.composites import (
    Cutout,
    Place,
    cutout,
    empty_room,
    matched,
    paste,
    places,
    share_of_union,
)
from presente.errors import InvalidInput


@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 99))
def test_faces_stand_in_rows_inside_the_photo_and_apart(count: int, rows: int, seed: int) -> None:
    sizes = [20.0 + number % 7 for number in range(count)]
    found = places(sizes, 4000, 3000, rows, seed)
    assert [place.size for place in found] == sizes and found == places(sizes, 4000, 3000, rows, seed)
    for number, one in enumerate(found):
        assert one.size < one.x < 4000 - one.size and one.size < one.y < 3000 - one.size
        for other in found[:number]:
            assert max(abs(one.x - other.x), abs(one.y - other.y)) > 26
    behind = sorted(found, key=lambda place: place.size)
    assert behind[0].y <= behind[-1].y + 3000 / rows  # the smallest are not in front


def test_faces_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInput, match="do not fit"):
        places([300.0] * 40, 1000, 800, None, 1)
    with pytest.raises(InvalidInput, match="1 rows"):
        places([90.0] * 40, 4000, 3000, 1, 1)


def test_a_cutout_leaves_other_faces_out() -> None:
    face = (100.0, 100.0, 160.0, 200.0)
    alone = cutout(face, [], 400, 400)
    assert alone is not None and alone.part == (20.0, 20.0, 240.0, 280.0)  # 0.8 of the longer side
    crowded = cutout(face, [(195.0, 100.0, 260.0, 180.0)], 400, 400)
    assert crowded is not None and crowded.part == (75.0, 75.0, 185.0, 225.0)
    assert cutout(face, [(150.0, 100.0, 210.0, 180.0)], 400, 400) is None


def test_a_face_is_pasted_whole_and_at_its_size() -> None:
    portrait = np.full((400, 400, 3), 250, np.uint8)
    photo = np.zeros((600, 800, 3), np.uint8)
    cut = Cutout((20.0, 20.0, 240.0, 280.0), (100.0, 100.0, 160.0, 200.0))
    box = paste(photo, portrait, cut, Place(300, 200, 30))
    assert np.allclose(box, (285, 175, 315, 225), atol=1.5)
    x1, y1, x2, y2 = (round(edge) for edge in box)
    assert photo[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1].min() >= 249  # nothing of the face is blended away
    rows, columns = np.nonzero(photo[:, :, 0])
    assert rows.max() - rows.min() < 132 and columns.max() - columns.min() < 112
    assert 0 < photo[rows.min() + 1 :, round((x1 + x2) / 2), 0][0] < 200  # a soft edge
    at_the_corner = paste(photo, portrait, cut, Place(2, 2, 30))
    assert at_the_corner[0] < 0 < at_the_corner[2]


def test_a_room_is_the_same_for_a_seed() -> None:
    one = empty_room(400, 300, 3)
    assert one.shape == (300, 400, 3) and one.dtype == np.uint8
    assert np.array_equal(one, empty_room(400, 300, 3)) and not np.array_equal(one, empty_room(400, 300, 4))
    assert len(np.unique(one)) > 50  # unevenly lit, with grain


def test_each_found_box_is_at_most_one_true_one() -> None:
    truth = [(0.0, 0.0, 10.0, 10.0), (5.0, 0.0, 15.0, 10.0), (50.0, 50.0, 60.0, 60.0)]
    assert share_of_union(truth[0], truth[1]) == pytest.approx(1 / 3)
    assert matched(truth, [(4.0, 0.0, 14.0, 10.0)], 0.35) == [None, 0, None]
    assert matched(truth, [(4.0, 0.0, 14.0, 10.0), (1.0, 0.0, 11.0, 10.0)], 0.35) == [1, 0, None]
    assert matched(truth, [(100.0, 0.0, 110.0, 10.0)], 0.35) == [None] * 3 and matched([], truth, 0.35) == []
