"""Drawn people with arms: their joints are where they are said to be, and what is hidden is said to be."""

import dataclasses

import numpy as np
import pytest

from data_sample.draw import (
    KEYPOINTS,
    KINDS,
    Desk,
    FigureScene,
    FigureSeat,
    Kind,
    Look,
    Posture,
    Seat,
    between,
    draw_figure,
    render_figures,
    sample_identity,
    sample_look,
    sample_posture,
    seeds,
)
from data_sample.draw.arms import joints
from data_sample.draw.figure import ABSENT, HIDDEN, VISIBLE

WHO = sample_identity(seeds.HELD_OUT.start)
LOOK = dataclasses.replace(Look(), cloth_colour=(0, 0, 200), background="gradient")
NAMES = {name: place for place, name in enumerate(KEYPOINTS)}


def scene(posture: Posture, desk: float | None = None, height: int = 340) -> FigureScene:
    desks = [] if desk is None else [Desk(1, 135 + desk * 22, 340, (176, 138, 98))]
    return render_figures([FigureSeat(Seat(WHO, LOOK, 130, 135, 44), posture)], LOOK, 260, height, desks)


def of(drawn: FigureScene, name: str, person: int = 0) -> np.ndarray:
    return drawn.keypoints[person, NAMES[name]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_hand_is_raised_where_a_wrist_is_above_the_nose_and_away_from_the_head(kind: Kind) -> None:
    for seed in range(40):
        who = sample_identity(seeds.HELD_OUT.start + seed)
        posture = sample_posture(who, kind, seed)
        wrists = [joints(who, arm, side)[2] * (side, 1) for arm, side in ((posture.right, -1), (posture.left, 1))]
        above = [wrist for wrist in wrists if wrist[1] < who.middle.nose_y]
        if kind in ("scratching", "behind_head"):
            assert above and all(wrist[0] < 1.4 and wrist[1] > -1.5 for wrist in above)
        else:
            assert bool(above) == posture.raised
            assert all(wrist[0] > 1.3 or wrist[1] < who.shape.crown_y - 0.4 for wrist in above)


def test_keypoints_are_on_the_skin_and_clothes_that_they_name() -> None:
    for seed in range(12):
        posture = dataclasses.replace(sample_posture(WHO, "raised_bent", seed), sleeve=0.8)
        drawn = scene(posture)
        for name, kind in (("elbow", "cloth"), ("shoulder", "cloth"), ("wrist", "skin")):
            for side in ("left", "right"):
                x, y, seen = of(drawn, f"{side}_{name}")
                if seen == VISIBLE:
                    red, _, blue = (int(level) for level in drawn.pixels[int(y), int(x)])
                    assert (blue > 2 * red) == (kind == "cloth"), (seed, name, side)


def test_left_is_the_persons_own() -> None:
    drawn = scene(sample_posture(WHO, "both_raised", 1))
    for name in ("eye", "ear", "shoulder", "elbow", "wrist", "hip"):
        assert of(drawn, f"left_{name}")[0] > of(drawn, f"right_{name}")[0]


def test_what_the_desk_or_the_picture_cuts_off_is_absent() -> None:
    down = sample_posture(WHO, "down", 1)
    free, seated, cut = scene(down), scene(down, desk=4.2), scene(down, height=210)
    assert of(free, "left_hip")[2] != ABSENT
    assert of(free, "left_wrist")[2] == VISIBLE
    for drawn in (seated, cut):
        for name in ("left_hip", "left_wrist", "right_wrist", "left_knee", "right_ankle"):
            assert of(drawn, name).tolist() == [0, 0, 0]
        assert of(drawn, "nose")[2] == of(drawn, "left_shoulder")[2] == VISIBLE


def test_hands_lie_on_the_desk_and_are_seen() -> None:
    for seed in range(6):
        posture = sample_posture(WHO, "on_desk", seed, desk=4.2)
        drawn = scene(posture, desk=4.2)
        laid = [name for name in ("left", "right") if getattr(posture, name).layer == "on_desk"]
        assert laid
        for side in laid:
            assert of(drawn, f"{side}_wrist")[2] != ABSENT


def test_a_hand_before_the_face_hides_it_and_one_behind_the_head_is_hidden() -> None:
    drawn = [scene(sample_posture(WHO, "hand_at_ear", seed)) for seed in range(9)]
    assert HIDDEN in {of(one, name)[2] for one in drawn for name in ("left_ear", "right_ear", "nose")}
    behind = scene(sample_posture(WHO, "behind_head", 1))
    assert of(behind, "left_wrist")[2] == of(behind, "right_wrist")[2] == HIDDEN


def test_people_in_front_hide_those_behind() -> None:
    posture = sample_posture(WHO, "down", 2)
    seats = [FigureSeat(Seat(WHO, LOOK, x, y, face), posture) for x, y, face in ((120, 100, 40), (130, 150, 50))]
    both = render_figures(seats, LOOK, 260, 300)
    alone = render_figures(seats[:1], LOOK, 260, 300)
    assert alone.keypoints.shape == (1, 17, 3) and both.keypoints.shape == (2, 17, 3)
    assert of(alone, "left_shoulder")[2] == VISIBLE and of(both, "left_shoulder")[2] == HIDDEN
    assert of(both, "left_shoulder")[:2].tolist() == of(alone, "left_shoulder")[:2].tolist()
    assert of(both, "nose", 1)[2] == VISIBLE


def test_the_way_from_a_posture_to_another_is_continuous() -> None:
    low, high = sample_posture(WHO, "on_desk", 3), sample_posture(WHO, "raised_straight", 3)
    assert between(low, high, 0) == low
    assert between(low, high, 1) == high
    for side, name in ((1, "left"), (-1, "right")):
        places = np.array([joints(WHO, getattr(between(low, high, k / 40), name), side) for k in range(41)])
        assert np.abs(np.diff(places, axis=0)).max() < 0.5


def test_a_figure_is_the_person_with_arms_over_them() -> None:
    look = dataclasses.replace(sample_look(7), blur=0, noise=0)
    figure = draw_figure(WHO, look, sample_posture(WHO, "chin_on_hand", 1), (130, 135), 44, (260, 300))
    assert figure.on_desk is not None
    whole = figure.whole()
    assert whole.alpha.shape == (300, 260, 1) and whole.colour.shape == (300, 260, 3)
    assert float(whole.alpha.max()) <= 1.0 + 1e-6
    assert (whole.alpha >= figure.on_desk.alpha - 1e-6).all()
