"""The score of a person by hand, and searches by it against a brute-force oracle, with every kind of index."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.documents.values import Position
from gallery.index import subject_ranking
from gallery.index.kinds.coded import GATED_TEMPLATES, CodedIndex
from gallery.index.kinds.flat import FlatIndex
from gallery.index.kinds.registry import CODED
from gallery.index.recall_gate import GATED_K, IndexSettings, choose_index, ground_truth
from gallery.index.searcher import Searcher
from gallery.index.subject_ranking import first_depth, nearest_subjects
from gallery.index.template_parts import PublishedTemplates, RecentTemplates, by_subject
from gallery.person_score import (
    LEAST_LENGTH,
    at_most,
    bounds,
    least_cosine,
    mean_lengths,
    person_scores,
    scores_with,
)
from tests.conftest import DIM, unit
from tests.gallery.indexes import KINDS, crowd, made, vectors


def by_hand(probe: np.ndarray, templates: np.ndarray) -> float:
    """The score as docs/adr/0025-person-score.md states it, in float64 and without the module under test."""
    cosines = templates.astype(np.float64) @ probe.astype(np.float64)
    if len(templates) == 1:
        return float(cosines[0])
    length = np.linalg.norm(templates.astype(np.float64).mean(axis=0))
    return float((cosines.max() + cosines.mean() / min(max(length, 0.75), 1.0)) / 2)


def oracle(
    rows: np.ndarray, subjects: np.ndarray, probe: np.ndarray, only: set[int] | None = None
) -> list[tuple[int, float]]:
    """All subjects with their scores, best first."""
    people = [int(each) for each in np.unique(subjects) if only is None or int(each) in only]
    scored = [(person, by_hand(probe, rows[subjects == person])) for person in people]
    return sorted(scored, key=lambda each: (-each[1], each[0]))


def check(found: list[tuple[int, float]], expected: list[tuple[int, float]], k: int) -> None:
    """The scores are those of the k best, each subject's own, each subject once; of subjects who tie any."""
    scores = dict(expected)
    assert len(found) == min(k, len(expected)) == len({subject for subject, _ in found})
    np.testing.assert_allclose([score for _, score in found], [score for _, score in expected[:k]], atol=2e-6)
    for subject, score in found:
        assert score == pytest.approx(scores[subject], abs=2e-6)


def reached(found: list[tuple[int, float]], expected: list[tuple[int, float]], k: int) -> int:
    """How many of the k best were found, of subjects who tie any; the scores are each subject's own, best first."""
    scores = dict(expected)
    assert len(found) == min(k, len(expected)) == len({subject for subject, _ in found})
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    for subject, score in found:
        assert score == pytest.approx(scores[subject], abs=2e-6)
    return sum(score >= expected[:k][-1][1] - 2e-6 for _, score in found)


# -- the function -----------------------------------------------------------------------------------------------------


def test_scores_by_hand() -> None:
    x, y = np.eye(2, dtype=np.float32)
    right = np.array([x, y])  # the mean has length 0.707: it counts as 0.75
    assert scores_with(x[None], right)[0] == pytest.approx((1 + 0.5 / 0.75) / 2)
    near = unit(np.array([[1.0, 0.2], [1.0, -0.2]]))  # the mean is along x: the centroid's cosine is 1
    assert scores_with(x[None], near)[0] == pytest.approx((near[0, 0] + 1) / 2)
    assert scores_with(x[None], np.array([x, -x]))[0] == pytest.approx(0.5)  # they contradict each other
    assert scores_with(x[None], np.array([-x, -x]))[0] == pytest.approx(-1)


def test_one_template_or_the_same_one_many_times_gives_the_plain_cosine() -> None:
    rows, probes = vectors(1), vectors(50, seed=2)
    plain = probes @ rows.T
    np.testing.assert_array_equal(scores_with(probes, rows), plain[:, 0])
    np.testing.assert_allclose(scores_with(probes, np.repeat(rows, 7, axis=0)), plain[:, 0], atol=1e-6)


