"""Grouping templates one after the other: against an oracle that sees everything; what a single face must not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.cluster_metrics import cluster_figures
from gallery.person_score import scores_with
from gallery.unknowns.grouping import REPRESENTATIVES, Grouping
from gallery.unknowns.representatives import Representatives

THRESHOLD = 0.5


def at(threshold: float = THRESHOLD) -> Grouping:
    return Grouping(8, lambda _: threshold)


def unit(*values: float) -> NDArray[np.float32]:
    """A unit vector of eight dimensions that begins with these values."""
    vector = np.zeros(8, dtype=np.float32)
    vector[: len(values)] = values
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def people(count: int, each: int, noise: float, dim: int = 64, seed: int = 0) -> tuple[NDArray[np.float32], list[int]]:
    """Templates around random centres, shuffled, and whose each is."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((count, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    whose = chance.permutation(np.repeat(np.arange(count), each))
    made = centres[whose] + noise * chance.standard_normal((len(whose), dim)) / np.sqrt(dim)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32), whose.tolist()


def same_partition(one: Sequence[int], other: Sequence[int]) -> bool:
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """By all pairs of faces."""
    lengths = [np.clip(np.linalg.norm(faces.mean(axis=0)), 0.75, 1) for faces in (one, other)]
    return float((one @ other.T).mean() / np.sqrt(lengths[0] * lengths[1]))


def one_by_one(vectors: NDArray[np.float32], threshold: float) -> list[int]:
    """The rule with nothing left out: every face with all members of every group, and no search."""
    groups: dict[int, list[int]] = {}
    for place, vector in enumerate(vectors):
        scores = {
            number: float(scores_with(vector[None, :], vectors[members])[0]) for number, members in groups.items()
        }
        near = sorted((number for number in scores if scores[number] >= threshold), key=lambda number: -scores[number])
        number = near[0] if near else place
        groups.setdefault(number, []).append(place)
        for other in near[1:]:
            if likeness(vectors[groups[number]], vectors[groups[other]]) >= threshold:
                groups[number] += groups.pop(other)
    return [next(number for number, members in groups.items() if place in members) for place in range(len(vectors))]


@pytest.mark.parametrize("noise", [0.9, 1.5])
def test_it_groups_as_a_rule_that_compares_with_every_face(noise: float) -> None:
    """As long as every face of a group is a representative, nothing is left out; searches and blocks change nothing."""
    vectors, _ = people(50, 6, noise, dim=256)
    for threshold in (0.35, 0.5):
        expected = one_by_one(vectors, threshold)
        assert noise < 1 or len(set(expected)) > 55
        assert max(Counter(expected).values()) <= REPRESENTATIVES
        found = Grouping(256, lambda _, threshold=threshold: threshold).add(vectors)  # type: ignore[misc]
        assert same_partition(found.tolist(), expected), threshold


def test_people_apart_are_grouped_rightly_in_any_order() -> None:
    vectors, whose = people(40, 30, 0.6, dim=256)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(vectors))
        grouping = Grouping(256, lambda _: 0.4)
        found = grouping.add(vectors[order])
        figures = cluster_figures([whose[place] for place in order], found.tolist())
        assert figures.f1 == 1 and grouping.count == 40


def test_memory_is_bounded_per_group() -> None:
    vectors, _ = people(5, 200, 0.5)
    grouping = Grouping(64, lambda _: 0.4)
    grouping.add(vectors)
    assert grouping.count == 5 and grouping.represented == 5 * REPRESENTATIVES


def test_the_score_counts_faces_that_are_no_longer_represented() -> None:
    vectors, _ = people(1, 50, 0.5)
    grouping = Grouping(64, lambda _: 0.1)
    for vector in vectors[1:]:
        grouping.place(3, vector)
    ((group, score),) = grouping.near(vectors[0]).groups
    exact = float(scores_with(vectors[:1], vectors[1:])[0])
    assert group == 3 and exact - 0.1 < score <= exact + 1e-6  # the best of eight, the mean of all


