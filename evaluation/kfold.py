"""Folds for cross-validation, by scikit-learn's splitters, and the figures of a classifier's report for each."""

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
"""``photos``: the first report's five folds, of photos. ``people``: no person in two folds, and people with few
and with many photos alike in each. ``holdout``: as in the notebook, 70 % of each person's photos enrolled."""

UNKNOWN = "Desconocido"


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of a split: places of the photos that are tried, and of those that are enrolled, int64."""

    tried: NDArray[np.int64]
    enrolled: NDArray[np.int64]


def split(entries: Sequence[Entry], how: Split, folds: int, seed: int) -> list[Fold]:
    """Split photos into folds; the same seed gives the same folds.

    Raises:
        InvalidInput: ``too_few_photos`` when the splitter cannot do it.
    """
    from sklearn.model_selection import KFold, StratifiedGroupKFold, train_test_split

    people = np.array([entry.person for entry in entries])
    counts = Counter(people.tolist())
    places = np.arange(len(entries))
    try:
        if how == "photos":
            made = KFold(folds, shuffle=True, random_state=seed).split(places)
        elif how == "people":
            # Strata: how many photos there are of a person, those with many together; a group when the list has one.
            strata = [entry.group or str(min(counts[entry.person], 5)) for entry in entries]
            splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            made = splitter.split(places, strata, groups=people)
        else:
            kept = places[[counts[person] > 1 for person in people]]
            made = iter([train_test_split(kept, test_size=0.3, random_state=seed, stratify=people[kept])])
        return [Fold(np.sort(tried), np.sort(enrolled)) for enrolled, tried in made]
    except ValueError as exc:
        raise InvalidInput(
            "too_few_photos", f"The photos cannot be split ({exc}).", "Give more, or fewer folds."
        ) from exc


def roles_of(entries: Sequence[Entry], fold: Fold, how: Split) -> Iterator[tuple[int, Entry]]:
    """Place and entry of every photo that a fold compares, with its role there.

    Where people are split, those of the fold are not in the gallery of the others. Every second one of them who has
    two photos is enrolled with half of them: so mated and non-mated searches are made in the same gallery.
    """
    for place in fold.enrolled:
        yield int(place), replace(entries[place], role="gallery")
    enrolled = {entries[place].person for place in fold.enrolled}
    if how != "people":
        for place in fold.tried:
            known = entries[place].person in enrolled
            yield int(place), replace(entries[place], role="probe" if known else "unknown")
        return
    photos: dict[str, list[int]] = {}
    for place in fold.tried:
        photos.setdefault(entries[place].person, []).append(int(place))
    # Every second person of the fold is a stranger, and so is each person with one photo only.
    for number, (_, own) in enumerate(sorted(photos.items())):
        half = len(own) // 2 if number % 2 else 0
        for i, place in enumerate(own):
            yield place, replace(entries[place], role="gallery" if i < half else "probe" if half else "unknown")


def figures(searches: Sequence[ProbeScores], threshold: float) -> dict[str, Any]:
    """The notebook's figures of one fold, accuracy and weighted precision and recall, and the standard's rates."""
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
    """scikit-learn's classification report as a dict: precision, recall, F1 and number of photos per person."""
    from sklearn.metrics import classification_report

    truth, said = metrics.answers(searches, threshold, UNKNOWN)
    report: dict[str, Any] = classification_report(truth, said, output_dict=True, zero_division=0.0)
    return report


def mean_and_spread(folds: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation, over the folds, of every figure that all of them have."""
    names = [
        name
        for name, value in folds[0].items()
        if isinstance(value, float) and all(fold[name] is not None for fold in folds)
    ]
    return {
        name: {
            "mean": float(np.mean([fold[name] for fold in folds])),
            "std": float(np.std([fold[name] for fold in folds], ddof=1)) if len(folds) > 1 else 0.0,
        }
        for name in names
    }
