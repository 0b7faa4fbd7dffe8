"""How a person with several enrolled photos is compared: as the service does, or by one vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faces.recognition import unit_rows
from gallery.person_score import best_template, person_scores
from gallery.threshold.impostor_scores import EnrolledTemplates, scores_with_people

Consolidation = Literal["served", "best", "centroid", "notebook"]
"""``served``: every template, by :mod:`gallery.person_score`, as the service does. ``best``: every template, and
a person's score is that of the best. ``centroid``: the mean of templates of length 1. ``notebook``: the mean of the
network's vectors, of which long ones weigh more, as in the first system."""


def consolidate(templates: Sequence[tuple[str, NDArray[np.float32]]], how: Consolidation) -> EnrolledTemplates:
    """A gallery of (person, template float32 (d,)).

    Templates need not have length 1; for ``notebook`` they must be the network's own vectors.
    """
    ordered = sorted(templates, key=lambda entry: entry[0])
    names = [person for person, _ in ordered]
    starts = np.array([i for i, name in enumerate(names) if i == 0 or name != names[i - 1]], dtype=np.int64)
    people = tuple(names[i] for i in starts)
    if not ordered:
        return EnrolledTemplates(people, np.empty((0, 0), dtype=np.float32), starts)
    vectors = np.stack([vector for _, vector in ordered])
    rows = vectors if how == "notebook" else unit_rows(vectors)
    if how in ("centroid", "notebook"):
        # The mean and the sum point the same way, and only the direction is compared.
        rows, starts = np.add.reduceat(rows, starts, axis=0), np.arange(len(people))
    return EnrolledTemplates(people, unit_rows(rows), starts)


def scores_of(
    probes: NDArray[np.float32], enrolled: EnrolledTemplates, how: Consolidation
) -> Iterator[NDArray[np.float32]]:
    """The scores of each probe, float32 (m, d) unit rows, with each of p people, float32 (p,)."""
    for _, block in scores_with_people(probes, enrolled, best_template if how == "best" else person_scores):
        yield from block
