"""Values that were sent, to declared types. A value that does not fit is refused with the code that its field declares.

The types are msgspec's; here is what they do not do: texts are brought into their one form first, and errors become
ours, which name the field, quote the value and say what to send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from gallery.documents.attendance_rules import check_date
from presente.errors import InvalidInput, listed, shown
from presente.text import is_printable, tidy
from server.requests.fields import FieldRules

_Struct = TypeVar("_Struct", bound=msgspec.Struct)

_PLACE = " - at `$"
"""msgspec's messages end with this and the place of the value. A quoted value may hold it, too: the last one counts."""

_STEP = re.compile(r"\.(\w+)|\[[^]]*\]")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field of a request: its name, its type without ``null``, and its rules."""

    name: str
    type: inspect.Type
    rules: FieldRules

    @property
    def is_text(self) -> bool:
        """Whether the value is a text that is brought into its one form."""
        return isinstance(self.type, inspect.StrType) and not self.rules.verbatim


@cache
def declared(kind: type[msgspec.Struct]) -> dict[str, DeclaredField]:
    """The fields of a request's type by name, in order."""
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return _fields(described)


def _fields(described: inspect.StructType) -> dict[str, DeclaredField]:
    return {field.encode_name: _field(field.encode_name, field.type) for field in described.fields}


def _field(name: str, kind: inspect.Type) -> DeclaredField:
    found = FieldRules()
    while isinstance(kind, (inspect.Metadata, inspect.UnionType)):
        if isinstance(kind, inspect.Metadata):
            found = (kind.extra or {}).get("rules", found)
            kind = kind.type
        else:
            kind = next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return DeclaredField(name, kind, found)


def typed(sent: Mapping[str, Any], kind: type[_Struct], in_query: bool = False) -> _Struct:
    """An object that was sent, as a declared type.

    Args:
        sent: its members.
        kind: what they must be.
        in_query: whether they are parameters of a query string, whose errors have codes of their own.

    Raises:
        InvalidInput: ``unknown_field`` (``unknown_parameter``), or the code of the first field that does not fit.
    """
    fields = declared(kind)
    unknown = sent.keys() - fields.keys()
    if unknown and not in_query:
        raise _unknown(unknown, fields, in_query)
    tidied = {name: _tidied(value, fields[name]) for name, value in sent.items() if name in fields}
    try:
        made = msgspec.convert(tidied, kind)
    except msgspec.ValidationError as exc:
        raise _refused(str(exc), tidied, fields, in_query) from exc
    for name, value in tidied.items():
        field = fields[name]
        if value is None:  # which its type allows
            continue
        if field.rules.printable and not is_printable(value):
            raise _misfit(field, field, value, in_query)
        if field.rules.date and value:
            check_date(value, name)
    if unknown:
        raise _unknown(unknown, fields, in_query)
    return made


def _tidied(value: Any, field: DeclaredField) -> Any:
    """A value with its texts in their one form."""
    if isinstance(value, str):
        return tidy(value) if field.is_text else value
    if isinstance(value, list) and isinstance(field.type, inspect.ListType):
        item = _field(field.name, field.type.item_type)
        return [tidy(each) if isinstance(each, str) else each for each in value] if item.is_text else value
    if isinstance(value, dict) and isinstance(field.type, inspect.StructType):
        fields = _fields(field.type)
        return {name: _tidied(each, fields[name]) if name in fields else each for name, each in value.items()}
    return value


