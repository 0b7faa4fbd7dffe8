"""Lists of students: which students, in which order, and where a page begins. Pure: both stores sort by these keys."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gallery.documents.values import Consent, StoredStudent, SubjectKind
from presente.text import alphabetical, searchable

SortField = Literal["matricula", "nombre", "clase", "photos"]
ANY_AVISO = "any"
"""An ``aviso`` of a filter that every student meets who has one."""


@dataclass(frozen=True, slots=True)
class StudentFilter:
    """Which students are listed: those who meet every condition.

    Attributes:
        clase: is the class, or one of the further classes.
        query: each of its words is a part of the name or of the matricula, whatever case and accents.
        kind: students or cohort; None for both.
        clases: the student is in one of these classes.
        aviso: the code that a person should look at; :data:`ANY_AVISO` for any.
        without_photos: no photo is stored.
        without_consent: no consent is on record.
        consent_ended: the consent was withdrawn, or has run out.
        consent_until: the consent holds, and ends on this date (ISO) or before.
    """

    clase: str | None = None
    query: str | None = None
    kind: SubjectKind | None = "student"
    clases: frozenset[str] | None = None
    aviso: str | None = None
    without_photos: bool = False
    without_consent: bool = False
    consent_ended: bool = False
    consent_until: str | None = None

    def meets(self, stored: StoredStudent) -> bool:
        """Whether one student meets the conditions."""
        student = stored.student
        if (self.clase is not None and self.clase not in student.clases) or self.kind not in (None, student.kind):
            return False
        if self.clases is not None and self.clases.isdisjoint(student.clases):
            return False
        if self.aviso is not None and (student.aviso != self.aviso if self.aviso != ANY_AVISO else not student.aviso):
            return False
        if (self.without_photos and stored.images) or (self.without_consent and student.consentimiento is not None):
            return False
        if not self._meets_consent(student.consentimiento):
            return False
        return self.finds(student.nombre_del_alumno, student.matricula)

    def _meets_consent(self, consent: Consent | None) -> bool:
        has_ended = consent is not None and consent.has_ended
        if self.consent_ended and not has_ended:
            return False
        if self.consent_until is None:
            return True
        return consent is not None and not has_ended and "" < consent.hasta <= self.consent_until

    def finds(self, name: str, matricula: str) -> bool:
        """Whether the query finds a name and a matricula."""
        texts = searchable(name), searchable(matricula)
        return all(any(word in text for text in texts) for word in self.words)

    @property
    def words(self) -> list[str]:
        """The words of the query, as :func:`presente.text.searchable` gives them."""
        return searchable(self.query or "").split()


@dataclass(frozen=True, slots=True)
class StudentOrder:
    """The order of a list: by a field, and students who are alike in it by matricula; or all of that backwards."""

    by: SortField = "matricula"
    descending: bool = False


@dataclass(frozen=True, slots=True, order=True)
class StudentPlace:
    """Where a student stands in an order: what :func:`place_of` says of the field, and the matricula."""

    key: str | int
    matricula: str


def place_of(by: SortField, value: str | int, matricula: str) -> StudentPlace:
    """The place of a student whose sorted field has a value; texts as a dictionary has them."""
    if by == "matricula":
        return StudentPlace("", matricula)
    return StudentPlace(alphabetical(value) if isinstance(value, str) else value, matricula)


def place_in(order: StudentOrder, stored: StoredStudent) -> StudentPlace:
    """The place of a stored student."""
    student = stored.student
    values: dict[SortField, str | int] = {
        "matricula": student.matricula,
        "nombre": student.nombre_del_alumno,
        "clase": student.clase,
        "photos": stored.images,
    }
    return place_of(order.by, values[order.by], student.matricula)


def page_of(
    places: Iterable[StudentPlace], order: StudentOrder, after: StudentPlace | None, limit: int
) -> list[StudentPlace]:
    """The first ``limit`` places after one, in order. Memory grows with the page, not with the list."""
    if order.descending:
        return heapq.nlargest(limit, (place for place in places if after is None or place < after))
    return heapq.nsmallest(limit, (place for place in places if after is None or place > after))
