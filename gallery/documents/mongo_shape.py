"""How values look as MongoDB documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gallery.documents.model import Student

Document = Mapping[str, Any]

_FIELDS = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "kind")


def fields_of(student: Student) -> dict[str, str]:
    """A student's own fields."""
    return {name: getattr(student, name) for name in _FIELDS}


def student_of(document: Document) -> Student:
    """The student in a document."""
    return Student(**{name: document[name] for name in _FIELDS})


def content_id(subject: int, sha256: str) -> str:
    """Where a photo's bytes are: apart from what is known of it, so that looking that up never reads them."""
    return f"{int(subject)}:{sha256}"
