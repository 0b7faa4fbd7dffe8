"""Several looks at one photo to each of its faces once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faces.detection.detected_face import DetectedFace
from faces.detection.merging import Sighting, joined, merged, same_face


def face(x1: float, y1: float, x2: float, y2: float, score: float) -> DetectedFace:
    return DetectedFace(np.array([x1, y1, x2, y2], np.float32), np.zeros((5, 2), np.float32), score)


def test_a_part_of_a_face_is_no_second_face() -> None:
    whole, eye = face(0, 0, 400, 400, 0.9), face(60, 80, 160, 180, 0.6)
    (only,) = merged([Sighting(eye, 1.0), Sighting(whole, 0.16)])
    assert only is whole


def test_faces_in_a_row_are_not_one() -> None:
    row = [face(0, 0, 100, 100, 0.8), face(110, 0, 210, 100, 0.85)]
    kept = merged([Sighting(face(0, -40, 215, 150, 0.55), 0.5), *(Sighting(each, 1.0) for each in row)])
    assert len(kept) == 2 and all(any(one is each for one in kept) for each in row)


def test_a_child_before_a_grown_up_is_a_second_face() -> None:
    whole, child = face(0, 0, 400, 400, 0.9), face(60, 80, 160, 180, 0.8)
    assert len(merged([Sighting(child, 1.0), Sighting(whole, 0.16)])) == 2


def test_of_two_looks_the_one_stays_that_suits_the_size() -> None:
    seen = [Sighting(face(0, 0, 100, 100, 0.7), 0.3), Sighting(face(5, 5, 105, 102, 0.6), 1.0)]
    (only,) = merged(seen)
    assert only is seen[1].face
    assert merged([]) == ()


def test_two_ways_up_are_joined_without_doubles() -> None:
    here = [face(0, 0, 50, 100, 0.6), face(50, 0, 100, 100, 0.6), face(300, 0, 400, 100, 0.8)]
    there = [
        face(0, 0, 100, 100, 0.9),
        face(305, 0, 400, 100, 0.7),
        face(600, 0, 700, 100, 0.75),
        face(800, 0, 900, 90, 0.55),
    ]
    kept = joined(here, there)
    assert sorted((float(each.box[0]), each.score) for each in kept) == [(0, 0.9), (300, 0.8), (600, 0.75)]


BOX = st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(10, 400), st.integers(10, 400), st.floats(0.5, 1))


@given(st.lists(BOX, max_size=30), st.lists(BOX, max_size=30))
def test_no_two_faces_are_one(first: list[tuple[int, ...]], second: list[tuple[int, ...]]) -> None:
    here, there = ([face(x, y, x + w, y + h, s) for x, y, w, h, s in boxes] for boxes in (first, second))
    for kept in (merged([Sighting(each, 0.5) for each in here]), joined(here, there)):
        alone = same_face(kept, kept)
        assert alone.sum() == len(kept)
        areas = [each.area for each in kept]
        assert areas == sorted(areas, reverse=True)
