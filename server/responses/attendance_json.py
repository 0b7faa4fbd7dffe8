"""Attendance and participation: requests to values, values to JSON and CSV."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from flask import Request

from gallery.attendance.class_photo import FaceAttendance
from gallery.documents.attendance import (
    AttendanceStatus,
    EntryFilter,
    ListPosition,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.attendance_rules import check_date
from gallery.documents.request_keys import Claim
from gallery.documents.values import Student
from gallery.gallery import Gallery
from gallery.threshold.operating_point import OperatingPoint
from presente import recognition
from presente.clock import Clock
from presente.errors import InvalidInput, shown
from presente.spreadsheet_cells import plain_cell
from presente.text import is_printable, tidy
from server.attendance import AttendanceLine, ClassPhotoResult
from server.requests import json_parser
from server.requests.parsing import Parameters, json_body, json_object

_MAX_NOTE = 500
_CSV_AT_ONCE = 64 * 1024
_LONGEST_CURSOR = 4000
_LONGEST_PAGE = 1000
_COLUMNS = (
    "fecha",
    "clase",
    "matricula",
    "nombre_del_alumno",
    "status",
    "source",
    "score",
    "threshold",
    "at",
    "note",
    "id",
)

# -- requests ------------------------------------------------------------------------------------------------------


def class_and_date(parameters: Parameters, clock: Clock) -> tuple[str, str | None]:
    """Whose roll call, and of which date if that is given; never one after the school's today."""
    clase, fecha = parameters.text("clase"), parameters.text("fecha")
    if clase is None:
        raise InvalidInput("missing_parameter", "clase is missing.", "Say whose attendance it is: ?clase=IA-101.")
    return clase, past_date(fecha, clock)


def past_date(text: str | None, clock: Clock) -> str | None:
    """A date up to the school's today, if one is given."""
    if text is None:
        return None
    fecha, today = check_date(text), clock.today()
    if fecha > today:
        raise InvalidInput(
            "invalid_fecha",
            f"fecha is {shown(text)}, which is still to come: at the school it is {today} ({clock.described()}).",
            "Check the date; PRESENTE_TIMEZONE is the school's time zone.",
        )
    return fecha


def today_of(claim: Claim, clock: Clock) -> str:
    """The school's date when a request was first sent: a retry after midnight is still about that day."""
    return clock.date_of(claim.moment)


def selection_of(parameters: Parameters, gallery: Gallery) -> EntryFilter:
    """The conditions of a list: clase, matricula, and fecha or desde and hasta."""
    clase, matricula = parameters.text("clase"), parameters.text("matricula")
    fecha, desde, hasta = (_date(parameters, name) for name in ("fecha", "desde", "hasta"))
    if fecha and (desde or hasta):
        raise InvalidInput("invalid_fecha", "fecha is given beside desde or hasta.", "Give one or the other.")
    subject = gallery.student(matricula).id if matricula else None
    return EntryFilter(clase, fecha or desde, fecha or hasta, subject)


