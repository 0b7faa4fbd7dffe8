"""The gallery: who is known. Documents are written first; the index follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gallery.anchors import StoredAnchors
from gallery.decision import Candidate, Decision, decide
from gallery.documents.consent_rules import consent_withdrawn
from gallery.documents.erasure_file import ErasureFile
from gallery.documents.erasure_list import NOT_ASKED, Cause
from gallery.documents.photo_digests import complete_digest
from gallery.documents.protocol import DocumentStore
from gallery.documents.scope import WHOLE_SCHOOL, Scope
from gallery.documents.scoped_documents import documents_within
from gallery.documents.student_rules import student_not_found
from gallery.documents.values import ConsentEnd, Enrolment, EnrolmentMode, StoredStudent, Student, SubjectKind
from gallery.index.document_index import DocumentIndex
from gallery.index.gallery_index import GalleryIndex
from gallery.index.generations import GenerationStore
from gallery.index.kinds.flat import checked
from gallery.person_traces import PersonTraces
from gallery.settings import GallerySettings
from gallery.status import GalleryStatus
from gallery.subject_search import Nearest, SubjectSearch, Telling, check_k
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint, operating_point
from gallery.threshold.stored_calibration import StoredCalibration
from gallery.told_apart import told_apart
from presente.errors import ConfigError, InvalidInput, PackError, PhotoRefused, StoreError
from presente.text import tidy

Answer = TypeVar("Answer")


class Gallery:
    """One document store, one vector index that follows it, one model pack. Safe to use from several threads.

    Other processes may write to the same store: every search first asks for the last change, which is cheap, and
    applies the changes that it has not seen.

    Attributes:
        store: the documents.
        index: the vector index.
        settings: how the gallery decides.
        published: gives the numbers of the index's generations on this machine.
        pack: tag of the model pack.
        dim: length of its templates.
        anchors: whom people said that faces are not.
        scope: which part of the school this gallery shows.
        covers: the share of all subjects that searches reach, below 1 only in a view that :meth:`partially` gives.
    """

    def __init__(
        self,
        store: DocumentStore,
        generations: GenerationStore,
        pack: str,
        dim: int,
        settings: GallerySettings,
        open_index: Callable[[], GalleryIndex] | None = None,
    ) -> None:
        """Open a gallery: load the newest undamaged generation and replay the changes that it has not seen.

        Args:
            store: the documents.
            generations: where generations are published.
            pack: tag of the model pack whose templates this gallery compares.
            dim: length of its templates.
            settings: how to decide.
            open_index: opens another index of the same documents, pack and dimension than the one of this process; it
                publishes elsewhere.

        Raises:
            Conflict: ``foreign_erasure_list``; likewise.
            InvalidInput: ``invalid_erasure_list``, ``erasure_list_unreadable``; likewise.
            PackError: ``pack_mismatch`` when the store's templates were made by another pack; the store is closed.
        """
        self.store = store
        self.settings = settings
        self.published = generations.numbers
        self.pack = pack
        self.dim = dim
        try:
            self._erasure_file = _erasure_file(store, settings)
            own = partial(DocumentIndex, store, generations, pack, dim, settings.pack_name)
            self.index: GalleryIndex = (open_index or own)()
        except BaseException:
            store.close()
            raise
        self._search = SubjectSearch(store, self.index, dim)
        self._calibration = StoredCalibration(store, pack)
        self.anchors = StoredAnchors(store, pack)
        self._traces = PersonTraces(store, self.anchors, pack, self._subject_of, self.templates_of, self._same_person)
        self.scope = WHOLE_SCHOOL
        self.covers = 1.0
        self._whole: Gallery | None = None

    def within(self, scope: Scope) -> Gallery:
        """This gallery as a caller sees it who may see only a part of the school: other students do not exist in it.

        It lists, searches, compares and records within the scope (:mod:`gallery.documents.scoped_documents`). It cannot
        enrol and erase.
        """
        if scope.is_whole:
            return self.whole
        view = copy(self.whole)
        view.scope, view._whole = scope, self.whole
        view.store = documents_within(self.whole.store, scope)
        view._search = self.whole._search.within(scope)
        return view

    @property
    def whole(self) -> Gallery:
        """The gallery of which this is a part; itself when it is no part."""
        return self._whole or self

    def partially(self, ask: Callable[[Gallery], Answer]) -> tuple[Answer, float]:
        """What ``ask`` is answered by this gallery, or, while shards of its index are missing, by a view of those that
        are there; and the share of all subjects that was searched. In such a view no face is unknown.

        Raises:
            StoreError: ``shards_missing``: no shard is there.
        """
        try:
            view = self._reachable()
            return ask(view), view.covers
        except StoreError as error:
            if error.code != "shards_missing":
                raise
        view = self._reachable()  # one was lost meanwhile
        return ask(view), view.covers

    def _reachable(self) -> Gallery:
        index, covers = self.index.reachable()
        if covers == 1.0:
            return self
        view = copy(self)
        view.index, view.covers = index, covers
        view._search = self._search.over(index)
        return view

    def close(self, publish: bool = False) -> None:
        """Close the store. With ``publish``, write a generation first if anything changed since the last one."""
        try:
            self.index.close(publish)
        finally:
            self.store.close()

    # -- writing: documents, then the index follows -----------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put") -> None:
        """Store students and photos, all or nothing. They can be searched when this returns.

        Raises:
            Conflict, NotFound: as the mode says; nothing is stored.
            PackError: ``pack_mismatch``.
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
            PhotoRefused: ``consent_missing``, ``consent_withdrawn``.
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
        written = self.store.enrol(enrolments, mode, self.index.check_followed_pack)
        self.index.catch_up_after(written)
        self._traces.say_they_are_theirs(enrolments)

    def check_consent(self, student: Student) -> None:
        """Refuse a student whose consent has ended, and one without a consent, stored or given, if the gallery requires
        one.

        Raises:
            PhotoRefused: ``consent_withdrawn``, ``consent_missing``.
        """
        if student.consentimiento is not None and student.consentimiento.has_ended:
            refused = consent_withdrawn(student.matricula)
            raise PhotoRefused(refused.code, refused.what, refused.fix)
        if not self.settings.consent_required or student.kind != "student" or student.consentimiento is not None:
            return
        stored = self.store.student(student.matricula)
        if stored is None or stored.student.consentimiento is None:
            raise PhotoRefused(
                "consent_missing",
                f"No consent of {student.matricula!r} is on record.",
                "Send consentimiento with fecha and texto; PRESENTE_CONSENT asks for it.",
            )

    def remove(self, matriculas: Sequence[str], cause: Cause = NOT_ASKED) -> list[str]:
        """Erase students from the documents, the index and every generation; the matriculas that existed.

        What is kept of them among unknown people and as negative examples of others goes first:
        :mod:`gallery.forgetting`.

        Raises:
            StoreError: ``erasure_incomplete`` when files still contain something of them, ``erasure_list_unwritable``.
                Calling it again, for any student, tries again.
        """
        named = [self.named(matricula) for matricula in matriculas]
        self.forget_among_unknown(named, cause)
        removed = self.store.remove(named, cause)
        self._follow_removal()
        return removed

    def unknown_faces_of(self, matriculas: Sequence[str]) -> list[int]:
        """The ids of the unknown faces that resemble some students; of those who do not exist there are none."""
        return self._traces.unknown_faces(matriculas)

    def forget_person(self, templates: NDArray[np.float32], cause: Cause = NOT_ASKED) -> int:
        """Erase the unknown faces and the negative examples of a person who is not enrolled; how many.

        Args:
            templates: of the person, float32 (t, d) unit rows by the gallery's pack.
            cause: why.

        Raises:
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
            StoreError: as :meth:`remove`.
        """
        erased = self._traces.erase_of_person(checked(templates, self.dim), cause)
        self._follow_removal()
        return erased

    def forget_among_unknown(self, matriculas: Sequence[str], cause: Cause = NOT_ASKED) -> int:
        """Erase what is kept of students among unknown people, and as negative examples of others; how many unknown
        faces."""
        return self._traces.erase_of_students(matriculas, cause)

    def _subject_of(self, matricula: str) -> int | None:
        stored = self.store.student(self.named(matricula))
        return None if stored is None else stored.id

    def _same_person(self) -> float:
        """The score from which what is kept is of a person who is erased."""
        try:
            return self.whole.operating_point().threshold
        except ConfigError:  # not calibrated: an erasure does not wait for that
            return self.settings.threshold

    def merge(self, keep: str, other: str) -> None:
        """Make one student of two who are the same person, and erase ``other``.

        See :meth:`gallery.documents.protocol.DocumentStore.merge`.

        Raises:
            InvalidInput: ``same_student``.
            NotFound: ``student_not_found``.
            PackError: ``pack_mismatch``, when the gallery was given another pack since it was opened.
            StoreError: as :meth:`remove`.
        """
        keep, other = self.named(keep), self.named(other)
        check_different(keep, other)
        self.index.check_pack()
        self._traces.say_they_are_one(self.student(keep).id, self.student(other).id)
        self.store.merge(keep, other)
        self._follow_removal()

    def end_consent(self, matricula: str, moment: str, why: ConsentEnd, code: str = "") -> None:
        """End a student's consent at a moment (ISO, with an offset): from then on no search finds the student.

        Photos stay, templates are erased, and so are unknown faces that resemble them. A consent that is given anew
        lets photos be embedded again.

        Raises:
            NotFound: ``student_not_found``.
            StoreError: as :meth:`remove`.
        """
        named = self.named(matricula)
        self.forget_among_unknown([named], Cause(asked=why == "withdrawn"))
        self.store.end_consent(named, moment, why, code)
        self._follow_removal()

    def take_photos(
        self, matricula: str, photos: Sequence[str], to: str | None = None, cause: Cause = NOT_ASKED
    ) -> list[str]:
        """Erase photos of a student, or move them with their templates to another student.

        With photos that are erased go the unknown faces that resemble the student.

        Args:
            matricula: the student whose photos they are.
            photos: the first digits of each photo's SHA-256, enough to tell it from the student's other photos.
            to: the student who gets them; None to erase them.
            cause: why.

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
            check_different(matricula, to)
            self.student(to)
        self.student(matricula)
        digests = self.store.digests(matricula)
        which = [complete_digest(photo, digests, matricula) for photo in photos]
        self.index.check_pack()
        if to is None:
            self.forget_among_unknown([matricula], cause)
        self.store.take_photos(matricula, which, to, cause)
        self._follow_removal()
        if to is not None:
            receiver = self.student(to).id
            self.anchors.erase_same_faces(receiver, self.templates_of(receiver))
        return which

    def erase_unknown(self, person: int, faces: Sequence[int] | None = None, cause: Cause = NOT_ASKED) -> int:
        """Erase someone who is not enrolled, or only some of the faces; how many faces existed.

        Raises:
            StoreError: ``erasure_incomplete``, ``erasure_list_unwritable``.
        """
        unknowns = self.store.unknowns
        erased = unknowns.erase_group(person, cause) if faces is None else unknowns.erase(faces, cause)
        self._keep_erasure_file()
        return erased

    def _keep_erasure_file(self) -> None:
        if self._erasure_file is not None:
            self._erasure_file.keep_up(self.store.erasures)

    def _follow_removal(self) -> None:
        """Remove from the index and from every generation what is gone from the documents."""
        self._keep_erasure_file()
        self.index.follow()
        self.index.finish_erasing()

    # -- searching --------------------------------------------------------------------------------------------------

    def search(
        self,
        probes: NDArray[np.float32],
        k: int,
        clase: str | None = None,
        cohort: bool = False,
        threshold: float | None = None,
    ) -> list[list[Candidate]]:
        """The k nearest subjects of each probe, by :mod:`gallery.person_score`. Scores are exact.

        Whoever is told apart from a probe (:mod:`gallery.told_apart`) is left out.

        Args:
            probes: float32 (m, d) unit rows.
            k: 1 to :data:`gallery.subject_search.MAX_K`; fewer are returned when the gallery has fewer.
            clase: only students of this class.
            cohort: also the people who are no students.
            threshold: from which score on a subject would be named; None for the gallery's own.

        Raises:
            InvalidInput: ``invalid_k``, ``dimension_mismatch``, ``not_finite``.
        """
        return [found.candidates for found in self.nearest(probes, k, clase, cohort, threshold)]

    def nearest(
        self,
        probes: NDArray[np.float32],
        k: int,
        clase: str | None = None,
        cohort: bool = False,
        threshold: float | None = None,
    ) -> list[Nearest]:
        """What :meth:`search` finds, and who was left out."""
        check_k(k)
        self.index.catch_up()
        only = self.searchable(clase, cohort)
        return self._search.nearest(probes, k, only, self._telling(threshold, only))

    def _telling(self, threshold: float | None, only: NDArray[np.int64] | None) -> Telling | None:
        """Whom a search with a threshold, or with the gallery's own, leaves out; None when no one has said anything."""
        anchors = self.anchors.now()
        if not anchors:
            return None
        held_to = self._operating_point(None, only).threshold if threshold is None else threshold
        return Telling(anchors, held_to)

    def identify(
        self,
        probes: NDArray[np.float32],
        k: int = 5,
        threshold: float | None = None,
        clase: str | None = None,
        cohort: bool = False,
    ) -> tuple[OperatingPoint, list[Decision]]:
        """Search, and decide for each probe; the operating point and the decisions.

        The arguments are those of :meth:`search`; ``threshold`` replaces the gallery's own.

        Raises:
            InvalidInput: as :meth:`search`.
            ConfigError: ``not_calibrated``.
        """
        check_k(k)
        self.index.catch_up()
        only = self.searchable(clase, cohort)
        point = self._operating_point(threshold, only)
        # A decision needs two subjects to see that it is ambiguous, even if the caller wants fewer candidates.
        searched = self._search.nearest(probes, max(k, 2), only, self._telling(point.threshold, only))
        margin, searched_all = self.settings.margin, self.covers == 1.0
        decisions = [
            decide(found.candidates, point.threshold, margin, searched_all, bool(found.told_apart))
            for found in searched
        ]
        return point, [
            Decision(made.verdict, made.student, made.score, made.reason, made.candidates[:k]) for made in decisions
        ]

    def nearest_subjects(self, probes: NDArray[np.float32], k: int) -> list[list[tuple[int, float]]]:
        """The k nearest students of each probe, float32 (m, d) unit rows: subject ids and scores, best first.

        Raises:
            InvalidInput: ``dimension_mismatch``, ``not_finite``.
        """
        self.index.catch_up()
        return self._search.hits(probes, k, self.searchable())

    def compare(self, probe: NDArray[np.float32], matricula: str) -> float | None:
        """The score of a float32 (d,) probe with one student, by all templates; None when there are none.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.student(matricula)
        self.index.catch_up()
        found = self._search.hits(probe[None, :], 1, np.array([stored.id], dtype=np.int64))[0]
        return found[0][1] if found else None

    def is_told_apart(self, probe: NDArray[np.float32], matricula: str, score: float, threshold: float) -> bool:
        """Whether a student with a score of a float32 (d,) probe is told apart from it: :mod:`gallery.told_apart`.

        Raises:
            NotFound: ``student_not_found``.
        """
        telling = self._telling(threshold, None)
        if telling is None:
            return False
        subject = self.student(matricula).id
        return subject in told_apart(probe[None, :], [[(subject, score)]], telling.anchors, threshold)[0]

    def nearest_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """Id of the subject's template nearest to a float32 (d,) probe; None when the subject is gone."""
        with self.index.reading() as searcher:
            return searcher.best_template(probe, subject)

    def templates_of(self, subject: int) -> NDArray[np.float32]:
        """A copy of a subject's templates, float32 (t, d)."""
        self.index.catch_up()
        with self.index.reading() as searcher:
            return searcher.subject_vectors(subject)

    def searchable(self, clase: str | None = None, cohort: bool = False) -> NDArray[np.int64] | None:
        """Subject ids that a search may return, as of the last time that the index caught up; None for all subjects."""
        return self._search.searchable(clase, cohort)

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class or a kind, as of the last time that the index caught up."""
        return self._search.roster(clase, kind)

    # -- students ---------------------------------------------------------------------------------------------------

    def named(self, matricula: str) -> str:
        """A matricula as it is stored: as given, or tidied (:func:`presente.text.tidy`).

        So students who were stored before texts were tidied can be named. The matricula of a student who does not exist
        is returned as given.
        """
        tidied = tidy(matricula)
        if tidied == matricula or self.store.student(matricula) is not None or self.store.student(tidied) is None:
            return matricula
        return tidied

    def student(self, matricula: str) -> StoredStudent:
        """One student. The matricula need not be tidied: see :meth:`named`.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.store.student(self.named(matricula))
        if stored is None:
            raise student_not_found(matricula)
        return stored

    # -- threshold and status ---------------------------------------------------------------------------------------

    def operating_point(
        self, threshold: float | None = None, clase: str | None = None, cohort: bool = False
    ) -> OperatingPoint:
        """The threshold of a search: the given one, or the gallery's own for the people who are searched.

        Raises:
            ConfigError: ``not_calibrated``.
        """
        self.index.catch_up()
        return self._operating_point(threshold, self.searchable(clase, cohort))

    def _operating_point(self, threshold: float | None, only: NDArray[np.int64] | None) -> OperatingPoint:
        people, curve = self._search.count(only), self._calibration.curve()
        own, unused = self.settings, self.unused_calibration()
        if threshold is not None:
            return OperatingPoint(threshold, "request", people, curve, unused=unused)
        return operating_point(own.target, own.threshold, own.threshold_source, curve, people, unused)

    def unused_calibration(self) -> str:
        """Why a stored calibration of this pack does not hold, and what to do; empty when none is passed over."""
        stored = self._calibration.stored()
        return "" if stored is None else stored.of_another_score()

    def stored_calibration(self) -> CalibrationCurve | None:
        """The stored curve of this pack, even if it was fitted to the score of an earlier version."""
        return self._calibration.stored()

    def store_calibration(self, curve: CalibrationCurve) -> None:
        """Make a curve the gallery's; this process decides by it at once, others within a second."""
        self._calibration.store(curve)

    def calibration(self) -> tuple[int, CalibrationCurve | None]:
        """How many students a search compares with, and the stored curve if it is of this pack and of this score.

        A curve that another process stores is seen within a second.
        """
        self.index.catch_up()
        return self._search.count(self.searchable()), self._calibration.curve()

    def status(self) -> GalleryStatus:
        """Counts, pack, index and threshold, of the whole school."""
        point = self.whole.operating_point()
        # Before reading(), whose lock is not re-entrant.
        state, shards = self.index.state(), self.index.shard_states()
        with self.index.reading() as searcher:
            return GalleryStatus(
                counts=self.store.counts(),
                indexed=len(searcher),
                unpublished=searcher.unpublished,
                unerased=state.unerased,
                pack=self.pack,
                dim=self.dim,
                spec=searcher.spec,
                gate_report=self.index.gate_report,
                generation=self.index.generation,
                change=searcher.change,
                settings=self.settings,
                operating_point=point,
                shards=shards,
                files=state.files,
            )


def check_different(one: str, other: str) -> None:
    """Refuse a merge or a move of which both students are one. Raises ``InvalidInput`` (``same_student``)."""
    if one == other:
        raise InvalidInput("same_student", f"{one!r} was named twice.", "Name two students.")


def _erasure_file(store: DocumentStore, settings: GallerySettings) -> ErasureFile | None:
    if settings.erasure_list is None:
        return None
    made = ErasureFile(settings.erasure_list, store.identity())
    made.check()
    return made
