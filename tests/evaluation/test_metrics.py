"""Metrics compared with numbers worked by hand; definitions that are broken on purpose are noticed."""

import math
import random
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_curve

from evaluation import kfold, metrics, scores
from evaluation.consolidation import Consolidation, consolidate, scores_of
from evaluation.protocols import Entry, checked, first_photos, read_list, split_folder
from evaluation.scores import ProbeScores
from evaluation.templates import OK, TemplateResult
from presente.errors import InvalidInput
from tests.conftest import unit
from tests.evaluation.searches import SEARCHES, mated, stranger


def test_closed_set_by_hand() -> None:
    assert metrics.rank_rate(SEARCHES, 1) == 3 / 5
    assert metrics.rank_rate(SEARCHES, 2) == 4 / 5
    assert metrics.failures_to_acquire(SEARCHES) == 2


def test_open_set_by_hand() -> None:
    assert metrics.fpir_at(SEARCHES, 0.3) == 2 / 4
    assert metrics.fpir_at(SEARCHES, 0.31) == 1 / 4
    assert metrics.fnir_at(SEARCHES, 0.5) == pytest.approx(3 / 5)
    quarter = metrics.open_set(SEARCHES, 0.25)  # one of four may pass: just above 0.3
    assert quarter.threshold == np.nextafter(0.3, 1) and quarter.fpir == 0.25 and quarter.resolved
    assert quarter.fnir == pytest.approx(2 / 5)  # 0.9, 0.6 and 0.4 are found
    none = metrics.open_set(SEARCHES, 0.1)
    assert none.threshold == np.nextafter(0.5, 1) and none.fpir == 0 and not none.resolved
    assert none.fnir == pytest.approx(3 / 5)


def test_without_strangers_or_probes_there_is_no_rate() -> None:
    for ask in (
        lambda: metrics.open_set(SEARCHES[:5], 0.1),
        lambda: metrics.rank_rate(SEARCHES[5:], 1),
        lambda: metrics.fnir_at(SEARCHES[5:], 0.5),
        lambda: metrics.open_set(SEARCHES, 1.0),
        lambda: metrics.open_set(SEARCHES, -0.1),
    ):
        with pytest.raises(InvalidInput):
            ask()


SCORES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=50)


@given(SCORES, st.floats(0, 0.99))
def test_the_asked_rate_is_never_exceeded_and_no_lower_threshold_would_do(strangers: list[float], fpir: float) -> None:
    searches = [stranger(score) for score in strangers]
    threshold = metrics.threshold_at_fpir(searches, fpir)
    assert metrics.fpir_at(searches, threshold) <= fpir + 1e-12
    assert metrics.fpir_at(searches, float(np.nextafter(threshold, -np.inf))) > fpir - 1e-12


