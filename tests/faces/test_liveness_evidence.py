"""Several looks at one face are one piece of evidence, on numbers worked out by hand."""

import pytest

from faces.liveness.evidence import evidence_of
from faces.liveness.values import LivenessScore, NotJudged


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
