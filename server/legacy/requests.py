"""What the first system's page sends. Members that are not known are passed over: that page may send more."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

from flask import Request
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from presente.face_json import JsonObject
from server.requests.body_forms import BodyForms
from server.requests.fields import Base64Photo, rules
from server.requests.json_body import json_object
from server.requests.photos import from_json
from server.requests.students import EnrolmentFields
from server.requests.validation import declared

_SPANISH_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")


class FirstPageUpload(EnrolmentFields, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A student and a photo, as that page sends them; further members are ignored."""

    image: Base64Photo | UnsetType | None = UNSET


class FirstPageLogin(JsonObject, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A name and a password, as that page sends them."""

    email: Annotated[
        str,
        Meta(
            max_length=200,
            description="The account's name, which may be an e-mail address.",
            extra=rules(verbatim=True, missing="missing_field"),
        ),
    ]
    password: Annotated[
        str,
        Meta(
            max_length=1000,
            description="The account's password.",
            extra=rules(verbatim=True, secret=True, missing="missing_field"),
        ),
    ]


class ChartOfClass(JsonObject, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Whose chart is drawn."""

    className: Annotated[  # noqa: N815  # as that page calls it
        str, Meta(min_length=1, max_length=200, description="A class.", extra=rules(missing="missing_field"))
    ]


class ChartOfStudent(JsonObject, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Whose chart is drawn. The member is called as for a class, and is a student's name."""

    className: Annotated[  # noqa: N815  # as that page calls it
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="A student's name, or a matricula where two students have the name.",
            extra=rules(missing="missing_field"),
        ),
    ]


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
        body = json_object(request, EnrolmentFields, any_type=True)
        known = {"image", *declared(EnrolmentFields)}
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
