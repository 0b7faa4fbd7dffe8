"""How the first React page speaks: what it sends, and what it wants to read."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Any

from flask import Request

from gallery.documents.values import StoredStudent
from server.requests import parsing

_SPANISH_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")


def uploaded(request: Request) -> tuple[list[bytes], dict[str, str]]:
    """The photo and the student fields of an upload.

    Members that are not known are ignored: that page may send more.
    """
    body = parsing.json_object(request, ("image", *parsing.STUDENT_FIELDS), any_type=True)
    sent = {name: value for name, value in body.items() if value is not None}
    fields = {name: parsing.text_of(sent[name], name) for name in parsing.STUDENT_FIELDS if name in sent}
    fields["fecha_de_registro"] = iso_date(fields.get("fecha_de_registro", ""))
    return [parsing.decode_base64(sent["image"])] if "image" in sent else [], fields


def iso_date(text: str) -> str:
    """A date as a Mexican browser's ``toLocaleDateString`` writes it (day/month/year) in ISO 8601; other texts as
    they are: they are ISO dates already, or refused with the student."""
    match = _SPANISH_DATE.fullmatch(text.strip())
    if match:
        day, month, year = map(int, match.groups())
        with suppress(ValueError):  # 31/02/2026
            return date(year, month, day).isoformat()
    return text


def document_json(stored: StoredStudent) -> dict[str, Any]:
    """A student document as that page lists it; never the photo."""
    fields = {name: getattr(stored.student, name) for name in parsing.STUDENT_FIELDS}
    return {**fields, "asistencias": stored.asistencias, "participaciones": stored.participaciones}
