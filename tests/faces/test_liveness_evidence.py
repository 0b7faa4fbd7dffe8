"""Several looks at one face are one piece of evidence, on numbers worked out by hand."""

import numpy as np
import pytest

from faces.detection.detected_face import DetectedFace
from faces.embedder import EmbeddedFace
from faces.film.frame_looks import FrameLooks
from faces.liveness.evidence import evidence_of
from faces.liveness.values import LivenessScore, NotJudged
from faces.quality import Quality


def looks(*scores: float) -> list[LivenessScore | None]:
    return [LivenessScore(score, "lives@1") for score in scores]


def unjudged(reason: NotJudged) -> LivenessScore:
    return LivenessScore(None, "lives@1", reason)


@pytest.mark.parametrize(
    ("scores", "evidence"),
    [
        ([0.8], 0.8),
        ([0.2, 0.9, 0.7], 0.7),
        ([1.0, 0.0], 0.5),
        ([0.9, 0.1], 0.5),  # log odds 2.197 and -2.197
        ([0.5, 0.9], 0.75),  # odds 1 and 9: their geometric mean is 3
        ([0.1, 0.5, 0.8, 0.99], 2 / 3),  # odds 1 and 4 in the middle: 2
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.001], 0.9),
        ([0.3, 0.3, 0.3, 0.3, 0.3, 0.999], 0.3),
        ([1.0, 1.0, 0.0], 1.0),
        ([0.0, 1.0, 0.0], 0.0),
    ],
)
def test_the_evidence_is_the_median_of_the_log_odds(scores: list[float], evidence: float) -> None:
    found = evidence_of(looks(*scores))
    assert found is not None and found.reason is None and found.pack == "lives@1"
    assert found.score == pytest.approx(evidence, abs=1e-9)


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.8, 0.95])
def test_one_look_outvotes_no_five_others_whatever_the_threshold(threshold: float) -> None:
    above, below = evidence_of(looks(*[threshold] * 5, 0.0)), evidence_of(looks(*[threshold - 0.01] * 5, 1.0))
    assert above is not None and above.score is not None and above.score >= threshold
    assert below is not None and below.score is not None and below.score < threshold


def test_looks_without_a_score_say_nothing() -> None:
    some = [unjudged("too_small"), *looks(0.9), unjudged("too_tight"), None]
    found = evidence_of(some)
    assert found is not None and found.score == pytest.approx(0.9)
    assert evidence_of([unjudged("too_small"), unjudged("too_tight"), unjudged("too_tight")]) == unjudged("too_tight")
    assert evidence_of([]) is None is evidence_of([None, None])


def person(axis: int, score: float | None) -> EmbeddedFace:
    box = DetectedFace(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 0.9)
    liveness = None if score is None else LivenessScore(score, "lives@1")
    return EmbeddedFace(box, Quality(90.0, 50.0, 0.0, 0.9, 128.0, 0.0), np.eye(4, dtype=np.float32)[axis], 0, liveness)


def scores(faces: list[EmbeddedFace]) -> list[float | None]:
    found = [None if face.liveness is None else face.liveness.score for face in faces]
    return [None if score is None else round(score, 6) for score in found]


def test_frames_that_come_one_by_one_are_joined_by_face_and_session() -> None:
    moment = [0.0]
    frames = FrameLooks(0.8, lambda: moment[0])
    picture = [0.1, 0.9, 0.1, 0.1, 0.95, 0.1, 0.1]
    told = [scores(frames.joined(1, [person(0, score), person(1, 0.7)])) for score in picture]
    # a frame that is mistaken does not pass: 0.5 between 0.1 and 0.9, then the median of what was seen
    assert [each[0] for each in told] == [0.1, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert {each[1] for each in told} == {0.7}
    assert scores(frames.joined(2, [person(0, 0.9)])) == [0.9]  # in another session
    assert scores(frames.joined(1, [person(2, 0.9), person(3, None)])) == [0.9, None]
    came = [scores(frames.joined(1, [person(0, 0.9)]))[0] for _ in range(5)]
    assert came == [0.1, 0.5, 0.9, 0.9, 0.9]  # the six last looks: 0.1 0.1 0.95 0.1 0.1 and 0.9, and so on
    moment[0] = 21.0
    assert scores(frames.joined(1, [person(1, 0.2)])) == [0.2]
