"""Whatever the scores, calibration gives a curve of finite numbers, or an error that says what to do."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gallery.recalibration import refit
from gallery.settings import GallerySettings
from gallery.threshold.calibration import RESAMPLES, CalibrationCurve, fit
from gallery.threshold.impostor_scores import ImpostorScores, calibrate
from presente.errors import InvalidInput, StoreError
from tests.conftest import DIM, PACK, OpenGallery, enrolment, unit
from tests.gallery.galleries import BY_HAND, store_curve, stored_curve

_Scores = list[float]
_cosine = st.floats(-1, 1, width=32)


@st.composite
def _shapes(draw: st.DrawFn) -> _Scores:
    """Unusual best scores: clustered, doubled, constant, with any spread, with -1 and 1."""
    count = draw(st.integers(20, 120))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centres = draw(st.lists(_cosine, min_size=1, max_size=4))
    spread = 10.0 ** draw(st.integers(-12, 1))
    scores = np.array(centres)[chance.integers(len(centres), size=count)] + spread * chance.normal(size=count)
    if draw(st.booleans()):
        scores = scores[chance.integers(max(1, count // 5), size=count)]
    for extreme in draw(st.lists(st.sampled_from([-1.0, 1.0, 0.0]), max_size=3)):
        scores[chance.random(count) < draw(st.sampled_from([0.02, 0.3, 0.7]))] = extreme
    return list(np.clip(scores, -1, 1).astype(np.float32).astype(float))


def _curve_of(scores: _Scores, subjects: list[int], resamples: int = RESAMPLES) -> CalibrationCurve | None:
    try:
        intercept, slope, covariance = fit(np.array(scores), subjects, resamples=resamples)
    except InvalidInput as error:
        assert error.code in ("unsuitable_scores", "too_few_searches") and error.fix
        return None
    return replace(
        BY_HAND, searches=len(scores), intercept=intercept, slope=slope, covariance=covariance, people=len(scores)
    )


def _check(curve: CalibrationCurve) -> None:
    numbers = (curve.intercept, curve.slope, *curve.covariance)
    assert all(math.isfinite(number) for number in numbers) and curve.slope > 0, numbers
    assert CalibrationCurve.from_json(curve.to_json()) == curve
    assert all(math.isfinite(number) for number in json.loads(curve.to_json())["covariance"])
    for people in (0, 1, 2, 1000, 10_000_000):
        rates = [curve.fpir(score, people) for score in np.linspace(-1, 1, 41)]
        assert all(0 <= rate <= 1 for rate in rates)
        assert all(higher >= lower for higher, lower in itertools.pairwise(rates))
        for rate in (1e-300, 1e-6, 0.01, 0.499):
            threshold = curve.threshold(rate, people)
            assert -1 <= threshold <= 1
            low, high = curve.interval(threshold, people)
            assert 0 <= low <= high <= 1
            assert isinstance(curve.doubt(rate, people), str)


@given(_shapes(), st.integers(1, 60))
@example([0.3] * 20 + [0.30000001] * 20, 40)
@example([1.0] * 39 + [0.99999994], 40)
@example([0.9999] * 10 + [0.99990004 + i * 6e-8 for i in range(30)], 40)
@example([-1.0] * 30 + [1.0] * 30, 60)
@example([0.1] * 35 + [0.5, 0.6, 0.7, 0.8, 0.9], 40)
@settings(max_examples=150, deadline=None)
def test_a_curve_is_finite_or_refused_for_any_scores(scores: _Scores, people: int) -> None:
    curve = _curve_of(scores, [i % people for i in range(len(scores))], resamples=12)
    if curve is not None:
        _check(curve)


def test_the_steepest_curve_gives_a_rate_for_every_score() -> None:
    for slope in (1e-3, 50.0, 1e6, 1e12):
        for intercept in (-1e9, 6.0, 1e9):
            _check(replace(BY_HAND, intercept=intercept, slope=slope))
    _check(replace(BY_HAND, covariance=(1e30, -1e30, 1e30)))


def test_scores_that_are_not_numbers_are_refused() -> None:
    for wrong in (math.nan, math.inf):
        with pytest.raises(InvalidInput) as caught:
            fit(np.array([*np.linspace(0.1, 0.5, 40), wrong]), list(range(41)))
        assert caught.value.code == "unsuitable_scores"


def test_one_unusable_resample_does_not_refuse_usable_scores() -> None:
    """Most scores are of two people: some resamples contain no others."""
    scores = np.concatenate([np.full(15, 0.3), np.full(15, 0.31), np.random.default_rng(7).normal(0.33, 0.02, 34)])
    subjects = [0] * 15 + [1] * 15 + [2 + i // 12 for i in range(34)]
    intercept, slope, covariance = fit(scores, subjects)
    assert slope > 0 and covariance[0] > 0 and math.isfinite(intercept)


def test_searches_of_one_person_are_not_enough() -> None:
    with pytest.raises(InvalidInput) as caught:
        fit(np.random.default_rng(1).normal(0.3, 0.05, 50), [0] * 50)
    assert caught.value.code == "too_few_searches" and "one person" in str(caught.value)


def test_the_fit_does_not_depend_on_the_unit() -> None:
    """A pack whose cosines are ten times smaller gives the same curve, scaled."""
    scores = np.random.default_rng(2).gumbel(0.3, 0.03, 2000).clip(0.01, 1)
    near = [fit(scores / stretch, list(range(2000)), seed=3) for stretch in (1.0, 10.0)]
    assert near[1][0] == pytest.approx(near[0][0], rel=1e-3)
    assert near[1][1] == pytest.approx(100 * near[0][1], rel=1e-3)


# -- people who are enrolled twice -----------------------------------------------------------------------


def twins(people: int, doubled: int, dim: int = 64) -> ImpostorScores:
    """The scores of all people among all others, when some are enrolled under two names with the same photo."""
    rows = unit(np.random.default_rng(people).normal(size=(people, dim)))
    rows = np.concatenate([rows, rows[:doubled]])
    scores = rows @ rows.T
    np.fill_diagonal(scores, -1)
    names = tuple(f"P{i}" for i in range(len(rows)))
    return ImpostorScores(scores.max(axis=1).astype(float), names, ("left out",) * len(rows))


def test_a_class_that_is_enrolled_twice_is_refused_with_what_to_do() -> None:
    for doubled in (60, 40):
        with pytest.raises(InvalidInput) as caught:
            calibrate(twins(60, doubled), 60 + doubled, PACK, 0.01)
        assert caught.value.code == "enrolled_twice"
        assert f"{2 * doubled} of {60 + doubled} people" in str(caught.value)
        assert "python -m indexer audit" in caught.value.fix


def test_some_people_who_are_enrolled_twice_do_not_move_the_curve() -> None:
    clean = calibrate(twins(300, 0), 300, PACK, 0.01)
    assert clean.enrolled_twice == 0
    for doubled in (1, 10, 60):
        curve = calibrate(twins(300, doubled), 300 + doubled, PACK, 0.01)
        assert curve.enrolled_twice == 2 * doubled
        assert curve.threshold(0.01, 300) == pytest.approx(clean.threshold(0.01, 300), abs=0.02)


def test_curves_of_earlier_versions_are_read() -> None:
    described = json.loads(BY_HAND.to_json())
    del described["enrolled_twice"]
    assert CalibrationCurve.from_json(json.dumps(described)) == BY_HAND


# -- a stored calibration that cannot be used ------------------------------------------------------------


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        BY_HAND.to_json().replace('"slope": 50.0', '"slope": 0.0'),
        BY_HAND.to_json().replace('"slope": 50.0', '"slope": NaN'),
        BY_HAND.to_json().replace('"people": 100', '"people": 0'),
        BY_HAND.to_json().replace('"people": 100', '"people": "many"'),
        BY_HAND.to_json().replace("[0.01, 0.02, 0.1]", "[0.01]"),
    ],
)
def test_a_damaged_calibration_is_a_typed_error(kept: str) -> None:
    with pytest.raises(StoreError) as caught:
        CalibrationCurve.from_json(kept)
    assert caught.value.code == "calibration_unreadable" and "evaluation calibrate" in caught.value.fix


def test_a_gallery_with_a_damaged_calibration_reports_it(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    gallery.enrol([enrolment("A1", unit(np.ones(DIM)))])
    gallery.settings = GallerySettings(0.5, "test", target="stored")
    gallery.store.store_calibration('{"format": 1, "pack"')
    with pytest.raises(StoreError) as caught:
        gallery.identify(unit(np.ones(DIM))[None, :])
    assert caught.value.code == "calibration_unreadable"
    store_curve(gallery)
    assert gallery.identify(unit(np.ones(DIM))[None, :])[1][0].candidates


def test_refitting_refuses_duplicates_and_keeps_the_stored_curve(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    rows = unit(np.random.default_rng(5).normal(size=(30, DIM)))
    gallery.enrol([enrolment(f"{name}{i:02d}", row) for name in "AB" for i, row in enumerate(rows)])
    store_curve(gallery, people=6)
    with pytest.raises(InvalidInput) as caught:
        refit(open_gallery())
    assert caught.value.code == "enrolled_twice"
    assert stored_curve(gallery).people == 6