def test_people_together_score_as_each_alone() -> None:
    rows, probes = crowd(4, 5, DIM), vectors(9, seed=3)
    starts = np.array([0, 1, 4, 9])
    scores = person_scores(probes @ rows.T, starts, mean_lengths(rows, starts))
    for person, own in enumerate(np.split(rows, starts[1:])):
        np.testing.assert_allclose(scores[:, person], scores_with(probes, own), atol=1e-6)
        np.testing.assert_allclose(scores[:, person], [by_hand(probe, own) for probe in probes], atol=2e-6)


templates_of_one = st.integers(1, 6).flatmap(
    lambda count: st.lists(
        st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.1),
        min_size=count,
        max_size=count,
    )
)


@settings(max_examples=300, deadline=None)
@given(templates_of_one, st.integers(0, 2**31))
def test_the_bounds_hold(listed: list[list[float]], seed: int) -> None:
    """Whatever a person's templates are: a search stops by these bounds."""
    rows = unit(np.array(listed, dtype=np.float32))
    probe = unit(np.random.default_rng(seed).normal(size=(1, 3)))
    for asked in (probe, unit(rows.mean(axis=0, keepdims=True) + 1e-3 * probe), -probe):
        cosines = asked @ rows.T
        score, best = scores_with(asked, rows)[0], cosines.max()
        least, most = bounds(cosines.max(axis=1), cosines.mean(axis=1))
        assert least[0] - 1e-6 <= score <= most[0] + 1e-6
        assert score <= at_most(best) + 1e-6 and best >= least_cosine(float(score)) - 1e-6
        assert -1 - 1e-6 <= score <= 1 + 1e-6


# -- searches ---------------------------------------------------------------------------------------------------------


