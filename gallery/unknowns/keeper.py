"""Keeps faces of unknown people in the store, each in the group of its person."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gallery.documents.unknown_people import UnknownFace
from gallery.documents.unknown_store import every_face
from gallery.gallery import Gallery
from gallery.threshold.raised_threshold import threshold_among
from gallery.unknowns.apart import apart_pairs, join_groups, pair_of
from gallery.unknowns.grouping import Grouping, Nearness

VISIT = timedelta(minutes=10)
"""Looks of one group, in one class and session, that are not farther apart in time are one face."""
MOST_FACES = 50
"""Faces of one class that are kept per group, those that show it best: one more visit takes the place of the worst,
or is a further look of the last."""
MOST_GROUPS = 20_000
"""Groups that there are at most: whoever sends photos of strangers without end fills neither memory nor disk. With
templates of 512 dimensions they take 370 MB at most."""
_SUGGESTED = 0.85
"""Groups whose likeness reaches this part of the threshold may be one person: a person decides."""

KeptAs = Literal["added", "seen_again", "not_ours", "known", "full"]
"""What became of a face: it was added, or was a further look of a visit. Nothing is kept of one that belongs to a group
that is not ours, of one that the whole gallery knows, or is not sure not to know, and of one that would begin a group
too many."""


class UnknownKeeper:
    """Groups faces in memory as the store has them, and writes new ones. Safe to use from several threads.

    Several may work on one store, in several processes: each reads what the others add, and anew whatever changed
    otherwise. Two that begin a group for one person at once have their groups joined by the first that sees both.
    """

    def __init__(self, gallery: Gallery) -> None:
        """Keep faces whose templates are of the gallery's pack. The store is read at the first use."""
        self._gallery = gallery.whole
        self._store = self._gallery.store
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._epoch: str | None = None
        self._grouping = Grouping(self._gallery.dim, lambda groups: threshold_among(self._point, groups))
        self._not_ours: set[int] = set()
        self._last = 0
        self._added: set[int] = set()

    # -- keeping ------------------------------------------------------------------------------------------------------

    def keep(self, face: UnknownFace) -> KeptAs:
        """Keep a face that was decided unknown.

        Raises:
            StoreError: of the store; ``shards_missing``. Whether the face was kept is not known then.
            ConfigError: ``not_calibrated``.
        """
        with self._lock:
            try:
                return self._keep(face)
            except BaseException:
                self._epoch = None  # what was written is read from the store
                raise

    def _keep(self, face: UnknownFace) -> KeptAs:
        # The caller may have searched a part of the school, or by a threshold of its own.
        _, (decision,) = self._gallery.identify(face.vector[None, :], k=1)
        if decision.verdict != "unknown":
            return "known"
        self._follow()
        near = self._grouping.near(face.vector)
        if near.best in self._not_ours:
            return "not_ours"
        if near.best is None and self._grouping.count >= MOST_GROUPS:
            return "full"
        if near.best is not None and self._is_further_look(near.best, face):
            self._join(near.best, near)
            return "seen_again"
        (stored,) = self._store.unknowns.add([(face, near.best or 0)])
        self._added.add(stored.id)
        self._grouping.place(stored.group, face.vector)
        self._join(stored.group, near)
        return "added"

    def _is_further_look(self, group: int, face: UnknownFace) -> bool:
        """Note a face as a further look of a visit of a group, or where the group has faces enough; whether it was.

        Only faces of the same class are looked at: whoever may see one of them may see what replaces its picture."""
        there = [each for each in every_face(self._store.unknowns, group) if each.face.clase == face.clase]
        of_visit = [each for each in there if _same_visit(each.face, face)]
        if of_visit:
            noted = of_visit[-1]
        elif len(there) < MOST_FACES:
            return False
        else:
            worst = min(there, key=lambda each: (each.face.worth, each.id))
            noted = worst if worst.face.worth < face.worth else max(there, key=lambda each: each.face.last_at)
        better = face if face.worth > noted.face.worth else None
        return self._store.unknowns.see_again(noted.id, face.last_at, face.looks, better)

    def _join(self, group: int, near: Nearness) -> None:
        """Join a group with those that a face of it is near, too, where they show one person and no one said that they
        do not."""
        for other, _ in near.groups:
            if other == group or not {group, other}.isdisjoint(self._not_ours):
                continue
            if other not in self._grouping or not self._grouping.are_one(group, other):
                continue
            keep, gone = pair = pair_of(group, other)
            if pair not in apart_pairs(self._store) and join_groups(self._store, keep, gone):
                self._grouping.join(keep, gone)
                group = keep

    # -- following the store ------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Read what others have changed since the last time."""
        self._point = self._gallery.operating_point()
        epoch = self._store.unknowns.epoch()
        if epoch != self._epoch:
            self._begin()
            self._read(0)
            self._epoch = epoch
            return
        for group, vector in self._read(self._last):
            if group in self._grouping and group not in self._not_ours:
                self._join(group, self._grouping.near(vector))

    def _read(self, after: int) -> list[tuple[int, NDArray[np.float32]]]:
        """Place the faces with an id above ``after`` that others added: their groups and templates."""
        new = []
        for batch in self._store.unknowns.templates(self._gallery.pack, after):
            self._not_ours.update(np.unique(batch.groups[batch.not_ours]).tolist())
            rows = zip(batch.ids.tolist(), batch.groups.tolist(), batch.vectors, strict=True)
            for number, group, vector in rows:
                self._last = number
                if number not in self._added:
                    self._grouping.place(group, vector)
                    new.append((group, vector))
        self._added.clear()
        return new

    # -- what a person may want to know -------------------------------------------------------------------------------

    def alike(self, group: int, most: int) -> list[tuple[int, float]]:
        """Other groups that may show the same person, and their likeness, the greatest first; none of a group that is
        gone, and none of which a person said that it is someone else.

        Raises:
            StoreError: of the store.
        """
        with self._lock:
            self._follow()
            if group not in self._grouping:
                return []
            least = _SUGGESTED * self._grouping.threshold
            found = self._grouping.alike(group, least)
            apart = apart_pairs(self._store)
        return [each for each in found if each[1] >= least and pair_of(group, each[0]) not in apart][:most]


def _same_visit(one: UnknownFace, other: UnknownFace) -> bool:
    in_time = _moment(one.at) - VISIT <= _moment(other.last_at) and _moment(other.at) <= _moment(one.last_at) + VISIT
    return in_time and one.session == other.session


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
