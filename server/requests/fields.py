"""Types of fields that several requests have: bounds, format, meaning, and the codes of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from faces.reading import Detail

LONGEST_TEXT = 200
"""Characters of a text in a query string, unless its field says otherwise: a longer one is no one's name or class."""

LONGEST_BASE64 = 24_000_000
"""Characters of a photo in base64: 16,000,000 bytes, as many as ``max_bytes`` may allow, are 22,000,000 with line
breaks."""

MAX_PHOTOS = 16
"""Photos of one request: an enrolment, or an identification."""


@dataclass(frozen=True, slots=True)
class FieldRules:
    """What a field's type cannot say.

    Attributes:
        code: of the error when the value does not fit. Empty: ``invalid_field`` in a body; in a query string
            ``invalid_parameter`` for a text, else ``invalid_`` and the parameter's name.
        out_of_bounds: of the error when the type fits and the bounds do not; empty: ``code``.
        missing: of the error when the field is absent, or empty and needs a character; empty: ``code``.
        fix: what to do when the value does not fit its type; empty: the sentence that follows from the type.
        missing_fix: what to do when it is missing; empty: likewise.
        verbatim: whether a text is taken letter by letter. Other texts are brought into their one form.
        printable: whether a text may only have characters that can be shown.
        date: whether a text is an ISO date, or empty.
        secret: whether errors do not quote the value.
    """

    code: str = ""
    out_of_bounds: str = ""
    missing: str = ""
    fix: str = ""
    missing_fix: str = ""
    verbatim: bool = False
    printable: bool = False
    date: bool = False
    secret: bool = False


def rules(**given: Any) -> dict[str, Any]:
    """Field rules as ``extra`` of a field's :class:`msgspec.Meta`."""
    return {"rules": FieldRules(**given)}


_DATE = {"format": "date"}

K = Annotated[
    int,
    Meta(
        ge=1, le=1000, description="How many people to list for each face or embedding.", extra=rules(code="invalid_k")
    ),
]
Threshold = Annotated[float, Meta(ge=-1, le=1, description="Score to hold to, instead of the gallery's own.")]
LONGEST_PAGE = 1000
PageSize = Annotated[int, Meta(ge=1, le=LONGEST_PAGE, description="Lines per page.")]
Cursor = Annotated[
    str,
    Meta(max_length=4000, description="next_cursor of the page before, as it was.", extra=rules(verbatim=True)),
]
QueryText = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Cohort = Annotated[bool, Meta(description="Whether people who are no one's students are searched too.")]
Partial = Annotated[
    bool,
    Meta(
        description="Whether a part of the gallery answers while another part is not there; the reply then says so. "
        "Otherwise such a request is refused with shards_missing."
    ),
]
History = Annotated[bool, Meta(description="Whether every entry is listed, not only those that hold.")]
Force = Annotated[
    bool, Meta(description="Whether photos are stored that clearly are not the student's, or duplicates.")
]

DetailParameter = Annotated[
    Detail,
    Meta(
        description="How closely the photo is looked at: as its faces ask for; for large faces only, which is quicker; "
        "for small faces in any case."
    ),
]


def condition(description: str, fix: str, code: str = "invalid_parameter", **more: Any) -> Meta:
    """What a text must be that narrows what is asked. An empty one is refused: a client whose variable is empty would
    else ask about everyone, unnoticed. ``fix`` says what to do then; ``more`` is of :class:`FieldRules`."""
    return Meta(
        min_length=1,
        max_length=LONGEST_TEXT,
        description=description,
        extra_json_schema=_DATE if more.get("date") else None,
        extra=rules(code=code, missing=code, missing_fix=fix, **more),
    )


Clase = Annotated[
    str,
    condition(
        "Only this class; all are asked about where it is left out.",
        "Name a class, or leave clase out to ask about all.",
    ),
]
OnlyStudent = Annotated[
    str, condition("Only this student.", "Name a student, or leave matricula out to ask about all.")
]
OnlyDate = Annotated[
    str,
    condition("A date at the school.", "Give a date, or leave the parameter out.", "invalid_fecha", date=True),
]
Fecha = Annotated[
    str,
    Meta(
        max_length=LONGEST_TEXT,
        description="A date at the school; today when it is missing.",
        extra_json_schema=_DATE,
        extra=rules(date=True),
    ),
]

Note = Annotated[str, Meta(max_length=500, description="A person's remark.", extra=rules(printable=True))]
NamedStudent = Annotated[
    str, Meta(min_length=1, max_length=500, description="The student's matricula.", extra=rules(printable=True))
]

Base64Photo = Annotated[
    str,
    Meta(
        max_length=LONGEST_BASE64,
        description="A photo as base64 or as a data URL.",
        extra_json_schema={"contentEncoding": "base64"},
        extra=rules(
            code="invalid_base64",
            out_of_bounds="too_many_bytes",
            fix="Send base64 or a data URL.",
            verbatim=True,
        ),
    ),
]