def galleries() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows of 64 dimensions and their subjects."""
    chance = np.random.default_rng(7)
    several = crowd(500, 4)
    sizes = np.repeat(np.arange(300), chance.integers(1, 9, size=300))
    mixed = unit(crowd(300, 1)[sizes] + 0.75 * vectors(len(sizes), 5, 64)).astype(np.float32)
    against = vectors(600, 6, 64)
    loose = np.vstack([against, -against])[np.argsort(np.tile(np.arange(600), 2), kind="stable")]
    spread = vectors(1600, 8, 64)
    crowded = unit(vectors(1, 9, 64) + 0.3 * vectors(900, 10, 64)).astype(np.float32)
    return {
        "one template": (crowd(1500, 1), np.arange(1500) + 3),
        "four templates": (several, np.repeat(np.arange(500) * 2, 4)),
        "one to eight": (mixed, sizes),
        "contradicting": (loose, np.repeat(np.arange(600), 2)),  # every mean is zero
        "unlike": (spread, np.arange(1600) % 200),  # eight templates of no one in particular: means of length 0.35
        "duplicates": (np.vstack([several[:800], several[:800]]), np.tile(np.repeat(np.arange(200), 4), 2)),
        "twins": (np.vstack([several[:800], several[:800]]), np.repeat(np.arange(400), 4)),
        "one has most": (np.vstack([crowded, crowd(100, 2)]), np.r_[np.full(900, 1000), np.repeat(np.arange(100), 2)]),
    }


GALLERIES = galleries()


def probes_for(rows: np.ndarray) -> np.ndarray:
    """Photos of people of the gallery, of strangers, and far from everyone."""
    chance = np.random.default_rng(3)
    known = unit(rows[chance.choice(len(rows), 12)] + 0.6 * vectors(12, 11, 64))
    return np.ascontiguousarray(np.vstack([known, vectors(6, 12, 64), -rows[:3]]), dtype=np.float32)


@pytest.mark.parametrize("name", GALLERIES)
@pytest.mark.parametrize("kind", ["recent", "both", *KINDS])
def test_searches_agree_with_the_oracle(kind: str, name: str, tmp_path: Path) -> None:
    rows, subjects = GALLERIES[name]
    ids = np.arange(len(rows)) + 1
    if kind == "recent":
        index = Searcher.empty(64)
        index.recent.append(ids, subjects, rows)
    elif kind == "both":  # a subject's templates lie in both parts
        half = np.arange(len(rows)) % 2 == 0
        index = Searcher(made("flat", rows[half], tmp_path, ids[half], subjects[half]), Position())
        index.recent.append(ids[~half], subjects[~half], rows[~half])
    else:
        part = made(kind, rows, tmp_path, ids, subjects)
        index = Searcher(part, Position())
    probes = probes_for(rows)
    expected = [oracle(rows, subjects, probe) for probe in probes]
    hits, people = 0, 0
    for k in (1, 5, 50, len(expected[0]) + 7):
        for found, best in zip(index.best_subjects(probes, k), expected, strict=True):
            hits, people = hits + reached(found, best, k), people + len(found)
            if kind not in CODED:
                check(found, best, k)
    assert hits >= 0.999 * people  # codes may miss a template, and so a person: no more of them than the gate allows
    alone = index.best_subjects(probes[:1], 5)[0]
    check(alone, expected[0], 5)
    wanted = np.unique(subjects)[::3]
    chosen = index.select(wanted)
    for found, probe in zip(index.best_subjects(probes, 5, chosen), probes, strict=True):
        check(found, oracle(rows, subjects, probe, set(wanted.tolist())), 5)
    nobody = index.select(np.array([10**9, 10**9 + 1]))
    assert index.best_subjects(probes[:2], 5, nobody) == [[], []]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_small_galleries_agree_with_the_oracle_at_any_depth(data: st.DataObject) -> None:
    """With a first depth of one template every stop is by the bound, or everyone is scored; and in small pieces."""
    people = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=12))
    subjects = np.repeat(np.arange(len(people)), people)
    chance = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    loose = data.draw(st.sampled_from([0.1, 0.7, 3.0]))
    rows = unit(unit(chance.normal(size=(len(people), 4)))[subjects] + loose * chance.normal(size=(len(subjects), 4)))
    order = chance.permutation(len(rows))
    rows, subjects = np.ascontiguousarray(rows[order], dtype=np.float32), subjects[order]
    edge = data.draw(st.integers(0, len(rows)))
    ids = np.arange(len(rows)) + 1
    published = PublishedTemplates(by_subject(ids[:edge], subjects[:edge]), rows[:edge], FlatIndex(rows[:edge]))
    recent = RecentTemplates(4)
    recent.append(ids[edge:], subjects[edge:], rows[edge:])
    gone = data.draw(st.lists(st.sampled_from(ids.tolist()), max_size=3))
    for part in (published, recent):
        part.drop(np.array(gone, dtype=np.int64))
    left = ~np.isin(ids, gone)
    probes = unit(chance.normal(size=(3, 4)))
    k = data.draw(st.integers(1, 6))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject_ranking, "first_depth", lambda *_: 1)
        patch.setattr(subject_ranking, "_EVERYONE", data.draw(st.sampled_from([0, 1, 4, 16])))
        for name in ("_TEMPLATES_AT_ONCE", "_PAIRS_AT_ONCE", "_NUMBERS_AT_ONCE"):
            patch.setattr(subject_ranking, name, data.draw(st.sampled_from([1, 9, 1000])))
        found = nearest_subjects((published, recent), probes, k)
        own = np.array([*chance.choice(ids, 2), -1])
        without = nearest_subjects((published, recent), probes, k, left_out=own)
        chosen = np.unique(chance.choice(subjects, 3))
        only = [part.rows_of(chosen) for part in (published, recent)]
        among = nearest_subjects((published, recent), probes, k, only)
    for place, probe in enumerate(probes):
        check(found[place], oracle(rows[left], subjects[left], probe), k)
        kept = left & (ids != own[place])
        check(without[place], oracle(rows[kept], subjects[kept], probe), k)
        check(among[place], oracle(rows[left], subjects[left], probe, set(chosen.tolist())), k)


def test_a_person_is_found_whose_nearest_template_is_not_the_nearest() -> None:
    """The second person's templates surround the probe: none is as near as the first's one, the centroid is nearer."""
    probe = np.array([[1, 0, 0]], dtype=np.float32)
    one = unit(np.array([[1, 0.55, 0]]))
    around = unit(np.array([[1, 0.6, 0], [1, -0.3, 0.52], [1, -0.3, -0.52]]))
    assert (around @ probe[0]).max() < (one @ probe[0]).max()
    index = Searcher.empty(3)
    index.recent.append(np.arange(4), np.array([1, 2, 2, 2]), np.vstack([one, around]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject_ranking, "first_depth", lambda *_: 1)
        (best,) = index.best_subjects(probe, 1)[0]
    assert best[0] == 2 and best[1] == pytest.approx(by_hand(probe[0], around), abs=1e-6)


@pytest.mark.parametrize("probes", [1, 3])
def test_where_everyone_is_about_as_near_everyone_is_scored(monkeypatch: pytest.MonkeyPatch, probes: int) -> None:
    """The templates lie in a narrow cone: no bound can tell anyone apart before nearly all templates are found."""
    rows = unit(vectors(1, 20, 64) + 0.65 * vectors(4000, 21, 64)).astype(np.float32)
    subjects, depths = np.arange(4000) // 2, []

    class Counted(FlatIndex):
        def search(self, probes, k, alive=None):  # type: ignore[no-untyped-def]
            depths.append(k)
            return super().search(probes, k, alive)

    part = PublishedTemplates(by_subject(np.arange(4000), subjects), rows, Counted(rows))
    asked = np.ascontiguousarray(unit(vectors(1, 20, 64) + 0.65 * vectors(probes, 22, 64)), dtype=np.float32)
    for found, probe in zip(nearest_subjects((part,), asked, 5), asked, strict=True):
        check(found, oracle(rows, subjects, probe), 5)
    assert depths == [first_depth(5, 2, 4000)]


def test_the_mean_of_a_person_is_computed_once_for_many_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, subjects = GALLERIES["one has most"]
    part = PublishedTemplates(by_subject(np.arange(len(rows)) + 1, subjects), rows, FlatIndex(rows))
    computed, plain = [], subject_ranking._mean_lengths

    def counted(rows: Sequence, number: np.ndarray, which: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        computed.append(len(which))
        return plain(rows, number, which)

    monkeypatch.setattr(subject_ranking, "_mean_lengths", counted)
    probes = np.ascontiguousarray(rows[:40])
    first = nearest_subjects((part,), probes, 101)
    assert computed == [101]
    computed.clear()
    left_out = np.where(np.arange(40) < 10, np.arange(40) + 1, -1)
    without = nearest_subjects((part,), probes, 101, left_out=left_out)
    assert computed == [111]  # of ten probes the mean is another
    assert without[10:] == first[10:] and all(
        mine != whole for mine, whole in zip(without[:10], first[:10], strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_scores_follow_a_template_that_comes_or_goes(kind: str, tmp_path: Path) -> None:
    rows, subjects = GALLERIES["four templates"]
    ids = np.arange(len(rows)) + 1
    index = Searcher(made(kind, rows, tmp_path, ids, subjects), Position())
    probe = probes_for(rows)[:1]
    best = index.best_subjects(probe, 1)[0][0][0]
    own = np.flatnonzero(subjects == best)
    nearest = own[(rows[own] @ probe[0]).argmax()]
    index.published.drop(ids[[nearest]])
    left = np.delete(np.arange(len(rows)), nearest)
    check(index.best_subjects(probe, 3)[0], oracle(rows[left], subjects[left], probe[0]), 3)
    new = unit(-probe + 0.1 * vectors(1, 4, 64)).astype(np.float32)  # a photo that the probe does not resemble at all
    index.recent.append(np.array([9999]), np.array([best]), new)
    grown, people = np.vstack([rows[left], new]), np.append(subjects[left], best)
    check(index.best_subjects(probe, 3)[0], oracle(grown, people, probe[0]), 3)
    index.recent.drop(np.array([9999]))
    check(index.best_subjects(probe, 3)[0], oracle(rows[left], subjects[left], probe[0]), 3)


# -- the recall gate --------------------------------------------------------------------------------------------------


def test_the_gate_measures_the_people_whom_a_search_returns() -> None:
    rows, subjects = GALLERIES["one to eight"]
    truth = ground_truth(rows, subjects, 40, seed=1)
    assert truth.left_out.any() and not truth.left_out.all()
    for number, probe in enumerate(truth.probes):
        kept = np.arange(len(rows)) != (truth.rows[number] if truth.left_out[number] else -1)
        expected = oracle(rows[kept], subjects[kept], probe)[:GATED_K]
        np.testing.assert_allclose(truth.scores[number], [score for _, score in expected], atol=2e-6)
    assert truth.recall(FlatIndex(rows)) == 1.0


def test_an_index_that_misses_people_does_not_pass() -> None:
    class Half(FlatIndex):
        """Finds every second template only."""

        def search(self, probes, k, alive=None):  # type: ignore[no-untyped-def]
            return super().search(probes, k, np.arange(len(rows)) % 2 == 0)

    rows = crowd(400, 1)
    truth = ground_truth(rows, np.arange(400), 100, seed=1)
    assert 0.3 < truth.recall(Half(rows)) < 0.7
    pairs = np.arange(400) // 2  # with two templates each, of which one is found, everyone is found
    assert ground_truth(rows, pairs, 100, seed=1).recall(Half(rows)) > 0.7


def test_depths_are_measured_for_what_a_search_of_ten_asks() -> None:
    few, many = 8, 200_000
    assert first_depth(GATED_K, 1, few) == first_depth(GATED_K, 4, many) == GATED_TEMPLATES
    assert first_depth(GATED_K, 16, many) == 2 * GATED_TEMPLATES
    assert 3 < first_depth(GATED_K, 1, 50 * many) / GATED_TEMPLATES < 4
    index, report = choose_index(crowd(1500, 2), np.repeat(np.arange(1500), 2), IndexSettings("rabitq"))
    assert index.spec.kind == "rabitq" and report.recall >= 0.999
    assert LEAST_LENGTH == 0.75  # as docs/adr/0025-person-score.md and docs/metrics.md say


@pytest.mark.parametrize("kind", CODED)
def test_no_search_is_shallower_than_the_one_that_was_measured(kind: str) -> None:
    asked: list[int] = []

    def candidates(codes, probes, depth, least):  # type: ignore[no-untyped-def]
        found = CODED[kind].candidates(codes, probes, depth, least)
        asked.append(found[1].shape[1])
        return found

    rows, subjects = crowd(3000, 1), np.arange(3000)
    built = CodedIndex.build(replace(CODED[kind], candidates=candidates), rows, CODED[kind].builds[0])
    at_gate = []
    for depth in CODED[kind].depths[:2]:
        index = built.at_depth(depth)
        part = PublishedTemplates(by_subject(subjects, subjects), rows, index)
        asked.clear()
        ground_truth(rows, subjects, 4, seed=1).recall(index)
        at_gate.append(asked[0])
        for k in (1, 5, GATED_K, 2 * GATED_K):
            asked.clear()
            nearest_subjects((part,), rows[:1], k)
            assert asked[0] >= at_gate[-1]
    assert kind == "ivf" or at_gate[0] < at_gate[1]  # it counts clusters
