"""The rules of an audit, on vectors whose cosines are known; and the comparisons they use, against plain loops."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from gallery.audit import similarity
from gallery.audit.audit import audit
from gallery.audit.findings import Finding
from gallery.audit.names import alike
from gallery.audit.similarity import NEIGHBOURS, Levels, Similarity
from gallery.documents.values import Enrolment
from gallery.person_score import scores_with
from tests.conftest import OpenGallery, enrolment, on_sqlite, unit

DIM = 64
AXES = np.eye(DIM, dtype=np.float32)


def photos(person: int, count: int, cosine: float = 0.8, seed: int = 0) -> np.ndarray:
    """Unit rows around an axis of the first half. Rows of one person have exactly ``cosine``, rows of two people 0."""
    own = np.sqrt(cosine) * AXES[person]
    others = np.sqrt(1 - cosine) * AXES[32 + seed + np.arange(count)]
    return (own + others).astype(np.float32)


def good(matricula: str, vectors: np.ndarray, name: str = "", **quality: float) -> Enrolment:
    """A student whose photos have a good quality, or the given one."""
    made = enrolment(matricula, vectors)
    measured = {"size": 100.0, "sharpness": 100.0, "yaw": 0.0} | quality
    shots = tuple(replace(shot, template=replace(shot.template, quality=measured)) for shot in made.photos)
    return Enrolment(replace(made.student, nombre_del_alumno=name or f"Nombre{matricula} {matricula}"), shots)


Findings = Callable[..., Sequence[Finding]]


@pytest.fixture
def found(open_gallery: OpenGallery) -> Findings:
    """Enrols students beside five without findings, and returns the findings."""

    def audited(*students: Enrolment) -> Sequence[Finding]:
        gallery = open_gallery(dim=DIM)
        gallery.enrol([good(f"Z{number}", photos(20 + number, 3)) for number in range(5)])
        gallery.enrol(students)
        return audit(gallery).findings

    return audited


def about(findings: Sequence[Finding]) -> list[tuple[str, list[str], int]]:
    return [(each.kind, [person.student.matricula for person in each.people], len(each.photos)) for each in findings]


@on_sqlite
def test_two_names_of_one_person(found: Findings) -> None:
    one, other = good("A", photos(1, 4)), good("B", photos(1, 3, seed=8))
    assert about(found(one, other)) == [("same_person", ["A", "B"], 2)]


@on_sqlite
@pytest.mark.parametrize(("name", "same"), [("EVA LUZ", False), ("ANA MARIA RUIZ", True)])
def test_close_names_need_less(found: Findings, name: str, same: bool) -> None:
    # 0.6 is above the threshold, 0.5, and below what these people's own photos ask for, 0.65
    near = 0.6 * AXES[1] / np.sqrt(0.8) + np.sqrt(1 - 0.36 / 0.8) * AXES[60]
    findings = found(good("A", photos(1, 4), "Ana Ruíz"), good("B", near, name))
    assert about(findings) == ([("same_person", ["A", "B"], 2)] if same else [])


@on_sqlite
def test_a_photo_of_another_person(found: Findings) -> None:
    mine, theirs = photos(1, 4), photos(2, 4, seed=8)
    swapped = good("A", np.vstack([mine[:3], theirs[:1]])), good("B", np.vstack([theirs[1:], mine[3:]]))
    assert sorted(about(found(*swapped))) == [("mislabelled", ["A", "B"], 2), ("mislabelled", ["B", "A"], 2)]


@on_sqlite
def test_one_photo_under_two_names(found: Findings) -> None:
    theirs = photos(2, 3, seed=8)
    (finding,) = found(good("A", np.vstack([photos(1, 3), theirs[:1]])), good("B", theirs))
    assert about([finding]) == [("duplicate", ["A", "B"], 2)]
    assert finding.certain and finding.severity == "high" and finding.photos[0].matricula == "A"


@on_sqlite
def test_it_is_not_always_clear_whose_photo_it_is(found: Findings) -> None:
    (finding,) = found(good("A", photos(1, 1)), good("B", photos(1, 1)))
    assert about([finding]) == [("duplicate", ["A", "B"], 2)] and not finding.certain
    (finding,) = found(good("A", photos(1, 1), "Ana Ruiz"), good("B", photos(1, 1), "RUIZ, ANA"))
    assert about([finding]) == [("same_person", ["A", "B"], 2)]


@on_sqlite
def test_photos_and_people_that_are_not_recognised(found: Findings) -> None:
    odd = good("A", np.vstack([photos(1, 3), photos(9, 1, seed=8)]))
    two = good("B", np.vstack([photos(2, 1), photos(3, 1, seed=8)]))
    kinds = [("hard_to_recognise", ["B"], 2), ("weak_photo", ["A"], 1)]
    assert about(found(odd, two)) == kinds


@on_sqlite
def test_quality_counts_where_there_is_nothing_to_compare_with(found: Findings) -> None:
    findings = found(
        good("A", photos(1, 1), size=20.0), good("B", photos(2, 3), sharpness=5.0), good("C", photos(3, 1), yaw=-2.0)
    )
    assert about(findings) == [("weak_photo", ["A"], 1), ("weak_photo", ["C"], 1)]
    assert "20 pixels wide" in findings[0].why and "turned away" in findings[1].why


@on_sqlite
def test_one_photo_saved_twice(found: Findings) -> None:
    mine = photos(1, 3)
    again = unit(mine[:1] + 0.01 * AXES[50])
    (finding,) = found(good("A", np.vstack([mine, again])))
    assert about([finding]) == [("duplicate", ["A"], 2)] and finding.severity == "low"


@on_sqlite
def test_neighbours_are_those_of_a_plain_loop(open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_BLOCK", 7)
    rng = np.random.default_rng(5)
    gallery = open_gallery(dim=4)
    gallery.enrol([enrolment(f"A{n}", unit(rng.normal(size=(rng.integers(1, 6), 4)))) for n in range(20)])
    with gallery.index.reading() as searcher:
        snapshot = searcher.snapshot()
    found = Similarity(snapshot, np.arange(len(snapshot)), 0.6, 0.99)
    found.find_neighbours(lambda _: None)
    vectors, subjects = found.vectors(np.arange(len(found))), found.subjects
    cosines = vectors @ vectors.T
    for row, subject in enumerate(subjects):
        best = {int(other): float(cosines[row][subjects == other].max()) for other in set(subjects) - {subject}}
        # A person with a best cosine of 0.6 * 6/7 may reach a score of 0.6.
        ranked = sorted(((s, -o) for o, s in best.items() if s >= 0.6 * 6 / 7), reverse=True)[:NEIGHBOURS]
        kept = [(float(s), -int(o)) for o, s in zip(found.neighbours[row], found.scores[row], strict=True) if o >= 0]
        assert np.allclose(kept, ranked, atol=1e-6) if ranked else not kept
        others = [each for each in np.flatnonzero(subjects == subject) if each != row and cosines[row, each] < 0.99]
        own = scores_with(vectors[row][None], vectors[others])[0] if others else -np.inf
        assert found.own[row] == pytest.approx(own, abs=1e-6)
    for subject in set(subjects.tolist()):
        rows = np.flatnonzero(subjects == subject)
        pairs = [cosines[i, j] for i in rows for j in rows if i < j and cosines[i, j] < 0.99]
        assert found.within(subject) == pytest.approx(np.mean(pairs), abs=1e-5) if pairs else True


def test_levels_worked_by_hand() -> None:
    levels = Levels(known=0.4, identical=0.96, usual=0.7)
    assert levels.same() == levels.same(np.nan, 0.5) == pytest.approx(0.55)
    assert levels.same(0.8, np.nan) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("José Ángel Núñez", "JOSE ANGEL NUNEZ", True),
        ("Itzel Barragán Núñez", "ITZEL SOFIA BARRAGAN NUNEZ", True),
        ("Itzel Barragán Núñez", "Itzel Barragán", True),
        ("Núñez Barragán, Itzel", "itzel barragan nunez", True),
        ("Mireya Moscoso", "Mireya Elisa Moscoso Rodriguez", True),
        ("Hassan Wirajuda", "Hasan Wirayuda", True),
        ("Chyung Dai-chul", "Dai Chul Chyung", True),
        ("J. Pérez Soto", "Juan Pérez Soto", True),
        ("María de la Luz Gil", "MARIA LUZ GIL", True),
        ("Ana", "Ana Ruiz", False),
        ("Ana Ruiz", "Ana Soto", False),
        ("Ana Ruiz Ruiz", "Ana Ruiz Soto", False),
        ("Juan Pérez", "Joan Pérez", False),
        ("", "Ana", False),
        ("", "", False),
    ],
)
def test_names(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is same and alike(other, one) is same
