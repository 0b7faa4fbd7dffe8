"""Recognition by group: how often each group is missed or taken for others, and whether that is chance. Pure.

Every photo of every enrolled person is searched as if it were not enrolled. The search is *missed* when the person's
other photos do not reach the threshold, or another person scores as high (FNIR, ISO/IEC 19795-10 on demographic
differentials); it *names another* when any other person reaches the threshold (FPIR of a stranger who looks like this).

Photos of one person are not independent. Intervals are Wilson's with the effective number of searches
(:func:`evaluation.intervals.clustered_interval`), differences are tested by permuting people, not photos, and corrected
for their number by Holm's method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import clustered_interval
from gallery.person_score import scores_with
from gallery.threshold.group_report import Advice, AttributeGroups, GroupLine, GroupRate
from gallery.threshold.impostor_scores import EnrolledTemplates, scores_with_people

PERMUTATIONS = 5_000
SURE = 0.05
"""A difference counts when chance alone would show it less often than this."""
_WIDE = 0.1
"""An interval that is wider says too little."""
_FEWER_PHOTOS = 0.9
"""A group has fewer photos when its people have less than this share of the others'."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PersonSearches:
    """What became of the searches of each person, int64 (p,) each: of how many mated searches how many were missed,
    and of how many searches how many named another person."""

    mated: Counts
    missed: Counts
    searches: Counts
    named: Counts

    def of(self, some: NDArray[np.bool_]) -> PersonSearches:
        """Those of some people, bool (p,)."""
        return PersonSearches(self.mated[some], self.missed[some], self.searches[some], self.named[some])


def searches_of(enrolled: EnrolledTemplates, threshold: float) -> PersonSearches:
    """Search every photo among all people, its own person by the person's other photos."""
    sizes = np.diff([*enrolled.starts, len(enrolled.rows)]).astype(np.int64)
    own = np.repeat(np.arange(len(sizes)), sizes)
    others = np.empty(len(own))
    for start, scores in scores_with_people(enrolled.rows, enrolled):
        scores[np.arange(len(scores)), own[start : start + len(scores)]] = -1.0
        others[start : start + len(scores)] = scores.max(axis=1, initial=-1.0)
    mates = np.full(len(own), np.nan)
    for start, size in zip(enrolled.starts, sizes, strict=True):
        rows = enrolled.rows[start : start + size]
        for place in range(size if size > 1 else 0):
            mates[start + place] = scores_with(rows[place][None], np.delete(rows, place, axis=0))[0]
    mated = np.isfinite(mates)
    missed = mated & ((mates < threshold) | (others >= mates))

    def each(events: NDArray[np.bool_]) -> Counts:
        return np.bincount(own[events], minlength=len(sizes)).astype(np.int64)

    return PersonSearches(each(mated), each(missed), sizes, each(others >= threshold))


def attribute_groups(
    attribute: str, values: Sequence[str | None], searches: PersonSearches, least_people: int
) -> AttributeGroups:
    """The groups of an attribute, whose p is not corrected yet (:func:`corrected`).

    Args:
        attribute: its name.
        values: of each of the p people; None: of no group.
        searches: of the p people.
        least_people: smaller groups are not shown. Their people are left out of all comparisons as well: what the other
            groups lack of a total would show them.
    """
    counts = {value: values.count(value) for value in sorted({each for each in values if each is not None})}
    shown = [value for value, count in counts.items() if count >= least_people]
    kept = np.array([value in shown for value in values], dtype=bool)
    label = np.array([shown.index(value) for value in values if value in shown], dtype=np.int64)
    own = searches.of(kept)
    chances = [_chances(label, len(shown), *pair) for pair in ((own.missed, own.mated), (own.named, own.searches))]
    lines = []
    for number, value in enumerate(shown):
        group = own.of(label == number)
        enough = int((group.mated > 0).sum()) >= least_people
        missed = _rate(group.missed, group.mated, chances[0][number]) if enough else None
        named = _rate(group.named, group.searches, chances[1][number])
        lines.append(GroupLine(value, counts[value], round(float(group.searches.mean()), 2), missed, named, ()))
    return AttributeGroups(attribute, tuple(lines), len(counts) - len(shown))


