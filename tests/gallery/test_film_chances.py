"""A stranger who is filmed for an hour does not get an hour of chances."""

import pytest

from gallery.attendance.film_chances import most_chances
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint, operating_point
from gallery.threshold.raised_threshold import raised_threshold, threshold_among

CURVE = CalibrationCurve("p", 100, 5000, 100, 3.0, 30.0, (1e-6, 0.0, 1e-6), 0.01, "2026-01-01", {})


def test_people_who_are_seen_together_have_one_chance_each() -> None:
    seated = [((0.0, 100.0),), ((5.0, 90.0),), ((0.0, 20.0), (30.0, 100.0))]
    assert most_chances(seated) == 1 and most_chances([]) == 1


def test_every_appearance_that_shares_no_moment_is_one_more_chance() -> None:
    passing = [((float(at), at + 5.0),) for at in range(0, 3600, 60)]
    assert most_chances(passing) == 60
    assert most_chances([*passing, ((0.0, 3600.0),)]) == 60
    between = [((0.0, 10.0), (20.0, 30.0)), ((12.0, 18.0),)]  # one that is seen while the other is not
    assert most_chances(between) == 2


@pytest.mark.parametrize("target", ["stored", 0.01])
def test_a_stranger_with_many_chances_is_named_as_often_as_one_with_a_photo(target: float) -> None:
    point = operating_point(target, 0.4, "pack", CURVE, 100)
    threshold = raised_threshold(point, point.curve, 60)
    assert threshold > point.threshold
    assert 60 * CURVE.fpir(threshold, 100) == pytest.approx(0.01, rel=0.01)


def test_the_threshold_is_never_below_that_of_a_photo() -> None:
    strict = OperatingPoint(0.9, "setting", 100, CURVE)
    assert raised_threshold(strict, CURVE, 2) == 0.9 == raised_threshold(strict, CURVE, 1)


def test_without_a_curve_the_threshold_rises_too_and_stays_a_score() -> None:
    point = OperatingPoint(0.42, "pack", 10, None)
    rising = [raised_threshold(point, None, chances) for chances in (1, 2, 10, 100)]
    assert rising == sorted(rising) and rising[0] == 0.42 and 0.45 < rising[2] < 0.5
    assert raised_threshold(OperatingPoint(0.95, "pack", 10, None), None, 1000) == 1.0


def test_compared_with_more_people_a_stranger_is_named_as_often() -> None:
    point = operating_point("stored", 0.4, "pack", CURVE, 100)
    assert threshold_among(point, 100) == threshold_among(point, 3) == point.threshold
    assert CURVE.fpir(threshold_among(point, 5000), 5000) == pytest.approx(0.01, rel=0.01)
    unfitted = OperatingPoint(0.42, "pack", 10, None)
    assert threshold_among(unfitted, 100) == 0.42 < threshold_among(unfitted, 1000) < threshold_among(unfitted, 10_000)
