"""The recall gate: an index is published only if it finds enough of the people whom exact search finds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.coded import CodedIndex, CodedKind
from gallery.index.kinds.flat import FlatIndex, on_one_core
from gallery.index.kinds.pq import PQ
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.kinds.registry import CODED
from gallery.index.subject_ranking import nearest_subjects
from gallery.index.template_parts import PublishedTemplates, by_subject

CODED_FROM = 20_000
"""From this many templates on, ``auto`` tries codes; below, exact search takes little more time (docs/search.md)."""
GATED_K = 10
"""Recall is measured for this many people."""
_PROBES = 500
_BLOCK = 250
"""Probes that are searched at once, which bounds the memory."""
_TIMED = 7
"""Searches by an index and by exact search, in turns, that tell which takes less time."""
_SAME = 1e-6
"""Scores that are this close are a tie, and either person is right."""

AskedKind = Literal["auto", "flat", "pq", "rabitq", "hnsw", "ivf"]


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The kind of index that is wanted, and the recall at 10 below which an index is not published.

    ``sealed``: whether generations are sealed, where there is a key for it.
    """

    kind: AskedKind = "auto"
    floor: float = 0.999
    sealed: bool = True


@dataclass(frozen=True, slots=True)
class MeasuredIndex:
    """An index that was built and measured: its recall at 10, and how many seconds both took.

    ``search_ms`` and ``exact_ms``: milliseconds of one core that a search for one probe takes by this index and by
    exact search; null where they were not compared.
    """

    kind: str
    parameters: dict[str, int]
    recall: float
    seconds: float
    search_ms: float | None = None
    exact_ms: float | None = None


@dataclass(frozen=True, slots=True)
class GateReport:
    """Why a generation has the index that it has. The attributes are keys of the manifest.

    Attributes:
        asked: the kind that the settings name.
        reason: the reason, one sentence.
        floor: the recall that was required.
        recall: the recall of the published index; 1 for an exact one.
        probes: how many searches the recall was measured with.
        tried: every index that was built, in order.
    """

    asked: str
    reason: str
    floor: float
    recall: float
    probes: int
    tried: tuple[MeasuredIndex, ...] = ()

    @classmethod
    def read(cls, described: dict[str, Any]) -> GateReport:
        """Read what :func:`dataclasses.asdict` returned, after it was written as JSON."""
        return cls(**{**described, "tried": tuple(MeasuredIndex(**each) for each in described["tried"])})


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Probes, and whom exact search finds for them.

    Attributes:
        matrix: float32 (n, d), the templates.
        templates: int64 (3, n), as :func:`gallery.index.template_parts.by_subject` returns it; an id is a row.
        probes: float32 (m, d).
        rows: int64 (m,), the row of the matrix that each probe comes from.
        left_out: bool (m,), whether that row is no template of its person.
        scores: float32 (m, k), the exact scores of the nearest people, best first.
    """

    matrix: NDArray[np.float32]
    templates: NDArray[np.int64]
    probes: NDArray[np.float32]
    rows: NDArray[np.int64]
    left_out: NDArray[np.bool_]
    scores: NDArray[np.float32]

    def found(self, index: VectorIndex, k: int) -> NDArray[np.int64]:
        """How many of each probe's k nearest people an index finds, int64 (m,). Of people who tie, anyone counts."""
        scores = self._search(index, k)
        return np.asarray((scores >= self.scores[:, k - 1 : k] - _SAME).sum(axis=1), dtype=np.int64)

    def recall(self, index: VectorIndex) -> float:
        """The share of all nearest people that an index finds."""
        k = self.scores.shape[1]
        return float(self.found(index, k).mean() / k)

    def milliseconds(self, indexes: Sequence[VectorIndex]) -> list[float]:
        """What a search for one probe takes by each of some indexes, of one core: the median of several, in turns."""
        parts = [PublishedTemplates(self.templates, self.matrix, index) for index in indexes]
        taken: list[list[float]] = [[] for _ in parts]
        with on_one_core():
            for probe in self.probes[:_TIMED]:
                for part, times in zip(parts, taken, strict=True):
                    start = time.thread_time()
                    nearest_subjects((part,), probe[None, :], GATED_K)
                    times.append(time.thread_time() - start)
        return [round(statistics.median(times) * 1000, 3) for times in taken]

    def with_scores(self, k: int) -> GroundTruth:
        """The same probes, with the exact scores of the k nearest people."""
        return replace(self, scores=self._search(FlatIndex(self.matrix), k))

    def _search(self, index: VectorIndex, k: int) -> NDArray[np.float32]:
        """The scores of the k best people by an index, float32 (m, k), best first; -inf where there are fewer."""
        part = PublishedTemplates(self.templates, self.matrix, index)
        left_out = np.where(self.left_out, self.rows, -1)
        scores = np.full((len(self.probes), k), -np.inf, dtype=np.float32)
        for start in range(0, len(self.probes), _BLOCK):
            block = slice(start, start + _BLOCK)
            found = nearest_subjects((part,), self.probes[block], k, left_out=left_out[block])
            for row, people in zip(scores[block], found, strict=True):
                row[: len(people)] = [score for _, score in people]
        return scores