def page_of(parameters: Parameters) -> tuple[int, ListPosition | None]:
    """How many lines of the attendance list are asked for, and after which."""
    limit, cursor = limit_of(parameters), parameters.text("cursor", _LONGEST_CURSOR)
    if cursor is None:
        return limit, None
    try:
        fecha, clase, matricula, number = json_parser.parse(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if not all(isinstance(text, str) for text in (fecha, clase, matricula)) or type(number) is not int:
            raise TypeError
        if not 0 <= number < 2**63:
            raise ValueError
    except (ValueError, TypeError, InvalidInput) as exc:
        raise _invalid_cursor(cursor) from exc
    return limit, ListPosition(fecha, clase, matricula, number)


def cursor_of(place: ListPosition | None) -> str | None:
    """What :func:`page_of` reads again."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(place.sort_key, ensure_ascii=False).encode()).decode("ascii")


def page_of_numbers(parameters: Parameters) -> tuple[int, int]:
    """How many participations are asked for, and after which id."""
    limit, cursor = limit_of(parameters), parameters.text("cursor") or "0"
    if not re.fullmatch("[0-9]{1,18}", cursor):
        raise _invalid_cursor(cursor)
    return limit, int(cursor)


def limit_of(parameters: Parameters) -> int:
    """The parameter limit of a list."""
    return int(parameters.number("limit", int, 1, _LONGEST_PAGE) or _LONGEST_PAGE)


def _invalid_cursor(cursor: str) -> InvalidInput:
    return InvalidInput(
        "invalid_cursor", f"cursor is {shown(cursor)}.", "Send next_cursor of the page before, as it was."
    )


def _date(parameters: Parameters, name: str) -> str | None:
    text = parameters.text(name)
    return None if text is None else check_date(text, name)


def status_of(body: dict[str, Any]) -> AttendanceStatus:
    """The member status: what a person says."""
    status = body.get("status", "present")
    if status not in ("present", "rejected"):
        raise InvalidInput("invalid_status", f"status is {shown(status)}.", "It must be present or rejected.")
    return cast("AttendanceStatus", status)


def short_text(body: dict[str, Any], name: str, needed: bool = False, longest: int = _MAX_NOTE) -> str:
    """A member that is a text a list can show."""
    value = body.get(name, "")
    value = tidy(value) if isinstance(value, str) else value
    if not isinstance(value, str) or len(value) > longest or not is_printable(value) or (needed and not value):
        raise InvalidInput(
            "invalid_field",
            f"{name} is {shown(value)}.",
            f"It must be {int(needed)} to {longest} printable characters.",
        )
    return value


def by_hand(request: Request) -> dict[str, Any] | None:
    """The body of a statement by hand; None when the request carries a photo instead."""
    if request.mimetype != "application/json" or "image" in json_object(request, ("matricula", "image")):
        return None
    return json_body(request, ("matricula", "status", "note"))


# -- replies -------------------------------------------------------------------------------------------------------


def roll_call_json(taken: ClassPhotoResult) -> dict[str, Any]:
    """A class photo's faces and what was made of each."""
    statuses = [sighted.status for _, sighted in taken.faces]
    return {
        "clase": taken.lesson.clase,
        "fecha": taken.lesson.fecha,
        "threshold": taken.lesson.threshold,
        "threshold_source": taken.limit.source,
        "generation": taken.generation,
        "counts": {status: statuses.count(status) for status in sorted(set(statuses))},
        "faces": [
            {**recognition.face_json(face), **_sighted_json(sighted, taken.limit)} for face, sighted in taken.faces
        ],
        "timings_ms": taken.timings_ms,
    }


def _sighted_json(sighted: FaceAttendance, limit: OperatingPoint) -> dict[str, Any]:
    student = sighted.student
    score = sighted.candidates[0].score if sighted.candidates else None
    reasons = {
        "ambiguous": "two_people_too_close",
        "off_roster": "not_in_this_class",
        "duplicate": "another_face_is_closer",
        "unknown": "below_threshold" if sighted.candidates else "empty_gallery",
    }
    return {
        "status": sighted.status,
        "nombre": student.nombre_del_alumno if student else recognition.UNKNOWN,
        "matricula": student.matricula if student else None,
        "score": score,
        "fpir": limit.fpir(score),
        "reason": reasons.get(sighted.status),
        "recorded": sighted.recorded,
        "entries": [{"id": stored.id, "status": stored.entry.status} for stored in sighted.entries],
        "candidates": [recognition.candidate_json(candidate, limit) for candidate in sighted.candidates],
    }


def entry_json(stored: StoredAttendance, student: Student | None) -> dict[str, Any]:
    """An attendance entry with all that explains it."""
    entry, face = stored.entry, stored.entry.face
    return {
        "id": stored.id,
        "matricula": student.matricula if student else None,
        "nombre_del_alumno": student.nombre_del_alumno if student else None,
        "clase": entry.clase,
        "fecha": entry.fecha,
        "status": entry.status,
        "source": entry.source,
        "at": entry.at,
        "note": entry.note,
        "score": face.score if face else None,
        "threshold": face.threshold if face else None,
        "box": list(face.box) if face else None,
        "template": face.template if face else None,
        "pack": face.pack if face else None,
        "generation": face.generation if face else None,
        "photo": face.photo if face else None,
    }


def line_json(line: AttendanceLine) -> dict[str, Any]:
    """A line of the attendance list."""
    if line.stored is not None:
        return entry_json(line.stored, line.student)
    student = line.student
    return {
        "id": None,
        "matricula": student.matricula if student else None,
        "nombre_del_alumno": student.nombre_del_alumno if student else None,
        "clase": line.clase,
        "fecha": line.fecha,
        "status": line.status,
    }


def participation_json(stored: StoredParticipation, student: Student | None) -> dict[str, Any]:
    """A participation."""
    entry = stored.entry
    return {
        "id": stored.id,
        "matricula": student.matricula if student else None,
        "nombre_del_alumno": student.nombre_del_alumno if student else None,
        "clase": entry.clase,
        "fecha": entry.fecha,
        "kind": entry.kind,
        "note": entry.note,
        "at": entry.at,
        "withdraws": entry.withdraws,
    }


def as_csv(lines: Iterable[AttendanceLine]) -> Iterator[str]:
    """The attendance list as a spreadsheet opens it, some lines at a time: with a byte order mark, and no cell that is
    a formula."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.DictWriter(out, _COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: plain_cell(value) for name, value in line_json(line).items()})
        if out.tell() > _CSV_AT_ONCE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
