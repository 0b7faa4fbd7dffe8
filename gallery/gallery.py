"""Gallery: who is known. Documents first, then the index; the index only ever follows the documents."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gallery.decision import Candidate, Decision, decide
from gallery.documents.values import (
    Counts,
    DocumentStore,
    Enrolment,
    EnrolmentMode,
    Position,
    StoredStudent,
    Student,
    SubjectKind,
    student_not_found,
)
from gallery.index.document_index import DocumentIndex
from gallery.index.generations import GenerationStore
from gallery.index.kinds.flat import checked
from gallery.index.kinds.protocol import IndexSpec
from gallery.index.recall_gate import GateReport
from gallery.rosters import Rosters
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint, ThresholdTarget, operating_point
from presente.errors import InvalidInput, NotFound, PackError, PhotoRefused
from presente.installation import command_line
from presente.text import tidy

MAX_K = 1000
_BLOCK = 256
"""Probes that are searched under one hold of the lock."""
_READ_AGAIN_S = 1.0
"""How long a calibration is taken to be the stored one."""

Duplicates = Literal["refuse", "warn", "allow"]
"""What becomes of a student who clearly is another already."""


@dataclass(frozen=True, slots=True)
class GallerySettings:
    """How a gallery decides: the threshold (a cosine), where it came from, and the ambiguity margin; whether it
    refuses to enrol students without consent on record; the rate that decides instead of the cosine; and what whoever
    enrols is to do with duplicates."""

    threshold: float
    threshold_source: str
    margin: float = 0.02
    consent_required: bool = False
    target: ThresholdTarget = None
    duplicates: Duplicates = "warn"


@dataclass(frozen=True, slots=True)
class GalleryStatus:
    """A gallery at a glance. ``generation`` is 0 before anything was published; ``unpublished`` of the ``indexed``
    templates came since; ``unerased`` templates are removed and may still be in a file. ``gate`` says why the index is
    of its kind, once the gate has seen it."""

    counts: Counts
    indexed: int
    unpublished: int
    unerased: int
    pack: str
    dim: int
    spec: IndexSpec
    gate: GateReport | None
    generation: int
    change: int
    settings: GallerySettings
    limit: OperatingPoint

    def index_described(self) -> dict[str, Any]:
        """The index, as programs print it: kind, parameters, generation, and the release gate's report or None."""
        return {
            "index_kind": self.spec.kind,
            "index_parameters": dict(self.spec.parameters),
            "index_gate": None if self.gate is None else asdict(self.gate),
            "generation": self.generation,
            "unpublished": self.unpublished,
            "unerased": self.unerased,
            "change": self.change,
        }


