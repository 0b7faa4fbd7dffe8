"""Whether photos show the student: the decision alone, and its levels on galleries of random people."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from gallery.enrolment.nearest_others import NEW_STUDENT, SimilarStudent, nearest_others
from gallery.enrolment.photo_check import PhotoJudgement, judge, judge_photos
from gallery.enrolment.score_levels import DUPLICATE_RATE, STRANGER_RATE, EnrolmentLevels, LevelKeeper
from gallery.threshold.calibration import STRANGERS, CalibrationCurve
from tests.conftest import DIM, PACK, OpenGallery, enrolment, on_sqlite, unit

LEVELS = EnrolmentLevels(threshold=0.4, people=5, templates=1.0, curve=None)  # 0.23 may be, 0.3 surely
NONE = np.empty((0, 8), dtype=np.float32)


def at(cosine: float, axis: int = 1) -> np.ndarray:
    """A unit vector of 8 dimensions with this cosine to the first axis; the rest is on another axis."""
    vector = np.zeros(8, dtype=np.float32)
    vector[0], vector[axis] = cosine, np.sqrt(1 - cosine**2)
    return vector


@pytest.mark.parametrize(
    ("own", "similar", "verdict"),
    [
        (0.31, None, "same"),
        (0.31, 0.9, "same"),  # a similar student: a warning, not a refusal
        (0.25, None, "doubtful"),
        (0.25, 0.5, "different"),
        (0.22, None, "different"),
        (-0.2, 0.5, "different"),
    ],
)
def test_the_verdict_about_a_face(own: float, similar: float | None, verdict: str) -> None:
    assert judge(own, 1, None if similar is None else SimilarStudent("B", "Bea", similar), LEVELS) == verdict


def judged(
    own: np.ndarray,
    *photos: np.ndarray,
    faces: Callable[[int], np.ndarray] | None = None,
    similar: Sequence[SimilarStudent | None] | None = None,
    similar_to: Callable[[np.ndarray], SimilarStudent | None] | None = None,
) -> list[PhotoJudgement]:
    def no_more(photo: int) -> np.ndarray:
        return np.stack([photos[photo]])

    return judge_photos(
        own, np.stack(photos), similar or [None] * len(photos), LEVELS, faces or no_more, similar_to or (lambda _: None)
    )


def test_the_only_photo_of_a_new_student_is_the_first_evidence() -> None:
    assert judged(NONE, at(1.0)) == [PhotoJudgement("first")]


def test_of_several_faces_the_students_is_used() -> None:
    stranger, own = at(0.0, 2), at(0.8)
    seen = SimilarStudent("B", "Bea", 0.7)
    (found,) = judged(
        at(1.0)[None],
        stranger,
        faces=lambda _: np.stack([stranger, at(0.0, 3), own]),
        similar=[SimilarStudent("C", "Cid", 0.9)],
        similar_to=lambda face: seen if np.allclose(face, own) else None,
    )
    assert (found.verdict, found.face, found.similar) == ("same", 3, seen)
    assert found.own == pytest.approx(0.8)


def test_a_bystander_who_may_be_the_student_is_not_used() -> None:
    (found,) = judged(at(1.0)[None], at(0.0, 2), faces=lambda _: np.stack([at(0.25)]))
    assert (found.verdict, found.face) == ("different", 0)
    (found,) = judged(at(1.0)[None], at(0.24, 2), faces=lambda _: np.stack([at(0.28)]))
    assert (found.verdict, found.face) == ("doubtful", 0)


def test_other_faces_are_not_embedded_when_the_first_is_clear() -> None:
    def fail(_: int) -> np.ndarray:
        raise AssertionError("not needed")

    assert judged(at(1.0)[None], at(0.9), at(0.5, 2), faces=fail)[1].verdict == "same"


def test_a_difficult_photo_is_accepted_by_one_that_it_resembles_in_any_order() -> None:
    hard = at(0.1, 2)
    bridge = unit(at(1.0) + hard)
    assert [each.verdict for each in judged(at(1.0)[None], hard, bridge)] == ["same", "same"]
    assert judged(at(1.0)[None], hard)[0].verdict == "different"


def test_the_first_photo_of_a_new_student_may_be_the_wrong_one() -> None:
    odd, one, two = at(0.0, 2), at(1.0), at(0.9)
    verdicts = judged(NONE, odd, one, two)
    assert [each.verdict for each in verdicts] == ["different", "first", "first"]
    assert verdicts[0].photos == (1, 2) and verdicts[0].own == pytest.approx(0.0, abs=1e-6)
    # of two that disagree the one that shows another student is out of place; else the second
    assert [each.verdict for each in judged(NONE, odd, one, similar=[SimilarStudent("B", "Bea", 0.9), None])] == [
        "different",
        "first",
    ]
    assert [each.verdict for each in judged(NONE, odd, one)] == ["first", "different"]


def test_more_templates_are_more_chances_for_a_stranger() -> None:
    curve = CalibrationCurve(PACK, 20, 500, 50, 3.0, 60.0, (0.0, 0.0, 0.0), 0.01, "", {})
    levels = EnrolmentLevels(0.9, 200, 2.0, curve, supported=True)
    assert levels.may_be(2) == pytest.approx(curve.threshold(STRANGER_RATE, 1))
    assert levels.may_be(1) < levels.may_be(2) < levels.may_be(8) < levels.surely(8)
    assert levels.duplicate == pytest.approx(curve.threshold(DUPLICATE_RATE, 200))
    assert levels.fpir(0.5) == curve.fpir(0.5, 200)
    unsupported = EnrolmentLevels(0.9, 200, 2.0, curve)
    assert unsupported.duplicate == 0.9 and unsupported.surely(100) <= 0.9


def people(count: int, seed: int = 3, photos: int = 3) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    means = unit(chance.normal(size=(count, 1, DIM)))
    found = unit(means + 0.2 * unit(chance.normal(size=(count, photos, DIM))))
    return {f"{seed}-{number:03d}": found[number] for number in range(count)}


def test_levels_come_from_the_gallery_itself_once_it_is_large_enough(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    keeper = LevelKeeper(gallery, 0.9)
    empty = keeper.now()
    assert empty.curve is None and empty.fpir(0.9) is None and empty.duplicate == 0.9
    assert 0.5 < empty.may_be(1) < empty.may_be(4) < empty.surely(4) <= 0.9 and empty.surely(1) == 0.675
    some = people(24)
    gallery.enrol([enrolment(name, rows) for name, rows in list(some.items())[:8]])
    assert keeper.now().curve is None
    gallery.enrol([enrolment(name, rows) for name, rows in some.items()])
    curve = keeper.now().curve
    assert curve is not None and curve.people == 23 and gallery.store.calibration() is None
    gallery.enrol([enrolment(name, rows) for name, rows in people(20, seed=4).items()])
    assert keeper.now().curve is curve  # of 24 people still, adjusted for size
    gallery.enrol([enrolment(name, rows) for name, rows in people(20, seed=5).items()])
    assert keeper.now().curve is not curve


def test_levels_are_the_same_when_all_students_are_enrolled_twice(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    some = people(150)
    gallery.enrol([enrolment(name, rows) for name, rows in some.items()])
    clean = LevelKeeper(gallery, 0.9).now()
    gallery.enrol([enrolment(f"again-{name}", unit(rows + 0.02)) for name, rows in some.items()])
    full = LevelKeeper(gallery, 0.9).now()
    assert clean.curve is not None and full.curve is not None
    for score in (0.4, 0.6):  # else no one would be refused, and no one found twice
        assert full.curve.fpir(score, 1) == pytest.approx(clean.curve.fpir(score, 1), rel=0.4)


@on_sqlite
def test_a_stored_curve_is_used_if_it_can_be_trusted(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    gallery.enrol([enrolment(name, rows) for name, rows in people(24).items()])

    def stored(sources: dict[str, int], spread: float) -> CalibrationCurve:
        curve = CalibrationCurve(
            PACK, 24, 90, 24, 3.0, 30.0, (spread, 0.0, spread), 0.01, "2026-11-21T00:00:00+00:00", sources
        )
        gallery.store.store_calibration(curve.to_json())
        gallery._calibration._valid_until = 0.0
        return curve

    def used() -> CalibrationCurve | None:
        return LevelKeeper(gallery, 0.9).now().curve

    curve = stored({STRANGERS: 90}, 9.0)
    assert used() == curve
    curve = stored({"left out": 90}, 9.0)  # its duplicates would be in it
    assert used() not in (None, curve)


def test_the_nearest_other_is_another_student(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    some = people(3)
    (one, rows), (two, others), (three, last) = some.items()
    gallery.enrol([enrolment(one, rows), enrolment(two, others), enrolment(three, last, kind="cohort")])
    own = gallery.student(one).id
    mine, free, twin = nearest_others(
        gallery, np.stack([rows[0], rows[0], last[0]]), [own, NEW_STUDENT, NEW_STUDENT], 0.9
    )
    assert mine is None and free is not None and (free.matricula, twin) == (one, None)
    (second,) = nearest_others(gallery, rows[:1], [own], -1.0)
    assert second is not None and (second.matricula, second.nombre_del_alumno) == (two, f"Nombre {two}")
    np.testing.assert_array_equal(np.sort(gallery.templates_of(own), axis=0), np.sort(rows, axis=0))
    assert gallery.templates_of(NEW_STUDENT).shape == (0, DIM)
