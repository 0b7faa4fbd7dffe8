"""The subjects nearest to a probe, by :mod:`gallery.person_score`, exactly, whatever finds the nearest templates.

Templates are searched to a depth. Every subject of whom a template was found is scored by all its templates. No other
subject has a template closer than the last one that was found, so that its score is at most
:func:`gallery.person_score.at_most` of that. If the k-th best score is as high, the search is finished; otherwise it
goes deeper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.flat import set_threads
from gallery.index.template_parts import TemplatePart
from gallery.person_score import at_most, bounds, combine, counted_lengths

_DEEPER = 4
"""By how much a search that is not finished goes deeper."""
_FEW = 4
"""Up to so many templates per subject on average, the first depth is the same."""
_PAIRS_AT_ONCE = 4096
"""Of how many pairs the templates are in memory at once."""

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
    depth = min(first_depth(k, each), total)
    while len(pending) and depth:
        own = None if left_out is None else left_out[pending]
        cosines, ids, subjects = _nearest_templates(parts, probes[pending], depth, only)
        found = np.isfinite(cosines)
        last = np.where(found, cosines, np.inf).min(axis=1, initial=np.inf)
        if own is not None:
            found &= ids != own[:, None]
        scored, scores = _best_scored(parts, probes[pending], _pairs_of(subjects, found), k, own)
        ends = np.searchsorted(scored.probes, np.arange(len(pending) + 1))
        unfinished = []
        for place, probe in enumerate(pending):
            best = slice(ends[place], ends[place + 1])
            results[probe] = list(zip(scored.subjects[best].tolist(), scores[best].tolist(), strict=True))[:k]
            if depth < total and (len(results[probe]) < k or results[probe][-1][1] < at_most(last[place])):
                unfinished.append(probe)
        pending = np.array(unfinished, dtype=np.int64)
        depth = min(depth * _DEEPER, total)
    return results


def first_depth(k: int, each: float) -> int:
    """How many templates are searched first: nearly always enough for k subjects of whom each has so many.

    How many are needed: docs/adr/0025-person-score.md.
    """
    return round((16 * k + 64) * max(1.0, math.sqrt(each / _FEW)))


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


def _best_scored(
    parts: Sequence[TemplatePart], probes: Vectors, pairs: _Pairs, k: int, left_out: Numbers | None
) -> tuple[_Pairs, Vectors]:
    """The pairs that may be among the k best of their probe, and their scores, by probe and then by score.

    The mean of the cosines bounds a score from both sides (:func:`gallery.person_score.bounds`), so that the lengths of
    means are computed only for pairs that can reach what k subjects reach.
    """
    rows = [_PartRows.of(part, probes, pairs, left_out) for part in parts if len(part)]
    number = sum((each.counts for each in rows), start=np.zeros(len(pairs), dtype=np.int64))
    best = np.full(len(pairs), -np.inf, dtype=np.float32)
    mean = np.zeros(len(pairs), dtype=np.float32)
    for each in rows:
        which, starts = _groups(each.counts)
        if len(which):
            best[which] = np.maximum(best[which], np.maximum.reduceat(each.cosines, starts))
            mean[which] += np.add.reduceat(each.cosines, starts)
    mean /= np.maximum(number, 1)
    least, most = bounds(best, mean)
    kept = np.flatnonzero(most >= _kth_of_each(pairs.probes, least, k))
    lengths = np.concatenate(
        [
            _mean_lengths(rows, number, kept[at : at + _PAIRS_AT_ONCE])
            for at in range(0, max(len(kept), 1), _PAIRS_AT_ONCE)
        ]
    )
    pairs, scores = pairs[kept], combine(best[kept], mean[kept], lengths)
    order = np.lexsort((pairs.subjects, -scores, pairs.probes))
    return pairs[order], scores[order]


@dataclass(frozen=True, slots=True)
class _PartRows:
    """The templates of each pair's subject in one part, pair by pair.

    Attributes:
        vectors: float32 (n, d), of the part.
        rows: int64 (r,), rows of ``vectors``.
        counts: int64, how many rows each pair has.
        cosines: float32 (r,), with the pair's probe.
    """

    vectors: Vectors
    rows: Numbers
    counts: Numbers
    cosines: Vectors

    @classmethod
    def of(cls, part: TemplatePart, probes: Vectors, pairs: _Pairs, left_out: Numbers | None) -> _PartRows:
        rows, counts = part.rows_of_each(pairs.subjects)
        probe_of = np.repeat(pairs.probes, counts)
        if left_out is not None:
            counted = part.ids[rows] != left_out[probe_of]
            counts = np.bincount(np.repeat(np.arange(len(pairs)), counts)[counted], minlength=len(pairs))
            rows, probe_of = rows[counted], probe_of[counted]
        return cls(part.vectors, rows, counts, _cosines(probes, probe_of, part.vectors, rows))


def _kth_of_each(probes: Numbers, values: Vectors, k: int) -> Vectors:
    """The k-th highest value of each pair's probe, -inf where a probe has fewer; ``probes`` is ascending."""
    counts = np.bincount(probes)
    order = np.lexsort((-values, probes))
    which, starts = _groups(counts)
    enough = counts[which] >= k
    kth = np.full(len(which), -np.inf, dtype=np.float32)
    kth[enough] = values[order[starts[enough] + k - 1]]
    return np.repeat(kth, counts[which])


def _mean_lengths(rows: Sequence[_PartRows], number: Numbers, pairs: Numbers) -> Vectors:
    """What :func:`gallery.person_score.mean_lengths` gives, for some pairs, of templates that lie in several parts.

    ``number`` is how many templates each pair has in all parts.
    """
    lengths = np.ones(len(pairs), dtype=np.float32)
    several = number[pairs] > 1
    if several.any():
        sums = np.zeros((int(several.sum()), rows[0].vectors.shape[1]), dtype=np.float32)
        for part in rows:
            starts = (np.cumsum(part.counts) - part.counts)[pairs[several]]
            counts = part.counts[pairs[several]]
            for size in np.unique(counts[counts > 0]):  # of equal sizes at once: numpy's reduceat is slow
                which = counts == size
                sums[which] += part.vectors[part.rows[starts[which][:, None] + np.arange(size)]].sum(axis=1)
        lengths[several] = np.sqrt(np.einsum("ij,ij->i", sums, sums)) / number[pairs[several]]
    return counted_lengths(lengths)


def _groups(counts: Numbers) -> tuple[Numbers, Numbers]:
    """Of groups of these sizes, one after another: the numbers of those that are not empty, and where they start."""
    which = np.flatnonzero(counts)
    return which, (np.cumsum(counts) - counts)[which]


def _cosines(probes: Vectors, probe_of: Numbers, vectors: Vectors, rows: Numbers) -> Vectors:
    """The cosine of each of several probes, by number, with a row, float32 (n,). No vector is copied."""
    cosines = np.empty(len(rows), dtype=np.float32)
    wanted = np.ascontiguousarray(probe_of), np.ascontiguousarray(rows)
    set_threads(len(probes))
    faiss.pairwise_indexed_inner_product(
        *(probes.shape[1], len(rows), faiss.swig_ptr(probes), faiss.swig_ptr(wanted[0])),
        *(faiss.swig_ptr(vectors), faiss.swig_ptr(wanted[1]), faiss.swig_ptr(cosines)),
    )
    return cosines