class Gallery:
    """One document store, one vector index that follows it, one model pack. Safe to use from several threads.

    Other processes may write to the same store: every search first asks for the last change, which is cheap, and
    applies what it has not seen.
    """

    def __init__(
        self, store: DocumentStore, snapshots: GenerationStore, pack: str, dim: int, settings: GallerySettings
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
        self.settings = settings
        self.pack = pack
        self.dim = dim
        self._people: tuple[Position | None, int] = None, 0
        self._rosters = Rosters(store)
        self._curve: CalibrationCurve | None = None
        self._curve_until = -math.inf
        try:
            self.index = DocumentIndex(store, snapshots, pack, dim)
        except BaseException:
            store.close()
            raise

    # -- writing: documents, then the index follows -----------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put") -> None:
        """Store students and photos in one transaction; they are searchable when this returns.

        Raises:
            Conflict, NotFound: as the mode has it; nothing is stored.
            PackError: ``pack_mismatch``.
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
            PhotoRefused: ``consent_missing``.
        """
        for enrolment in enrolments:
            self.check_consent(enrolment.student)
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
        self.index.check_pack()
        self.store.enrol(enrolments, mode)
        self.index.catch_up(wrote=True)

    def check_consent(self, student: Student) -> None:
        """Refuse a student of whom no consent is on record or brought along, when the gallery asks for it.

        Raises:
            PhotoRefused: ``consent_missing``.
        """
        if not self.settings.consent_required or student.kind != "student" or student.consentimiento is not None:
            return
        stored = self.store.student(student.matricula)
        if stored is None or stored.student.consentimiento is None:
            raise PhotoRefused(
                "consent_missing",
                f"No consent of {student.matricula!r} is on record.",
                "Send consentimiento with fecha and texto; PRESENTE_CONSENT asks for it.",
            )

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        """Erase students from the documents, the index and every published generation; which existed.

        Raises:
            StoreError: ``erasure_incomplete`` when files still hold something of them; calling it again, for whomever,
                tries again.
        """
        removed = self.store.remove([self.named(matricula) for matricula in matriculas])
        self._follow_removal()
        return removed

    def merge(self, keep: str, other: str) -> None:
        """Make one student of two who are the same person: see :meth:`DocumentStore.merge`. ``other`` is gone then.

        Raises:
            InvalidInput: ``same_student``.
            NotFound: ``student_not_found``.
            PackError: ``pack_mismatch``, when the gallery was given another pack since it was opened.
            StoreError: as :meth:`remove`.
        """
        keep, other = self.named(keep), self.named(other)
        _check_two(keep, other)
        self.index.check_pack()
        self.store.merge(keep, other)
        self._follow_removal()

    def take_photos(self, matricula: str, photos: Sequence[str], to: str | None = None) -> list[str]:
        """Erase photos of a student, or move them to another with their templates.

        Args:
            matricula: whose they are.
            photos: each the beginning of its SHA-256, as long as it means one photo of the student.
            to: who gets them; None to erase them.

        Returns:
            the SHA-256 of each.

        Raises:
            InvalidInput: ``same_student``, ``ambiguous_photo``.
            NotFound: ``student_not_found``, ``photo_not_found``.
            PackError, StoreError: as :meth:`merge`.
        """
        matricula = self.named(matricula)
        if to is not None:
            to = self.named(to)
            _check_two(matricula, to)
            self.student(to)
        self.student(matricula)
        digests = self.store.digests(matricula)
        which = [_chosen(photo, digests, matricula) for photo in photos]
        self.index.check_pack()
        self.store.take_photos(matricula, which, to)
        self._follow_removal()
        return which

    def _follow_removal(self) -> None:
        """Take what is gone from the documents out of the index and of every published generation."""
        self.index.follow()
        self.index.finish_erasing()

    def close(self, publish: bool = False) -> None:
        """Close the store; with ``publish``, first write a generation if anything changed since the last."""
        try:
            self.index.close(publish)
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
        """The k nearest subjects of each probe, best template of each; scores are exact.

        Args:
            probes: float32 (m, d) unit rows.
            k: 1 to :data:`MAX_K`; fewer are returned when the gallery has fewer.
            clase: only this class.
            cohort: also the people who are nobody's students.

        Raises:
            InvalidInput: ``invalid_k``, ``dimension_mismatch``, ``not_finite``.
        """
        _check_k(k)
        self.index.catch_up()
        return self._search(probes, k, self.searchable(clase, cohort))

    def _search(self, probes: NDArray[np.float32], k: int, only: NDArray[np.int64] | None) -> list[list[Candidate]]:
        rows = checked(probes, self.dim)
        found: list[list[tuple[int, float]]] = []
        for start in range(0, len(rows), _BLOCK):  # the lock is let go between blocks, so that nobody waits for all
            with self.index.reading() as live:
                selected = None if only is None else live.select(only)
                found += live.best_per_subject(rows[start : start + _BLOCK], k, selected)
        students = self.store.subjects(list({subject for hits in found for subject, _ in hits}))
        return [self._ranked(hits, students) for hits in found]

    def identify(
        self,
        probes: NDArray[np.float32],
        k: int = 5,
        threshold: float | None = None,
        clase: str | None = None,
        cohort: bool = False,
    ) -> tuple[OperatingPoint, list[Decision]]:
        """Search, then decide for each probe: what they are held to (``threshold`` instead of the gallery's own), and
        the decisions.

        Raises:
            InvalidInput: as :meth:`search`.
            ConfigError: ``not_calibrated``.
        """
        _check_k(k)
        self.index.catch_up()
        only = self.searchable(clase, cohort)
        limit = self._limit(threshold, only)
        # Two subjects are needed to see that a decision is ambiguous, however few the caller wants listed.
        searched = self._search(probes, max(k, 2), only)
        decisions = [decide(candidates, limit.threshold, self.settings.margin) for candidates in searched]
        return limit, [
            Decision(made.verdict, made.student, made.score, made.reason, made.candidates[:k]) for made in decisions
        ]

    def operating_point(
        self, threshold: float | None = None, clase: str | None = None, cohort: bool = False
    ) -> OperatingPoint:
        """Which threshold a search holds scores against: the one given, or the gallery's for whom it searches.

        Raises:
            ConfigError: ``not_calibrated``.
        """
        self.index.catch_up()
        return self._limit(threshold, self.searchable(clase, cohort))

    def _limit(self, threshold: float | None, only: NDArray[np.int64] | None) -> OperatingPoint:
        searched, curve = self._calibration(only)
        if threshold is not None:
            return OperatingPoint(threshold, "request", searched, curve)
        own = self.settings
        return operating_point(own.target, own.threshold, own.threshold_source, curve, searched)

    def calibration(self) -> tuple[int, CalibrationCurve | None]:
        """How many students a search compares with, and the stored curve if it is of this pack.

        What another process stored is seen within a second.
        """
        self.index.catch_up()
        return self._calibration(self.searchable(None, False))

    def _calibration(self, only: NDArray[np.int64] | None) -> tuple[int, CalibrationCurve | None]:
        with self.index.reading() as live:
            if self._people[0] != live.position:
                self._people = live.position, live.people()
            people = self._people[1] if only is None else len(only)
        now = time.monotonic()
        if now >= self._curve_until:
            stored = self.store.calibration()
            curve = CalibrationCurve.from_json(stored) if stored else None
            self._curve = curve if curve is not None and curve.pack == self.pack else None
            self._curve_until = now + _READ_AGAIN_S
        return people, self._curve

    def compare(self, probe: NDArray[np.float32], matricula: str) -> float | None:
        """The best cosine of a float32 (d,) probe with one student's templates; None when there are none.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.student(matricula)
        self.index.catch_up()
        with self.index.reading() as live:
            selected = live.select(np.array([stored.id], dtype=np.int64))
            found = live.best_per_subject(checked(probe[None, :], self.dim), 1, selected)[0]
        return found[0][1] if found else None

    def nearest_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """Id of a subject's template nearest to a float32 (d,) probe; None when the subject is gone."""
        with self.index.reading() as live:
            return live.best_template(probe, subject)

    def named(self, matricula: str) -> str:
        """A matricula as it is stored: as it was given, or else in its one form (:func:`presente.text.tidy`).

        What was stored before texts were tidied stays within reach; whoever is not there is named as given.
        """
        tidied = tidy(matricula)
        if tidied == matricula or self.store.student(matricula) is not None or self.store.student(tidied) is None:
            return matricula
        return tidied

    def student(self, matricula: str) -> StoredStudent:
        """One student, however the matricula is written: see :meth:`named`.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.store.student(self.named(matricula))
        if stored is None:
            raise student_not_found(matricula)
        return stored

    def searchable(self, clase: str | None = None, cohort: bool = False) -> NDArray[np.int64] | None:
        """Subject ids that a search may return, as of the last time that the index caught up; None for everybody."""
        if clase is not None:
            return self.roster(clase=clase, kind=None if cohort else "student")
        if cohort or not self._rosters.has_cohort(self.index.position):
            return None
        return self.roster(kind="student")

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class or a kind, as of the last time that the index caught up."""
        return self._rosters.of(self.index.position, clase, kind)

    @staticmethod
    def _ranked(hits: Sequence[tuple[int, float]], students: dict[int, Student]) -> list[Candidate]:
        # A subject that was removed between the search and this look-up is nobody any more.
        present = [(subject, score) for subject, score in hits if subject in students]
        return [
            Candidate(rank=rank, score=score, subject=subject, student=students[subject])
            for rank, (subject, score) in enumerate(present, start=1)
        ]

    # -- looking after ----------------------------------------------------------------------------------------------

    def status(self) -> GalleryStatus:
        """Counts, pack, index and threshold."""
        limit = self.operating_point()
        with self.index.reading() as live:
            return GalleryStatus(
                counts=self.store.counts(),
                indexed=len(live),
                unpublished=len(live.tail),
                unerased=self.index.erasure.waiting,
                pack=self.pack,
                dim=self.dim,
                spec=live.index.spec,
                gate=self.index.gate,
                generation=self.index.generation,
                change=live.change,
                settings=self.settings,
                limit=limit,
            )


def _check_k(k: int) -> None:
    if not 1 <= k <= MAX_K:
        raise InvalidInput("invalid_k", f"k is {k}.", f"It must be between 1 and {MAX_K}.")


def _check_two(one: str, other: str) -> None:
    if one == other:
        raise InvalidInput("same_student", f"{one!r} was named twice.", "Name two students.")


def _chosen(photo: str, digests: Sequence[str], matricula: str) -> str:
    """The one of a student's photos whose SHA-256 begins so."""
    found = [digest for digest in digests if photo and digest.startswith(photo)]
    if not found:
        raise NotFound(
            "photo_not_found",
            f"{matricula!r} has no photo {photo!r}.",
            f"A photo is named by the first digits of its SHA-256, as `{command_line('indexer audit')}` prints them.",
        )
    if len(found) > 1:
        raise InvalidInput(
            "ambiguous_photo", f"{len(found)} photos of {matricula!r} begin with {photo!r}.", "Give more digits."
        )
    return found[0]
