"""The subjects nearest to a probe, by :mod:`gallery.person_score`: exactly, if the nearest templates are found exactly.

Templates are searched to a depth. Every subject of whom a template was found is scored by all its templates. No other
subject has a template closer than the last one that was found, so that its score is at most
:func:`gallery.person_score.at_most` of that. If the k-th best score is as high, the search is finished; otherwise it
goes deeper, and where it would have to go far, everyone is scored.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.flat import BATCH, in_threads_of_cores
from gallery.index.template_parts import TemplatePart
from gallery.person_score import at_most, bounds, combine, counted_lengths
from presente.parallel import default_workers

_DEEPER = 4
"""By how much a search that is not finished goes deeper."""
_FEW = 4
"""Up to so many templates per subject on average, the first depth is the same."""
_MANY = 200_000
"""Up to so many templates, the first depth is the same: in a larger gallery more strangers are near."""
_EVERYONE = 16
"""If the next depth were one of so many parts of all templates, or more, everyone is scored instead."""
_PAIRS_AT_ONCE = 4096
"""Of how many pairs the means are in memory at once."""
_TEMPLATES_AT_ONCE = 1 << 19
"""How many templates of pairs are scored at once, or those of one probe."""
_NUMBERS_AT_ONCE = 1 << 22
"""How many numbers of templates, or cosines of probes with everyone, are in memory at once."""

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of a probe (its number) and a subject (its id), by probe."""

    probes: Numbers
    subjects: Numbers

    def __len__(self) -> int:
        return len(self.probes)

    def __getitem__(self, which: Numbers) -> _Pairs:
        return _Pairs(self.probes[which], self.subjects[which])


def nearest_subjects(
    parts: Sequence[TemplatePart],
    probes: Vectors,
    k: int,
    only: Sequence[Numbers] | None = None,
    left_out: Numbers | None = None,
) -> list[list[tuple[int, float]]]:
    """The k best subjects of each probe with their scores, best first.

    Args:
        parts: the templates.
        probes: float32 (m, d), contiguous unit rows.
        k: how many subjects.
        only: the rows of each part that are searched, all templates of some subjects; None for all.
        left_out: int64 (m,), a template id per probe that is no template of anyone, -1 for none; None for no one.
    """
    total = sum(map(len, parts if only is None else only))
    results: list[list[tuple[int, float]]] = [[] for _ in range(len(probes))]
    pending = np.arange(len(probes))
    each = sum(map(len, parts)) / max(sum(part.subject_count() for part in parts), 1)
    depth = min(first_depth(k, each, total), total)
    while len(pending) and depth:
        own = None if left_out is None else left_out[pending]
        cosines, ids, subjects = _nearest_templates(parts, probes[pending], depth, only)
        found = np.isfinite(cosines)
        last = np.where(found, cosines, np.inf).min(axis=1, initial=np.inf)
        if own is not None:
            found &= ids != own[:, None]
        best = _best_of_pairs(parts, probes[pending], _pairs_of(subjects, found), k, own)
        unfinished = []
        for place, probe in enumerate(pending):
            results[probe] = best[place]
            if depth < total and (len(best[place]) < k or best[place][-1][1] < at_most(last[place])):
                unfinished.append(probe)
        pending = np.array(unfinished, dtype=np.int64)
        depth = min(depth * _DEEPER, total)
        if len(pending) and depth * _EVERYONE >= total:
            own = None if left_out is None else left_out[pending]
            for probe, found_people in zip(pending, _best_of_all(parts, probes[pending], k, only, own), strict=True):
                results[probe] = found_people
            break
    return results


def first_depth(k: int, each: float, total: int) -> int:
    """How many of so many templates are searched first: nearly always enough for k subjects of whom each has so many.

    How many are needed: docs/adr/0025-person-score.md, and of millions docs/adr/0043-ten-million.md.
    """
    return round((16 * k + 64) * max(1.0, math.sqrt(each / _FEW)) * max(1.0, math.pow(total / _MANY, 0.3)))