def test_a_face_between_two_people_does_not_make_one_of_them() -> None:
    one, other, between = unit(1, 0), unit(0, 1), unit(1, 1)  # cosines 0, 0.71 and 0.71
    grouping = at()
    for noise in (0.0, 0.1, 0.2):
        grouping.place(1, unit(1, 0, noise))
        grouping.place(2, unit(0, 1, noise))
    near = grouping.near(between)
    assert {group for group, _ in near.groups} == {1, 2}
    assert near.best is not None
    grouping.place(near.best, between)
    assert not grouping.are_one(1, 2)
    assert cluster_figures("ab", grouping.add(np.stack([one, other])).tolist()).groups == 2


def test_a_chain_of_faces_does_not_become_one_person() -> None:
    """Each face is like the next; DBSCAN makes one cluster of them."""
    turns = np.deg2rad(np.arange(0, 180, 40))
    chain = np.stack([unit(float(np.cos(turn)), float(np.sin(turn))) for turn in turns])
    found = at(float(np.cos(np.deg2rad(41)))).add(chain)
    assert len(set(found.tolist())) > 1


def test_groups_of_one_person_are_joined_once_a_face_shows_it() -> None:
    """Two profiles that are not alike, and then the front view."""
    left, right, front = unit(1, 0.6), unit(1, -0.6), unit(1, 0)
    grouping = at(0.6)
    apart = grouping.add(np.stack([left, right]))
    assert len(set(apart.tolist())) == 2
    assert grouping.add(front[None, :]).tolist() == [grouping.near(front).best] and grouping.count == 1


def test_a_face_joins_the_person_it_is_nearest() -> None:
    grouping = at(0.3)
    grouping.place(7, unit(1, 0))
    grouping.place(9, unit(1, 0.8))
    near = grouping.near(unit(1, 0.7))
    assert near.best == 9 and [group for group, _ in near.groups] == [9, 7]
    assert grouping.near(unit(0, 0, 0, 1)).best is None
    assert grouping.near(unit(1, 0.7), 0.999).best is None


def test_the_threshold_follows_the_number_of_groups() -> None:
    grouping = Grouping(8, lambda groups: 0.5 if groups < 2 else 0.95)
    grouping.place(1, unit(1, 0))
    assert grouping.threshold == 0.5 and grouping.near(unit(1, 1)).best == 1
    grouping.place(2, unit(0, 0, 1))
    assert grouping.threshold == 0.95 and grouping.near(unit(1, 1)).best is None


def test_likeness_is_that_of_all_faces_and_joining_keeps_it() -> None:
    vectors, _ = people(1, 40, 1.5)
    grouping = Grouping(64, lambda _: 0.1)
    for place, vector in enumerate(vectors):
        grouping.place(1 if place < 25 else 2 if place < 35 else 3, vector)
    assert grouping.likeness(1, 2) == pytest.approx(likeness(vectors[:25], vectors[25:35]), abs=1e-5)
    grouping.join(1, 2)
    assert grouping.likeness(1, 3) == pytest.approx(likeness(vectors[:35], vectors[35:]), abs=1e-5)
    assert grouping.count == 2 and grouping.represented <= 2 * REPRESENTATIVES
    assert [other for other, _ in grouping.alike(3, 0.1)] == [1]


def test_rows_that_were_removed_are_not_found_and_used_again() -> None:
    rows = Representatives(8)
    first, second = rows.add(unit(1, 0), 1), rows.add(unit(0, 1), 2)
    rows.remove(first)
    assert rows.count == 1 and not len(rows.search(unit(1, 0)[None, :], 0.5)[0])
    assert rows.add(unit(1, 1), 3) == first != second
    (found,) = rows.search(unit(1, 1)[None, :], 0.5)
    assert rows.groups_of(found) == {2, 3}
