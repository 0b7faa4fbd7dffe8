"""What the sample's pose net promises, on drawn people that its training never saw."""

import numpy as np
import pytest

from data_sample.draw import FigureSeat, Seat, render_figures, sample_identity, sample_look, sample_posture
from data_sample.draw.look import ENROLLED
from data_sample.draw.posture import KINDS, RAISED, Kind, between
from data_sample.draw.seeds import HELD_OUT
from faces.pose.followed_hands import FollowedHands
from faces.pose.keypoints import PLACE
from faces.pose.pose_pack import load_pose_pack
from faces.pose.raised_hands import Raise, RaiseRule, find_raises
from faces.pose.reader import PoseReader
from faces.runtime.session import RuntimeOptions
from tests.conftest import SAMPLE

FACE, WIDTH, HEIGHT = 40.0, 520, 260
WRISTS = [PLACE["left_wrist"], PLACE["right_wrist"]]


@pytest.fixture(scope="module")
def reader() -> PoseReader:
    return PoseReader(load_pose_pack("sample_pose", [SAMPLE / "models"]), RuntimeOptions("onnxruntime"))


def seat(number: int, kind: Kind, x: float, share: float = 1.0) -> FigureSeat:
    """A held-out person, who sits, or does something, or is on the way to it."""
    who = sample_identity(HELD_OUT.start + 900 + number)
    resting, acting = (sample_posture(who, each, 40 + number) for each in ("on_desk", kind))
    return FigureSeat(
        Seat(who, sample_look(HELD_OUT.start + number, ENROLLED), x, 120, FACE), between(resting, acting, share)
    )


def test_it_is_small(reader: PoseReader) -> None:
    assert reader.pack.model.stat().st_size < 1_000_000
    assert reader.pack.terms.use == "anyone" and "not of real people" in reader.pack.description.about


def test_raised_hands_are_told_from_hands_at_the_head(reader: PoseReader) -> None:
    right = {True: 0, False: 0}
    off = []
    for number, kind in enumerate(KINDS * 3):
        scene = render_figures(
            [seat(number, kind, 250), seat(200 + number, "raised_bent", 430)],
            sample_look(number, ENROLLED),
            WIDTH,
            HEIGHT,
        )
        (found,) = reader.keypoints(scene.pixels, [scene.truths[0].box])
        up = find_raises([(0.0, found)], RaiseRule(seconds=0)) == [Raise(0.0, 0.0)]
        right[kind in RAISED] += up == (kind in RAISED)
        seen = [place for place in WRISTS if scene.keypoints[0, place, 2] == 2]
        off += np.hypot(*(found.points[seen] - scene.keypoints[0, seen, :2]).T).tolist()
    assert right[True] >= 0.85 * 3 * len(RAISED) and right[False] >= 0.95 * 3 * (len(KINDS) - len(RAISED)), right
    assert np.median(off) < 0.15 * FACE


def test_two_people_one_of_whom_raises_a_hand(reader: PoseReader) -> None:
    hands, look = FollowedHands(reader), sample_look(7, ENROLLED)
    shares = [0, 0, 0, 0.5, 1, 1, 1, 1, 0.5, 0, 0, 0]
    for frame, share in enumerate(shares):
        seats = [seat(1, "raised_half", 130, share), seat(2, "scratching", 390, share)]
        scene = render_figures(seats, look, WIDTH, HEIGHT)
        hands.see(frame * 0.5, scene.pixels, [1, 2], np.array([truth.box for truth in scene.truths], np.float32))
    ((track, start, end),) = hands.raises()
    assert track == 1 and 1.5 <= start <= 2.0 and 3.5 <= end <= 4.5
