"""Which part of the school is seen: all of it, the students of some classes, or one student."""

from __future__ import annotations

from dataclasses import dataclass

from gallery.documents.values import Student
from presente.errors import Forbidden, shown


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a caller sees.

    Attributes:
        classes: students of these classes, and what is recorded of these classes; None for the whole school.
        matricula: this one student and nothing else, whatever ``classes`` says; empty for no such limit.
    """

    classes: frozenset[str] | None = None
    matricula: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.classes is None and not self.matricula

    def sees(self, student: Student) -> bool:
        """Whether a student is in the scope."""
        if self.matricula:
            return student.matricula == self.matricula
        return self.classes is None or not self.classes.isdisjoint(student.clases)

    def holds(self, clase: str) -> bool:
        """Whether what is recorded of a class is in the scope, whoever the student is."""
        return not self.matricula and (self.classes is None or clase in self.classes)

    def check_class(self, clase: str | None) -> None:
        """Refuse a class of which this scope sees nothing. Without a class, and for one student, nothing is refused.

        Raises:
            Forbidden: ``class_not_yours``.
        """
        if clase is not None and not self.matricula and not self.holds(clase):
            raise class_not_yours(clase)

    def class_of(self, student: Student) -> str:
        """The student's class, the first of several that this scope sees."""
        return next(filter(self.holds, student.clases), student.clase)


WHOLE_SCHOOL = Scope()


def class_not_yours(clase: str) -> Forbidden:
    """The error of asking for a class that the caller does not have. It does not say whether the class exists."""
    return Forbidden("class_not_yours", f"Class {shown(clase)} is not one of yours.", "Ask for a class that you teach.")
