"""Comparing the documents with the index, template by template and number by number."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import FollowedStore
from gallery.documents.values import Position
from gallery.index.searcher import Searcher

SETTLE_S = 30.0
"""How long comparisons with the documents are repeated while others write."""
_RETRY_S = 0.1


@dataclass(frozen=True, slots=True)
class Agreement:
    """The result of a comparison: template ids that only one side has, and those whose vectors differ."""

    templates: int
    missing_in_index: tuple[int, ...]
    missing_in_store: tuple[int, ...]
    different: tuple[int, ...]

    @property
    def agrees(self) -> bool:
        """True when documents and index hold the same templates."""
        return not self.suspects

    @property
    def suspects(self) -> list[int]:
        """The templates that are not the same on both sides."""
        return sorted({*self.missing_in_index, *self.missing_in_store, *self.different})


def compare(searcher: Searcher, store: FollowedStore, pack: str, only: list[int] | None) -> Agreement:
    """Compare an index, which must not change meanwhile, with the documents.

    Args:
        searcher: the index.
        store: the documents.
        pack: tag of the pack whose templates are compared.
        only: ids of the templates to compare; None for all.
    """
    indexed = np.sort(searcher.ids())
    if only is not None:
        indexed = np.intersect1d(indexed, only)
    stored: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    different: list[int] = []
    for batch in store.templates(only, pack):
        stored.append(batch.ids)
        known = np.isin(batch.ids, indexed)
        vectors = searcher.vectors(batch.ids[known])
        different += batch.ids[known][(vectors != batch.vectors[known]).any(axis=1)].tolist()
    ids = np.concatenate(stored)
    return Agreement(
        templates=len(ids),
        missing_in_index=tuple(np.setdiff1d(ids, indexed).tolist()),
        missing_in_store=tuple(np.setdiff1d(indexed, ids).tolist()),
        different=tuple(different),
    )


def settled(
    catch_up: Callable[[], None], position: Callable[[], Position], compared: Callable[[list[int] | None], Agreement]
) -> Agreement:
    """Compare an index with documents that others may be writing to.

    The two are never read at the same moment then. So differences are compared again, until there are none or nothing
    was written in between.

    Args:
        catch_up: applies what the documents have recorded since.
        position: how far that is done.
        compared: compares some templates, by id; None for all.
    """
    catch_up()
    at, found = position(), compared(None)
    deadline = time.monotonic() + SETTLE_S
    while not found.agrees and time.monotonic() < deadline:
        catch_up()
        if position() == at and not at.awaited:
            break
        at = position()
        found = replace(compared(found.suspects), templates=found.templates)
        if not found.agrees:
            time.sleep(_RETRY_S)
    return found