def _nearest_templates(
    parts: Sequence[TemplatePart], probes: Vectors, k: int, only: Sequence[Numbers] | None
) -> tuple[Vectors, Numbers, Numbers]:
    """The k best templates of each probe, best first: cosines float32 (m, k), ids and subjects int64 (m, k).

    Where there are fewer than k, the cosines end with -inf.
    """
    found: list[tuple[Vectors, Numbers, Numbers]] = []
    for number, part in enumerate(parts):
        rows = None if only is None else only[number]
        if len(part) and (rows is None or len(rows)):
            cosines, found_rows = part.search(probes, k, rows)
            found.append((cosines, part.ids[found_rows], part.subjects[found_rows]))
    if len(found) == 1:
        return found[0]
    cosines, ids, subjects = (np.hstack(each) for each in zip(*found, strict=True))
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return tuple(np.take_along_axis(each, order, axis=1) for each in (cosines, ids, subjects))  # type: ignore[return-value]


def _pairs_of(subjects: Numbers, found: NDArray[np.bool_]) -> _Pairs:
    """The pairs of probes and subjects in what was found, int64 and bool (m, k), each once."""
    if len(subjects) == 1:
        people = np.unique(subjects[found])
        return _Pairs(np.zeros(len(people), dtype=np.int64), people)
    probes, people = np.nonzero(found)[0], subjects[found]
    order = np.lexsort((people, probes))
    probes, people = probes[order], people[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (probes[1:] != probes[:-1]) | (people[1:] != people[:-1])
    return _Pairs(probes[new], people[new])


def _best_of_pairs(
    parts: Sequence[TemplatePart], probes: Vectors, pairs: _Pairs, k: int, left_out: Numbers | None
) -> list[list[tuple[int, float]]]:
    """The k best subjects of each probe's pairs with their scores, best first; some probes' pairs at once."""
    counted = parts if len(probes) > 1 else ()
    sizes = sum((part.rows_of_each(pairs.subjects)[1] for part in counted), start=np.zeros(len(pairs), dtype=np.int64))
    ends = np.searchsorted(pairs.probes, np.arange(len(probes) + 1))
    templates = np.concatenate([[0], np.cumsum(sizes)])[ends]
    results: list[list[tuple[int, float]]] = []
    while len(results) < len(probes):
        first = len(results)
        last = int(np.searchsorted(templates, templates[first] + _TEMPLATES_AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(probes))
        block = np.arange(ends[first], ends[last])
        scored, scores = _best_scored(parts, probes, pairs[block], k, left_out)
        edges = np.searchsorted(scored.probes, np.arange(first, last + 1))
        for start, end in zip(edges[:-1], np.minimum(edges[1:], edges[:-1] + k), strict=True):
            results.append(list(zip(scored.subjects[start:end].tolist(), scores[start:end].tolist(), strict=True)))
    return results


def _best_of_all(
    parts: Sequence[TemplatePart], probes: Vectors, k: int, only: Sequence[Numbers] | None, left_out: Numbers | None
) -> list[list[tuple[int, float]]]:
    """The k best of all subjects for each probe with their scores, best first: cosines with every template."""
    searched = [part.rows() for part in parts] if only is None else only
    subjects = np.unique(np.concatenate([part.subjects[rows] for part, rows in zip(parts, searched, strict=True)]))
    rows = [_PartRows.of(part, subjects) for part in parts if len(part)]
    number = sum((each.counts for each in rows), start=np.zeros(len(subjects), dtype=np.int64))
    lengths = _mean_lengths(rows, number, np.arange(len(subjects)))
    results = []
    step = max(1, _NUMBERS_AT_ONCE // int(number.sum()))
    for start in range(0, len(probes), step):
        block = probes[start : start + step]
        best = np.full((len(block), len(subjects)), -np.inf, dtype=np.float32)
        mean = np.zeros_like(best)
        for each in rows:
            which, starts = _groups(each.counts)
            if len(which):
                cosines = _cosines_with_all(block, each)
                best[:, which] = np.maximum(best[:, which], np.maximum.reduceat(cosines, starts, axis=1))
                mean[:, which] += np.add.reduceat(cosines, starts, axis=1)
        scores = combine(best, np.asarray(mean / number, dtype=np.float32), lengths)
        if left_out is not None:
            _score_without(parts, block, left_out[start : start + step], subjects, scores)
        for line in scores:
            least = np.partition(line, -k)[-k] if k < len(line) else -np.inf
            chosen = np.flatnonzero((line >= least) & np.isfinite(line))
            chosen = chosen[np.argsort(-line[chosen], kind="stable")][:k]
            results.append(list(zip(subjects[chosen].tolist(), line[chosen].tolist(), strict=True)))
    return results


def _score_without(
    parts: Sequence[TemplatePart], probes: Vectors, left_out: Numbers, subjects: Numbers, scores: Vectors
) -> None:
    """Replace the scores, (m, p), of those of whom a template is left out; -inf if it is their only one."""
    for part in parts:
        rows = np.flatnonzero(np.isin(part.ids, left_out))
        rows = rows[np.isin(part.subjects[rows], subjects)]
        asked, which = np.nonzero(left_out[:, None] == part.ids[rows])
        if len(asked):
            pairs, new = _best_scored(parts, probes, _Pairs(asked, part.subjects[rows[which]]), 1, left_out)
            scores[pairs.probes, np.searchsorted(subjects, pairs.subjects)] = new


def _cosines_with_all(probes: Vectors, part: _PartRows) -> Vectors:
    """The cosines of probes with all rows of a part, float32 (m, r). Some vectors at a time are copied."""
    cosines = np.empty((len(probes), len(part.rows)), dtype=np.float32)
    step = max(1, _NUMBERS_AT_ONCE // probes.shape[1])
    for start in range(0, len(part.rows), step):
        np.matmul(probes, part.vectors[part.rows[start : start + step]].T, out=cosines[:, start : start + step])
    return cosines


def _best_scored(
    parts: Sequence[TemplatePart], probes: Vectors, pairs: _Pairs, k: int, left_out: Numbers | None
) -> tuple[_Pairs, Vectors]:
    """The pairs that may be among the k best of their probe, and their scores, by probe and then by score.

    The mean of the cosines bounds a score from both sides (:func:`gallery.person_score.bounds`), so that the lengths of
    means are computed only for pairs that can reach what k subjects reach.
    """
    rows = [_PartRows.of(part, pairs.subjects, _left_out_of(pairs, left_out)) for part in parts if len(part)]
    number = sum((each.counts for each in rows), start=np.zeros(len(pairs), dtype=np.int64))
    best = np.full(len(pairs), -np.inf, dtype=np.float32)
    mean = np.zeros(len(pairs), dtype=np.float32)
    for each in rows:
        which, starts = _groups(each.counts)
        if len(which):
            cosines = _cosines(probes, np.repeat(pairs.probes, each.counts), each.vectors, each.rows)
            best[which] = np.maximum(best[which], np.maximum.reduceat(cosines, starts))
            mean[which] += np.add.reduceat(cosines, starts)
    mean /= np.maximum(number, 1)
    least, most = bounds(best, mean)
    kept = np.flatnonzero(most >= _kth_of_each(pairs.probes, least, k))
    # A subject's mean is the same for every probe, unless a template is left out.
    shortened = np.logical_or.reduce([each.shortened[kept] for each in rows])
    same = np.where(shortened, -1 - np.arange(len(kept)), pairs.subjects[kept])
    _, first, of = np.unique(same, return_index=True, return_inverse=True)
    lengths = _mean_lengths(rows, number, kept[first])[of]
    pairs, scores = pairs[kept], combine(best[kept], mean[kept], lengths)
    order = np.lexsort((pairs.subjects, -scores, pairs.probes))
    return pairs[order], scores[order]


def _left_out_of(pairs: _Pairs, left_out: Numbers | None) -> Numbers | None:
    """The template that is left out in each pair."""
    return None if left_out is None else left_out[pairs.probes]


@dataclass(frozen=True, slots=True)
class _PartRows:
    """The templates of several subjects in one part, subject by subject. A subject may be there several times.

    Attributes:
        vectors: float32 (n, d), of the part.
        rows: int64 (r,), rows of ``vectors``.
        counts: int64, how many rows each subject has.
        shortened: bool, of which subjects a template was left out.
    """

    vectors: Vectors
    rows: Numbers
    counts: Numbers
    shortened: NDArray[np.bool_]

    @classmethod
    def of(cls, part: TemplatePart, subjects: Numbers, left_out: Numbers | None = None) -> _PartRows:
        """The templates without those that are left out, an id per subject."""
        rows, counts = part.rows_of_each(subjects)
        if left_out is None:
            return cls(part.vectors, rows, counts, np.zeros(len(subjects), dtype=bool))
        counted = part.ids[rows] != np.repeat(left_out, counts)
        left = np.bincount(np.repeat(np.arange(len(subjects)), counts)[counted], minlength=len(subjects))
        return cls(part.vectors, rows[counted], left, left != counts)


def _kth_of_each(probes: Numbers, values: Vectors, k: int) -> Vectors:
    """The k-th highest value of each pair's probe, -inf where a probe has fewer; ``probes`` is ascending."""
    counts = np.bincount(probes)
    order = np.lexsort((-values, probes))
    which, starts = _groups(counts)
    enough = counts[which] >= k
    kth = np.full(len(which), -np.inf, dtype=np.float32)
    kth[enough] = values[order[starts[enough] + k - 1]]
    return np.repeat(kth, counts[which])


def _mean_lengths(rows: Sequence[_PartRows], number: Numbers, which: Numbers) -> Vectors:
    """What :func:`gallery.person_score.mean_lengths` gives, for some subjects, of templates that lie in several parts.

    ``number`` is how many templates each subject has in all parts; ``which`` are places in it.
    """
    lengths = np.ones(len(which), dtype=np.float32)
    several = np.flatnonzero(number[which] > 1)
    for start in range(0, len(several), _PAIRS_AT_ONCE):
        block = several[start : start + _PAIRS_AT_ONCE]
        sums = np.zeros((len(block), rows[0].vectors.shape[1]), dtype=np.float32)
        for part in rows:
            _add_sums(part, which[block], sums)
        lengths[block] = np.sqrt(np.einsum("ij,ij->i", sums, sums)) / number[which[block]]
    return counted_lengths(lengths)


def _add_sums(part: _PartRows, which: Numbers, sums: Vectors) -> None:
    """Add the templates of some subjects in a part to their sums, (len(which), d)."""
    starts, counts = (np.cumsum(part.counts) - part.counts)[which], part.counts[which]
    most = max(1, _NUMBERS_AT_ONCE // sums.shape[1])
    for size in map(int, np.unique(counts[counts > 0])):  # of equal sizes at once: numpy's reduceat is slow
        places = np.flatnonzero(counts == size)
        step = max(1, most // size)
        for at in range(0, len(places), step):
            some = places[at : at + step]
            for first in range(0, size, most):
                rows = part.rows[starts[some][:, None] + np.arange(first, min(size, first + most))]
                sums[some] += part.vectors[rows].sum(axis=1)


def _groups(counts: Numbers) -> tuple[Numbers, Numbers]:
    """Of groups of these sizes, one after another: the numbers of those that are not empty, and where they start."""
    which = np.flatnonzero(counts)
    return which, (np.cumsum(counts) - counts)[which]


def _cosines(probes: Vectors, probe_of: Numbers, vectors: Vectors, rows: Numbers) -> Vectors:
    """The cosine of each of several probes, by number, with a row, float32 (n,). No vector is copied."""
    cosines = np.empty(len(rows), dtype=np.float32)
    wanted = np.ascontiguousarray(probe_of), np.ascontiguousarray(rows)

    def compute(part: slice) -> None:
        faiss.omp_set_num_threads(1)  # OpenMP keeps the number per calling thread
        some = wanted[0][part], wanted[1][part]
        faiss.pairwise_indexed_inner_product(
            *(probes.shape[1], len(some[0]), faiss.swig_ptr(probes), faiss.swig_ptr(some[0])),
            *(faiss.swig_ptr(vectors), faiss.swig_ptr(some[1]), faiss.swig_ptr(cosines[part])),
        )

    edges = np.linspace(0, len(rows), 1 + (1 if len(probes) < BATCH else default_workers())).astype(int).tolist()
    in_threads_of_cores(compute, [slice(start, end) for start, end in itertools.pairwise(edges)])
    return cosines
