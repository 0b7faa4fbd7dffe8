"""Assigning faces to people, on tables that are small enough to work out by hand."""

import itertools

import numpy as np
import pytest

from gallery.attendance.assignment import FaceAssignment, assign

NONE = -np.inf


def outcomes(rows: list[list[float]], threshold: float = 0.4, margin: float = 0.02) -> list[FaceAssignment]:
    return assign(np.array(rows, dtype=np.float64), threshold, margin)


def is_(*columns: int) -> FaceAssignment:
    return FaceAssignment("assigned", columns)


def test_every_face_gets_a_person_of_its_own() -> None:
    assert outcomes([[0.7, 0.1, NONE], [0.2, 0.8, 0.3], [0.1, 0.2, 0.39]]) == [
        is_(0),
        is_(1),
        FaceAssignment("unassigned"),
    ]


def test_at_the_threshold_a_face_is_assigned() -> None:
    assert outcomes([[0.4]]) == [is_(0)]
    assert outcomes([[np.nextafter(0.4, 0)]]) == [FaceAssignment("unassigned")]
    assert outcomes([[NONE]]) == [FaceAssignment("unassigned")] and assign(np.empty((1, 0)), 0.4, 0.02) == [
        FaceAssignment("unassigned")
    ]
    assert assign(np.empty((0, 3)), 0.4, 0.02) == []


def test_two_people_too_close_to_call() -> None:
    assert outcomes([[0.60, 0.61, 0.1]]) == [FaceAssignment("ambiguous", (1, 0))]
    assert outcomes([[0.60, 0.63, 0.1]]) == [is_(1)]


def test_a_person_who_is_assigned_to_another_face_makes_none_ambiguous() -> None:
    """The second face decides who the first one is: alone it would be ambiguous."""
    assert outcomes([[0.60, 0.61], [0.1, 0.9]]) == [is_(0), is_(1)]


def test_two_similar_people_who_are_both_there_are_both_assigned() -> None:
    assert outcomes([[0.70, 0.69], [0.69, 0.70]]) == [is_(0), is_(1)]
    assert outcomes([[0.70, 0.70], [0.70, 0.70]]) in ([is_(0), is_(1)], [is_(1), is_(0)])


def test_a_person_gets_one_face_only() -> None:
    assert outcomes([[0.85], [0.9]]) == [FaceAssignment("duplicate", (0,)), is_(0)]


def test_a_second_picture_of_a_person_does_not_become_a_weak_match() -> None:
    found = outcomes([[0.90, 0.45], [0.85, 0.45]])
    assert found == [is_(0), FaceAssignment("ambiguous", (0, 1))]


def test_the_total_is_the_greatest_there_is() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        scores = rng.uniform(0.2, 0.9, size=(3, 4))
        found = assign(scores, 0.4, 0.0)
        assigned = {face: made.columns[0] for face, made in enumerate(found) if made.outcome == "assigned"}
        assert len(set(assigned.values())) == len(assigned)
        best = 0.0
        for choice in itertools.product([None, 0, 1, 2, 3], repeat=3):
            chosen = [column for column in choice if column is not None]
            gains = [scores[face, column] - 0.4 for face, column in enumerate(choice) if column is not None]
            if len(set(chosen)) == len(chosen) and all(gain >= 0 for gain in gains):
                best = max(best, sum(gains))
        solved = [made for made in found if made.outcome in ("assigned", "ambiguous")]
        if len(solved) == len(assigned):  # no face was left to a person
            assert sum(scores[face, column] - 0.4 for face, column in assigned.items()) == pytest.approx(best)
