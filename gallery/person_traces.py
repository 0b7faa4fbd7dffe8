"""What is kept of a person beside a student's own documents: faces among unknown people, and negative examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gallery.anchors import StoredAnchors
from gallery.documents.erasure_list import Cause
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Enrolment
from gallery.forgetting import near


class PersonTraces:
    """The traces of people in a store. Safe to use from several threads."""

    def __init__(
        self,
        store: DocumentStore,
        anchors: StoredAnchors,
        pack: str,
        subject_of: Callable[[str], int | None],
        templates_of: Callable[[int], NDArray[np.float32]],
        threshold: Callable[[], float],
    ) -> None:
        """Find traces by the templates of a pack.

        Args:
            store: the documents, of the whole school.
            anchors: the negative examples.
            pack: tag of the pack.
            subject_of: the subject id of the student with a matricula; None where there is none.
            templates_of: a subject's templates, float32 (t, d) unit rows.
            threshold: the score from which a trace is of a person.
        """
        self._store = store
        self._anchors = anchors
        self._pack = pack
        self._subject_of = subject_of
        self._templates_of = templates_of
        self._threshold = threshold

    def unknown_faces(self, matriculas: Sequence[str]) -> list[int]:
        """The ids of the unknown faces that resemble some students; of those who do not exist there are none."""
        if self._store.unknowns.counts()[2] == 0:  # most often
            return []
        return self._near(self._templates(matriculas))

    def erase_of_students(self, matriculas: Sequence[str], cause: Cause) -> int:
        """Erase the unknown faces and the negative examples that show some students; how many unknown faces."""
        faces = self.unknown_faces(matriculas)
        if self._store.negatives.count():
            for templates in self._templates(matriculas):
                self._anchors.erase_of_person(templates, self._threshold())
        return self._store.unknowns.erase(faces, cause) if faces else 0

    def erase_of_person(self, templates: NDArray[np.float32], cause: Cause) -> int:
        """Erase the unknown faces and the negative examples that show the person of templates, float32 (t, d) unit
        rows; how many of both."""
        erased = self._store.unknowns.erase(self._near([templates]), cause)
        return erased + self._anchors.erase_of_person(templates, self._threshold())

    def say_they_are_one(self, keep: int, other: int) -> None:
        """Erase the negative examples of each of two students that show the other."""
        if self._store.negatives.count():
            for one, two in ((keep, other), (other, keep)):
                self._anchors.erase_of_person(self._templates_of(two), self._threshold(), one)

    def say_they_are_theirs(self, enrolments: Sequence[Enrolment]) -> None:
        """Erase the negative examples of students that are faces of photos which are enrolled as theirs."""
        refused = self._anchors.now().negatives
        if not refused:
            return
        known = {student.matricula: subject for subject, student in self._store.subjects(list(refused)).items()}
        for enrolment in enrolments:
            subject = known.get(enrolment.student.matricula)
            if subject is not None and enrolment.photos:
                vectors = np.stack([photo.template.vector for photo in enrolment.photos])
                self._anchors.erase_same_faces(subject, vectors)

    def _templates(self, matriculas: Sequence[str]) -> list[NDArray[np.float32]]:
        """The templates of each student among some matriculas who exists."""
        subjects = map(self._subject_of, matriculas)
        return [self._templates_of(subject) for subject in subjects if subject is not None]

    def _near(self, people: Sequence[NDArray[np.float32]]) -> list[int]:
        return near(self._store, people, self._pack, self._threshold())
