"""The calls about people who are not enrolled, as values. Nothing here sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from .calls import PHOTO, Call, json_body, matricula_text, nothing, page_reader, reader, texts
from .replies import Page
from .unknown_replies import Forgotten, NamedPerson, UnknownFace, UnknownPerson, UnknownPersonPage

_PATH = "/v1/unknowns"
Rest = Literal["keep", "forget"]


def persons(cursor: str | None, state: str, order: str, page_size: int) -> Call[Page[UnknownPerson]]:
    """A page of ``GET /v1/unknowns``."""
    query = texts(state=state, order=order, limit=page_size, cursor=cursor)
    return Call("GET", _PATH, page_reader("unknowns", UnknownPerson), "asks", query)


def person(number: int) -> Call[UnknownPersonPage]:
    """``GET /v1/unknowns/NUMBER``."""
    return Call("GET", _of(number), reader(UnknownPersonPage), "asks", texts(limit=1))


def faces(cursor: str | None, number: int, page_size: int) -> Call[Page[UnknownFace]]:
    """A page of the faces of ``GET /v1/unknowns/NUMBER``."""
    query = texts(limit=page_size, cursor=cursor)
    return Call("GET", _of(number), page_reader("faces", UnknownFace), "asks", query)


def picture(number: int, face: int) -> Call[bytes]:
    """``GET /v1/unknowns/NUMBER/faces/FACE/picture``."""
    return Call("GET", f"{_face(number, face)}/picture", _jpeg, "asks")


def enrol(
    number: int, student: Mapping[str, Any], chosen: Mapping[str, Any], force: bool, idempotency_key: str | None
) -> Call[NamedPerson]:
    """``POST /v1/unknowns/NUMBER/enrol``; of ``student`` what is None is not sent."""
    given = {name: value for name, value in student.items() if value is not None}
    given["matricula"] = matricula_text(student["matricula"])
    return _named(f"{_of(number)}/enrol", {**given, **chosen}, force, idempotency_key)


def merge(
    number: int, matricula: str, chosen: Mapping[str, Any], force: bool, idempotency_key: str | None
) -> Call[NamedPerson]:
    """``POST /v1/unknowns/NUMBER/merge``."""
    given = {"matricula": matricula_text(matricula), **chosen}
    return _named(f"{_of(number)}/merge", given, force, idempotency_key)


def chosen_faces(wanted: Sequence[int] | None, rest: Rest) -> dict[str, Any]:
    """Which faces become photos, and what becomes of the others, as it is sent."""
    return {"faces": UNSET if wanted is None else [*map(int, wanted)], "rest": rest}


def join(number: int, other: int) -> Call[UnknownPerson]:
    """``POST /v1/unknowns/NUMBER/join``."""
    return Call("POST", f"{_of(number)}/join", reader(UnknownPerson), "once", body=json_body({"other": int(other)}))


def split(number: int, wanted: Sequence[int]) -> Call[UnknownPerson]:
    """``POST /v1/unknowns/NUMBER/split``."""
    body = json_body({"faces": [*map(int, wanted)]})
    return Call("POST", f"{_of(number)}/split", reader(UnknownPerson), "once", body=body)


def mark(number: int, state: str | UnsetType, note: str | UnsetType) -> Call[UnknownPerson]:
    """``PATCH /v1/unknowns/NUMBER``; what is UNSET stays."""
    body = json_body({"state": state, "note": note})
    return Call("PATCH", _of(number), reader(UnknownPerson), "once", body=body)


def forget(number: int, face: int | None, asked: bool) -> Call[None]:
    """``DELETE /v1/unknowns/NUMBER``, or of a face."""
    path = _of(number) if face is None else _face(number, face)
    return Call("DELETE", path, nothing, "once", texts(asked=asked), no_content=True)


def forget_by_photo(photo: bytes) -> Call[Forgotten]:
    """``POST /v1/unknowns/forget``."""
    return Call("POST", f"{_PATH}/forget", reader(Forgotten), "once", body=(photo, PHOTO))


def _named(path: str, given: Mapping[str, Any], force: bool, key: str | None) -> Call[NamedPerson]:
    return Call("POST", path, reader(NamedPerson), "keyed", texts(force=force), json_body(given), key=key)


def _of(number: int) -> str:
    return f"{_PATH}/{int(number)}"


def _face(number: int, face: int) -> str:
    return f"{_of(number)}/faces/{int(face)}"


def _jpeg(body: bytes) -> bytes:
    if not body.startswith(b"\xff\xd8"):
        raise msgspec.DecodeError("it is no JPEG")
    return body
