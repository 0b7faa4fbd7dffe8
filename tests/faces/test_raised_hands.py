"""The rule of raised hands, on bodies made of numbers: what is a raise, from when to when, and what never matters."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from faces.pose.keypoints import COCO, PLACE, Keypoints
from faces.pose.raised_hands import RaiseRule, RaiseTracker, find_raises

SIDE = 50.0
RULE = RaiseRule()
Arm = tuple[tuple[float, float], tuple[float, float]]
"""Elbow and wrist, in sides of the face from the nose: outwards, and up."""

DOWN: Arm = ((1.2, -2.6), (1.1, -3.9))
STRAIGHT: Arm = ((1.2, 0.4), (1.3, 1.9))
BENT: Arm = ((1.9, -0.6), (1.4, 0.8))
SHORT: Arm = ((1.7, -1.0), (1.6, 0.15))
"""The hand is hardly above the nose, on an upright forearm."""

LEANING_OUT: Arm = ((1.5, -1.2), (2.3, 0.5))
ON_CHIN: Arm = ((1.3, -2.2), (0.3, -0.8))
AT_EAR: Arm = ((1.4, -1.3), (0.6, -0.2))
SCRATCHING: Arm = ((1.7, -0.3), (0.5, 0.7))
SCRATCHING_TOP: Arm = ((1.6, 0.1), (0.4, 0.95))
BEHIND_HEAD: Arm = ((1.8, 0.0), (0.4, 0.2))
FOREARM_UP: Arm = ((1.6, -1.8), (1.5, -0.4))

RAISED = [STRAIGHT, BENT, SHORT, LEANING_OUT]
NOT_RAISED = [DOWN, ON_CHIN, AT_EAR, SCRATCHING, SCRATCHING_TOP, BEHIND_HEAD, FOREARM_UP]


def body(left: Arm | None = DOWN, right: Arm | None = DOWN, **missing: float) -> Keypoints:
    """A person whose nose is at (300, 200); None: an arm that is not seen; ``missing`` gives scores by name."""
    points, scores = np.zeros((17, 2), np.float32), np.full(17, 0.9, np.float32)
    points[PLACE["nose"]] = (300, 200)
    for arm, side, name in ((left, 1, "left"), (right, -1, "right")):
        for place, joint in zip((arm or DOWN), ("elbow", "wrist"), strict=True):
            points[PLACE[f"{name}_{joint}"]] = (300 + side * SIDE * place[0], 200 - SIDE * place[1])
            scores[PLACE[f"{name}_{joint}"]] = 0.9 if arm else 0.1
    for name, score in missing.items():
        scores[PLACE[name]] = score
    return Keypoints(points, scores, (275, 170, 320, 220))


def shown(*stretches: tuple[float, Keypoints | None], step: float = 0.2) -> list[tuple[float, Keypoints | None]]:
    """Sights of stretches of so many seconds each."""
    sights: list[tuple[float, Keypoints | None]] = []
    end = 0.0
    for seconds, keypoints in stretches:
        end += seconds
        while len(sights) * step < end - 1e-9:
            sights.append((len(sights) * step, keypoints))
    return sights


@pytest.mark.parametrize("arm", RAISED)
@pytest.mark.parametrize("both", [False, True])
def test_a_hand_above_the_nose_is_raised_once(arm: Arm, both: bool) -> None:
    up = body(arm, arm if both else DOWN)
    (found,) = find_raises(shown((3, body()), (2, up), (3, body())))
    assert found.from_s == pytest.approx(3.0) and found.to_s == pytest.approx(4.8)


@pytest.mark.parametrize("arm", NOT_RAISED)
def test_a_hand_at_the_head_or_below_the_nose_is_not(arm: Arm) -> None:
    assert find_raises(shown((1, body()), (20, body(arm)), (1, body()))) == []
    assert find_raises(shown((1, body()), (20, body(arm, arm)), (1, body()))) == []


def test_hands_that_follow_each_other_are_one_raise() -> None:
    (found,) = find_raises(shown((1, body()), (1, body(STRAIGHT)), (1, body(DOWN, BENT)), (2, body())))
    assert found.from_s == pytest.approx(1.0) and found.to_s == pytest.approx(2.8)


def test_one_that_is_up_for_less_than_the_set_time_is_none() -> None:
    sights = shown((1, body()), (0.8, body(STRAIGHT)), (2, body()))
    assert find_raises(sights) == [] and len(find_raises(sights, RaiseRule(seconds=0.5))) == 1


def test_short_gaps_do_not_end_it_and_long_ones_do() -> None:
    up, hidden = body(STRAIGHT), body(None, None)
    for unseen in (None, hidden):
        assert len(find_raises(shown((2, up), (1.6, unseen), (2, up), (1, body())))) == 1
        assert len(find_raises(shown((2, up), (3.6, unseen), (2, up), (1, body())))) == 2
    (found,) = find_raises(shown((2, up), (30, hidden)))
    assert found.to_s == pytest.approx(1.8)  # when it was last seen


def test_one_that_is_lowered_for_a_moment_goes_on() -> None:
    up = body(BENT)
    (found,) = find_raises(shown((2, up), (2, body()), (2, up), (5, body())))
    assert found.from_s == 0.0 and found.to_s == pytest.approx(5.8)
    assert len(find_raises(shown((2, up), (4, body()), (2, up)))) == 2


def test_a_hand_that_sinks_to_the_face_is_still_held_until_it_is_below() -> None:
    (found,) = find_raises(shown((2, body(STRAIGHT)), (3, body(SHORT)), (3, body(AT_EAR)), (2, body())))
    assert found.to_s == pytest.approx(7.8)


def test_looks_that_go_wrong_now_and_then_make_no_raise_of_scratching() -> None:
    sights = shown((10, body(SCRATCHING)))
    for wrong in (7, 19, 31, 43):
        sights[wrong] = (sights[wrong][0], body(STRAIGHT))
    assert find_raises(sights) == []


def test_two_wrong_looks_make_no_raise_of_someone_who_writes() -> None:
    for seen in (body(), body(None, None), body(ON_CHIN)):
        sights = shown((6, seen), step=0.5)
        for wrong in (3, 7):
            sights[wrong] = (sights[wrong][0], body(STRAIGHT))
        assert find_raises(sights) == []


def test_without_an_elbow_the_place_of_the_wrist_decides() -> None:
    assert len(find_raises(shown((2, body(BENT, left_elbow=0.0))))) == 1
    assert find_raises(shown((2, body(SCRATCHING, left_elbow=0.0)))) == []


def test_without_a_nose_the_middle_of_the_face_stands_for_it() -> None:
    up = replace(body(STRAIGHT, nose=0.0), points=body(STRAIGHT).points.copy())
    up.points[PLACE["nose"]] = (0, -5000)
    assert len(find_raises(shown((2, up)))) == 1


def test_a_raise_that_goes_on_is_known_before_it_ends() -> None:
    tracker = RaiseTracker(RULE)
    seen = []
    for at_s, keypoints in shown((1, body()), (3, body(STRAIGHT)), (5, body())):
        ended = tracker.see(at_s, keypoints)
        seen.append((round(at_s, 1), tracker.current is not None, ended))
    first = next(at_s for at_s, goes_on, _ in seen if goes_on)
    assert first == pytest.approx(2.0)
    ((at_s, _, ended),) = [each for each in seen if each[2] is not None]
    assert at_s == pytest.approx(6.8) and ended is not None
    assert ended.from_s == pytest.approx(1.0) and ended.to_s == pytest.approx(3.8)
    assert tracker.current is None and tracker.end() is None


def test_the_end_of_the_film_ends_a_raise() -> None:
    tracker = RaiseTracker(RULE)
    assert all(tracker.see(at_s, keypoints) is None for at_s, keypoints in shown((3, body(STRAIGHT))))
    (expected,) = find_raises(shown((3, body(STRAIGHT))))
    assert tracker.end() == expected and expected.to_s == pytest.approx(2.8) and tracker.end() is None


def test_time_does_not_run_backwards() -> None:
    tracker = RaiseTracker(RULE)
    tracker.see(5.0, None)
    with pytest.raises(ValueError, match=r"4\.9"):
        tracker.see(4.9, body())
    with pytest.raises(ValueError, match="nan"):
        tracker.see(math.nan, body())


POSTURES = [body(arm) for arm in (*RAISED, *NOT_RAISED)] + [body(None, None), body(STRAIGHT, BENT), None]
STRETCHES = some.lists(
    some.tuples(some.sampled_from([0.2, 0.4, 0.6, 1.0, 1.4, 2.2, 3.0]), some.sampled_from(POSTURES)), max_size=12
)


@given(STRETCHES)
def test_raises_are_apart_in_order_and_long_enough(stretches: Sequence[tuple[float, Keypoints | None]]) -> None:
    sights = shown(*stretches)
    found = find_raises(sights)
    times = [each[0] for each in sights]
    for each in found:
        assert each.from_s in times and each.to_s in times and each.to_s - each.from_s >= RULE.seconds
    assert all(first.to_s < second.from_s for first, second in pairwise(found))


def changed(keypoints: Keypoints | None, mirrored: bool, scale: float, shift: tuple[float, float]) -> Keypoints | None:
    if keypoints is None:
        return None
    sign = -1 if mirrored else 1
    points = (keypoints.points * (sign * scale, scale) + shift).astype(np.float32)
    x1, y1, x2, y2 = (np.array(keypoints.face) * (sign * scale, scale, sign * scale, scale) + (*shift, *shift)).tolist()
    order = list(range(17))
    if mirrored:
        order = [COCO.index(name.replace("left", "?").replace("right", "left").replace("?", "right")) for name in COCO]
    return Keypoints(points[order], keypoints.scores[order], (min(x1, x2), y1, max(x1, x2), y2))


@given(STRETCHES, some.booleans(), some.sampled_from([0.25, 1.0, 4.0]), some.sampled_from([0.0, -400.0, 4096.0]))
def test_side_size_place_and_the_clock_do_not_matter(
    stretches: Sequence[tuple[float, Keypoints | None]], mirrored: bool, scale: float, shift: float
) -> None:
    sights = shown(*stretches)
    other = [(at_s + 1024, changed(keypoints, mirrored, scale, (shift, -shift))) for at_s, keypoints in sights]
    before, after = find_raises(sights), find_raises(other)
    assert [(each.from_s + 1024, each.to_s + 1024) for each in before] == [(each.from_s, each.to_s) for each in after]


@given(STRETCHES, some.integers(0, 10_000))
def test_a_look_at_nobody_between_two_looks_changes_nothing(
    stretches: Sequence[tuple[float, Keypoints | None]], seed: int
) -> None:
    sights, chance = shown(*stretches), np.random.default_rng(seed)
    seen = [(at_s, keypoints) for at_s, keypoints in sights if keypoints is not None]
    more = sorted(
        [*seen, *((at_s + 0.1, None) for at_s, _ in sights if chance.random() < 0.5)], key=lambda each: each[0]
    )
    assert find_raises(more) == find_raises(seen)