@given(SCORES, st.floats(-1, 1), st.floats(-1, 1))
def test_rates_move_the_right_way(values: list[float], one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    searches = [stranger(v) for v in values] + [mated(v, 1) for v in values]
    assert metrics.fpir_at(searches, low) >= metrics.fpir_at(searches, high)
    assert metrics.fnir_at(searches, low) <= metrics.fnir_at(searches, high)


def entry(role: str, person: str, name: str = "p.jpg") -> Entry:
    return Entry(role, person, Path(name))  # type: ignore[arg-type]


def made(*values: float) -> TemplateResult:
    return TemplateResult(unit(np.array(values, np.float32)), OK)


def test_scores_by_hand() -> None:
    entries = [
        entry("gallery", "b"),
        entry("gallery", "a"),
        entry("gallery", "a"),
        entry("gallery", "c"),
        entry("probe", "a"),
        entry("probe", "c"),
        entry("unknown", "z"),
        entry("probe", "b"),
        entry("unknown", "y"),
    ]
    templates = [
        made(0, 1, 0),
        made(1, 0, 0),
        made(1, 1, 0),
        TemplateResult(None, "no_face"),
        made(1, 1, 0),
        made(0, 1, 0),
        made(0, 3, 4),
        made(1, 0, 0),
        TemplateResult(None, "no_face"),
    ]
    found = scores.identification_scores(entries, templates)
    assert [(s.best_person, s.mate_rank) for s in found] == [("a", 1), ("b", 0), ("b", 0), ("a", 2), ("", 0)]
    # The second of a's two templates is the probe; their mean is 22.5 degrees away.
    assert found[0].best_score == pytest.approx((1 + np.cos(np.pi / 8)) / 2) and found[3].mate_score == pytest.approx(0)
    assert found[1].mate_score == -math.inf  # c was never enrolled: a failure to enrol is a miss
    assert found[2].best_score == pytest.approx(0.6)
    assert found[4].outcome == "no_face" and found[4].best_score == -math.inf


def test_a_tie_counts_against_the_mate() -> None:
    entries = [entry("gallery", "a"), entry("gallery", "b"), entry("probe", "a")]
    assert scores.identification_scores(entries, [made(1, 0), made(1, 0), made(1, 0)])[0].mate_rank == 2


def test_scores_survive_the_disk(tmp_path: Path) -> None:
    scores.write_scores(tmp_path / "deep" / "scores.tsv", SEARCHES)
    assert scores.read_scores(tmp_path / "deep" / "scores.tsv") == SEARCHES
    (tmp_path / "wrong.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InvalidInput):
        scores.read_scores(tmp_path / "wrong.tsv")


def test_lists_are_checked(tmp_path: Path) -> None:
    def refused(text: str) -> str:
        (tmp_path / "list.tsv").write_text(text)
        with pytest.raises(InvalidInput) as caught:
            read_list(tmp_path / "list.tsv")
        return caught.value.code

    assert refused("role\tperson\nprobe\ta\n") == "missing_column"
    assert refused("role\tperson\tpath\nprobes\ta\ta.jpg\n") == "invalid_list"
    assert refused("role\tperson\tpath\nprobe\ta\ta.jpg\n") == "invalid_list"
    with pytest.raises(InvalidInput, match="no probes"):
        checked([entry("gallery", "a"), entry("unknown", "b")], "it")
    with pytest.raises(InvalidInput, match="called unknown"):
        checked([entry("gallery", "a"), entry("probe", "a"), entry("unknown", "a")], "it")
    with pytest.raises(InvalidInput, match="not enrolled"):
        checked([entry("gallery", "a"), entry("probe", "b")], "it")


def test_a_folder_is_split_by_its_seed(tmp_path: Path) -> None:
    for person in range(10):
        for photo in range(4 if person else 2):
            path = tmp_path / f"p{person}" / f"{photo}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    split = split_folder(tmp_path, 2, 0.3, seed=4)
    assert split == split_folder(tmp_path, 2, 0.3, seed=4) != split_folder(tmp_path, 2, 0.3, seed=5)
    roles = {role: {e.person for e in split if e.role == role} for role in ("gallery", "probe", "unknown")}
    assert roles["gallery"] == roles["probe"] and not roles["gallery"] & roles["unknown"]
    assert len(split) == 38 and "p0" in roles["unknown"]  # two photos are too few to enrol two and probe one


def test_groups_share_a_threshold_and_by_hand() -> None:
    searches = [replace(search, group="x" if i in (0, 1, 3, 5, 6) else "y") for i, search in enumerate(SEARCHES)]
    x, y = metrics.by_group(searches, 0.45)
    assert (x.group, x.probes, x.strangers, x.rank1, x.fnir, x.fpir) == ("x", 3, 2, 2 / 3, 1 / 3, 1 / 2)
    assert (y.group, y.probes, y.strangers, y.rank1, y.fnir, y.fpir) == ("y", 2, 2, 1 / 2, 1, 0)
    assert x.fpir_interval[0] < 0.5 < x.fpir_interval[1]
    assert metrics.by_group(searches[:5], 0.45)[0].fpir is None  # no strangers, no rate


def test_what_was_said() -> None:
    truth, said = metrics.answers(SEARCHES, 0.45, "?")
    assert truth == ["a"] * 5 + ["?"] * 4 and said == ["a", "a", "?", "a", "?", "a", "?", "?", "?"]


def test_consolidation_by_hand() -> None:
    long, short, probe = np.array([4.0, 0.0]), np.array([0.0, 1.0]), unit(np.array([[1.0, 1.0]]))
    templates = [("b", short.astype(np.float32)), ("a", long.astype(np.float32)), ("a", short.astype(np.float32))]
    ways: tuple[tuple[Consolidation, float], ...] = (
        ("served", (0.7071 + 0.7071 / 0.75) / 2),
        ("best", 0.7071),
        ("centroid", 1.0),
        ("notebook", 5 / 34**0.5),
    )
    for how, expected in ways:
        gallery = consolidate(templates, how)
        assert gallery.people == ("a", "b")
        assert next(scores_of(probe, gallery, how)) == pytest.approx([expected, 0.7071], abs=1e-4)


def test_enrolled_with_fewer_photos() -> None:
    entries = [entry("gallery", "a", "1"), entry("gallery", "a", "2"), entry("gallery", "b", "3"), entry("probe", "a")]
    assert first_photos(entries, 1) == [0, 2, 3]


def test_ten_thousand_against_ten_thousand_in_bounded_memory() -> None:
    """Scores of 400 MB are never held at once. ``python -m benchmarks.evaluation`` measures the time."""
    made_up = unit(np.random.default_rng(1).normal(size=(20_000, 64)))
    entries = [Entry("gallery" if i < 10_000 else "probe", f"{i % 10_000:05d}", Path("p")) for i in range(20_000)]
    templates = [TemplateResult(row, OK) for row in made_up]
    tracemalloc.start()
    found = scores.identification_scores(entries, templates)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 10_000 and metrics.rank_rate(found, 1) < 0.01  # the probes are random, too
    assert peak < 100e6


BROKEN = {
    "ties count for the mate": lambda s: replace(s, mate_rank=1 if s.mated and s.mate_rank == 2 else s.mate_rank),
    "failures to acquire are left out": lambda s: None if s.outcome != OK else s,
    "the impostor's score counts as the mate's": lambda s: replace(s, mate_score=s.best_score),
    "a stranger's score is that of its mate": lambda s: s if s.mated else replace(s, best_score=s.mate_score),
}


@pytest.mark.parametrize("how", BROKEN)
def test_metrics_broken_on_purpose_are_noticed(how: str) -> None:
    """Each wrong definition that was seen elsewhere changes a number that a test above checks."""

    def figures(searches: list[ProbeScores]) -> list[float]:
        return [
            metrics.rank_rate(searches, 1),
            metrics.failures_to_acquire(searches),
            metrics.fnir_at(searches, 0.41),
            metrics.fnir_at(searches, 0.53),
            metrics.fpir_at(searches, 0.3),
        ]

    broken = [made for made in map(BROKEN[how], TELLING) if made is not None]
    assert figures(broken) != figures(TELLING)


TELLING = [*SEARCHES, ProbeScores(True, "a", "a.jpg", OK, "b", 0.6, 0.5, 1)]


# -- random experiments with whole galleries --------------------------------------------------------------------------

EXPERIMENTS = st.builds(
    lambda seed, people, probes, strangers, lost: experiment(seed, people, probes, strangers, lost),
    st.integers(0, 2**32 - 1),
    st.integers(2, 6),
    st.integers(1, 25),
    st.integers(1, 25),
    st.integers(0, 3),
)


def experiment(seed: int, people: int, probes: int, strangers: int, lost: int) -> list[ProbeScores]:
    """Searches of random templates near random people; some photos without a face."""
    chance = np.random.default_rng(seed)
    centres = unit(chance.normal(size=(people, 6)))
    entries = [entry("gallery", f"p{i}") for i in range(people)]
    templates = [TemplateResult(row, OK) for row in centres]
    for i in range(probes + strangers):
        who = int(chance.integers(people))
        near = centres[who] if i < probes else 0
        entries.append(entry("probe", f"p{who}", str(i)) if i < probes else entry("unknown", f"x{i}", str(i)))
        template = unit(near + 0.5 * chance.normal(size=6))
        templates.append(TemplateResult(None, "no_face") if i % 7 < lost else TemplateResult(template, OK))
    return scores.identification_scores(entries, templates)


def all_figures(searches: list[ProbeScores]) -> list[float]:
    """All results that contain no score: closed set, and open set at rates."""
    points = [metrics.open_set(searches, fpir) for fpir in (0.0, 0.05, 0.2, 0.5)]
    return [
        *(metrics.rank_rate(searches, rank) for rank in range(1, 7)),
        metrics.failures_to_acquire(searches),
        *(value for point in points for value in (point.fpir, point.fnir, point.resolved)),
    ]


@settings(deadline=None)
@given(EXPERIMENTS)
def test_only_the_order_of_scores_matters(searches: list[ProbeScores]) -> None:
    """A sigmoid of every score is another matcher with the same answers."""

    def squeezed(score: float) -> float:
        return -math.inf if math.isinf(score) else 1 / (1 + math.exp(-5 * score))

    moved = [replace(s, best_score=squeezed(s.best_score), mate_score=squeezed(s.mate_score)) for s in searches]
    assert all_figures(moved) == all_figures(searches)


@settings(deadline=None)
@given(EXPERIMENTS)
def test_whose_the_photos_are_does_matter(searches: list[ProbeScores]) -> None:
    """With probes and strangers exchanged no one is found: strangers have no mate, and mates are enrolled."""
    swapped = [replace(s, mated=not s.mated) for s in searches]
    assert metrics.rank_rate(swapped, 6) == 0 and metrics.fnir_at(swapped, -1) == 1
    assert metrics.fpir_at(swapped, -1) == sum(s.mated and s.outcome == OK for s in searches) / sum(
        s.mated for s in searches
    )


@settings(deadline=None)
@given(EXPERIMENTS, st.floats(-1, 1), st.randoms())
def test_accuracy_is_scikit_learns_and_order_is_nothing(
    searches: list[ProbeScores], threshold: float, chance: random.Random
) -> None:
    truth, said = metrics.answers(searches, threshold, "?")
    right = sum(one == other for one, other in zip(truth, said, strict=True)) / len(searches)
    assert kfold.figures(searches, threshold)["accuracy"] == accuracy_score(truth, said) == pytest.approx(right)
    # Without ties, a mate who is named is at rank 1: FNIR is 1 - the accuracy over the probes.
    mates = [s for s in searches if s.mated]
    assert metrics.fnir_at(searches, threshold) == pytest.approx(
        1 - accuracy_score(*metrics.answers(mates, threshold, "?")), abs=1e-12
    )
    shuffled = chance.sample(searches, len(searches))
    assert all_figures(shuffled) == all_figures(searches)


@settings(deadline=None)
@given(EXPERIMENTS)
def test_the_open_set_is_scikit_learns_roc(searches: list[ProbeScores]) -> None:
    """FPIR and DIR at every threshold are the ROC of best scores of strangers against those of mates at rank 1."""
    kept = [s.best_score if not s.mated else (s.mate_score if s.mate_rank == 1 else -math.inf) for s in searches]
    finite = [-9.0 if math.isinf(score) else score for score in kept]
    far, tar, thresholds = roc_curve([s.mated for s in searches], finite, drop_intermediate=False)
    for one, other, threshold in zip(far, tar, thresholds, strict=True):
        if threshold > -9.0:
            assert metrics.fpir_at(searches, threshold) == pytest.approx(one)
            assert 1 - metrics.fnir_at(searches, threshold) == pytest.approx(other)
