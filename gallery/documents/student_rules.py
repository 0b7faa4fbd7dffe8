"""What makes a student's fields valid, and how two students become one. Pure: no store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gallery.documents.consent_rules import check_consent, consent_texts
from gallery.documents.values import Student
from presente.errors import Conflict, InvalidInput, NotFound, shown
from presente.text import is_printable, tidy

_MAX_TEXT = 200
POSSIBLE_DUPLICATE = "possible_duplicate"
"""The ``aviso`` of a student whose photos clearly show another student."""
_MAY_BE_EMPTY = ("clase", "fecha_de_registro", "aviso")


def check_student(student: Student) -> Student:
    """Check that a student can be stored, displayed and addressed; the student with every text tidied.

    Tidied means in its one form (:func:`presente.text.tidy`).

    Raises:
        InvalidInput: ``invalid_student``, naming the field and its value.
    """
    student = _tidied(student)
    names = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "aviso")
    texts = {name: getattr(student, name) for name in names}
    texts |= {f"otras_clases[{position}]": clase for position, clase in enumerate(student.otras_clases)}
    consent = student.consentimiento
    if consent is not None:
        texts |= {} if not consent.fecha and consent.has_ended else consent_texts(consent)
    for name, value in texts.items():
        needed = name not in _MAY_BE_EMPTY
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not is_printable(value) or (needed and not value):
            raise InvalidInput(
                "invalid_student",
                f"{name} is {shown(value)}.",
                f"It must be {'1' if needed else '0'} to {_MAX_TEXT} printable characters.",
                name.partition("[")[0],
            )
    if student.matricula in (".", "..") or "/" in student.matricula:  # no URL path could name the student
        raise InvalidInput(
            "invalid_student",
            f"matricula is {shown(student.matricula)}.",
            "It must not contain a '/', nor be '.' or '..'.",
            "matricula",
        )
    for name in ("fecha_de_registro", "consentimiento.fecha"):
        try:
            if texts.get(name):
                datetime.fromisoformat(texts[name])
        except ValueError as exc:
            raise InvalidInput(
                "invalid_student", f"{name} is {shown(texts[name])}.", "It must be a date like 2026-11-21.", name
            ) from exc
    if consent is not None:
        check_consent(consent)
    return student


def _tidied(student: Student) -> Student:
    """The student with every text tidied. A value that is not text stays as it is: the check refuses it."""
    consent = student.consentimiento
    return replace(
        student,
        matricula=_tidy(student.matricula),
        nombre_del_alumno=_tidy(student.nombre_del_alumno),
        clase=_tidy(student.clase),
        otras_clases=tuple(map(_tidy, student.otras_clases)),
        fecha_de_registro=_tidy(student.fecha_de_registro),
        aviso=_tidy(student.aviso),
        consentimiento=consent
        and replace(
            consent,
            fecha=_tidy(consent.fecha),
            texto=_tidy(consent.texto),
            tutor=_tidy(consent.tutor),
            parentesco=_tidy(consent.parentesco),
            hasta=_tidy(consent.hasta),
        ),
    )


def _tidy(value: str) -> str:
    return tidy(value) if isinstance(value, str) else value


def merge_students(kept: Student, other: Student) -> Student:
    """One student made of two: ``kept``, the texts that only ``other`` has, all classes and both earlier counts.

    That one of them may be enrolled twice is settled by this.
    """
    kept, other = (replace(each, aviso="") if each.aviso == POSSIBLE_DUPLICATE else each for each in (kept, other))
    texts = {name: getattr(kept, name) or getattr(other, name) for name in _MAY_BE_EMPTY}
    clases = dict.fromkeys((*kept.clases, *other.clases))
    return replace(
        kept,
        **texts,
        otras_clases=tuple(clase for clase in clases if clase != texts["clase"]),
        consentimiento=kept.consentimiento or other.consentimiento,
        asistencias_previas=kept.asistencias_previas + other.asistencias_previas,
        participaciones_previas=kept.participaciones_previas + other.participaciones_previas,
    )


def student_exists(matricula: str) -> Conflict:
    """The error of creating a student who exists already."""
    return Conflict(
        "student_exists", f"Matricula {shown(matricula)} is enrolled already.", "Add photos to it, or delete it first."
    )


def student_not_found(matricula: str) -> NotFound:
    """The error of naming a student who does not exist."""
    return NotFound("student_not_found", f"There is no student {shown(matricula)}.", "Check the matricula.")
