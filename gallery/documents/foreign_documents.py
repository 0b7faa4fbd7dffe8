"""Students as other programs write them into MongoDB: fields, dates and photos in whatever form they have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from gallery.documents.consent_rules import consent_of
from gallery.documents.values import Student
from presente.clock import Clock
from presente.errors import InvalidInput, shown
from presente.text import from_base64

Document = Mapping[str, Any]

TEXT_FIELDS = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "aviso")
NUMBER_FIELDS = ("asistencias_previas", "participaciones_previas")


def student_of(document: Document) -> Student:
    """The student in a document, whether we or another program wrote it. Nothing is checked."""
    consent = document.get("consentimiento")
    values: dict[str, Any] = {name: document.get(name, "") for name in TEXT_FIELDS}
    values |= {name: int(document.get(name, 0)) for name in NUMBER_FIELDS}
    others = document.get("otras_clases") or ()
    values["otras_clases"] = tuple(others) if isinstance(others, list | tuple) else (others,)
    values["kind"] = document.get("kind", "student")
    values["consentimiento"] = consent_of(consent) if consent else None
    return Student(**values)


def foreign_student(document: Document, clock: Clock) -> Student:
    """The student in a document of another program. Dates may be moments; its counts become our earlier counts.

    Raises:
        InvalidInput: ``invalid_student`` when a value has a type that cannot be understood.
    """
    consent = document.get("consentimiento")
    if consent is not None and not (isinstance(consent, Mapping) and {"fecha", "texto"} <= consent.keys()):
        raise InvalidInput(
            "invalid_student", f"consentimiento is {shown(consent)}.", "It must have fecha and texto, or be absent."
        )
    registered = document.get("fecha_de_registro", "")
    counts = {
        f"{name}_previas": document[name]
        for name in ("asistencias", "participaciones")
        if isinstance(document.get(name), int) and f"{name}_previas" not in document
    }
    number = document.get("matricula")
    texts = {
        "fecha_de_registro": day_of(registered, clock) if isinstance(registered, datetime) else registered,
        "matricula": str(number) if isinstance(number, int) else number or "",
    }
    return student_of({**document, **counts, **texts})


def day_of(moment: datetime, clock: Clock) -> str:
    """The date that another program meant by a moment. MongoDB has no dates, and stores every moment in UTC.

    Midnight UTC is what ``datetime(2025, 3, 4)`` and ``new Date("2025-03-04")`` become: it means that date. Any other
    moment means the date that it has in the school's time zone.
    """
    if moment.time() == time():
        return moment.date().isoformat()
    try:
        return clock.date_of(moment.replace(tzinfo=moment.tzinfo or UTC))
    except OverflowError:  # the first date that Python can represent, or the last
        return moment.date().isoformat()


def image_bytes(value: object) -> bytes:
    """A photo as other programs store it: bytes, or base64, plain or as a data URL.

    Raises:
        InvalidInput: ``invalid_base64``.
    """
    if isinstance(value, bytes) and not _is_base64(value):
        return bytes(value)
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise InvalidInput("invalid_base64", f"The image is a {type(value).__name__}.", "It must be bytes or base64.")
    try:
        return from_base64(text.rpartition(",")[2])
    except ValueError as exc:
        raise InvalidInput(
            "invalid_base64", f"The image is not base64 ({exc}).", "It must be bytes or base64."
        ) from exc


def _is_base64(value: bytes) -> bool:
    """Whether bytes are text. A photo never begins with 64 printable characters."""
    start = value[:64]
    return bool(start) and all(32 <= byte < 127 for byte in start)
