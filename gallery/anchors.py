"""What people said of faces that are not a student's, as a store has it, read again when it changed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gallery.documents.negatives import Negative, StoredNegative
from gallery.documents.protocol import DocumentStore
from gallery.person_score import scores_with
from gallery.told_apart import Anchors

_READ_AGAIN_S = 1.0
"""How long anchors are used before the store is asked again."""


class StoredAnchors:
    """The anchors of one pack. What this process says holds at once, what another says within a second.

    Safe to use from several threads.
    """

    def __init__(self, store: DocumentStore, pack: str) -> None:
        self._store = store
        self._pack = pack
        self._lock = threading.Lock()
        self._anchors = Anchors({})
        self._epoch: str | None = None
        self._valid_until = -math.inf

    def now(self) -> Anchors:
        """The anchors; not to be changed.

        Raises:
            StoreError: of the store.
        """
        with self._lock:
            if time.monotonic() >= self._valid_until:
                epoch = self._store.negatives.epoch()
                if epoch != self._epoch:
                    self._anchors, self._epoch = Anchors(self._negatives()), epoch
                self._valid_until = time.monotonic() + _READ_AGAIN_S
            return self._anchors

    def _negatives(self) -> dict[int, NDArray[np.float32]]:
        batches = list(self._store.negatives.templates(self._pack))
        if not batches:
            return {}
        subjects = np.concatenate([batch.subjects for batch in batches])
        vectors = np.concatenate([batch.vectors for batch in batches])
        return {int(subject): vectors[subjects == subject] for subject in np.unique(subjects)}

    def look_again(self) -> None:
        """Ask the store at the next question, however short a time ago it was asked."""
        with self._lock:
            self._valid_until = -math.inf

    # -- what people say --------------------------------------------------------------------------------------------

    def add(self, negative: Negative) -> StoredNegative | None:
        """Keep a negative example, which holds from now on; None when the student is gone."""
        kept = self._store.negatives.add(negative)
        self.look_again()
        return kept

    def take_back(self, subject: int, about: Iterable[str]) -> int:
        """Erase the negative examples of a student that are of some faces; how many."""
        faces = set(about)
        found = [each.id for each in self._store.negatives.of(subject) if each.negative.about in faces]
        return self.erase(found)

    def erase(self, ids: Iterable[int]) -> int:
        """Erase negative examples by id; how many existed."""
        wanted = list(ids)
        gone = self._store.negatives.erase(wanted) if wanted else 0
        self.look_again()
        return gone

    def erase_of_person(self, templates: NDArray[np.float32], threshold: float, subject: int | None = None) -> int:
        """Erase the negative examples that show a person: those whose score with the person reaches a threshold.

        Args:
            templates: the person's, float32 (t, d) unit rows.
            threshold: the score.
            subject: only the examples of this student.

        Returns:
            how many there were.
        """
        if not len(templates):
            return 0
        found: list[int] = []
        for batch in self._store.negatives.templates(self._pack):
            near = scores_with(batch.vectors, templates) >= threshold
            near &= True if subject is None else batch.subjects == subject
            found += batch.ids[near].tolist()
        return self.erase(found)
