"""Raised hands of several followed faces: each its own, with a thumbnail; idle people are looked at less often."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faces.film.reading import RaisedHands, raises_of
from faces.film.values import FilmRaise
from faces.pose.followed_hands import FollowedHands
from faces.pose.keypoints import Keypoints
from faces.pose.neighbourhood import Crop
from faces.pose.pose_pack import load_pose_pack
from faces.pose.raised_hands import RaiseRule
from faces.pose.reader import PoseReader
from faces.runtime.session import RuntimeOptions
from tests.faces import pose_models
from tests.faces.pose_models import with_dots

FACES = {3: (110, 200), 8: (330, 210), 9: (550, 190)}
"""Noses of the followed faces, which have 40 pixels per side."""


class CountingReader(PoseReader):
    looks = 0

    def find(self, crops: Sequence[Crop]) -> list[Keypoints]:
        self.looks += len(crops)
        return super().find(crops)


@pytest.fixture
def reader(tmp_path: Path) -> CountingReader:
    described = {
        "model": "pose.onnx",
        "input": {"height": 192, "width": 192, "layout": "nhwc"},
        "output": {"form": "movenet"},
    }
    pose_models.movenet(tmp_path / "pose.onnx")
    (tmp_path / "pose.json").write_text(json.dumps(described))
    return CountingReader(load_pose_pack(str(tmp_path), []), RuntimeOptions("onnxruntime"))


def picture(up: Sequence[int] = (), tracks: Sequence[int] = tuple(FACES)) -> np.ndarray:
    """The faces' noses, and a wrist of each: 60 pixels above the nose, or below."""
    pixels = np.zeros((480, 660, 3), np.uint8)
    for track in tracks:
        x, y = FACES[track]
        pixels |= with_dots(480, 660, 2, nose=(x, y), left_wrist=(x + 45, y - 60 if track in up else y + 100))
    return pixels


def boxes(tracks: Sequence[int], tremble: float = 0.0) -> np.ndarray:
    return np.array(
        [(x - 20 + tremble, y - 22, x + 20 + tremble, y + 18) for x, y in (FACES[track] for track in tracks)],
        np.float32,
    ).reshape(-1, 4)


def test_each_raise_is_its_own_face_s(reader: CountingReader) -> None:
    hands: RaisedHands = FollowedHands(reader, RaiseRule(seconds=1.0))  # what a film's reader asks of it
    for number in range(40):
        at_s = number * 0.5
        up = [track for track, (start, end) in {3: (2, 5), 9: (4, 12)}.items() if start <= at_s <= end]
        up += [3] if 10 <= at_s <= 12 else []
        tracks = [9, 8] if number in (5, 6) else [9, 3, 8]  # a face that is lost for a moment
        hands.see(at_s, picture(up), tracks, boxes(tracks))
    assert list(hands.raises()) == [(3, 2.0, 5.0), (9, 4.0, 12.0), (3, 10.5, 12.0)]


def test_a_raise_that_goes_on_counts_as_well(reader: CountingReader) -> None:
    hands = FollowedHands(reader)
    for number in range(6):
        hands.see(number * 0.5, picture([8]), [8], boxes([8]))
    (found,) = hands.raises()
    assert hands.current() == [found] and (found.track, found.from_s, found.to_s) == (8, 0.0, 2.5)


def test_whoever_has_no_hand_up_is_looked_at_in_every_second_frame(reader: CountingReader) -> None:
    hands, tracks = FollowedHands(reader), [3, 8, 9]

    def looks(at_s: float, up: Sequence[int]) -> int:
        before = reader.looks
        hands.see(at_s, picture(up), tracks, boxes(tracks))
        return reader.looks - before

    assert [looks(number / 2, []) for number in range(5)] == [3, 0, 3, 0, 3]
    assert [looks(2.5, [8]), looks(3.0, [8])] == [0, 3]  # the hand is seen half a second late
    assert [looks(3.5, [8]), looks(4.0, [8]), looks(4.5, [8])] == [1, 3, 1]
    assert [looks(number / 2, []) for number in range(10, 19)] == [3, 1, 3, 1, 3, 1, 3, 0, 3]  # until 3 s are over
    assert [(each.track, each.from_s, each.to_s) for each in hands.raises()] == [(8, 3.0, 4.5)]


def test_faces_that_are_gone_are_forgotten(reader: CountingReader) -> None:
    hands = FollowedHands(reader)
    for track in range(50):
        here = boxes([8])
        hands.see(float(track), picture([8]), [track], here)
    hands.see(60.0, picture(), [], boxes([]))
    assert hands.raises() == [] and len(hands._followed) == 0


def test_time_does_not_run_backwards(reader: CountingReader) -> None:
    hands = FollowedHands(reader)
    hands.see(3.0, picture(), [8], boxes([8]))
    with pytest.raises(ValueError, match=r"2\.0"):
        hands.see(2.0, picture(), [8], boxes([8]))


def test_a_face_that_is_lost_while_its_hand_is_up_has_one_raise(reader: CountingReader) -> None:
    hands = FollowedHands(reader)
    for number in range(24):
        at_s = number * 0.5
        up = [8] if at_s <= 5 else []
        shown = 1 if at_s < 2 else 2 if at_s >= 3 else None
        hands.see(at_s, picture([*up, 3]), [] if shown is None else [shown, 7], boxes([] if shown is None else [8, 3]))
    assert [(each.track, each.from_s, each.to_s) for each in hands.raises()] == [
        (1, 0.0, 1.5),
        (7, 0.0, 11.5),
        (2, 3.0, 5.0),
    ]
    of_tracks = {1: 0, 2: 0, 7: None}
    assert raises_of(hands, lambda track, _: of_tracks[track]) == (FilmRaise(0, 0.0, 5.0),)
    apart = {1: 1, 2: 2, 7: 0}
    assert [each.appearance for each in raises_of(hands, lambda track, _: apart[track])] == [0, 1, 2]
