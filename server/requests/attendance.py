"""What requests say and ask of attendance and participation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from flask import Request
from msgspec import Meta

from gallery.documents.attendance import EntryFilter
from gallery.documents.attendance_rules import check_date
from gallery.gallery import Gallery
from presente.errors import InvalidInput
from presente.face_json import JsonObject
from server.requests.access_log import AccessLogParameters
from server.requests.body_forms import BodyForms
from server.requests.fields import (
    LONGEST_PAGE,
    Clase,
    Cursor,
    DetailParameter,
    Fecha,
    History,
    NamedStudent,
    Note,
    OnlyDate,
    OnlyStudent,
    PageSize,
    QueryText,
    Threshold,
    rules,
)
from server.requests.json_body import json_object, read_json
from server.requests.photos import NoFields, SentPhotos, read_photos

Status = Annotated[
    Literal["present", "rejected"],
    Meta(description="Whether the student was there.", extra=rules(code="invalid_status")),
]


RequiredStatus = Annotated[
    Literal["present", "rejected"],
    Meta(
        description="Whether the student was there.",
        extra=rules(code="invalid_status", missing="missing_field", missing_fix="Send status: present or rejected."),
    ),
]


class AttendanceParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of attendance that is taken."""

    clase: Annotated[
        QueryText,
        Meta(
            description="Whose attendance it is.",
            extra=rules(missing="missing_parameter", missing_fix="Say whose attendance it is: ?clase=IA-101."),
        ),
    ]
    fecha: Fecha | None = None
    threshold: Threshold | None = None
    detail: DetailParameter = "auto"


class AttendanceStatement(JsonObject, frozen=True, kw_only=True):
    """What a person says of one student, class and date."""

    matricula: NamedStudent
    status: Status = "present"
    note: Note = ""


class Resolution(JsonObject, frozen=True, kw_only=True):
    """What a person says of an entry. The status is to be said: a note alone must confirm nothing."""

    status: RequiredStatus
    note: Note = ""


class ParticipationStatement(JsonObject, frozen=True, kw_only=True):
    """That a student took part in class."""

    matricula: NamedStudent
    clase: Annotated[
        str,
        Meta(max_length=200, description="In which class; the student's own if empty.", extra=rules(printable=True)),
    ] = ""
    fecha: Annotated[
        str,
        Meta(
            max_length=500,
            description="When, an ISO date; today if empty.",
            extra_json_schema={"anyOf": [{"format": "date"}, {"const": ""}]},
            extra=rules(printable=True, date=True),
        ),
    ] = ""
    kind: Annotated[
        str, Meta(max_length=100, description="What the student did, in a word.", extra=rules(printable=True))
    ] = ""
    note: Note = ""


class EntryListParameters(JsonObject, frozen=True, kw_only=True):
    """Conditions of a list of entries, dates inclusive."""

    clase: Clase | None = None
    matricula: OnlyStudent | None = None
    fecha: Annotated[OnlyDate | None, Meta(description="Only this date; not beside desde or hasta.")] = None
    desde: Annotated[OnlyDate | None, Meta(description="From this date on.")] = None
    hasta: Annotated[OnlyDate | None, Meta(description="Until this date.")] = None
    history: History = False


class AttendanceListParameters(EntryListParameters, frozen=True, kw_only=True):
    """The query string of the attendance list; ``limit`` and ``cursor`` do not go with CSV, which is the whole list."""

    format: Annotated[Literal["json", "csv"] | None, Meta(description="As Accept says when missing.")] = None
    limit: PageSize | None = None
    cursor: Cursor | None = None


class ParticipationListParameters(EntryListParameters, frozen=True, kw_only=True):
    """The query string of the list of participations."""

    limit: PageSize = LONGEST_PAGE
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class AttendanceSubmission:
    """A photo of a class, empty beside a statement; or a person's statement."""

    photo: bytes
    statement: AttendanceStatement | None = None

    FORMS: ClassVar[BodyForms] = (SentPhotos[NoFields], AttendanceStatement)

    @classmethod
    def read(cls, request: Request) -> AttendanceSubmission:
        """Of a body: JSON without a photo is a statement.

        Raises:
            InvalidInput: ``one_photo_needed``, or what is wrong with the body.
        """
        if request.mimetype == "application/json":
            body = json_object(request, AttendanceStatement)
            if not {"image", "images"} & body.keys():
                return cls(b"", read_json(request, AttendanceStatement))
        return cls(read_photos(request, NoFields).one())


def list_format(parameters: AttendanceListParameters | AccessLogParameters, request: Request) -> Literal["json", "csv"]:
    """How a list is asked for: as the query string says, else as Accept does.

    Raises:
        InvalidInput: ``unknown_parameter``: a page of CSV is asked for.
    """
    accepted = request.accept_mimetypes.best_match(["application/json", "text/csv"])
    chosen = parameters.format or ("csv" if accepted == "text/csv" else "json")
    if chosen == "csv" and (parameters.limit is not None or parameters.cursor is not None):
        raise InvalidInput(
            "unknown_parameter", "limit and cursor do not go with CSV.", "Leave them out: CSV is the whole list."
        )
    return chosen


def entry_filter(parameters: EntryListParameters, gallery: Gallery) -> EntryFilter:
    """The conditions of a list.

    Raises:
        InvalidInput: ``invalid_fecha``: a date beside a span of dates.
        NotFound: ``student_not_found``.
    """
    fecha, desde, hasta = parameters.fecha, parameters.desde, parameters.hasta
    if fecha and (desde or hasta):
        raise InvalidInput("invalid_fecha", "fecha is given beside desde or hasta.", "Give one or the other.")
    subject = gallery.student(parameters.matricula).id if parameters.matricula else None
    return EntryFilter(parameters.clase, _iso(fecha or desde), _iso(fecha or hasta), subject)


def _iso(text: str | None) -> str | None:
    return None if text is None else check_date(text)
