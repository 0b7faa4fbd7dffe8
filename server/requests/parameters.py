"""Query strings to declared types."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Request
from msgspec import Struct, inspect

from presente.errors import InvalidInput, shown
from presente.text import tidy
from server.requests.fields import LONGEST_TEXT
from server.requests.validation import DeclaredField, declared, typed

_Parameters = TypeVar("_Parameters", bound=Struct)

_READERS: dict[type[inspect.Type], Callable[[str], Any]] = {
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: {"true": True, "false": False}.__getitem__,
}


class NoParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """What a route takes that has no parameters."""


def read_parameters(request: Request, kind: type[_Parameters]) -> _Parameters:
    """The query string of a request as a declared type; an empty parameter is as good as absent, unless its text must
    have a character.

    Raises:
        InvalidInput: ``unknown_parameter``, ``invalid_parameter``, or ``invalid_`` and a parameter's name.
    """
    fields = declared(kind)
    sent = {}
    for name in request.args:
        text = _text(request, name, fields.get(name))
        if text or name not in fields or _needs_text(fields[name]):
            sent[name] = _value(text, fields.get(name))
    return typed(sent, kind, in_query=True)


def _needs_text(field: DeclaredField) -> bool:
    return isinstance(field.type, inspect.StrType) and bool(field.type.min_length)


def _text(request: Request, name: str, field: DeclaredField | None) -> str:
    """A parameter as it was sent, once it is seen to be short, of characters, and there once."""
    if field is None:  # its name is the error
        return ""
    values = request.args.getlist(name)
    if len(values) > 1:
        raise InvalidInput("invalid_parameter", f"{name} is given {len(values)} times.", "Give it once.")
    text = values[0]
    longest = LONGEST_TEXT
    if isinstance(field.type, inspect.StrType) and field.type.max_length is not None:
        longest = field.type.max_length
    if len(text) > longest or any(unicodedata.category(each) == "Cc" for each in text):
        raise InvalidInput(
            "invalid_parameter",
            f"{name} is {shown(text)}, of {len(text)} characters.",
            f"It must have at most {longest}, and none of control.",
        )
    return text if field.rules.verbatim else tidy(text)


def _value(text: str, field: DeclaredField | None) -> Any:
    """A text as the type that its parameter has; one that cannot be read is left to the type's own check."""
    if field is None or type(field.type) not in _READERS:
        return text
    try:
        return _READERS[type(field.type)](text)
    except (ValueError, KeyError):
        return text
