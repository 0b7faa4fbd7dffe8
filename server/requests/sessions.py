"""What requests say and ask of sessions and of classes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from gallery.documents.attendance import AttendanceStatus
from gallery.documents.session_rules import MOST_LATE_AFTER
from presente.errors import InvalidInput, shown
from presente.face_json import JsonObject
from server.requests.fields import (
    LONGEST_PAGE,
    Clase,
    Cursor,
    DetailParameter,
    NamedStudent,
    Note,
    OnlyDate,
    PageSize,
    Threshold,
    rules,
)

_MOST_MEETINGS = 50
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"

Starts = Annotated[
    str,
    Meta(
        max_length=5,
        description="When it starts, HH:MM at the school.",
        extra_json_schema={"pattern": f"^{_TIME}$"},
        extra=rules(code="invalid_times"),
    ),
]
Ends = Annotated[
    str | None,
    Meta(
        description="When it ends, HH:MM, later than starts; null: not known.",
        extra_json_schema={"pattern": f"^{_TIME}$"},
        extra=rules(code="invalid_times"),
    ),
]
LateAfter = Annotated[
    Annotated[int, Meta(ge=0, le=MOST_LATE_AFTER, extra=rules(code="invalid_times"))] | None,
    Meta(description="Minutes after the start up to which a student is in time; null: no one is late."),
]
Source = Annotated[
    Literal["photos", "camera", "hand"], Meta(description="How attendance is mostly taken; it changes no rule.")
]
State = Annotated[Literal["open", "closed"], Meta(description="Whether attendance is still taken.")]
StatusByHand = Annotated[
    Literal["present", "late", "excused", "absent"],
    Meta(description="What is recorded of the student.", extra=rules(code="invalid_status")),
]
PhotoNumber = Annotated[int, Meta(ge=1, le=2**31, description="Number of a photo of the session.")]
FaceNumber = Annotated[
    int, Meta(ge=1, le=2**31, description="Number of a face in that photo, counted from 1 in the reply's order.")
]

_ENTRY_STATUS: dict[str, AttendanceStatus] = {
    "present": "present",
    "late": "late",
    "excused": "excused",
    "absent": "rejected",
}


class NewSession(JsonObject, frozen=True, kw_only=True):
    """A session to make. What is missing is taken from the timetable of the class, if it has one."""

    clase: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="The class that meets.",
            extra=rules(printable=True, missing="missing_field", missing_fix="Say which class meets."),
        ),
    ]
    fecha: Annotated[
        str,
        Meta(
            max_length=500,
            description="The date, ISO; today if empty.",
            extra_json_schema={"anyOf": [{"format": "date"}, {"const": ""}]},
            extra=rules(printable=True, date=True),
        ),
    ] = ""
    starts: Annotated[
        str,
        Meta(
            max_length=5,
            description="When it starts, HH:MM; if empty, the timetable's nearest start of that weekday, else now.",
            extra_json_schema={"pattern": f"^({_TIME})?$"},
            extra=rules(code="invalid_times"),
        ),
    ] = ""
    ends: Ends | UnsetType = UNSET
    late_after: LateAfter | UnsetType = UNSET
    source: Source = "photos"
    note: Note = ""


class SessionChanges(JsonObject, frozen=True, kw_only=True):
    """Fields of a session that change; those that are missing stay. Entries stay as they are."""

    starts: Starts | UnsetType = UNSET
    ends: Ends | UnsetType = UNSET
    late_after: LateAfter | UnsetType = UNSET
    source: Source | UnsetType = UNSET
    state: State | UnsetType = UNSET
    note: Note | UnsetType = UNSET


class SessionListParameters(JsonObject, frozen=True, kw_only=True):
    """Conditions of the list of sessions, dates inclusive."""

    clase: Clase | None = None
    desde: Annotated[OnlyDate | None, Meta(description="From this date on.")] = None
    hasta: Annotated[OnlyDate | None, Meta(description="Until this date.")] = None
    state: Annotated[Literal["open", "closed"] | None, Meta(description="Only sessions that are so.")] = None
    limit: PageSize = 100
    cursor: Cursor | None = None


class SessionPhotoParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of photos that are sent to a session."""

    threshold: Threshold | None = None
    detail: DetailParameter = "auto"
    frame: Annotated[
        bool,
        Meta(
            description="Whether the photos are frames of a camera that keeps running: one without a face gets no "
            "number, and a copy is kept only of one that recorded something."
        ),
    ] = False


