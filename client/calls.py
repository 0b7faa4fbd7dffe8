"""Every call of the API as a value: the request to send, and how its reply is read. Nothing here sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from .embeddings import embeddings_body
from .errors import InvalidRequest
from .keys import checked_idempotency_key
from .replies import (
    AttendanceEntry,
    AttendanceLine,
    ClassPhoto,
    Consent,
    Enrolment,
    Identification,
    Page,
    Participation,
    Readiness,
    SearchResults,
    Status,
    Student,
    Verification,
)

Result = TypeVar("Result")
_Kind = TypeVar("_Kind")

Repeatable = Literal["asks", "keyed", "once"]
"""Whether a call may be sent again: it changes nothing; its Idempotency-Key makes it one request; or it may not."""
Body = tuple[bytes, str]
"""Bytes and their media type."""

PHOTO = "application/octet-stream"  # the server looks at the bytes


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """A request, and how its reply is read. Its ``repr`` shows no photo and no one's name.

    Attributes:
        method, path, query, body: what is sent.
        photos: what is sent as a multipart form instead of ``body``, with ``fields`` beside them.
        read: makes the result of the reply's body.
        repeatable: whether it may be sent again.
        key: the caller's own Idempotency-Key; None: one is made.
        also: statuses beside 2xx with which the call is answered and not refused.
        no_content: it is answered with 204, which has no body, and with nothing else.
    """

    method: str
    path: str
    read: Callable[[bytes], Result]
    repeatable: Repeatable
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = field(default=None, repr=False)
    photos: tuple[bytes, ...] = field(default=(), repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str | None = None
    also: frozenset[int] = frozenset()
    no_content: bool = False

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET" and self.repeatable != "asks"

    def __post_init__(self) -> None:
        """Refuse a key that a server would refuse."""
        if self.key is not None:
            checked_idempotency_key(self.key)


# -- questions ----------------------------------------------------------------------------------------------------


def identify(
    photo: bytes,
    k: int,
    threshold: float | None,
    faces: str,
    clase: str | None,
    cohort: bool,
    detail: str,
    partial: bool,
) -> Call[Identification]:
    """``POST /v1/identify`` with one photo."""
    query = texts(
        k=k, threshold=threshold, faces=faces, clase=clase, cohort=cohort, detail=detail, partial=partial or None
    )
    return Call("POST", "/v1/identify", reader(Identification), "asks", query, (photo, PHOTO))


def verify(photo: bytes, matricula: str, threshold: float | None) -> Call[Verification]:
    """``POST /v1/verify``."""
    query = texts(matricula=matricula_text(matricula), threshold=threshold)
    return Call("POST", "/v1/verify", reader(Verification), "asks", query, (photo, PHOTO))


def search(embeddings: Any, k: int, clase: str | None, cohort: bool, partial: bool) -> Call[SearchResults]:
    """``POST /v1/search``; an array goes as an .npy file, rows of numbers as JSON."""
    query = texts(k=k, clase=clase, cohort=cohort, partial=partial or None)
    return Call("POST", "/v1/search", reader(SearchResults), "asks", query, embeddings_body(embeddings))


def status() -> Call[Status]:
    """``GET /v1/status``."""
    return Call("GET", "/v1/status", reader(Status), "asks")


def ready() -> Call[Readiness]:
    """``GET /readyz``; sent once, for its 503 is the answer."""
    return Call("GET", "/readyz", reader(Readiness), "once", also=frozenset({503}))


# -- students -----------------------------------------------------------------------------------------------------


def enrol(
    student: Mapping[str, Any], photos: Sequence[bytes], force: bool, idempotency_key: str | None
) -> Call[Enrolment]:
    """``POST /v1/students``; of ``student`` what is None is not sent."""
    given = {name: value for name, value in student.items() if value is not None}
    given["matricula"] = matricula_text(student["matricula"])
    fields = {
        name: msgspec.json.encode(value).decode() if isinstance(value, Consent) else str(value)
        for name, value in given.items()
    }
    return Call(
        "POST",
        "/v1/students",
        reader(Enrolment),
        "keyed",
        texts(force=force),
        photos=_some(photos),
        fields=fields,
        key=idempotency_key,
    )


def add_photos(matricula: str, photos: Sequence[bytes], force: bool, idempotency_key: str | None) -> Call[Enrolment]:
    """``POST /v1/students/MATRICULA/images``."""
    path = f"{_student_path(matricula)}/images"
    query = texts(force=force)
    return Call("POST", path, reader(Enrolment), "keyed", query, photos=_some(photos), key=idempotency_key)


def student(matricula: str) -> Call[Student]:
    """``GET /v1/students/MATRICULA``."""
    return Call("GET", _student_path(matricula), reader(Student), "asks")


def students(cursor: str | None, clase: str | None, q: str | None, page_size: int) -> Call[Page[Student]]:
    """A page of ``GET /v1/students``."""
    query = texts(clase=clase, q=q, limit=page_size, cursor=cursor)
    return Call("GET", "/v1/students", page_reader("students", Student), "asks", query)


def change(matricula: str, changes: Mapping[str, Any]) -> Call[Student]:
    """``PATCH /v1/students/MATRICULA``; what is UNSET stays."""
    return Call("PATCH", _student_path(matricula), reader(Student), "once", body=json_body(changes))


def erase(matricula: str) -> Call[None]:
    """``DELETE /v1/students/MATRICULA``."""
    return Call("DELETE", _student_path(matricula), nothing, "once", no_content=True)


# -- attendance and participation -----------------------------------------------------------------------------------


def take_attendance(
    photo: bytes,
    clase: str,
    fecha: str | None,
    threshold: float | None,
    detail: str,
    idempotency_key: str | None,
) -> Call[ClassPhoto]:
    """``POST /v1/attendance`` with a photo."""
    query = texts(clase=clase, fecha=fecha, threshold=threshold, detail=detail)
    return Call("POST", "/v1/attendance", reader(ClassPhoto), "keyed", query, (photo, PHOTO), key=idempotency_key)


def state_attendance(
    matricula: str, clase: str, status: str, fecha: str | None, note: str, idempotency_key: str | None
) -> Call[AttendanceEntry]:
    """``POST /v1/attendance`` with a person's statement."""
    query, said = (
        texts(clase=clase, fecha=fecha),
        {"matricula": matricula_text(matricula), "status": status, "note": note},
    )
    return Call("POST", "/v1/attendance", reader(AttendanceEntry), "keyed", query, json_body(said), key=idempotency_key)


