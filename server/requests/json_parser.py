"""The one place where JSON that was sent is parsed.

The parser is the standard library's, once the cost is known. It keeps the interpreter to itself while it works, and so
do quicker ones: orjson reads 8 MB of embeddings in 60 ms instead of 270, but 8 MB of empty lists no quicker than
``json``, and of two members of one name it keeps the last without a word. What bounds time and memory is the number of
values. Counting brackets and commas takes milliseconds; a photo in base64 has next to none.
"""

from __future__ import annotations

import json
import re
from typing import Any

from presente.errors import InvalidInput, shown

MOST_VALUES = 10_000
"""Values in a body, unless a route says otherwise."""

_DEEPEST = 32
"""Lists within lists; what can just be read may be too deep for whoever writes it again."""

_LONGEST_WHOLE, _LONGEST_FRACTION = 20, 40
"""Characters of a number. A whole one costs by the square of its digits, a fraction between two that can be kept by
thousands of operations; programs write 64 bits."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes, most_values: int = MOST_VALUES) -> Any:
    """JSON in UTF-8 to a value.

    Raises:
        InvalidInput: ``invalid_json``: it is not UTF-8 (a byte order mark counts as wrong), not JSON, names a member
            twice, holds half of a surrogate pair, a whole number of more than 20 characters, another of more than 40,
            more than ``most_values`` values, or more than 32 lists within each other. NaN and infinity, which other
            programs write, are refused by whoever reads numbers.
    """
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) >= most_values:
        raise _invalid(f"it has more than {most_values} values")
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
