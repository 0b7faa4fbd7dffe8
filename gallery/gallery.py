"""Gallery: who is known. Documents first, then the index; the index only ever follows the documents."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.decision import Candidate, Decision, decide
from gallery.documents.model import (
    Counts,
    DocumentStore,
    Enrolment,
    Mode,
    StoredStudent,
    Student,
    student_not_found,
)
from gallery.live import LiveIndex
from gallery.locks import ReadWriteLock
from gallery.snapshot import KEEP, Origin, SnapshotStore
from gallery.vectors.flat import checked
from presente.errors import InvalidInput, PackError, PresenteError

log = logging.getLogger(__name__)

MAX_K = 1000
_BLOCK = 256
"""Probes that are searched under one hold of the lock."""

_PUBLISH_EVERY = 5000
"""Changes after which a running gallery publishes by itself, so that the next start has little to replay."""


@dataclass(frozen=True, slots=True)
class GallerySettings:
    """How a gallery decides: the threshold (a cosine), where it came from, and the ambiguity margin."""

    threshold: float
    threshold_source: str
    margin: float = 0.02


@dataclass(frozen=True, slots=True)
class Agreement:
    """What ``verify`` found: template ids that only one side has, and those whose vectors differ."""

    templates: int
    missing_in_index: tuple[int, ...]
    missing_in_store: tuple[int, ...]
    different: tuple[int, ...]

    @property
    def agrees(self) -> bool:
        """True when documents and index hold the same templates."""
        return not (self.missing_in_index or self.missing_in_store or self.different)


@dataclass(frozen=True, slots=True)
class GalleryStatus:
    """A gallery at a glance. ``generation`` is 0 before anything was published."""

    counts: Counts
    indexed: int
    pack: str
    dim: int
    kind: str
    generation: int
    change: int
    settings: GallerySettings


class Gallery:
    """One document store, one vector index that follows it, one model pack. Safe to use from several threads.

    Other processes may write to the same store: every search first asks for the last change, which is cheap, and
    applies what it has not seen.
    """

    def __init__(
        self, store: DocumentStore, snapshots: SnapshotStore, pack: str, dim: int, settings: GallerySettings
    ) -> None:
        """Open a gallery: load the newest whole generation and replay what it has not seen.

        Args:
            store: the documents.
            snapshots: where generations are published.
            pack: tag of the model pack whose templates this gallery compares.
            dim: length of its templates.
            settings: how to decide.

        Raises:
            PackError: ``pack_mismatch`` when the store's templates were made by another pack; the store is closed.
        """
        self.store = store
        self.snapshots = snapshots
        self.pack = pack
        self.dim = dim
        self.settings = settings
        self._lock = ReadWriteLock()
        self._following = threading.Lock()
        self._publisher = threading.Thread()
        try:
            self._check_pack()
            self._identity = store.identity()
            self._live, self.generation, self._published_at = self._open()
            self._publish_at = self._published_at + _PUBLISH_EVERY
            if self.generation and store.removed_since(self._published_at):
                self.publish()  # whoever erased them was stopped before the generations that hold them were gone
        except BaseException:
            store.close()
            raise

    def _check_pack(self) -> None:
        made_with = self.store.pack()
        if made_with is not None and made_with != (self.pack, self.dim):
            raise PackError(
                "pack_mismatch",
                f"The gallery was made with pack {made_with[0]!r} ({made_with[1]} dimensions), and "
                f"{self.pack!r} ({self.dim}) was asked for; their templates cannot be compared.",
                f"Set PRESENTE_PACK back, or re-embed every stored photo with `python -m indexer sync --pack "
                f"{self.pack.split('@')[0]}`.",
            )

    def _open(self) -> tuple[LiveIndex, int, int]:
        """The newest generation that is whole and this gallery's, caught up; else the documents, indexed anew.

        Returns:
            the index, the newest generation's number, and the change that it has seen.
        """
        generation, warnings = self.snapshots.latest()
        for warning in warnings:
            log.warning("%s The generation before it, or the documents, take over.", warning)
        number = max(self.snapshots.generations(), default=0)
        if generation is not None:
            manifest = generation.manifest
            if manifest.dim == self.dim and manifest.origin == self._origin(manifest.origin.change):
                live = LiveIndex.from_generation(generation)
                live.follow(self.store)
                if len(live) == self.store.counts().templates:
                    return live, manifest.generation, manifest.origin.change
            log.warning("Generation %d does not belong to these documents; the index is rebuilt.", manifest.generation)
        return LiveIndex.rebuild(self.store, self.dim), number, 0

    # -- writing: documents, then the index follows -----------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: Mode = "put") -> None:
        """Store students and photos in one transaction; they are searchable when this returns.

        Raises:
            Conflict, NotFound: as the mode has it; nothing is stored.
            PackError: ``pack_mismatch``.
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
        """
        for enrolment in enrolments:
            for photo in enrolment.photos:
                template = photo.template
                checked(template.vector[None, :], self.dim)
                if template.pack != self.pack:
                    raise PackError(
                        "pack_mismatch",
                        f"The template was made with {template.pack!r}, the gallery with {self.pack!r}.",
                        "Embed the photo with the gallery's pack.",
                    )
        self.store.claim_pack(self.pack, self.dim)
        self._check_pack()
        self.store.enrol(enrolments, mode)
        self.catch_up()

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        """Erase students from the documents, the index and every published generation; which existed.

        Raises:
            StoreError: ``index_unwritable`` when older generations, which still hold their vectors, could not be
                replaced; calling it again, for whomever, tries again.
        """
        removed = self.store.remove(matriculas)
        self._follow_safely()
        if self.generation and self.store.removed_since(self._published_at):
            self.publish()
        return removed

    def catch_up(self) -> None:
        """Apply what the store has recorded since, by this process or another."""
        if not self.store.changed_since(self._live.change):
            return
        self._follow_safely()
        if self._live.change >= self._publish_at and not self._publisher.is_alive():
            self._publish_at = self._live.change + _PUBLISH_EVERY
            self._publisher = threading.Thread(target=self._publish_quietly, name="publisher")
            self._publisher.start()

    def _follow_safely(self) -> None:
        with self._following:
            self._check_pack()
            self._follow()

    def _follow(self) -> None:
        with self._lock.write():
            self._live.follow(self.store)

    def publish(self) -> int:
        """Write what the documents hold now as a new generation; its number.

        Two generations are kept, unless somebody was erased since the last one: then only the new one is.
        """
        with self._following:
            while True:
                self._follow()
                live = self._live
                keep = 1 if self.store.removed_since(self._published_at) else KEEP
                self.generation = self.snapshots.publish(live.index, live.subjects, self._origin(live.change), keep)
                self._published_at = live.change
                self._publish_at = live.change + _PUBLISH_EVERY
                if not self.store.removed_since(live.change):
                    return self.generation

    def _publish_quietly(self) -> None:
        try:
            self.publish()
        except PresenteError as error:  # nothing is lost: the documents have it, and the next start replays it
            log.error("%s", error)

    def _origin(self, change: int) -> Origin:
        return Origin(self._identity, self.pack, change, self.store.mark(change))

    def rebuild(self) -> int:
        """Make the index anew from the documents and publish it, whatever was there before; the generation."""
        with self._following, self._lock.write():
            self._live = LiveIndex.rebuild(self.store, self.dim)
            self._published_at = 0
        return self.publish()

    def close(self, publish: bool = False) -> None:
        """Close the store; with ``publish``, first write a generation if anything changed since the last."""
        if self._publisher.is_alive():
            self._publisher.join()
        try:
            if publish and (self._live.change != self._published_at or not self.generation):
                self.publish()
        finally:
            self.store.close()

    # -- searching --------------------------------------------------------------------------------------------------

    def search(
        self,
        probes: NDArray[np.float32],
        k: int,
        clase: str | None = None,
        cohort: bool = False,
    ) -> list[list[Candidate]]:
        """The k nearest subjects of each probe, best template of each, exact.

        Args:
            probes: float32 (m, d) unit rows.
            k: 1 to :data:`MAX_K`; fewer are returned when the gallery has fewer.
            clase: only this class.
            cohort: also the people who are nobody's students.

        Raises:
            InvalidInput: ``invalid_k``, ``dimension_mismatch``, ``not_finite``.
        """
        _check_k(k)
        rows = checked(probes, self.dim)
        self.catch_up()
        only = self._searchable(clase, cohort)
        found: list[list[tuple[int, float]]] = []
        for start in range(0, len(rows), _BLOCK):  # the lock is let go between blocks, so that nobody waits for all
            with self._lock.read():
                allowed = None if only is None else self._live.templates_of(only)
                found += self._live.best_per_subject(rows[start : start + _BLOCK], k, allowed)
        students = self.store.subjects(list({subject for hits in found for subject, _ in hits}))
        return [self._ranked(hits, students) for hits in found]

    def identify(
        self,
        probes: NDArray[np.float32],
        k: int = 5,
        threshold: float | None = None,
        clase: str | None = None,
        cohort: bool = False,
    ) -> list[Decision]:
        """Search, then decide for each probe; ``threshold`` instead of the gallery's own."""
        _check_k(k)
        limit = self.settings.threshold if threshold is None else threshold
        # Two subjects are needed to see that a decision is ambiguous, however few the caller wants listed.
        searched = self.search(probes, max(k, 2), clase, cohort)
        decisions = [decide(candidates, limit, self.settings.margin) for candidates in searched]
        return [
            Decision(made.verdict, made.student, made.score, made.reason, made.candidates[:k]) for made in decisions
        ]

    def compare(self, probe: NDArray[np.float32], matricula: str) -> float | None:
        """The best cosine of a float32 (d,) probe with one student's templates; None when there are none.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.student(matricula)
        self.catch_up()
        with self._lock.read():
            allowed = self._live.templates_of(np.array([stored.id], dtype=np.int64))
            found = self._live.best_per_subject(checked(probe[None, :], self.dim), 1, allowed)[0]
        return found[0][1] if found else None

    def student(self, matricula: str) -> StoredStudent:
        """One student.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.store.student(matricula)
        if stored is None:
            raise student_not_found(matricula)
        return stored

    def _searchable(self, clase: str | None, cohort: bool) -> NDArray[np.int64] | None:
        """Subject ids that a search may return; None for everybody."""
        if clase is not None:
            return self.store.roster(clase=clase, kind=None if cohort else "student")
        if cohort or not self.store.has_cohort():
            return None
        return self.store.roster(kind="student")

    @staticmethod
    def _ranked(hits: Sequence[tuple[int, float]], students: dict[int, Student]) -> list[Candidate]:
        # A subject that was removed between the search and this look-up is nobody any more.
        present = [(subject, score) for subject, score in hits if subject in students]
        return [
            Candidate(rank=rank, score=score, subject=subject, student=students[subject])
            for rank, (subject, score) in enumerate(present, start=1)
        ]

    # -- looking after ----------------------------------------------------------------------------------------------

    def verify(self) -> Agreement:
        """Compare documents and index, template by template and number by number."""
        self.catch_up()
        with self._lock.read():
            indexed = {int(i) for i in self._live.index.ids()}
            stored: set[int] = set()
            different: list[int] = []
            for batch in self.store.templates():
                stored.update(int(i) for i in batch.ids)
                different += self._differing(batch.ids, batch.vectors, indexed)
        return Agreement(
            templates=len(stored),
            missing_in_index=tuple(sorted(stored - indexed)),
            missing_in_store=tuple(sorted(indexed - stored)),
            different=tuple(different),
        )

    def _differing(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], indexed: set[int]) -> list[int]:
        known = np.array([i for i, template in enumerate(ids) if int(template) in indexed], dtype=np.int64)
        if not len(known):
            return []
        kept = self._live.index.vectors(ids[known])
        return [int(i) for i in ids[known][(kept != vectors[known]).any(axis=1)]]

    def status(self) -> GalleryStatus:
        """Counts, pack, index and threshold."""
        self.catch_up()
        return GalleryStatus(
            counts=self.store.counts(),
            indexed=len(self._live),
            pack=self.pack,
            dim=self.dim,
            kind=self._live.index.kind,
            generation=self.generation,
            change=self._live.change,
            settings=self.settings,
        )


def _check_k(k: int) -> None:
    if not 1 <= k <= MAX_K:
        raise InvalidInput("invalid_k", f"k is {k}.", f"It must be between 1 and {MAX_K}.")
