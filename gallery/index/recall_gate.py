"""The release gate: an index is published only with its recall against exact search measured, and high enough."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import GATED_K, CodedIndex, CodedKind
from gallery.index.kinds.flat import FlatIndex, nearest
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.kinds.rabitq import RABITQ
from gallery.index.kinds.registry import CODED

CODED_FROM = 20_000
"""Templates from which ``auto`` takes codes: below, exact search takes little more time (docs/search.md)."""
_PROBES = 500
_SAME = 1e-6
"""Scores this close are a tie, and either row is right."""

Asked = Literal["auto", "flat", "rabitq", "hnsw", "ivf"]


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """Which kind of index is wanted, and the recall at 10 below which one is not published."""

    kind: Asked = "auto"
    floor: float = 0.999


@dataclass(frozen=True, slots=True)
class MeasuredIndex:
    """One index that was built and measured; its recall at 10 and how long both took, seconds."""

    kind: str
    parameters: dict[str, int]
    recall: float
    seconds: float


@dataclass(frozen=True, slots=True)
class GateReport:
    """Why a generation has the index that it has.

    Attributes:
        asked: the kind that the settings name.
        reason: one sentence.
        floor: the recall that was demanded.
        recall: what the published index reaches; 1 for an exact one.
        probes: how many searches that was measured on.
        tried: everything that was built, in order.
    """

    asked: str
    reason: str
    floor: float
    recall: float
    probes: int
    tried: tuple[MeasuredIndex, ...] = ()

    @classmethod
    def read(cls, described: dict[str, Any]) -> GateReport:
        """From what :func:`dataclasses.asdict` gave, through JSON."""
        return cls(**{**described, "tried": tuple(MeasuredIndex(**tried) for tried in described["tried"])})


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Probes, float32 (m, d); the row of the matrix that each comes from, int64 (m,), and whether it must not be
    answered with it, bool (m,); the exact scores of its nearest others, float32 (m, k), best first."""

    probes: NDArray[np.float32]
    rows: NDArray[np.int64]
    left_out: NDArray[np.bool_]
    scores: NDArray[np.float32]

    def found(self, index: VectorIndex, k: int) -> NDArray[np.int64]:
        """How many of each probe's k true neighbours an index finds when asked for one probe at a time, int64 (m,); of
        those that tie, any."""
        search = index.by_codes if isinstance(index, CodedIndex) else index.search
        scores = _others(*search(self.probes, k + 1), self.rows, self.left_out)
        return np.asarray((scores >= self.scores[:, k - 1 : k] - _SAME).sum(axis=1), dtype=np.int64)

    def recall(self, index: VectorIndex) -> float:
        """Share of all true neighbours that an index finds."""
        k = self.scores.shape[1]
        return float(self.found(index, k).mean() / k)


def choose_index(
    matrix: NDArray[np.float32], subjects: NDArray[np.int64], settings: IndexSettings
) -> tuple[VectorIndex, GateReport]:
    """The index for some templates: the first of those that may serve whose recall reaches the floor.

    Of every kind and build the depth is raised until the floor is reached, and then once more: the probes are only a
    sample of what will be asked. A build that reaches it at its last depth only is not enough.

    Args:
        matrix: float32 (n, d) unit rows; the index keeps it.
        subjects: int64 (n,), whose each row is.
        settings: what is asked for.
    """
    count = len(matrix)
    wanted, reason = settings.kind, f"{settings.kind} was asked for."
    if settings.kind == "auto":
        wanted = "rabitq" if count >= CODED_FROM else "flat"
        reason = f"{count} templates are {'at least' if wanted == 'rabitq' else 'fewer than'} {CODED_FROM}."
    if wanted == "flat" or not count:
        return FlatIndex(matrix), GateReport(settings.kind, reason, settings.floor, 1.0, 0)
    exam = ground_truth(matrix, subjects, _PROBES, len(matrix))
    tried: list[MeasuredIndex] = []
    for how, parameters in _ladder(wanted):
        start = time.perf_counter()
        built = CodedIndex.build(how, matrix, parameters)
        passed = False
        for depth in how.depths:
            index = built.at_depth(depth)
            recall = exam.recall(index)
            tried.append(
                MeasuredIndex(
                    how.kind, dict(index.spec.parameters), round(recall, 6), round(time.perf_counter() - start, 3)
                )
            )
            if passed and recall >= settings.floor:
                return index, GateReport(
                    settings.kind, reason, settings.floor, tried[-1].recall, len(exam.probes), tuple(tried)
                )
            passed = recall >= settings.floor
    reason = f"{reason} Nothing but exact search reaches a recall of {settings.floor:g}."
    return FlatIndex(matrix), GateReport(settings.kind, reason, settings.floor, 1.0, len(exam.probes), tuple(tried))


def _ladder(wanted: str) -> Iterator[tuple[CodedKind, Mapping[str, int]]]:
    """What may serve, in order: every build of the kind that is wanted, then of the one that loses least."""
    for kind in dict.fromkeys((wanted, RABITQ.kind)):
        for parameters in CODED[kind].builds:
            yield CODED[kind], parameters


def ground_truth(matrix: NDArray[np.float32], subjects: NDArray[np.int64], probes: int, seed: int) -> GroundTruth:
    """Probes like those that will come, and what exact search answers.

    Half are templates of subjects who have others, left out of their own answer; the rest are templates moved towards
    another person's, which keeps them among faces, and a little at random: cosine about 0.7 with where they started.
    """
    chance = np.random.default_rng(seed)
    drawn = chance.choice(len(matrix), min(probes, len(matrix)), replace=False)
    _, whose, each = np.unique(subjects, return_inverse=True, return_counts=True)
    left_out = (each[whose[drawn]] > 1) & (np.arange(len(drawn)) % 2 == 0)
    asked = np.array(matrix[drawn])
    others = matrix[chance.integers(len(matrix), size=len(drawn))]
    noise = chance.standard_normal(asked.shape).astype(np.float32) / np.float32(np.sqrt(matrix.shape[1]))
    moved = asked + np.float32(0.8) * others + np.float32(0.6) * noise
    moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), np.float32(1e-9))
    asked[~left_out] = moved[~left_out]
    k = min(GATED_K, len(matrix) - 1) or 1
    return GroundTruth(asked, drawn, left_out, _others(*nearest(matrix, asked, k + 1), drawn, left_out))


def _others(
    scores: NDArray[np.float32],
    rows: NDArray[np.int64],
    own: NDArray[np.int64],
    left_out: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """The scores (m, k + 1) without that of each probe's own row where it is left out, best first, k of them."""
    kept = np.where(left_out[:, None] & (rows == own[:, None]), -np.inf, scores)
    return np.asarray(-np.sort(-kept, axis=1)[:, :-1], dtype=np.float32)
