"""What the first React page sends."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from flask import Request
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from server.requests.body_forms import BodyForms
from server.requests.fields import Base64Photo
from server.requests.json_body import json_object
from server.requests.photos import from_json
from server.requests.students import EnrolmentFields, StudentFields
from server.requests.validation import declared

_SPANISH_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")


class FirstPageUpload(StudentFields, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A student and a photo, as that page sends them; further members are ignored."""

    image: Base64Photo | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True)
class UploadedStudent:
    """An upload: the student's fields, and the photo if there is one."""

    photos: tuple[bytes, ...]
    fields: EnrolmentFields

    FORMS: ClassVar[BodyForms] = (FirstPageUpload,)

    @classmethod
    def read(cls, request: Request) -> UploadedStudent:
        """Of a body of JSON, whatever its Content-Type says. Members that are not known, or null, are ignored: that
        page may send more.

        Raises:
            InvalidInput: ``invalid_json``, or the code of a field.
        """
        body = json_object(request, StudentFields, any_type=True)
        known = {"image", *declared(StudentFields)}
        sent = from_json({name: body[name] for name in known & body.keys() if body[name] is not None}, EnrolmentFields)
        registered = iso_date(sent.fields.fecha_de_registro or "")
        return cls(sent.photos, replace(sent.fields, fecha_de_registro=registered))


def iso_date(text: str) -> str:
    """A date as a Mexican browser's ``toLocaleDateString`` writes it (day/month/year) in ISO 8601; other texts as
    they are: they are ISO dates already, or refused with the student."""
    match = _SPANISH_DATE.fullmatch(text.strip())
    if match:
        day, month, year = map(int, match.groups())
        with suppress(ValueError):  # 31/02/2026
            return date(year, month, day).isoformat()
    return text
