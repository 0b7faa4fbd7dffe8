"""The numbers behind the first system's charts, and the students whom its page calls by name."""

from __future__ import annotations

from dataclasses import dataclass

from gallery.attendance.class_statistics import StudentLine, ranked, sums
from gallery.documents.statistics import StatisticsFilter, StatusCounts, StudentCounts
from gallery.documents.values import StoredStudent, Student
from gallery.gallery import Gallery
from presente.errors import Conflict, NotFound, listed, shown
from presente.text import tidy
from server.charts.numbers import ClassNumbers, Place, StudentNumbers
from server.operations.known_classes import check_class
from server.operations.statistics import FEWEST_TO_COMPARE

_EVER = StatisticsFilter()
_STUDENTS_AT_ONCE = 1000
_Counted = dict[tuple[str, int], StudentCounts]


@dataclass(frozen=True, slots=True)
class OwnNumbers:
    """One student's numbers over all classes that the caller may see, and the student's class: None where it may not be
    shown, or there is none."""

    matricula: str
    own: StudentNumbers
    of_class: ClassNumbers | None


def class_numbers(gallery: Gallery) -> list[ClassNumbers]:
    """Every class that the caller may see, in order of name, with its students."""
    counted = _counted(gallery, _EVER)
    found: dict[str, list[StudentNumbers]] = {clase: [] for clase in gallery.scope.classes or ()}
    after = ""
    while page := gallery.store.students(after=after, limit=_STUDENTS_AT_ONCE):
        for stored in page:
            for clase in _visible(gallery, stored.student):
                found.setdefault(clase, []).append(_numbers(stored.id, stored.student, clase, counted))
        after = page[-1].student.matricula
    return [ClassNumbers(clase, tuple(found[clase])) for clase in sorted(found)]


def numbers_of_class(gallery: Gallery, clase: str) -> ClassNumbers:
    """One class with its students.

    Raises:
        Forbidden: ``class_not_yours``.
        NotFound: ``class_not_found``.
    """
    gallery.scope.check_class(clase)
    check_class(gallery, clase)
    return _class(gallery, clase)[0]


def numbers_of_student(gallery: Gallery, name: str) -> OwnNumbers:
    """A student's numbers, and the class of the student.

    Raises:
        NotFound: ``student_not_found``.
        Conflict: ``ambiguous_name``.
    """
    stored = student_called(gallery, name)
    asks_for_own = bool(gallery.scope.matricula)
    seeing = gallery.whole if asks_for_own else gallery
    classes = _visible(seeing, stored.student)
    counted = _counted(seeing, StatisticsFilter(frozenset(classes)))
    each = [_numbers(stored.id, stored.student, clase, counted) for clase in classes]
    own = StudentNumbers(
        stored.student.nombre_del_alumno,
        sum(numbers.asistencias for numbers in each),
        sum(numbers.participaciones for numbers in each),
    )
    of_class = _class(seeing, classes[0])[0] if classes[0] else None
    if of_class is not None and asks_for_own and len(of_class.students) < FEWEST_TO_COMPARE:
        of_class = None
    return OwnNumbers(stored.student.matricula, own, of_class)


@dataclass(frozen=True, slots=True)
class RankingNumbers:
    """A student among those who are next in the ranking of the student's class, the first of them first."""

    matricula: str
    places: tuple[Place, ...]
    of_class: ClassNumbers


def numbers_beside(gallery: Gallery, name: str) -> RankingNumbers:
    """A student in the ranking of the student's class.

    Raises:
        NotFound: ``student_not_found``, ``class_not_found``: the student is in no class.
        Conflict: ``ambiguous_name``.
    """
    stored = student_called(gallery, name)
    clase = _visible(gallery, stored.student)[0]
    if not clase:
        raise NotFound("class_not_found", "The student is in no class.", "Put the student into one.")
    of_class, numbers = _class(gallery, clase)
    lines = [
        StudentLine(subject, sums(StatusCounts(present=each.asistencias), 0), each.participaciones)
        for subject, each in numbers.items()
    ]
    order = ranked(lines, {subject: f"{-each.asistencias:012} {each.nombre}" for subject, each in numbers.items()})
    by_subject = {each.line.subject: each for each in order}
    own = by_subject[stored.id]
    beside = [*reversed(own.before), stored.id, *own.after]
    places = tuple(Place(numbers[each], by_subject[each].rank, each == stored.id) for each in beside)
    return RankingNumbers(stored.student.matricula, places, of_class)


def student_called(gallery: Gallery, name: str) -> StoredStudent:
    """The student with a name, whatever the capitals and spaces; or with a matricula, which is unique.

    Raises:
        NotFound: ``student_not_found``.
        Conflict: ``ambiguous_name``: several have the name.
    """
    wanted, found, after = tidy(name), [], ""
    while page := gallery.store.students(query=wanted, after=after, limit=_STUDENTS_AT_ONCE):
        for stored in page:
            if stored.student.matricula == wanted:
                return stored
            if tidy(stored.student.nombre_del_alumno).casefold() == wanted.casefold():
                found.append(stored)
        after = page[-1].student.matricula
    if not found:
        raise NotFound("student_not_found", f"No student is called {shown(name)}.", "Check the name.")
    if len(found) > 1:
        raise Conflict(
            "ambiguous_name",
            f"{len(found)} students are called {shown(name)}.",
            f"Send a matricula in place of the name: {listed(each.student.matricula for each in found)}.",
        )
    return found[0]


def _visible(gallery: Gallery, student: Student) -> list[str]:
    """The student's classes that the caller may see, the first one first; the class without a name if there is none."""
    return [clase for clase in student.clases if gallery.scope.holds(clase)] or [""]


def _counted(gallery: Gallery, which: StatisticsFilter) -> _Counted:
    return {(each.clase, each.subject): each for each in gallery.store.statistics.of_students(which)}


def _class(gallery: Gallery, clase: str) -> tuple[ClassNumbers, dict[int, StudentNumbers]]:
    """A class, and the same numbers by subject id."""
    members = sorted(gallery.store.statistics.members([clase]).get(clase, ()))
    counted = _counted(gallery, StatisticsFilter(frozenset({clase})))
    students = gallery.store.subjects(members)
    numbers = {
        subject: _numbers(subject, students[subject], clase, counted) for subject in members if subject in students
    }
    return ClassNumbers(clase, tuple(numbers.values())), numbers


def _numbers(subject: int, student: Student, clase: str, counted: _Counted) -> StudentNumbers:
    """A student's numbers in a class. What an earlier system counted, which knew one class, counts in the first."""
    found = counted.get((clase, subject), StudentCounts(clase, subject))
    before = clase == student.clase
    return StudentNumbers(
        student.nombre_del_alumno,
        found.attendance.present + found.attendance.late + before * student.asistencias_previas,
        found.participations + before * student.participaciones_previas,
    )