def _refused(
    message: str, sent: Mapping[str, Any], fields: Mapping[str, DeclaredField], in_query: bool
) -> InvalidInput:
    """The error that msgspec's means: the field whose value it is about decides the code."""
    _, found, place = message.rpartition(_PLACE)
    missing = _MISSING.match(message)
    if not found:
        assert missing is not None, message  # an unknown member was refused before, and the value is an object
        return _missing(fields[missing[1]], in_query)
    top, *steps = (step[1] for step in _STEP.finditer(place))
    field = inner = fields[top]
    value = sent[top]
    for name in steps:
        if isinstance(inner.type, inspect.ListType):
            item = _field(top, inner.type.item_type)
            inner = item if item.rules != FieldRules() else replace(item, rules=inner.rules)
        elif isinstance(inner.type, inspect.StructType) and name:
            field = inner = _fields(inner.type)[name]
            value = value[name] if isinstance(value, dict) else value  # of a list it is not known which item it was
    if value == "" and inner.rules.missing:
        return _missing(field, in_query, "empty" if in_query else "missing")
    fits = not (missing or any(words in message for words in ("got `", "unknown field", "matching regex")))
    return _misfit(field, inner, value, in_query, out_of_bounds=fits)


def _misfit(
    field: DeclaredField, inner: DeclaredField, value: Any, in_query: bool, out_of_bounds: bool = False
) -> InvalidInput:
    code = (out_of_bounds and inner.rules.out_of_bounds) or _code(inner, in_query)
    fix = "" if out_of_bounds else inner.rules.fix
    quoted = "not one that can be taken" if inner.rules.secret else "null" if value is None else shown(value)
    about = "" if in_query else field.name
    return InvalidInput(code, f"{field.name} is {quoted}.", fix or f"It must be {expected(inner)}.", about)


def _missing(field: DeclaredField, in_query: bool, how: str = "missing") -> InvalidInput:
    code = field.rules.missing or _code(field, in_query)
    fix = field.rules.missing_fix or f"It must be {expected(field)}."
    return InvalidInput(code, f"{field.name} is {how}.", fix, "" if in_query else field.name)


def _code(field: DeclaredField, in_query: bool) -> str:
    if field.rules.code:
        return field.rules.code
    if not in_query:
        return "invalid_field"
    return "invalid_parameter" if isinstance(field.type, inspect.StrType) else f"invalid_{field.name}"


def codes_of_fields(kind: type[msgspec.Struct], in_query: bool = False) -> frozenset[str]:
    """The codes with which the fields of a type are refused, and with which an unknown one is."""
    found = {"unknown_parameter" if in_query else "unknown_field"}
    waiting = list(declared(kind).values())
    while waiting:
        field = waiting.pop()
        found |= {_code(field, in_query), field.rules.out_of_bounds, field.rules.missing}
        if in_query:
            found.add("invalid_parameter")  # too long, or there twice
        if field.rules.date:
            found.add("invalid_fecha")
        if isinstance(field.type, inspect.StructType):
            waiting += _fields(field.type).values()
        elif isinstance(field.type, inspect.ListType):
            item = _field(field.name, field.type.item_type)
            found |= {item.rules.code, item.rules.out_of_bounds, item.rules.missing}
    return frozenset(found - {""})


def _unknown(unknown: set[str], fields: Mapping[str, DeclaredField], in_query: bool) -> InvalidInput:
    what = "parameter" if in_query else "field"
    known = ", ".join(sorted(fields) if in_query else fields) or "none"
    return InvalidInput(f"unknown_{what}", f"There is no {what} {listed(unknown)} here.", f"Known: {known}.")


def expected(field: DeclaredField) -> str:
    """What a field's value must be, in words: "a whole number from 1 to 1000"."""
    kind = field.type
    if isinstance(kind, (inspect.IntType, inspect.FloatType)):
        name = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
        return name if kind.ge is None or kind.le is None else f"{name} from {kind.ge:g} to {kind.le:g}"
    if isinstance(kind, inspect.StrType):
        if kind.max_length is None:
            return "a text"
        return f"{kind.min_length or 0} to {kind.max_length} {'printable ' if field.rules.printable else ''}characters"
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(map(str, kind.values))}"
    if isinstance(kind, inspect.BoolType):
        return "one of true, false"
    if isinstance(kind, inspect.ListType):
        return "a list" if kind.max_length is None else f"a list of at most {kind.max_length}"
    return "an object"
