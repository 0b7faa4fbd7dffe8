"""``evaluation clusters``: figures worked by hand; the command on the sample class, and on real faces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.cluster_metrics import cluster_figures
from evaluation.clusters import read_groups
from faces.packs.model_pack import ModelPack
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.evaluation.report_page import check_self_contained, parsed


def test_figures_by_hand() -> None:
    """Three photos of a, two of b, one of c; the groups are a a b | a | b c."""
    found = cluster_figures(["a", "a", "b", "a", "b", "c"], [1, 1, 1, 2, 3, 3])
    # Pairs in groups: aa, ab, ab, bc, one of them right; pairs of people: three of a, one of b, one of them in a group.
    assert (found.precision, found.recall, found.f1) == (1 / 4, 1 / 4, 1 / 4)
    assert found.bcubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1 / 2 + 1 / 2) / 6)
    assert found.bcubed_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 2 + 1 / 3 + 1 / 2 + 1) / 6)
    assert (found.people, found.groups, found.mixed, found.split) == (3, 3, 2, 2)


def test_figures_at_the_ends() -> None:
    right = cluster_figures(["a", "a", "b"], ["x", "x", "y"])
    assert (right.f1, right.bcubed_f1, right.mixed, right.split) == (1, 1, 0, 0)
    one = cluster_figures(["a", "b", "c", "c"], [0, 0, 0, 0])
    assert (one.precision, one.recall, one.groups, one.mixed) == (1 / 6, 1, 1, 1)
    assert one.bcubed_precision == pytest.approx((1 + 1 + 2 + 2) / 16) and one.bcubed_recall == 1
    alone = cluster_figures(["a", "a"], [0, 1])
    assert (alone.precision, alone.recall, alone.f1, alone.bcubed_recall) == (1, 0, 0, 1 / 2)


@on_sqlite
def test_the_sample_class(command: Command, tmp_path: Path) -> None:
    words = ("--beside", "dbscan", "dbscan3", "average", "--out", "out", "--json")
    done = command("evaluation", "clusters", SAMPLE / "students", *words)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["photos"], result["people"], result["fta"]) == (96, 24, 0)
    assert [row["method"] for row in result["rows"]] == ["served", "served", "dbscan", "dbscan3", "average"]
    assert all(row["f1"] == row["bcubed_f1"] == 1 and row["groups"] == 24 for row in result["rows"][:3])
    photos = read_groups(tmp_path / "out" / "groups.tsv")
    assert len(photos) == 96 and len({one.group for one in photos}) == 24
    check_self_contained(parsed(tmp_path / "out" / "report.html"))


@on_sqlite
def test_scores_that_are_asked_for(command: Command, tmp_path: Path) -> None:
    words = ("--list", SAMPLE / "identify.tsv", "--at", "0.3", "0.999", "--beside", "--out", "out", "--json")
    done = command("evaluation", "clusters", *words)
    assert done.returncode == 0, done.stderr
    low, high = json.loads(done.stdout)["rows"]
    assert low["recall"] == 1 > low["precision"] and low["mixed"] > 0
    assert high["precision"] == 1 > high["recall"] and high["split"] > 0
    text = (tmp_path / "out" / "report.html").read_text()
    assert "Groups that mix people" in text


@on_sqlite
def test_what_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words, code in (
        ((), "missing_protocol"),
        ((SAMPLE / "students", "--at", "1.5"), "invalid_threshold"),
        ((SAMPLE / "students", "--shuffles", "0"), "invalid_number"),
        ((tmp_path / "empty",), "no_photos"),
    ):
        done = command("evaluation", "clusters", *words, "--json")
        assert done.returncode == 2 and code in done.stdout + done.stderr, words


@on_sqlite
@pytest.mark.real
def test_real_faces(command: Command, real_pack: ModelPack, real_faces: Path) -> None:
    """CelebA's 30 people at a cosine at which DBSCAN makes one person of several."""
    words = ("--list", real_faces / "celeba" / "identify.tsv", "--pack", real_pack.folder)
    done = command("evaluation", "clusters", *words, "--at", "0.36", "--beside", "dbscan", "average", "--json")
    assert done.returncode == 0, done.stderr
    own, dbscan, average = json.loads(done.stdout)["rows"]
    assert own["precision"] == 1 and own["recall"] > 0.97 and own["f1"] > average["f1"] - 0.01
    assert dbscan["precision"] < 0.9