class SessionStatement(JsonObject, frozen=True, kw_only=True):
    """What a person says: of a student; or of a face of a photo, that it is a student, or none of those it may be."""

    matricula: Annotated[
        NamedStudent | None, Meta(description="The student's matricula; null with photo and face: none of them.")
    ] = None
    photo: PhotoNumber | None = None
    face: FaceNumber | None = None
    status: Annotated[
        StatusByHand | UnsetType,
        Meta(
            description="What is recorded. When it is missing: present; of a face, late if it came late.",
            extra=rules(code="invalid_status"),
        ),
    ] = UNSET
    note: Note = ""

    def check(self) -> None:
        """Refuse a statement that says neither whom nor what it is about.

        Raises:
            InvalidInput: ``missing_field``.
        """
        if (self.photo is None) != (self.face is None):
            raise InvalidInput("missing_field", "photo and face go together.", "Send both, or neither.")
        if self.photo is None and self.matricula is None:
            raise InvalidInput("missing_field", "matricula is missing.", "Say which student it is.")

    @property
    def entry_status(self) -> AttendanceStatus | None:
        """The status as entries have it; None when none was said."""
        return None if self.status is UNSET else _ENTRY_STATUS[self.status]


class UndoRequest(JsonObject, frozen=True, kw_only=True):
    """What is taken back: what a photo recorded, or one statement."""

    photo: PhotoNumber | None = None
    entry: Annotated[int, Meta(ge=1, le=2**62, description="Id of an entry, as the roll has it.")] | None = None

    def check(self) -> None:
        """Refuse a request that names neither, or both.

        Raises:
            InvalidInput: ``missing_field``.
        """
        if (self.photo is None) == (self.entry is None):
            raise InvalidInput("missing_field", "One of photo and entry is to be given.", "Say what is taken back.")


class RollParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a session's roll as a file."""

    format: Annotated[
        Literal["json", "csv", "xlsx", "moodle"],
        Meta(description="moodle: the CSV that Moodle's attendance activity imports."),
    ] = "json"
    acronyms: Annotated[
        str,
        Meta(
            max_length=50,
            description="The acronyms of the Moodle activity for present, late, excused and absent.",
        ),
    ] = "P,L,E,A"


class MeetingJson(JsonObject, frozen=True, kw_only=True):
    """A weekly meeting of a class."""

    weekday: Annotated[
        int, Meta(ge=1, le=7, description="1 is Monday, 7 is Sunday.", extra=rules(code="invalid_times"))
    ]
    starts: Starts
    ends: Ends = None
    late_after: LateAfter = None


class TimetableFields(JsonObject, frozen=True, kw_only=True):
    """The whole timetable of a class; an empty list: it has none."""

    meetings: Annotated[
        list[MeetingJson],
        Meta(
            max_length=_MOST_MEETINGS,
            description="The weekly meetings.",
            extra=rules(code="invalid_times", fix='Send a list of {"weekday": 1, "starts": "08:00"}.'),
        ),
    ]


class ClassListParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of the list of classes."""

    limit: PageSize = LONGEST_PAGE
    cursor: Cursor | None = None


def given_changes(changes: SessionChanges) -> dict[str, Any]:
    """The fields of a PATCH that were sent."""
    names = SessionChanges.__struct_fields__
    return {name: value for name in names if (value := getattr(changes, name)) is not UNSET}


def moodle_acronyms(parameters: RollParameters) -> dict[str, str]:
    """The acronym of each status.

    Raises:
        InvalidInput: ``invalid_parameter``.
    """
    acronyms = parameters.acronyms.split(",")
    if len(acronyms) != 4 or not all(re.fullmatch(r"\w{1,10}", each) for each in acronyms):
        raise InvalidInput(
            "invalid_parameter",
            f"acronyms is {shown(parameters.acronyms)}.",
            "Send four, for present, late, excused and absent: P,L,E,A.",
        )
    return dict(zip(("present", "late", "excused", "absent"), acronyms, strict=True))