def corrected(attributes: Sequence[AttributeGroups]) -> tuple[AttributeGroups, ...]:
    """The same with every p corrected for the number of all comparisons (Holm), and with the advice that follows."""
    places = [
        (a, g, name)
        for a, attribute in enumerate(attributes)
        for g, line in enumerate(attribute.groups)
        for name, rate in (("missed", line.missed), ("named", line.named))
        if rate is not None and rate.p is not None
    ]

    def found(place: tuple[int, int, str]) -> float:
        return float(getattr(attributes[place[0]].groups[place[1]], place[2]).p)

    adjusted: dict[tuple[int, int, str], float] = {}
    least = 0.0
    for rank, place in enumerate(sorted(places, key=found)):
        least = max(least, min(1.0, found(place) * (len(places) - rank)))
        adjusted[place] = round(least, 6)
    return tuple(_adjusted(attribute, a, adjusted) for a, attribute in enumerate(attributes))


def _adjusted(
    attribute: AttributeGroups, number: int, adjusted: Mapping[tuple[int, int, str], float]
) -> AttributeGroups:
    lines = []
    for g, line in enumerate(attribute.groups):
        missed = line.missed and replace(line.missed, p=adjusted.get((number, g, "missed")))
        named = replace(line.named, p=adjusted.get((number, g, "named")))
        lines.append(replace(line, missed=missed, named=named))
    advised = tuple(replace(line, advice=_advice(line, [o for o in lines if o is not line])) for line in lines)
    return replace(attribute, groups=advised)


def _advice(line: GroupLine, others: Sequence[GroupLine]) -> tuple[Advice, ...]:
    advice: list[Advice] = []
    if line.missed is not None and _is_higher(line.missed, [other.missed for other in others]):
        advice.append("missed_more")
        people = sum(other.people for other in others)
        if line.photos < _FEWER_PHOTOS * sum(other.photos * other.people for other in others) / people:
            advice.append("add_photos")
    if _is_higher(line.named, [other.named for other in others]):
        advice.append("named_more")
    if advice:
        return tuple(advice)
    if line.missed is None or line.missed.high - line.missed.low > _WIDE:
        return ("too_little",)
    return ("no_difference",)


def _is_higher(rate: GroupRate, others: Sequence[GroupRate | None]) -> bool:
    """Whether a share is higher than that of the others together, and not by chance."""
    there = [other for other in others if other is not None]
    if rate.p is None or rate.p >= SURE or not there:
        return False
    return rate.share > sum(other.events for other in there) / sum(other.trials for other in there)


def _rate(events: Counts, trials: Counts, p: float | None) -> GroupRate:
    low, high = clustered_interval(events, trials)
    return GroupRate(int(events.sum()), int(trials.sum()), round(low, 6), round(high, 6), p)


def _chances(label: Counts, groups: int, events: Counts, trials: Counts) -> list[float | None]:
    """For each group, how often groups of the same sizes with other people differ as much from the rest."""
    if groups < 2:
        return [None] * groups
    random = np.random.default_rng(0)
    seen = _differences(label, groups, events, trials)
    as_large = np.zeros(groups)
    for _ in range(PERMUTATIONS):
        as_large += _differences(random.permutation(label), groups, events, trials) >= seen - 1e-12
    return [float(p) for p in (as_large + 1) / (PERMUTATIONS + 1)]


def _differences(label: Counts, groups: int, events: Counts, trials: Counts) -> NDArray[np.float64]:
    """How far each group's share is from that of all others, float64 (groups,); 0 where one of them has no trials."""
    bad = np.bincount(label, weights=events, minlength=groups)
    all_ = np.bincount(label, weights=trials, minlength=groups)
    rest = all_.sum() - all_
    own, other = bad / np.maximum(all_, 1), (bad.sum() - bad) / np.maximum(rest, 1)
    return np.asarray(np.where((all_ > 0) & (rest > 0), np.abs(own - other), 0.0))
