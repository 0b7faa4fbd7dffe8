"""Recall of an index: of the sample class, and of indexes that miss on purpose."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.index_recall import compare, read_searches, recall, write_searches
from gallery.index.kinds.flat import FlatIndex
from gallery.index.recall_gate import ground_truth
from gallery.person_score import scores_with
from tests.conftest import SAMPLE, Command, on_sqlite, unit


class Forgetful(FlatIndex):
    """Exact search that leaves out one place of the ranking."""

    def __init__(self, matrix: np.ndarray, overlooked: int) -> None:
        super().__init__(matrix)
        self.overlooked = overlooked

    def search(self, probes: np.ndarray, k: int, alive: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        scores, rows = super().search(probes, k + 1, alive)
        gone = min(self.overlooked, k)
        return np.delete(scores, gone, axis=1), np.delete(rows, gone, axis=1)


@pytest.mark.parametrize(("overlooked", "at_1", "at_10"), [(None, 1.0, 1.0), (5, 1.0, 0.9), (0, 0.0, 0.9)])
def test_what_is_overlooked_is_counted(overlooked: int | None, at_1: float, at_10: float, tmp_path: Path) -> None:
    rows = unit(np.random.default_rng(3).normal(size=(500, 16)))
    # No one has two templates, so no template is left out, and the first place is the probe's own.
    truth = ground_truth(rows, np.arange(500), 100, seed=1)
    write_searches(
        tmp_path / "search.tsv", compare(truth, FlatIndex(rows) if overlooked is None else Forgetful(rows, overlooked))
    )
    read = read_searches(tmp_path / "search.tsv")
    found = recall(read)
    assert {one.kind for one in read} == {"perturbed"} and len({one.template for one in read}) == 100
    assert (found["searches"], found["recall_at_1"]) == (100, at_1) and found["recall_at_10"] == pytest.approx(at_10)
    assert recall([])["recall_at_1"] is None


def test_a_probe_that_is_left_out_is_no_answer() -> None:
    rows = unit(np.random.default_rng(3).normal(size=(60, 16)))
    truth = ground_truth(rows, np.arange(60) // 2, 60, seed=1)
    assert truth.left_out.sum() == 30
    for probe, row, left_out, scores in zip(truth.probes, truth.rows, truth.left_out, truth.scores, strict=True):
        people = [rows[[i for i in (2 * n, 2 * n + 1) if not (left_out and i == row)]] for n in range(30)]
        expected = [float(scores_with(probe[None], own)[0]) for own in people]
        assert np.allclose(-np.sort(-np.array(expected))[:10], scores, atol=1e-6)
    assert all(one.found == 10 and one.found_at_1 == 1 for one in compare(truth, FlatIndex(rows)))


@on_sqlite
def test_the_sample_class(command: Command) -> None:
    none = command("evaluation", "search")
    assert none.returncode == 2 and "nothing_published" in none.stderr
    command("indexer", "add", SAMPLE / "students.csv")
    result = json.loads(command("evaluation", "search", "--json").stdout)
    assert (result["index_kind"], result["templates"], result["generation"]) == ("flat", 96, 1)
    for kind in ("left_out", "perturbed"):
        assert (result[kind]["searches"], result[kind]["recall_at_1"], result[kind]["recall_at_10"]) == (48, 1.0, 1.0)
    assert "recall@10 1.0000" in command("evaluation", "search").stdout
    assert command("evaluation", "search", "--probes", "0").returncode == 2
