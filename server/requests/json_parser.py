"""The one place where JSON that was sent is parsed.

What bounds time and memory is the number of values, so they are counted first: counting brackets and commas takes
milliseconds, and a photo in base64 has next to none. msgspec then parses, about ten times as fast as the standard
library; but of two members of one name it keeps the last without an error. A body that may have such members, or that
msgspec refuses, is parsed by the standard library, which decides and says what is wrong.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from presente.errors import InvalidInput, shown

MOST_VALUES = 10_000
"""Values in a body, unless a route says otherwise."""

_DEEPEST = 32
"""Lists within lists; a value that can just be parsed may be too deep for the encoder that writes it again."""

_LONGEST_WHOLE, _LONGEST_FRACTION = 20, 40
"""Characters of a number. A whole one costs by the square of its digits, a fraction between two that can be kept by
thousands of operations; programs write 64 bits."""

_LEAST, _GREATEST = -(10**19), 10**20
"""Whole numbers between these have at most 20 characters."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_NUMBERS = bytes(ord("0") if chr(byte) in "+-.0123456789eE" else ord(" ") for byte in range(256))
"""Makes every character that a number can have a 0, for :meth:`bytes.translate`."""

_TOO_LONG = b"0" * (_LONGEST_FRACTION + 1)
_decoder = msgspec.json.Decoder()


def parse(body: bytes, most_values: int = MOST_VALUES) -> Any:
    """JSON in UTF-8 to a value.

    Raises:
        InvalidInput: ``invalid_json``: it is not UTF-8 (a byte order mark counts as wrong), not JSON, names a member
            twice, holds half of a surrogate pair, a whole number of more than 20 characters, another of more than 40,
            more than ``most_values`` values, or more than 32 lists within each other. NaN and infinity, which other
            programs write, are refused by the code that reads numbers.
    """
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) >= most_values:
        raise _invalid(f"it has more than {most_values} values")
    countable = b"\\" not in body or b'\\"' not in body  # quotes that end or begin a text; one byte is sought faster
    if countable and _TOO_LONG not in body.translate(_NUMBERS):
        try:
            value = _decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _parse_strictly(body)
        if _texts(value, _DEEPEST) * 2 == body.count(b'"'):
            return value
    return _parse_strictly(body)


def _texts(value: Any, depth: int) -> float:
    """How many texts a value holds, the names of members included: as many as the body has pairs of quotes, unless a
    member was dropped because its name comes again. NaN, which equals nothing, for a value that is too deep or holds
    too long a number."""
    if isinstance(value, str):
        return 1
    if isinstance(value, int):
        return 0 if _is_short(value) else float("nan")
    if not isinstance(value, (list, dict)):
        return 0
    if depth < 0:
        return float("nan")
    parts = value if isinstance(value, list) else list(value.values())
    count = 0 if isinstance(value, list) else len(value)
    kinds = set(map(type, parts))
    if kinds <= {int, float}:  # a row of numbers, of which there may be hundreds of thousands
        return count if int not in kinds or (_is_short(max(parts)) and _is_short(min(parts))) else float("nan")
    return count + sum(_texts(part, depth - 1) for part in parts)


def _is_short(number: float) -> bool:
    return _LEAST < number < _GREATEST


def _parse_strictly(body: bytes) -> Any:
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_members, parse_int=_whole, parse_float=_fraction)
        if _deep(value):
            raise _NotAllowedError("it is nested too deep")
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as exc:
        raise _invalid(f"byte {exc.start} is not UTF-8") from exc
    except UnicodeEncodeError as exc:
        raise _invalid("it holds half of a surrogate pair") from exc
    except json.JSONDecodeError as exc:
        raise _invalid(f"line {exc.lineno}, character {exc.colno}: {exc.msg}") from exc
    except RecursionError as exc:
        raise _invalid("it is nested too deep") from exc
    except _NotAllowedError as exc:
        raise _invalid(str(exc)) from exc
    return value


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST + 1):
        level = [
            part
            for each in level
            for part in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(part, (list, dict))
        ]
    return bool(level)


class _NotAllowedError(ValueError):
    """What the parser would take and we do not."""


def _whole(text: str) -> int:
    if len(text) > _LONGEST_WHOLE:
        raise _NotAllowedError("a number in it has too many digits")
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > _LONGEST_FRACTION:
        raise _NotAllowedError("a number in it has too many digits")
    return float(text)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _NotAllowedError(f"the member {shown(twice)} is there twice")
    return found


def _invalid(why: str) -> InvalidInput:
    return InvalidInput("invalid_json", f"The body is not JSON that can be used: {why}.", "Send JSON in UTF-8.")
