"""Metrics against numbers worked by hand, and against definitions broken on purpose."""

import math
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import metrics, scores
from evaluation.consolidation import consolidate
from evaluation.protocols import Entry, checked, first_photos, read_list, split_folder
from evaluation.scores import Search
from evaluation.templates import OK, Outcome
from gallery.nonmated import person_scores
from presente.errors import InvalidInput
from tests.conftest import unit


def mated(score: float, rank: int, best: float | None = None, outcome: str = OK) -> Search:
    return Search(True, "a", "a.jpg", outcome, "a", score if best is None else best, score, rank)


def stranger(score: float, outcome: str = OK) -> Search:
    return Search(False, "x", "x.jpg", outcome, "a", score, -math.inf, 0)


# Five mated searches: three found at rank 1, one at rank 2, one photo without a face. Four strangers.
SEARCHES = [
    mated(0.9, 1),
    mated(0.6, 1),
    mated(0.4, 1),
    mated(0.5, 2, best=0.55),
    mated(-math.inf, 0, outcome="no_face"),
    stranger(0.5),
    stranger(0.3),
    stranger(0.2),
    stranger(-math.inf, "no_face"),
]


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


def made(*values: float) -> Outcome:
    return Outcome(unit(np.array(values, np.float32)), OK)


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
    outcomes = [
        made(0, 1, 0),
        made(1, 0, 0),
        made(1, 1, 0),
        Outcome(None, "no_face"),
        made(1, 1, 0),
        made(0, 1, 0),
        made(0, 3, 4),
        made(1, 0, 0),
        Outcome(None, "no_face"),
    ]
    found = scores.identification_scores(entries, outcomes)
    assert [(s.best_person, s.mate_rank) for s in found] == [("a", 1), ("b", 0), ("b", 0), ("a", 2), ("", 0)]
    assert found[0].best_score == pytest.approx(1) and found[3].mate_score == pytest.approx(0)
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
    for how, expected in (("best", 0.7071), ("centroid", 1.0), ("notebook", 5 / 34**0.5)):
        gallery = consolidate(templates, how)  # type: ignore[arg-type]
        assert gallery.people == ("a", "b")
        assert next(person_scores(probe, gallery))[1][0] == pytest.approx([expected, 0.7071], abs=1e-4)


def test_enrolled_with_fewer_photos() -> None:
    entries = [entry("gallery", "a", "1"), entry("gallery", "a", "2"), entry("gallery", "b", "3"), entry("probe", "a")]
    assert first_photos(entries, 1) == [0, 2, 3]


def test_ten_thousand_against_ten_thousand_in_bounded_memory() -> None:
    """Scores of 400 MB are never held at once; the time is on shared cores, and generous."""
    made_up = unit(np.random.default_rng(1).normal(size=(20_000, 64)))
    entries = [Entry("gallery" if i < 10_000 else "probe", f"{i % 10_000:05d}", Path("p")) for i in range(20_000)]
    outcomes = [Outcome(row, OK) for row in made_up]
    start = time.perf_counter()
    tracemalloc.start()
    found = scores.identification_scores(entries, outcomes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 10_000 and metrics.rank_rate(found, 1) < 0.01  # the probes are random, too
    assert peak < 150e6 and time.perf_counter() - start < 60


BROKEN = {
    "ties count for the mate": lambda s: replace(s, mate_rank=1 if s.mated and s.mate_rank == 2 else s.mate_rank),
    "failures to acquire are left out": lambda s: None if s.outcome != OK else s,
    "the impostor's score counts as the mate's": lambda s: replace(s, mate_score=s.best_score),
    "a stranger's score is that of its mate": lambda s: s if s.mated else replace(s, best_score=s.mate_score),
}


@pytest.mark.parametrize("how", BROKEN)
def test_metrics_broken_on_purpose_are_noticed(how: str) -> None:
    """Each way of cheating that was seen elsewhere changes a number that a test above holds."""

    def figures(searches: list[Search]) -> list[float]:
        return [
            metrics.rank_rate(searches, 1),
            metrics.failures_to_acquire(searches),
            metrics.fnir_at(searches, 0.41),
            metrics.fnir_at(searches, 0.53),
            metrics.fpir_at(searches, 0.3),
        ]

    broken = [made for made in map(BROKEN[how], TELLING) if made is not None]
    assert figures(broken) != figures(TELLING)


TELLING = [*SEARCHES, Search(True, "a", "a.jpg", OK, "b", 0.6, 0.5, 1)]
