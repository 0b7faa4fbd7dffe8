"""How values look as MongoDB documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, time
from typing import Any

from gallery.documents.values import Consent, Student
from presente.clock import Clock
from presente.errors import InvalidInput, shown

Document = Mapping[str, Any]

SEEN: Document = {"$nor": [{"enrolling": {"$exists": True}}, {"subject": {"$exists": False}}]}
"""A student not while it is being enrolled, nor what another program wrote and ``adopt`` has not taken in."""

_LARGEST_PHOTO = 16 * 2**20 - 1024
"""MongoDB's limit of a document, less room for whose photo it is."""

_TEXTS = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "aviso")
_NUMBERS = ("asistencias_previas", "participaciones_previas")


def fields_of(student: Student) -> dict[str, Any]:
    """A student's own fields; no ``consentimiento`` when none is on record."""
    consent = student.consentimiento
    return {
        **{name: getattr(student, name) for name in (*_TEXTS, "kind", *_NUMBERS)},
        "otras_clases": list(student.otras_clases),
        **({"consentimiento": asdict(consent)} if consent else {}),
    }


def student_of(document: Document) -> Student:
    """The student in a document, whoever wrote it."""
    consent = document.get("consentimiento")
    values: dict[str, Any] = {name: document.get(name, "") for name in _TEXTS}
    values |= {name: int(document.get(name, 0)) for name in _NUMBERS}
    others = document.get("otras_clases") or ()
    values["otras_clases"] = tuple(others) if isinstance(others, list | tuple) else (others,)
    values["kind"] = document.get("kind", "student")
    values["consentimiento"] = Consent(str(consent["fecha"]), str(consent["texto"])) if consent else None
    return Student(**values)


def in_class(clase: str) -> Document:
    """Students of a class, be it their first or another."""
    return {"$or": [{"clase": clase}, {"otras_clases": clase}]}


def day_of(moment: datetime, clock: Clock) -> str:
    """The date that another program meant by a moment of MongoDB's, which has no dates and keeps all moments in UTC.

    Midnight UTC is what ``datetime(2025, 3, 4)`` and ``new Date("2025-03-04")`` become: that date. Any other moment is
    a moment, and falls on the school's date.
    """
    if moment.time() == time():
        return moment.date().isoformat()
    try:
        return clock.date_of(moment.replace(tzinfo=moment.tzinfo or UTC))
    except OverflowError:  # the first day that can be written, or the last
        return moment.date().isoformat()


def written_elsewhere(document: Document, clock: Clock) -> Student:
    """The student in a document of another program: dates may be moments, what it counted comes before our count.

    Raises:
        InvalidInput: ``invalid_student`` when something is not of a kind that can be understood.
    """
    consent = document.get("consentimiento")
    if consent is not None and not (isinstance(consent, Mapping) and {"fecha", "texto"} <= consent.keys()):
        raise InvalidInput(
            "invalid_student", f"consentimiento is {shown(consent)}.", "It must have fecha and texto, or be absent."
        )
    registered = document.get("fecha_de_registro", "")
    before = {
        f"{name}_previas": document[name]
        for name in ("asistencias", "participaciones")
        if isinstance(document.get(name), int) and f"{name}_previas" not in document
    }
    number = document.get("matricula")
    said = {
        "fecha_de_registro": day_of(registered, clock) if isinstance(registered, datetime) else registered,
        "matricula": str(number) if isinstance(number, int) else number or "",
    }
    return student_of({**document, **before, **said})


def check_size(content: bytes) -> None:
    """Refuse a photo that no document can hold, before anything is written; not every server says so alike.

    Raises:
        InvalidInput: ``too_many_bytes``.
    """
    if len(content) > _LARGEST_PHOTO:
        raise InvalidInput(
            "too_many_bytes",
            f"MongoDB keeps photos of up to {_LARGEST_PHOTO} bytes, and this one has {len(content)}.",
            "Send a smaller JPEG.",
        )


def content_id(subject: int, sha256: str) -> str:
    """Where a photo's bytes are: apart from what is known of it, so that looking that up never reads them."""
    return f"{int(subject)}:{sha256}"
