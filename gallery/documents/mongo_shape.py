"""How values look as MongoDB documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gallery.documents.model import Consent, Student
from presente.errors import InvalidInput

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
        **({"consentimiento": asdict(consent)} if consent else {}),
    }


def student_of(document: Document) -> Student:
    """The student in a document, whoever wrote it."""
    consent = document.get("consentimiento")
    values: dict[str, Any] = {name: document.get(name, "") for name in _TEXTS}
    values |= {name: int(document.get(name, 0)) for name in _NUMBERS}
    values["kind"] = document.get("kind", "student")
    values["consentimiento"] = Consent(str(consent["fecha"]), str(consent["texto"])) if consent else None
    return Student(**values)


def written_elsewhere(document: Document) -> Student:
    """The student in a document of another program: dates may be dates, and what it counted comes before our count."""
    registered = document.get("fecha_de_registro", "")
    before = {
        f"{name}_previas": document[name]
        for name in ("asistencias", "participaciones")
        if isinstance(document.get(name), int) and f"{name}_previas" not in document
    }
    number = document.get("matricula")
    said = {
        "fecha_de_registro": registered.isoformat() if isinstance(registered, datetime) else registered,
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
