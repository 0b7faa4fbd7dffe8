"""What a threshold costs: how many photos of enrolled people score below it with the person's other photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gallery.person_score import scores_with
from gallery.threshold.impostor_scores import EnrolledTemplates

MOST_PEOPLE = 5_000
"""People whose photos are compared; of larger galleries a sample is taken, always the same."""
QUANTILES = 200
"""Steps between the lowest and the highest score that are kept."""


def own_scores(enrolled: EnrolledTemplates) -> NDArray[np.float32]:
    """The score of each template with its own person by the person's other templates, float32 (n,).

    People with one template have none.
    """
    ends = np.array([*enrolled.starts[1:], len(enrolled.rows)])
    people = np.flatnonzero(ends - enrolled.starts > 1) if len(enrolled.people) else np.empty(0, dtype=np.int64)
    if len(people) > MOST_PEOPLE:
        people = np.sort(np.random.default_rng(len(people)).choice(people, MOST_PEOPLE, replace=False))
    found = []
    for person in people:
        rows = enrolled.rows[enrolled.starts[person] : ends[person]]
        found += [float(scores_with(rows[i][None], np.delete(rows, i, axis=0))[0]) for i in range(len(rows))]
    return np.array(found, dtype=np.float32)


def score_quantiles(scores: NDArray[np.float32]) -> list[float]:
    """The lowest score, the highest, and those at equal shares between them; empty for no scores."""
    if not len(scores):
        return []
    return [round(float(each), 5) for each in np.quantile(scores, np.linspace(0, 1, QUANTILES + 1))]


def share_below(quantiles: Sequence[float], threshold: float) -> float | None:
    """The share of scores below a threshold, of :func:`score_quantiles`; None for no scores."""
    if not quantiles:
        return None
    return float(np.interp(threshold, quantiles, np.linspace(0, 1, len(quantiles)), left=0.0, right=1.0))
