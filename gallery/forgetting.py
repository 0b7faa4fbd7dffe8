"""Which faces of unknown people go with a person who is erased: those that show the same person. Exact: every face is
compared. Reads the store and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import DocumentStore
from gallery.person_score import mean_lengths, person_scores


def near(store: DocumentStore, people: Sequence[NDArray[np.float32]], pack: str, threshold: float) -> list[int]:
    """The ids of unknown faces that resemble one of some people, sorted.

    A face resembles a person when the person's score with it reaches the threshold, or the cosine with one template
    does. Where that is so for half of the faces of a group or more, the others show the same person as well.

    Args:
        store: the documents.
        people: templates of each person, float32 (t, d) unit rows; those without a row are passed over.
        pack: tag of the pack that made them.
        threshold: from which score on a face is a person's.
    """
    known = [templates for templates in people if len(templates)]
    if not known:
        return []
    templates = np.concatenate(known)
    starts = np.cumsum([0, *map(len, known[:-1])], dtype=np.int64)
    lengths = mean_lengths(templates, starts)
    seen: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]] = []
    for batch in store.unknowns.templates(pack):
        cosines = batch.vectors @ templates.T
        best = np.maximum(cosines.max(axis=1), person_scores(cosines, starts, lengths).max(axis=1))
        seen.append((batch.ids, batch.groups, best >= threshold))
    if not seen:
        return []
    ids, groups, found = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    return _with_their_groups(ids, groups, found)


def _with_their_groups(ids: NDArray[np.int64], groups: NDArray[np.int64], found: NDArray[np.bool_]) -> list[int]:
    """The ids that were found, and those of the groups of which at least half was."""
    _, which = np.unique(groups, return_inverse=True)
    half = 2 * np.bincount(which, weights=found) >= np.bincount(which)
    return sorted(ids[found | half[which]].tolist())
