"""What people said of faces that are not a student's, as a store has it, read again when it changed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from gallery.documents.negatives import Negative, StoredNegative
from gallery.documents.protocol import DocumentStore
from gallery.documents.unknown_people import UnknownGroup, UnknownPlace
from gallery.documents.unknown_store import every_face
from gallery.person_score import scores_with
from gallery.told_apart import SAME_FACE, Anchors, Outsiders

_READ_AGAIN_S = 1.0
"""How long anchors are used before the store is asked again."""
_PAGE = 1000
"""Groups that are read at once."""


class StoredAnchors:
    """The anchors of one pack. What this process says holds at once, what another says within a second.

    Safe to use from several threads.
    """

    def __init__(self, store: DocumentStore, pack: str) -> None:
        self._store = store
        self._pack = pack
        self._lock = threading.Lock()
        self._negatives: dict[int, NDArray[np.float32]] = {}
        self._outsiders: Outsiders | None = None
        self._epoch: str | None = None
        self._outside: tuple[str, tuple[tuple[int, int], ...]] = "", ()
        self._anchors = Anchors({})
        self._valid_until = -math.inf

    def now(self) -> Anchors:
        """The anchors; not to be changed.

        Raises:
            StoreError: of the store.
        """
        with self._lock:
            if time.monotonic() >= self._valid_until:
                self._follow()
                self._valid_until = time.monotonic() + _READ_AGAIN_S
            return self._anchors

    def _follow(self) -> None:
        """Read what changed: each of the two is told by a word; groups that are not ours also by how often they were
        seen, which changes no word."""
        epoch, unknown = self._store.negatives.epoch(), self._store.unknowns.epoch()
        if epoch != self._epoch:
            self._negatives, self._epoch = self._read_negatives(), epoch
        if unknown != self._outside[0] or self._outside[1]:
            outside = unknown, tuple(sorted((group.id, group.visits) for group in self._groups_not_ours()))
            if outside[1] != self._outside[1] or unknown != self._outside[0]:
                self._outsiders, self._outside = self._read_outsiders([group for group, _ in outside[1]]), outside
        self._anchors = Anchors(self._negatives, self._outsiders)

    def _groups_not_ours(self) -> Iterator[UnknownGroup]:
        after = None
        while page := self._store.unknowns.groups("not_ours", "last_at", after, _PAGE):
            yield from page
            after = UnknownPlace(page[-1].last_at, page[-1].id)

    def _read_outsiders(self, groups: Iterable[int]) -> Outsiders | None:
        people, vectors = [], []
        for group in groups:
            for stored in every_face(self._store.unknowns, group):
                if stored.face.pack == self._pack:
                    people.append(group)
                    vectors.append(stored.face.vector)
        return Outsiders.of(np.array(people, dtype=np.int64), np.stack(vectors)) if people else None

    def _read_negatives(self) -> dict[int, NDArray[np.float32]]:
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

    def erase_same_faces(self, subject: int, templates: NDArray[np.float32]) -> int:
        """Erase the negative examples of a student that are the faces of templates, float32 (t, d): they are the
        student's after all, as whoever enrolled them said later; how many there were."""
        examples = self._store.negatives.of(subject) if len(templates) else []
        own = [each for each in examples if each.negative.pack == self._pack]
        return self.erase(each.id for each in own if float((templates @ each.negative.vector).max()) >= SAME_FACE)

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
