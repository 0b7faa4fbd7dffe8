"""What charts are drawn of: how often students attended and took part, by class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StudentNumbers:
    """How often a student attended a class and took part in it."""

    nombre: str
    asistencias: int
    participaciones: int


@dataclass(frozen=True, slots=True)
class ClassNumbers:
    """A class and its students. ``clase`` is empty for students without a class."""

    clase: str
    students: tuple[StudentNumbers, ...]

    @property
    def label(self) -> str:
        """The class's name, as a chart shows it."""
        return self.clase or "sin clase"

    @property
    def asistencias(self) -> float:
        """Attendances per student; 0 without students."""
        return self._mean([each.asistencias for each in self.students])

    @property
    def participaciones(self) -> float:
        """Participations per student; 0 without students."""
        return self._mean([each.participaciones for each in self.students])

    @staticmethod
    def _mean(values: list[int]) -> float:
        return sum(values) / len(values) if values else 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """A student in the ranking of a class. ``asked``: the one whom the chart is about."""

    student: StudentNumbers
    rank: int
    asked: bool
