"""Verification compared with numbers worked by hand and with scikit-learn; on real data where it is here."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from evaluation import verification
from evaluation.intervals import wilson
from evaluation.pairs import generate_pairs, read_pairs
from evaluation.protocols import Entry
from evaluation.verification import Comparison, ScoredPairs
from faces.packs.model_pack import ModelPack
from presente.errors import InvalidInput
from tests.conftest import SAMPLE, SHARED, Command, on_sqlite


def scored(mated: list[float], others: list[float]) -> ScoredPairs:
    same = np.array([True] * len(mated) + [False] * len(others))
    return ScoredPairs(np.arange(len(same)) % 2, same, np.array(mated + others))


BY_HAND = scored([0.9, 0.8, 0.6, 0.3], [0.7, 0.4, 0.2, -math.inf])


def test_rates_by_hand() -> None:
    assert verification.accuracy_at(BY_HAND, 0.5) == 5 / 8  # 3 of 4 mated, 2 of 4 others; no score is wrong
    assert verification.best_threshold(BY_HAND) == pytest.approx(0.5)  # 0.25, 0.5, 0.75: each 5 of 7
    assert verification.equal_error_rate(BY_HAND) == 1 / 4  # from 0.6 down to 0.7: one of four either way
    quarter = verification.tar_at_far(BY_HAND, 0.25)
    assert quarter.threshold == np.nextafter(0.4, 1) and (quarter.far, quarter.tar) == (0.25, 0.75)
    assert not verification.tar_at_far(BY_HAND, 0.1).resolved and verification.tar_at_far(BY_HAND, 0.1).tar is None


def test_wilson_by_hand() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # Brown, Cai, DasGupta (2001), table 1's formula
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson(20, 20) == pytest.approx((0.8389, 1), abs=1e-4) and wilson(0, 0) == (0, 1)


VALUES = st.lists(st.integers(-20, 20).map(lambda n: n / 20), min_size=1, max_size=30)


@given(VALUES, VALUES)
def test_rates_are_scikit_learns(mated: list[float], others: list[float]) -> None:
    pairs = scored(mated, others)
    far, tar, thresholds = roc_curve(pairs.same, pairs.score, drop_intermediate=False)
    ours = verification.error_rates(pairs)
    np.testing.assert_allclose(ours[0][1:], thresholds[1:])
    np.testing.assert_allclose(ours[1], far, atol=1e-12)
    np.testing.assert_allclose(1 - ours[2], tar, atol=1e-12)


@given(VALUES, VALUES)
def test_no_threshold_is_better_than_the_best(mated: list[float], others: list[float]) -> None:
    pairs = scored(mated, others)
    best = verification.accuracy_at(pairs, verification.best_threshold(pairs))
    assert best == max(verification.accuracy_at(pairs, t) for t in [*mated, *others, 2.0])


@given(VALUES, VALUES, st.floats(0.01, 0.99))
def test_the_asked_far_is_never_exceeded(mated: list[float], others: list[float], far: float) -> None:
    point = verification.tar_at_far(scored(mated, others), far)
    assert point.resolved == (1 <= math.floor(far * len(others) + 1e-9) < len(others))
    assert point.far is None or point.far <= far + 1e-9


def test_each_fold_is_decided_by_the_others() -> None:
    pairs = ScoredPairs(np.array([0, 0, 1, 1]), np.array([True, False, True, False]), np.array([0.9, 0.5, 0.45, 0.1]))
    first, second = verification.accuracy_by_fold(pairs)
    assert first.threshold == pytest.approx(0.275) and first.accuracy == 0.5  # 0.5 passes the others' threshold
    assert second.threshold == pytest.approx(0.7) and second.accuracy == 0.5


def test_lfw_pairs_are_read(tmp_path: Path) -> None:
    file = tmp_path / "pairs.txt"
    file.write_text("2\t1\nAna\t1\t2\nAna\t1\tBea\t3\nCai\t1\t4\nCai\t2\tDea\t1\n")
    pairs = read_pairs(file, Path("r"))
    assert [(p.fold, p.same, str(p.right)) for p in pairs[:2]] == [
        (0, True, "r/Ana/Ana_0002.jpg"),
        (0, False, "r/Bea/Bea_0003.jpg"),
    ]
    assert [(p.fold, p.same) for p in pairs[2:]] == [(1, True), (1, False)]
    for text in ("", "2\n", "2 1\nAna 1 2\n", "2\t1\nAna\t1\nAna\t1\tBea\t3\nCai\t1\t4\nCai\t2\tDea\t1\n"):
        file.write_text(text)
        with pytest.raises(InvalidInput):
            read_pairs(file, Path("r"))


def test_generated_folds_share_nobody() -> None:
    entries = [Entry("probe", f"p{i}", Path(f"p{i}/{k}.jpg")) for i in range(12) for k in range(3)]
    pairs = generate_pairs(entries, 3, 5, seed=1)
    people = [{path.parent.name for p in pairs if p.fold == fold for path in (p.left, p.right)} for fold in range(3)]
    assert not (people[0] & people[1] | people[0] & people[2] | people[1] & people[2])
    assert all((p.left.parent == p.right.parent) == p.same for p in pairs)
    assert pairs == generate_pairs(entries, 3, 5, seed=1) != generate_pairs(entries, 3, 5, seed=2)
    with pytest.raises(InvalidInput, match="people"):
        generate_pairs(entries, 12, 5, seed=1)


def test_a_table_survives_the_disk(tmp_path: Path) -> None:
    rows = [Comparison(0, True, "a", "b", "ok", "no_face", -math.inf), Comparison(1, False, "a", "c", "ok", "ok", 0.1)]
    verification.write_comparisons(tmp_path / "pairs.tsv", rows)
    assert verification.read_comparisons(tmp_path / "pairs.tsv") == rows
    assert verification.failures(rows) == {"b": "no_face"}
    with pytest.raises(InvalidInput):
        verification.columns_of(rows[:1])


@on_sqlite
def test_the_sample_class(command: Command, tmp_path: Path) -> None:
    photos = sorted((SAMPLE / "students").glob("*/*.jpg"))
    rows = [f"gallery\t{path.parent.name}\t{path}" for path in photos] + [
        f"probe\t{photos[0].parent.name}\t{photos[0]}"
    ]
    (tmp_path / "list.tsv").write_text("\n".join(["role\tperson\tpath", *rows]) + "\n")
    words = ("evaluation", "verification", "--list", "list.tsv", "--folds", "4", "--each", "20", "--json")
    done = command(*words, "--far", "0.1", "0.001")
    result = json.loads(done.stdout)
    assert (result["mated"], result["fta"], len(result["folds"])) == (80, 0, 4)
    assert result["accuracy"] >= 0.95 and result["eer"] <= 0.05
    assert [point["resolved"] for point in result["tar_at_far"]] == [True, False]
    for arguments, code in (
        ((), "missing_protocol"),
        (("--pairs", "x"), "unreadable_pairs"),
        (("--far", "0"), "invalid_far"),
    ):
        done = command("evaluation", "verification", *arguments)
        assert done.returncode == 2 and code in done.stderr, done.stderr


@pytest.mark.real
@on_sqlite
def test_lfw(command: Command, real_pack: ModelPack, real_faces: Path, tmp_path: Path) -> None:
    """The first two folds: all ten take minutes, and docs/evaluation.md has the command."""
    lines = (real_faces / "lfw" / "pairs.txt").read_text().splitlines()
    some = [line for start in (1, 301, 601, 901) for line in lines[start : start + 50]]
    (tmp_path / "pairs.txt").write_text("\n".join(["2\t50", *some]) + "\n")
    pack = SHARED / "models" / "research_mbf"
    words = ("evaluation", "verification", "--root", real_faces / "lfw", "--pack", pack, "--json")
    result = json.loads(command(*words, "--pairs", "pairs.txt").stdout)
    assert result["accuracy"] >= 0.98 and result["fta"] == 0
