"""Cursors: a place in a list, as text that a client gives back. A cursor says of which list it is, and under which
conditions: in another list its place would be anywhere, and lines would be passed over."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Protocol

import msgspec

from gallery.documents.attendance import ListPosition
from gallery.documents.class_sessions import SessionPosition
from gallery.documents.student_lists import StudentOrder, StudentPlace
from presente.errors import InvalidInput, shown
from server.requests import json_parser

_NO_CONDITIONS = frozenset({"limit", "cursor", "format"})
_LARGEST = 2**63


class _HasCursor(Protocol):
    """The query string of a list."""

    @property
    def cursor(self) -> str | None: ...


def attendance_place(parameters: _HasCursor) -> ListPosition | None:
    """The place in the attendance list that a query string's cursor means; None for the beginning.

    Raises:
        InvalidInput: ``invalid_cursor``; so do the other functions.
    """
    found = _place(parameters, (str, str, str, int, int))
    return None if found is None else ListPosition(*found)


def session_place(parameters: _HasCursor) -> SessionPosition | None:
    """The place in the list of sessions; None for the beginning."""
    found = _place(parameters, (str, str, int))
    return None if found is None else SessionPosition(*found)


def student_place(parameters: _HasCursor, order: StudentOrder) -> StudentPlace | None:
    """The place after which a page of students begins; None for the beginning."""
    kinds: tuple[type, ...] = {"matricula": (str,), "photos": (int, str)}.get(order.by, (str, str))
    found = _place(parameters, kinds)
    if found is None:
        return None
    *key, matricula = found
    return StudentPlace(key[0] if key else "", matricula)


def place_in_cursor(order: StudentOrder, place: StudentPlace) -> tuple[str | int, ...]:
    """What :func:`student_place` reads, as :func:`cursor_of` takes it."""
    return (place.matricula,) if order.by == "matricula" else (place.key, place.matricula)


def name_place(parameters: _HasCursor) -> str:
    """The name after which a page of named things begins; empty for the beginning."""
    found = _place(parameters, (str,))
    return "" if found is None else str(found[0])


def import_place(parameters: _HasCursor) -> tuple[str, str] | None:
    """When and which the import was after which a page begins, the latest first; None for the beginning."""
    found = _place(parameters, (str, str))
    return None if found is None else (found[0], found[1])


def number_place(parameters: _HasCursor) -> int:
    """The number after which a page of numbered entries begins; 0 for the beginning."""
    found = _place(parameters, (int,))
    return 0 if found is None else int(found[0])


def cursor_of(parameters: object, *place: str | int) -> str:
    """The cursor that means a place in the list which a query string asks for."""
    written = json.dumps([_list_mark(parameters), *place], ensure_ascii=False)
    return base64.urlsafe_b64encode(written.encode()).decode("ascii")


def _list_mark(parameters: object) -> str:
    """What tells a list from others: its kind and conditions, hashed, for a cursor is in the logs of proxies."""
    conditions = {
        name: getattr(parameters, name)
        for name in type(parameters).__struct_fields__  # type: ignore[attr-defined]
        if name not in _NO_CONDITIONS
    }
    asked = msgspec.json.encode([type(parameters).__name__, conditions], order="sorted")
    return hashlib.sha256(asked).hexdigest()[:12]


def _place(parameters: _HasCursor, kinds: tuple[type, ...]) -> list[Any] | None:
    cursor = parameters.cursor
    if cursor is None:
        return None
    try:
        place: list[Any]
        mark, *place = json_parser.parse(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if [type(each) for each in place] != list(kinds):
            raise TypeError
        if any(type(each) is int and not 0 <= each < _LARGEST for each in place):
            raise ValueError
    except (ValueError, TypeError, InvalidInput) as exc:
        raise InvalidInput(
            "invalid_cursor", f"cursor is {shown(cursor)}.", "Send next_cursor of the page before, as it was."
        ) from exc
    if mark != _list_mark(parameters):
        raise InvalidInput(
            "invalid_cursor",
            "cursor is of another list, or of this one under other conditions.",
            "Send next_cursor with the parameters of the page that it came with.",
        )
    return place