def choose_index(
    matrix: NDArray[np.float32], subjects: NDArray[np.int64], settings: IndexSettings
) -> tuple[VectorIndex, GateReport]:
    """Build the index for some templates: the first one whose recall reaches the floor.

    ``auto`` also compares what a search takes by that index and by exact search, and takes the quicker one.

    For every kind and build the depth is raised until the floor is reached, and then once more, because the probes are
    only a sample of future searches. A build that reaches the floor only at its last depth is not used.

    Args:
        matrix: float32 (n, d) unit rows; the index keeps it.
        subjects: int64 (n,), the subject id of each row.
        settings: the kind that is wanted, and the floor.
    """
    count = len(matrix)
    wanted, reason = settings.kind, f"{settings.kind} was asked for."
    if settings.kind == "auto":
        wanted = PQ.kind if count >= CODED_FROM else "flat"
        reason = f"{count} templates are {'at least' if wanted == PQ.kind else 'fewer than'} {CODED_FROM}."
    if wanted == "flat" or not count:
        return FlatIndex(matrix), GateReport(settings.kind, reason, settings.floor, 1.0, 0)
    truth = ground_truth(matrix, subjects, _PROBES, len(matrix))
    tried: list[MeasuredIndex] = []
    for kind, parameters in _candidate_builds(wanted):
        start = time.perf_counter()
        built = CodedIndex.build(kind, matrix, parameters)
        passed = False
        for depth in kind.depths:
            index = built.at_depth(depth)
            recall = truth.recall(index)
            tried.append(
                MeasuredIndex(
                    kind.kind, dict(index.spec.parameters), round(recall, 6), round(time.perf_counter() - start, 3)
                )
            )
            if passed and recall >= settings.floor:
                chosen: VectorIndex = index
                if settings.kind == "auto":
                    search_ms, exact_ms = truth.milliseconds([index, FlatIndex(matrix)])
                    tried[-1] = replace(tried[-1], search_ms=search_ms, exact_ms=exact_ms)
                    if search_ms > exact_ms:
                        reason = f"{reason} A search takes {search_ms:g} ms by them and {exact_ms:g} ms exactly."
                        chosen, recall = FlatIndex(matrix), 1.0
                return chosen, GateReport(
                    settings.kind, reason, settings.floor, round(recall, 6), len(truth.probes), tuple(tried)
                )
            passed = recall >= settings.floor
    reason = f"{reason} Nothing but exact search reaches a recall of {settings.floor:g}."
    return FlatIndex(matrix), GateReport(settings.kind, reason, settings.floor, 1.0, len(truth.probes), tuple(tried))


def _candidate_builds(wanted: str) -> Iterator[tuple[CodedKind, Mapping[str, int]]]:
    """The builds to try, in order: those of the wanted kind, then those of the most accurate kind."""
    for kind in dict.fromkeys((wanted, PQ.kind)):
        for parameters in CODED[kind].builds:
            yield CODED[kind], parameters


def ground_truth(matrix: NDArray[np.float32], subjects: NDArray[np.int64], probes: int, seed: int) -> GroundTruth:
    """Probes that resemble future ones, and whom exact search finds for them.

    Half of them are templates of subjects who have other templates; the template itself does not count as theirs.
    The rest are templates that were moved towards another person's template, so that they still resemble faces, and a
    little at random. Their cosine with the original template is about 0.7.
    """
    chance = np.random.default_rng(seed)
    drawn = chance.choice(len(matrix), min(probes, len(matrix)), replace=False)
    people, owner, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    left_out = (counts[owner[drawn]] > 1) & (np.arange(len(drawn)) % 2 == 0)
    rows = np.array(matrix[drawn])
    others = matrix[chance.integers(len(matrix), size=len(drawn))]
    noise = chance.standard_normal(rows.shape).astype(np.float32) / np.float32(np.sqrt(matrix.shape[1]))
    moved = rows + np.float32(0.8) * others + np.float32(0.6) * noise
    moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), np.float32(1e-9))
    rows[~left_out] = moved[~left_out]
    templates = by_subject(np.arange(len(matrix)), np.asarray(subjects))
    unscored = np.empty((len(rows), 0), dtype=np.float32)
    return GroundTruth(matrix, templates, rows, drawn, left_out, unscored).with_scores(min(GATED_K, len(people)))
