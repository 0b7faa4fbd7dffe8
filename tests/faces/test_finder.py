"""Faces of every size, turned or not, once each; how often a photo is looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.detection.detector import DetectionSettings, Detector
from faces.detection.finder import FaceFinder, Found
from faces.image.decode import RGB
from tests.faces.drawn_network import DrawnFaceNetwork, draw

PHONE = (3000, 4000)


def finder(**given: int) -> FaceFinder:
    return FaceFinder(Detector(DrawnFaceNetwork(), DetectionSettings(**given)))


def seen(finder: FaceFinder) -> list[tuple[int, int]]:
    network = finder.detector.network
    assert isinstance(network, DrawnFaceNetwork)
    return network.seen


def blank(height: int, width: int) -> RGB:
    return np.full((height, width, 3), 60, np.uint8)


def find(finder: FaceFinder, photo: RGB) -> Found:
    """Both looks, as a reader takes them of a photo that is decoded whole."""
    found = finder.first_looks(photo)
    return finder.closer_look(photo, found) if finder.closer_is_due(found, *photo.shape[:2]) else found


def boxes(found: Found) -> list[list[int]]:
    return sorted([round(float(edge)) for edge in face.box] for face in found.faces)


@pytest.mark.parametrize("side", [600, 1280, 2400])
def test_a_face_that_fills_the_frame_is_found(side: int) -> None:
    photo = blank(side, side)
    margin = side // 12
    draw(photo, margin, margin, side - 2 * margin)
    looking = finder()
    ((x1, y1, x2, y2),) = boxes(find(looking, photo))
    assert abs(x1 - margin) < side / 50 and abs(y2 - side + margin) < side / 50 and x2 > x1 and y1 < y2
    assert len(seen(looking)) == 3  # and the face once more, upside down


def test_a_small_photo_needs_no_glance() -> None:
    photo = blank(250, 250)
    draw(photo, 70, 70, 100)
    looking = finder()
    assert len(find(looking, photo).faces) == 1 and len(seen(looking)) == 2


@pytest.mark.parametrize("side", [30, 40, 60, 80, 120, 200, 400, 900])
def test_every_face_of_a_class_photo_is_found_once(side: int) -> None:
    photo, chance = blank(*PHONE), np.random.default_rng(side)
    room = max(side + 40, 250)
    places = [
        (column * room + chance.integers(5, room - side - 5), row * room + chance.integers(5, room - side - 5))
        for row in range(PHONE[0] // room)
        for column in range(PHONE[1] // room)
    ]
    for left, top in places:
        draw(photo, int(left), int(top), side)
    looking = finder()
    found = np.array(boxes(find(looking, photo)))
    assert len(found) == len(places)
    for left, top in places:
        off = np.abs(found - [left, top, left + side, top + side]).max(axis=1)
        assert off.min() <= max(6, side / 50)


def test_near_and_far_faces_of_one_photo_are_found() -> None:
    photo = blank(*PHONE)
    for left, side in ((100, 1200), (1500, 300), (2000, 150), (2400, 90), (2700, 45)):
        draw(photo, left, 800, side)
    sides = [face.side for face in find(finder(), photo).faces]
    assert sides == pytest.approx([1200, 300, 150, 90, 45], abs=8, rel=0.03)


def test_large_faces_need_no_closer_look() -> None:
    photo = blank(*PHONE)
    draw(photo, 1500, 900, 1000)
    looking = finder()
    found = find(looking, photo)
    assert len(found.faces) == 1 and len(seen(looking)) == 3
    assert looking.closer_is_due(Found(()), *PHONE) and not looking.closer_is_due(Found(()), 700, 900)


def test_which_faces_are_wanted_decides_on_the_closer_look() -> None:
    photo = blank(*PHONE)
    draw(photo, 1500, 900, 1000)
    draw(photo, 300, 300, 120)
    looking = finder()
    found = looking.first_looks(photo)
    assert len(found.faces) == 2 and looking.closer_is_due(found, *PHONE)
    assert not looking.closer_is_due(found, *PHONE, "largest")
    assert not looking.closer_is_due(found, *PHONE, "most prominent")


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("side", [55, 90, 400, 1500])
def test_a_turned_photo_is_read_turned_and_its_boxes_are_its_own(turns: int, side: int) -> None:
    """55 pixels only the closer look sees; 90 the usual one; the larger ones the glance."""
    photo = blank(1800, 2400)
    draw(photo, 300, 150, side)
    draw(photo, 2000, 1600, side) if side < 400 else None
    turned = np.ascontiguousarray(np.rot90(photo, -turns))
    found = find(finder(), turned)
    assert found.turns == (4 - turns) % 4
    height, width = photo.shape[:2]
    corners = np.array([[300.0, 150.0], [300.0 + side, 150.0 + side]])
    expected = {0: corners, 1: np.stack([height - corners[:, 1], corners[:, 0]], 1), 2: [width, height] - corners,
                3: np.stack([corners[:, 1], width - corners[:, 0]], 1)}[turns]  # fmt: skip
    near = [face for face in found.faces if np.abs(face.box[:2] - expected.min(axis=0)).max() <= max(6, side / 20)]
    assert len(near) == 1 and abs(near[0].side - side) <= max(6, side / 20)
    assert round(near[0].roll) % 360 == 90 * turns


def test_faces_of_few_pixels_do_not_turn_a_class_photo() -> None:
    """They look upside down in the first looks; the closer look is taken both ways, and sees that they are not."""
    looking = FaceFinder(Detector(DrawnFaceNetwork(clear=18)))
    photo = blank(*PHONE)
    for column in range(12):
        draw(photo, 200 + 300 * column, 900, 90)
    assert looking.first_looks(photo).turns == 2
    found = find(looking, photo)
    assert found.turns == 0 and len(found.faces) == 12


def test_one_who_lies_down_does_not_turn_a_group() -> None:
    photo = blank(600, 800)
    draw(photo, 300, 200, 200, turns=1)
    draw(photo, 50, 50, 120)
    draw(photo, 600, 50, 120)
    found = find(finder(), photo)
    assert found.turns == 0 and len(found.faces) == 3


def test_people_who_lie_side_by_side_are_each_read_upright() -> None:
    """Two upright and one on their head, in the middle, the largest: none is read in the wrong direction."""
    photo = blank(600, 900)
    draw(photo, 300, 180, 240, turns=2)
    draw(photo, 60, 200, 150)
    draw(photo, 650, 200, 150)
    found = find(finder(), photo)
    assert found.turns == 0 and len(found.faces) == 3
    assert sorted(abs(round(face.roll)) for face in found.faces) == [0, 0, 180]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_small_faces_of_a_turned_class_photo_are_found(turns: int) -> None:
    """A network that sees small faces only upright: the closer look has to be taken turned."""
    photo = blank(*PHONE)
    draw(photo, 300, 150, 34)
    draw(photo, 2000, 1600, 34)
    looking = FaceFinder(Detector(DrawnFaceNetwork(upright_only=26)))
    found = find(looking, np.ascontiguousarray(np.rot90(photo, -turns)))
    assert len(found.faces) == 2 and found.turns == (4 - turns) % 4


def test_a_photo_of_no_one_is_looked_at_a_bounded_number_of_times() -> None:
    looking = finder()
    assert find(looking, blank(*PHONE)) == Found(())
    small = [size for size in seen(looking) if max(size) <= 800]
    assert len(small) == 8  # a glance and the usual look, each way up
    assert sum(height * width for height, width in seen(looking)) < 20_000_000


@settings(max_examples=60, deadline=None)
@given(st.integers(16, 6000), st.integers(16, 6000))
def test_whatever_its_shape_a_photo_costs_a_bounded_number_of_pixels(height: int, width: int) -> None:
    if height * width > 20_000_000:
        height = 20_000_000 // width
    looking = finder()
    find(looking, blank(height, width))
    assert sum(rows * columns for rows, columns in seen(looking)) < 26_000_000
    assert max(max(size) for size in seen(looking)) <= 896


def test_textures_that_look_like_faces_cost_a_bounded_number_of_pixels() -> None:
    """A network that sees a weak face everywhere is not asked to look at every turn in all pixels."""
    looking = FaceFinder(Detector(DrawnFaceNetwork(everywhere=0.55)))
    find(looking, blank(*PHONE))
    assert sum(rows * columns for rows, columns in seen(looking)) < 30_000_000


def test_a_crowd_half_upside_down_is_cut_to_the_largest_too() -> None:
    photo = blank(2000, 2000)
    for row in range(36):
        for column in range(36):
            draw(photo, column * 55 + 5, row * 55 + 5, 40, turns=2 * (column % 2))
    draw(photo, 900, 900, 200, turns=2)
    found = find(finder(), photo)
    assert len(found.faces) == 500


def test_crowds_are_cut_to_the_largest() -> None:
    photo = blank(2000, 2000)
    for row in range(40):
        for column in range(40):
            draw(photo, column * 50 + 5, row * 50 + 5, 30 + (row + column) % 8)
    found = find(finder(), photo)
    assert len(found.faces) == 500 and found.faces[-1].side >= 34