def resolve(entry: int, status: str, note: str, idempotency_key: str | None) -> Call[tuple[AttendanceEntry, ...]]:
    """``PATCH /v1/attendance/ENTRY``."""
    read = _member_reader("entries", tuple[AttendanceEntry, ...])
    body = json_body({"status": status, "note": note})
    return Call("PATCH", f"/v1/attendance/{int(entry)}", read, "keyed", body=body, key=idempotency_key)


def attendance(
    cursor: str | None, conditions: Mapping[str, Any], history: bool, page_size: int
) -> Call[Page[AttendanceLine]]:
    """A page of ``GET /v1/attendance``."""
    query = texts(**conditions, history=history, limit=page_size, cursor=cursor)
    return Call("GET", "/v1/attendance", page_reader("attendance", AttendanceLine), "asks", query)


def record_participation(statement: Mapping[str, Any], idempotency_key: str | None) -> Call[Participation]:
    """``POST /v1/participations``; of the statement what is None is not sent."""
    said = {name: value for name, value in statement.items() if value is not None}
    said["matricula"] = matricula_text(statement["matricula"])
    return Call("POST", "/v1/participations", reader(Participation), "keyed", body=json_body(said), key=idempotency_key)


def participations(
    cursor: str | None, conditions: Mapping[str, Any], history: bool, page_size: int
) -> Call[Page[Participation]]:
    """A page of ``GET /v1/participations``."""
    query = texts(**conditions, history=history, limit=page_size, cursor=cursor)
    return Call("GET", "/v1/participations", page_reader("participations", Participation), "asks", query)


def withdraw_participation(number: int) -> Call[None]:
    """``DELETE /v1/participations/NUMBER``."""
    return Call("DELETE", f"/v1/participations/{int(number)}", nothing, "once", no_content=True)


# -- their parts ----------------------------------------------------------------------------------------------------


def texts(**values: Any) -> dict[str, str]:
    """A query string's values as it has them, without those that are None."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


def matricula_text(given: object) -> str:
    """A matricula as a text; one that has only digits may be given as a number."""
    if isinstance(given, bool) or not isinstance(given, (str, int)):
        raise TypeError(f"matricula is a text, not {type(given).__name__}")
    return str(given)


def _some(photos: Sequence[bytes]) -> tuple[bytes, ...]:
    if not photos:
        raise InvalidRequest("no_photos", 400, "No photo was given. Give at least one; nothing was sent.", "", None)
    return tuple(photos)


def json_body(values: Mapping[str, Any]) -> Body:
    """A body of JSON, without what is UNSET."""
    return msgspec.json.encode({name: value for name, value in values.items() if value is not UNSET}), (
        "application/json"
    )


def _student_path(matricula: str) -> str:
    return f"/v1/students/{quote(matricula_text(matricula), safe='')}"


def reader(kind: type[_Kind]) -> Callable[[bytes], _Kind]:
    """Reads a whole reply."""
    return msgspec.json.Decoder(kind).decode


def nothing(_body: bytes) -> None:
    """Reads a reply without a body."""
    return


def _member_reader(name: str, kind: type[_Kind]) -> Callable[[bytes], _Kind]:
    """Reads the one member of a reply that matters."""

    def read(body: bytes) -> _Kind:
        return msgspec.convert(msgspec.json.decode(body, type=dict[str, Any])[name], kind)

    return read


def page_reader(name: str, kind: type[_Kind]) -> Callable[[bytes], Page[_Kind]]:
    """Reads a page whose lines are the member ``name``."""
    whole = msgspec.defstruct("PageJson", [(name, tuple[kind, ...]), ("next_cursor", str | None)])  # type: ignore[valid-type]
    decode = msgspec.json.Decoder(whole).decode

    def read(body: bytes) -> Page[_Kind]:
        found: Any = decode(body)
        return Page(lines=getattr(found, name), next_cursor=found.next_cursor)

    return read
