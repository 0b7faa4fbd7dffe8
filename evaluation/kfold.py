"""Splits for cross-validation, by scikit-learn's splitters, and what a classifier's report says of each part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation import metrics
from evaluation.protocols import Entry
from evaluation.scores import ProbeScores
from presente.errors import InvalidInput

Split = Literal["photos", "people", "holdout"]
"""``photos``: the first report's five folds, of photos. ``people``: no person in two folds, as many photos a person in
each. ``holdout``: the notebook's 70 of 100 photos of each person enrolled, the other 30 probes."""

UNKNOWN = "Desconocido"


@dataclass(frozen=True, slots=True)
class FoldResult:
    """One part of a split: places of the photos that are tried, and of those that are enrolled, int64."""

    tried: NDArray[np.int64]
    enrolled: NDArray[np.int64]


def split(entries: Sequence[Entry], how: Split, folds: int, seed: int) -> list[FoldResult]:
    """Split photos; the same seed gives the same parts.

    Raises:
        InvalidInput: ``too_few_photos`` when the splitter cannot do it.
    """
    from sklearn.model_selection import KFold, StratifiedGroupKFold, train_test_split

    people = np.array([entry.person for entry in entries])
    counts = Counter(people.tolist())
    places = np.arange(len(entries))
    try:
        if how == "photos":
            parts = KFold(folds, shuffle=True, random_state=seed).split(places)
        elif how == "people":
            # Strata: how many photos there are of a person, those with many together; a group when the list has one.
            strata = [entry.group or str(min(counts[entry.person], 5)) for entry in entries]
            splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            parts = splitter.split(places, strata, groups=people)
        else:
            kept = places[[counts[person] > 1 for person in people]]
            parts = iter([train_test_split(kept, test_size=0.3, random_state=seed, stratify=people[kept])])
        return [FoldResult(np.sort(tried), np.sort(enrolled)) for enrolled, tried in parts]
    except ValueError as exc:
        raise InvalidInput(
            "too_few_photos", f"The photos cannot be split ({exc}).", "Give more, or fewer folds."
        ) from exc


def roles_of(entries: Sequence[Entry], part: FoldResult, how: Split) -> Iterator[tuple[int, Entry]]:
    """Place and entry of all that a part compares, with its role in it.

    Where people are split, those of the fold are strangers to the people of the others, but the first half of each
    one's photos is enrolled, too, when there are two: so both kinds of search are made among the same gallery.
    """
    for place in part.enrolled:
        yield int(place), replace(entries[place], role="gallery")
    enrolled = {entries[place].person for place in part.enrolled}
    if how != "people":
        for place in part.tried:
            known = entries[place].person in enrolled
            yield int(place), replace(entries[place], role="probe" if known else "unknown")
        return
    photos: dict[str, list[int]] = {}
    for place in part.tried:
        photos.setdefault(entries[place].person, []).append(int(place))
    # Every second person of the fold is a stranger, and so is whoever has one photo only.
    for number, (_, own) in enumerate(sorted(photos.items())):
        half = len(own) // 2 if number % 2 else 0
        for i, place in enumerate(own):
            yield place, replace(entries[place], role="gallery" if i < half else "probe" if half else "unknown")


def figures(searches: Sequence[ProbeScores], threshold: float) -> dict[str, Any]:
    """What the notebook reported of one part: accuracy, weighted precision and recall; and the standard's rates."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    truth, said = metrics.answers(searches, threshold, UNKNOWN)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, said, average="weighted", zero_division=0.0)
    mated, strangers = [s for s in searches if s.mated], [s for s in searches if not s.mated]
    return {
        "probes": len(mated),
        "strangers": len(strangers),
        "threshold": threshold,
        "accuracy": float(accuracy_score(truth, said)),
        "precision_weighted": float(precision),
        "recall_weighted": float(recall),
        "f1_weighted": float(f1),
        "rank1": metrics.rank_rate(searches, 1) if mated else None,
        "fnir": metrics.fnir_at(searches, threshold) if mated else None,
        "fpir": metrics.fpir_at(searches, threshold) if strangers else None,
    }


def per_person(searches: Sequence[ProbeScores], threshold: float) -> dict[str, Any]:
    """scikit-learn's classification report as a dict: precision, recall, F1 and number of photos a person."""
    from sklearn.metrics import classification_report

    truth, said = metrics.answers(searches, threshold, UNKNOWN)
    report: dict[str, Any] = classification_report(truth, said, output_dict=True, zero_division=0.0)
    return report


def mean_and_spread(parts: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation over the parts of every figure that all of them have."""
    names = [
        name
        for name, value in parts[0].items()
        if isinstance(value, float) and all(part[name] is not None for part in parts)
    ]
    return {
        name: {
            "mean": float(np.mean([part[name] for part in parts])),
            "std": float(np.std([part[name] for part in parts], ddof=1)) if len(parts) > 1 else 0.0,
        }
        for name in names
    }
