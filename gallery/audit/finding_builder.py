"""From photos, as rows, to findings that name people and photos."""

from __future__ import annotations

from collections.abc import Sequence

from gallery.audit.findings import AuditedPerson, AuditedPhoto, Finding, FindingKind, Severity
from gallery.audit.similarity import Similarity
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import EnrolledTemplate, Student


class FindingBuilder:
    """Builds findings, and loads the students that they name.

    Attributes:
        photos: what is known of the template in each row.
        students: the students loaded so far, by subject id.
    """

    def __init__(self, store: DocumentStore, similarity: Similarity, known: dict[int, EnrolledTemplate]) -> None:
        self._store = store
        self._similarity = similarity
        self.photos = [known[int(template)] for template in similarity.templates]
        self.students: dict[int, Student] = {}

    def load(self, subjects: set[int]) -> None:
        """Load students by subject id."""
        missing = subjects - self.students.keys()
        if missing:
            self.students |= self._store.subjects(sorted(missing))

    def build(
        self,
        kind: FindingKind,
        severity: Severity,
        rows: Sequence[int],
        score: float,
        why: str,
        *,
        level: float | None = None,
        near: int = -1,
        certain: bool = True,
    ) -> Finding:
        """A finding about photos and their people.

        Args:
            kind, severity, score, why, certain: as :class:`Finding` has them.
            rows: the photos.
            level: as :class:`Finding` has it; None for the gallery's threshold.
            near: subject id of a further person, -1 for no one.
        """
        owners = [int(self._similarity.subjects[row]) for row in rows]
        subjects = list(dict.fromkeys(owners)) + ([near] if near >= 0 else [])
        self.load(set(subjects))
        photos = [
            AuditedPhoto(self.students[owner].matricula, self.photos[row].sha256, self.photos[row].source)
            for owner, row in zip(owners, rows, strict=True)
        ]
        people = tuple(
            AuditedPerson(self.students[subject], len(self._similarity.rows_of(subject)), subject)
            for subject in subjects
        )
        compared_with = self._similarity.levels.known if level is None else level
        return Finding(kind, severity, people, tuple(photos), score, compared_with, why, certain)
