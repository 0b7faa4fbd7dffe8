"""The curve against known distributions, what it says about its limits, and how a gallery uses it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from gallery.recalibration import refit
from gallery.settings import GallerySettings
from gallery.threshold.calibration import CalibrationCurve, fit
from gallery.threshold.impostor_scores import EnrolledTemplates, from_gallery
from gallery.threshold.operating_point import operating_point
from presente.errors import ConfigError, InvalidInput
from tests.conftest import DIM, PACK, OpenGallery, enrolment, unit
from tests.gallery.galleries import BY_HAND, store_curve, stored_curve


def test_the_formula_by_hand() -> None:
    intensity = math.exp(6 - 50 * 0.16)  # at score 0.4 among the 100 people it was fitted with
    assert BY_HAND.fpir(0.4, 100) == pytest.approx(1 - math.exp(-intensity))
    assert BY_HAND.fpir(0.4, 1000) == pytest.approx(1 - math.exp(-10 * intensity))
    for people in (1, 30, 100, 200_000):
        for rate in (0.1, 0.01, 0.001):
            assert BY_HAND.fpir(BY_HAND.threshold(rate, people), people) == pytest.approx(rate)
    assert BY_HAND.threshold(0.01, 30) < BY_HAND.threshold(0.01, 100) < BY_HAND.threshold(0.001, 100) < 1
    assert BY_HAND.threshold(1e-30, 100) == 1.0  # a cosine has an end
    low, high = BY_HAND.interval(0.4, 100)
    assert low < BY_HAND.fpir(0.4, 100) < high


def test_doubts_are_reported() -> None:
    sharp = replace(BY_HAND, covariance=(1e-4, 1e-4, 2e-4))
    assert sharp.doubt(0.01, 100) == "" and "events" in sharp.doubt(0.0001, 100)
    assert "events" in sharp.doubt(0.001, 1000)  # ten times the people asks for the tenth of the rate
    assert "anything from" in replace(BY_HAND, covariance=(1.0, 0.0, 1.0)).doubt(0.01, 100)
    assert not BY_HAND.stale(150) and BY_HAND.stale(200) and BY_HAND.stale(50)


def test_a_stored_curve_is_read_back() -> None:
    assert CalibrationCurve.from_json(BY_HAND.to_json()) == BY_HAND
    assert CalibrationCurve.from_json(BY_HAND.to_json().replace('"format": 2', '"format": 9')) is None


def of_the_best_template() -> str:
    """The curve as a version stored it that scored a person by the best template."""
    described = json.loads(BY_HAND.to_json()) | {"format": 1}
    del described["score"]
    return json.dumps(described)


def test_a_curve_of_another_score_does_not_hold(open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.threshold.stored_calibration._READ_AGAIN_S", 0.0)
    gallery = open_gallery()
    vectors = unit(np.random.default_rng(4).normal(size=(60, DIM)))
    gallery.enrol([enrolment(f"A{i}", vectors[2 * i : 2 * i + 2]) for i in range(30)])
    gallery.settings = GallerySettings(0.1, "test", target="stored")
    gallery.store.store_calibration(of_the_best_template())
    point = gallery.operating_point()
    assert (point.threshold, point.source, point.curve, gallery.calibration()[1]) == (0.1, "test", None, None)
    assert "'best'" in point.warning() and "evaluation calibrate --fpir 0.01`" in point.warning()
    asked = gallery.operating_point(0.3)
    assert asked.source == "request" and asked.warning() == point.warning()
    gallery.settings = GallerySettings(0.1, "test", target=0.01)
    with pytest.raises(ConfigError, match="fitted to the score 'best'") as caught:
        gallery.operating_point()
    assert caught.value.code == "not_calibrated"
    told = refit(gallery)
    assert "another score" in told and "was calibrated again" in told
    curve = gallery.calibration()[1]
    assert curve is not None and curve.people == 30 and curve.target == 0.01
    assert gallery.operating_point().source == "calibrated fpir=0.01" and refit(gallery) == ""


def test_a_curve_of_strangers_and_another_score_stays_for_a_person_to_replace(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    gallery.enrol([enrolment(f"A{i}", row) for i, row in enumerate(unit(np.eye(DIM)[:4]))])
    kept = json.dumps(json.loads(of_the_best_template()) | {"sources": {"strangers": 50}})
    gallery.store.store_calibration(kept)
    assert "with photos of strangers" in refit(gallery) and gallery.store.calibration() == kept
    warning = gallery.operating_point(0.3).warning()
    assert "evaluation calibrate --fpir 0.01 --unknown DIR`" in warning


def strangers(count: int, people: int, seed: int) -> np.ndarray:
    """Best scores of random directions among random directions: what the model assumes."""
    chance = np.random.default_rng(seed)
    gallery = unit(chance.normal(size=(people, 64)))
    return np.concatenate([(unit(chance.normal(size=(500, 64))) @ gallery.T).max(axis=1) for _ in range(count // 500)])


def test_the_rate_holds_for_other_strangers_and_among_ten_times_the_people() -> None:
    intercept, slope, covariance = fit(strangers(5000, 200, seed=1), list(range(5000)))
    curve = replace(BY_HAND, people=200, searches=5000, intercept=intercept, slope=slope, covariance=covariance)
    for people, rate in ((200, 0.01), (200, 0.001), (2000, 0.01), (20, 0.01)):
        assert curve.doubt(rate, people) == ""
        achieved = float((strangers(20_000, people, seed=2) >= curve.threshold(rate, people)).mean())
        assert rate / 2 <= achieved <= 2 * rate, (people, rate, achieved)


def test_people_under_two_names_do_not_move_the_threshold() -> None:
    clean = strangers(3000, 100, seed=3)
    with_duplicates = np.concatenate([clean[:-15], np.full(15, 0.9)])  # half a percent are in the gallery after all
    (one, two) = (
        replace(BY_HAND, intercept=a, slope=b).threshold(0.001, 100)
        for a, b, _ in (fit(scores, list(range(3000))) for scores in (clean, with_duplicates))
    )
    assert two == pytest.approx(one, abs=0.02)


def test_too_little_is_refused() -> None:
    for scores, code in ((np.linspace(0, 0.5, 10), "too_few_searches"), (np.full(50, 0.3), "unsuitable_scores")):
        with pytest.raises(InvalidInput) as caught:
            fit(scores, list(range(len(scores))))
        assert caught.value.code == code


def test_which_threshold_is_used() -> None:
    assert operating_point(None, 0.4, "pack x", BY_HAND, 100).threshold == 0.4
    assert operating_point("stored", 0.4, "pack x", None, 100).source == "pack x"
    stored = operating_point("stored", 0.4, "pack x", BY_HAND, 100)
    assert (stored.source, stored.threshold) == ("calibrated fpir=0.01", BY_HAND.threshold(0.01, 100))
    assert stored.fpir(stored.threshold) == pytest.approx(0.01) and stored.fpir(None) is None
    assert operating_point(0.001, 0.4, "pack x", BY_HAND, 100).source == "calibrated fpir=0.001"
    doubtful = operating_point(1e-5, 0.9, "pack x", BY_HAND, 100)
    assert doubtful.threshold == 0.9 and "support" in doubtful.warning()  # never below the fixed one, then
    assert "calibrate again" in operating_point("stored", 0.4, "", BY_HAND, 1000).warning()
    with pytest.raises(ConfigError) as caught:
        operating_point(0.001, 0.4, "pack x", None, 100)
    assert caught.value.code == "not_calibrated"


def test_a_gallery_follows_its_curve(open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.threshold.stored_calibration._READ_AGAIN_S", 0.0)
    gallery = open_gallery()
    vectors = unit(np.random.default_rng(4).normal(size=(6, DIM)))
    gallery.enrol([enrolment(f"A{i}", row, clase="X" if i < 2 else "Y") for i, row in enumerate(vectors[:5])])
    gallery.settings = GallerySettings(0.1, "test", target="stored")
    assert gallery.operating_point().source == "test" and gallery.operating_point().fpir(0.4) is None
    gallery.enrol([enrolment("A5", vectors[5])])
    open_gallery().store.store_calibration(BY_HAND.to_json())  # another process, while this one serves
    assert gallery.operating_point().threshold == BY_HAND.threshold(0.01, 6)
    assert gallery.operating_point(clase="X").threshold == BY_HAND.threshold(0.01, 2)  # a roster is a smaller gallery
    assert gallery.operating_point(0.3).source == "request" and gallery.operating_point(0.3).people == 6
    assert gallery.status().operating_point == gallery.operating_point()
    gallery.store.adopt_pack(PACK, DIM)
    assert gallery.store.calibration() is not None  # the same pack: nothing is stale
    gallery.store.adopt_pack("other@111111111111", DIM)
    assert gallery.store.calibration() is None


def test_a_curve_of_another_pack_is_not_used(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    gallery.store.store_calibration(replace(BY_HAND, pack="other@111111111111").to_json())
    gallery.enrol([enrolment("A1", unit(np.ones(DIM)))])
    gallery.settings = GallerySettings(0.5, "test", target=0.01)
    with pytest.raises(ConfigError):
        gallery.operating_point()


def test_a_gallery_that_has_outgrown_its_curve_is_calibrated_again(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    vectors = unit(np.random.default_rng(5).normal(size=(40, DIM)))
    gallery.enrol([enrolment(f"A{i:02d}", row) for i, row in enumerate(vectors[:12])])
    assert refit(gallery) == ""  # never calibrated
    store_curve(gallery, people=10)
    assert refit(gallery) == "" and stored_curve(gallery).people == 10  # not yet
    store_curve(gallery, people=6)
    assert "too few" in refit(open_gallery()) and stored_curve(gallery).people == 6  # 12 searches fit nothing
    gallery.enrol([enrolment(f"A{i:02d}", row) for i, row in enumerate(vectors)])
    assert "6 people were enrolled" in refit(open_gallery())
    again = stored_curve(gallery)
    assert (again.people, again.searches, again.target, again.pack) == (40, 40, 0.03, PACK)
    assert refit(open_gallery()) == ""
    store_curve(gallery, people=6, sources={"strangers": 500})  # whose photos are not there any more
    assert "with photos of strangers" in refit(open_gallery()) and stored_curve(gallery).people == 6
    gallery.remove([f"A{i:02d}" for i in range(1, 40)])
    store_curve(gallery, people=6)
    assert "too few" in refit(open_gallery())


def test_a_gallery_that_doubles_while_it_is_calibrated_is_calibrated_once_more(
    open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, other = open_gallery(), open_gallery()
    people = [
        enrolment(f"A{i:03d}", row) for i, row in enumerate(unit(np.random.default_rng(7).normal(size=(90, DIM))))
    ]
    gallery.enrol(people[:40])
    store_curve(gallery, people=6)
    store = gallery.store_calibration
    fitted: list[int] = []

    def store_after_others_enrolled(curve: CalibrationCurve) -> None:
        other.enrol(people)  # as another process does in the meantime
        fitted.append(curve.people)
        store(curve)

    monkeypatch.setattr(gallery, "store_calibration", store_after_others_enrolled)
    assert "it was calibrated again" in refit(gallery)
    assert fitted == [40, 90] and stored_curve(gallery).people == 90


def test_a_large_gallery_gives_a_sample_of_its_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(np.random.default_rng(6).normal(size=(90, DIM)))
    students = EnrolledTemplates(tuple(f"{i:02d}" for i in range(30)), rows[:60], np.arange(0, 60, 2))
    cohort = EnrolledTemplates(("x", "y"), rows[60:], np.array([0, 10]))
    whole = from_gallery(students, cohort)
    monkeypatch.setattr("gallery.threshold.impostor_scores._MAX_SEARCHES", 20)
    monkeypatch.setattr("gallery.threshold.impostor_scores._SCORES_AT_ONCE", 70)  # a search at a time
    some = from_gallery(students, cohort)
    assert some.sources == ("left out",) * 20 + ("cohort",) * 20 and len(whole.scores) == 90
    both = set(zip(whole.subjects, whole.scores.round(5), strict=True))
    assert set(zip(some.subjects, some.scores.round(5), strict=True)) < both
